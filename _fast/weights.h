/* Weights of one block of logits: exp(logit - largest of the block), summed; float32 by vectors of 16.
 *
 * The loops are written with GCC's vector types, which become SSE, AVX2, AVX-512 or NEON, whatever the target has; where
 * the C library can choose at load time (x86-64 glibc), one binary holds three versions.  Other compilers take the plain
 * loops below, which compute the same.
 *
 * exp(d) = 2^k (1 + r + r^2 q(r)), k = round(d / ln 2), r = d - k ln 2, |r| <= ln 2 / 2.  q has degree 4; its
 * coefficients minimise the largest relative error, 3e-9, below the 6e-8 of float32 itself.
 */
#ifndef GUIDED_WEIGHTS_H
#define GUIDED_WEIGHTS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define BLOCK 256               /* logits a sum: sixteen vectors; near the square root of 128,000 */
#define BLOCK_WORDS (BLOCK / 32)
#define FAINTEST -87.0f         /* exp of less is below the normal float32 numbers: its weight is 0 */

/* What a block of `n` logits weighs.
 *
 * live    : BLOCK_WORDS words; logits whose bit is 0 weigh nothing.
 * known   : BLOCK_WORDS words or NULL.
 * weights : NULL, or BLOCK numbers: exp(logit - largest), 0 for what is not live.
 * found   : largest live logit (-inf if there is none), sum of the known weights, sum of the others; NaN shows in a sum.
 */
static void weigh_wide(const double *logits, int32_t n, const uint32_t *live, const uint32_t *known, double *weights,
                       double *found)
{
    double largest = -INFINITY, sums[2] = {0, 0};
    for (int32_t at = 0; at < n; at++)
        if ((live[at / 32] >> (at % 32)) & 1) {
            if (logits[at] != logits[at])
                sums[0] = NAN;
            if (logits[at] > largest)
                largest = logits[at];
        }
    for (int32_t at = 0; at < BLOCK; at++) {
        int is_live = at < n && ((live[at / 32] >> (at % 32)) & 1) && logits[at] > -INFINITY;
        double weight = is_live ? exp(logits[at] - largest) : 0;
        sums[known == NULL || !((known[at / 32] >> (at % 32)) & 1)] += weight;
        if (weights != NULL)
            weights[at] = weight;
    }
    found[0] = largest, found[1] = sums[0], found[2] = sums[1];
}

#if defined(__GNUC__)

#define LANES 16
typedef float floats __attribute__((vector_size(4 * LANES)));
typedef int32_t ints __attribute__((vector_size(4 * LANES)));

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#define VERSIONS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define VERSIONS
#endif

#define BITS_OF_LANES {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768}
/* Masks (0 or -1 a lane) of the sixteen bits for the vector that begins at `at`. */
#define BITS(words, at) ((ints)(((ints){0} + (int32_t)((words)[(at) / 32] >> ((at) % 32) & 0xFFFF)) & bit_of) != 0)
/* Where the mask is 0, `other` instead. */
#define KEEP(mask, value, other) ((floats)(((ints)(value) & (mask)) | ((ints)(other) & ~(mask))))

VERSIONS
static void weigh_narrow(const float *logits, int32_t n, const uint32_t *live, const uint32_t *known, double *weights,
                         double *found)
{
    const ints bit_of = BITS_OF_LANES;
    const floats nothing = (floats){0} - INFINITY, zero = {0};
    const float rounding = 12582912.0f;         /* 1.5 * 2^23: adding it rounds to a whole number, kept in the low bits */
    floats loaded[BLOCK / LANES], top = nothing, known_sum = zero, sum = zero;
    float lanes[LANES], largest = -INFINITY;
    double sums[2] = {0, 0};
    int32_t at, lane, all_live = 1;

    if (n == BLOCK)
        memcpy(loaded, logits, sizeof loaded);
    else {
        for (at = 0; at < BLOCK / LANES; at++)
            loaded[at] = nothing;
        memcpy(loaded, logits, (size_t)n * sizeof(float));
    }
    for (at = 0; at < BLOCK_WORDS; at++)
        all_live &= live[at] == 0xFFFFFFFFu;
    if (!all_live)
        for (at = 0; at < BLOCK; at += LANES)
            loaded[at / LANES] = KEEP(BITS(live, at), loaded[at / LANES], nothing);
    for (at = 0; at < BLOCK / LANES; at++)
        top = KEEP(loaded[at] > top, loaded[at], top);
    memcpy(lanes, &top, sizeof lanes);
    for (lane = 0; lane < LANES; lane++)
        if (lanes[lane] > largest)
            largest = lanes[lane];
    if (largest == -INFINITY) {                 /* nothing here, or NaN alone: the differences below would be NaN */
        for (at = 0; at < BLOCK / LANES; at++) {
            memcpy(lanes, &loaded[at], sizeof lanes);
            for (lane = 0; lane < LANES; lane++)
                if (lanes[lane] != lanes[lane])
                    sums[0] = NAN;
        }
        if (weights != NULL)
            memset(weights, 0, BLOCK * sizeof(double));
        found[0] = largest, found[1] = sums[0], found[2] = 0;
        return;
    }
    for (at = 0; at < BLOCK; at += LANES) {
        floats below = loaded[at / LANES] - largest;
        ints is_faint = below < FAINTEST;
        below = KEEP(is_faint, zero, below);
        floats shifted = below * 1.44269504f + rounding, whole = shifted - rounding;
        floats rest = below - whole * 0.693145752f - whole * 1.42860677e-6f;    /* ln 2 in two parts, the first exact */
        floats q = rest * 0.00138145988f + 0.00836871658f;
        q = q * rest + 0.0416683890f;
        q = q * rest + 0.166665211f;
        q = q * rest + 0.499999940f;
        floats value = q * rest * rest + rest + 1.0f;
        ints power = ((ints)shifted - 0x4B400000 + 127) << 23;
        value = KEEP(is_faint, zero, value * (floats)power);
        if (known == NULL)
            sum += value;
        else {
            ints is_known = BITS(known, at);
            known_sum += KEEP(is_known, value, zero);
            sum += KEEP(is_known, zero, value);
        }
        if (weights != NULL) {
            memcpy(lanes, &value, sizeof lanes);
            for (lane = 0; lane < LANES; lane++)
                weights[at + lane] = lanes[lane];
        }
    }
    memcpy(lanes, &known_sum, sizeof lanes);
    for (lane = 0; lane < LANES; lane++)
        sums[0] += lanes[lane];
    memcpy(lanes, &sum, sizeof lanes);
    for (lane = 0; lane < LANES; lane++)
        sums[1] += lanes[lane];
    found[0] = largest, found[1] = sums[0], found[2] = sums[1];
}

#else

static void weigh_narrow(const float *logits, int32_t n, const uint32_t *live, const uint32_t *known, double *weights,
                         double *found)
{
    double wide[BLOCK];
    for (int32_t at = 0; at < n; at++)
        wide[at] = logits[at];
    weigh_wide(wide, n, live, known, weights, found);
}

#endif
#endif
