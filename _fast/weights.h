/* Weights of one block of logits: exp(logit - largest of the block), summed; float32 by vectors of 8.
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

#define BLOCK 256               /* logits a sum: 32 vectors; near the square root of 128,000 */
#define BLOCK_WORDS (BLOCK / 32)
#define FAINTEST -87.0f         /* exp of less is below the normal float32 numbers: its weight is 0 */
#define BIT(words, at) (((words)[(at) / 32] >> ((at) % 32)) & 1)

#if defined(__GNUC__)

#define LANES 8                 /* what AVX2 holds: wider vectors are taken apart badly, at twice the time */
#define VECTORS (BLOCK / LANES)
typedef float floats __attribute__((vector_size(4 * LANES)));
typedef float read_floats __attribute__((vector_size(4 * LANES), aligned(4), may_alias));  /* anywhere in memory */
typedef int32_t ints __attribute__((vector_size(4 * LANES)));

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
/* -O3 whatever the build: without it AVX registers are not cleared at the end, and all SSE code after it is slow. */
#define VERSIONS __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#else
#define VERSIONS
#endif

#define BITS_OF_LANES {1, 2, 4, 8, 16, 32, 64, 128}
/* Masks (0 or -1 a lane) of the eight bits for vector `at`. */
#define BITS(words, at) ((((ints){0} + (int32_t)((words)[(at) / 4] >> ((at) % 4 * LANES))) & bit_of) != 0)
/* Where the mask is 0, `other` instead. */
#define KEEP(mask, value, other) ((floats)(((ints)(value) & (mask)) | ((ints)(other) & ~(mask))))

/* Every lane meets the one four, two and one places away; then all hold the same. */
#if defined(__clang__)
#define AWAY_4(x) __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3)
#define AWAY_2(x) __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5)
#define AWAY_1(x) __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6)
#else
#define AWAY_4(x) __builtin_shuffle(x, (ints){4, 5, 6, 7, 0, 1, 2, 3})
#define AWAY_2(x) __builtin_shuffle(x, (ints){2, 3, 0, 1, 6, 7, 4, 5})
#define AWAY_1(x) __builtin_shuffle(x, (ints){1, 0, 3, 2, 5, 4, 7, 6})
#endif
#define FOLD(x, op) ((x) = op(x, AWAY_4(x)), (x) = op(x, AWAY_2(x)), (x) = op(x, AWAY_1(x)), (x)[0])
#define LARGER(a, b) KEEP((a) > (b), a, b)
#define PLUS(a, b) ((a) + (b))

typedef double doubles __attribute__((vector_size(64)));
typedef double read_doubles __attribute__((vector_size(64), aligned(8), may_alias));
typedef int64_t longs __attribute__((vector_size(64)));

/* exp(value - largest) of a block, in place: the same for float64, with the series up to r^13 / 13! (rest below 1e-17). */
VERSIONS
static void exponentials(double *values, double largest)
{
    const double rounding = 6755399441056767.0;     /* 1.5 * 2^52 + 1023 */
    for (int32_t at = 0; at < BLOCK / 8; at++) {
        doubles below = ((const read_doubles *)values)[at] - largest;
        doubles shifted = below * 1.4426950408889634 + rounding, whole = shifted - rounding;
        doubles rest = below - whole * 0.693147180369123816490 - whole * 1.90821492927058770002e-10;
        doubles sum = rest * (1.0 / 13) + 1;
        for (int32_t n = 12; n > 0; n--)
            sum = sum * rest * (1.0 / n) + 1;
        sum = sum * (doubles)((longs)shifted << 52);
        ((read_doubles *)values)[at] = (doubles)((longs)sum & ~(longs)(below < -708.0));
    }
}

#else

static void exponentials(double *values, double largest)
{
    for (int32_t at = 0; at < BLOCK; at++)
        values[at] = exp(values[at] - largest);
}

#endif

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
    double room[BLOCK], largest = -INFINITY, sums[2] = {0, 0};
    int32_t at;
    if (weights == NULL)
        weights = room;
    for (at = 0; at < BLOCK; at++) {
        weights[at] = at < n && BIT(live, at) ? logits[at] : -INFINITY;
        largest = weights[at] > largest ? weights[at] : largest;
    }
    exponentials(weights, largest == -INFINITY ? 0 : largest);
    for (at = 0; at < BLOCK; at++)
        sums[known == NULL || !BIT(known, at)] += weights[at];
    found[0] = largest, found[1] = sums[0], found[2] = sums[1];
}

#if defined(__GNUC__)

VERSIONS
static void weigh_narrow(const float *logits, int32_t n, const uint32_t *live, const uint32_t *known, double *weights,
                         double *found)
{
    const ints bit_of = BITS_OF_LANES;
    const floats nothing = (floats){0} - INFINITY, zero = {0};
    /* 1.5 * 2^23 + 127: adding it rounds to a whole number, which lies in the low bits as an exponent of float32. */
    const float rounding = 12583039.0f;
    floats room[VECTORS], four[4] = {nothing, nothing, nothing, nothing}, known_sum = zero;
    float largest;
    int32_t at;
    uint32_t all_live = 0xFFFFFFFFu;

    for (at = 0; at < BLOCK_WORDS; at++)
        all_live &= live[at];
    if (n < BLOCK || all_live != 0xFFFFFFFFu) {
        for (at = n / LANES; at < VECTORS; at++)
            room[at] = nothing;
        memcpy(room, logits, (size_t)n * sizeof(float));
        for (at = 0; at < VECTORS; at++)
            room[at] = KEEP(BITS(live, at), room[at], nothing);
        logits = (const float *)room;
    }
#pragma GCC unroll 4
    for (at = 0; at < VECTORS; at++) {     /* four side by side: one would wait for each comparison in turn */
        floats next = ((const read_floats *)logits)[at];
        four[at % 4] = LARGER(next, four[at % 4]);
    }
    four[0] = LARGER(four[0], four[1]);
    four[2] = LARGER(four[2], four[3]);
    four[0] = LARGER(four[0], four[2]);
    found[0] = largest = FOLD(four[0], LARGER);
    if (largest == -INFINITY)
        largest = 0;                            /* -inf less -inf would be NaN */
#pragma GCC unroll 2
    for (at = 0; at < VECTORS; at++) {
        floats below = ((const read_floats *)logits)[at] - largest;
        floats shifted = below * 1.44269504f + rounding, whole = shifted - rounding;
        floats rest = below - whole * 0.693145752f - whole * 1.42860677e-6f;    /* ln 2 in two parts, the first exact */
        floats sum = rest * 0.00138145988f + 0.00836871658f;
        sum = sum * rest + 0.0416683890f;
        sum = sum * rest + 0.166665211f;
        sum = sum * rest + 0.499999940f;
        sum = sum * rest + 1.0f;
        sum = sum * rest + 1.0f;
        room[at] = KEEP(below < FAINTEST, zero, sum * (floats)((ints)shifted << 23));
    }
    found[1] = 0;
    if (known != NULL) {
        for (at = 0; at < VECTORS; at++)
            known_sum += KEEP(BITS(known, at), room[at], zero);
        found[1] = FOLD(known_sum, PLUS);
    }
    four[0] = four[1] = four[2] = four[3] = zero;
#pragma GCC unroll 4
    for (at = 0; at < VECTORS; at++)
        four[at % 4] += known == NULL ? room[at] : KEEP(BITS(known, at), zero, room[at]);
    four[0] = (four[0] + four[1]) + (four[2] + four[3]);
    found[2] = FOLD(four[0], PLUS);
    if (weights != NULL)
        for (at = 0; at < BLOCK; at++)
            weights[at] = ((const float *)room)[at];
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
