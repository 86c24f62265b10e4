/* One pass of a small Llama over a few tokens, float32, on one thread: what a pass through a general library costs on
 * such a model is mostly the way from one operation to the next.
 *
 * Matrices are packed: LLAMA_ROWS outputs side by side, input after input, so that they are read once, in order, and a
 * vector of weights meets one number of every token.  For a few tokens the time is that of reading them from memory: where
 * all weights are float16 numbers they are kept so, which changes no result.  Every token sees a list of slots.
 */
#ifndef GUIDED_LLAMA_H
#define GUIDED_LLAMA_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define LLAMA_ROWS 16        /* outputs side by side: two vectors of AVX2 */
#define MOST_TOKENS 6        /* tokens at a time: 12 sums, and the registers hold 16 */

typedef struct {             /* matrices packed: [outputs / LLAMA_ROWS][inputs][LLAMA_ROWS] */
    const float *before_attention, *before_inner;
    const void *query, *key, *value, *joined, *gate, *up, *down;
} llama_layer;

typedef struct {
    int32_t n_layers, n_width, n_heads, n_pairs, n_head, n_inner, n_tokens;   /* n_pairs: heads of keys and values */
    int32_t halves;                                                           /* matrices are float16, else float32 */
    float epsilon;
    const float *embedding, *norm;                                            /* embedding [n_tokens][n_width] */
    const void *output;
    const float *cosines, *sines;                                             /* [positions][n_head] */
    llama_layer *layers;
} llama;

/* Floats of working memory for n tokens that see at most n_seen slots each. */
static size_t llama_room(const llama *model, int32_t n, int32_t n_seen)
{
    size_t queries = (size_t)model->n_heads * model->n_head;
    return (size_t)n * (2 * model->n_width + 2 * queries + 2 * model->n_inner) + n_seen + LLAMA_ROWS;
}

#if defined(__GNUC__)

#define HAS_LLAMA 1
#define EIGHT 8
typedef float eight __attribute__((vector_size(32)));
typedef float any_eight __attribute__((vector_size(32), aligned(4), may_alias));   /* anywhere in memory */
typedef int32_t eight_ints __attribute__((vector_size(32)));
#define AT(place) (*(any_eight *)(place))
#define SEEN(place) (*(const any_eight *)(place))

/* -O3 whatever the build; see weights.h.  x86-64-v3 is AVX2 with multiply-and-add in one. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) && __GNUC__ >= 12
#define LLAMA_VERSIONS __attribute__((target_clones("arch=x86-64-v3", "default"), optimize("O3")))
#else
#define LLAMA_VERSIONS
#endif

/* exp of eight numbers that are at most 87, as in weights.h. */
#define EXP_EIGHT(out, in)                                                                                             \
    do {                                                                                                               \
        const float rounding_ = 12583039.0f;                                                                           \
        eight below_ = (in), shifted_ = below_ * 1.44269504f + rounding_, whole_ = shifted_ - rounding_;               \
        eight rest_ = below_ - whole_ * 0.693145752f - whole_ * 1.42860677e-6f;                                        \
        eight sum_ = rest_ * 0.00138145988f + 0.00836871658f;                                                          \
        sum_ = sum_ * rest_ + 0.0416683890f;                                                                           \
        sum_ = sum_ * rest_ + 0.166665211f;                                                                            \
        sum_ = sum_ * rest_ + 0.499999940f;                                                                            \
        sum_ = sum_ * rest_ + 1.0f;                                                                                    \
        sum_ = sum_ * rest_ + 1.0f;                                                                                    \
        sum_ = sum_ * (eight)((eight_ints)shifted_ << 23);                                                             \
        (out) = (eight)((eight_ints)sum_ & ~(below_ < -87.0f));                                                        \
    } while (0)
#define ACROSS(x) ((((x)[0] + (x)[4]) + ((x)[1] + (x)[5])) + (((x)[2] + (x)[6]) + ((x)[3] + (x)[7])))

/* LLAMA_ROWS outputs of TOKENS tokens; the sums stay in registers. */
#define TILE(TOKENS, LOAD)                                                                                             \
    do {                                                                                                               \
        eight low[TOKENS], high[TOKENS];                                                                               \
        _Pragma("GCC unroll 8") for (t = 0; t < TOKENS; t++) low[t] = high[t] = (eight){0};                            \
        for (k = 0; k < n_in; k++) {                                                                                   \
            const eight first = LOAD(block + (size_t)k * LLAMA_ROWS), second = LOAD(block + (size_t)k * LLAMA_ROWS + EIGHT); \
            _Pragma("GCC unroll 8") for (t = 0; t < TOKENS; t++) {                                                     \
                const float number = from[(size_t)t * n_in + k];                                                       \
                low[t] += first * number;                                                                              \
                high[t] += second * number;                                                                            \
            }                                                                                                          \
        }                                                                                                              \
        _Pragma("GCC unroll 8") for (t = 0; t < TOKENS; t++) {                                                         \
            float *out = to + (size_t)t * n_out;                                                                       \
            AT(out) = low[t] + (adds ? (eight)AT(out) : (eight){0});                                                   \
            AT(out + EIGHT) = high[t] + (adds ? (eight)AT(out + EIGHT) : (eight){0});                                  \
        }                                                                                                              \
    } while (0)

/* found [n][n_out] (+)= given [n][n_in] times a packed matrix; tokens in tiles of nearly one size: a sum waits for itself. */
#define TIMES(NUMBER, LOAD)                                                                                            \
    (const NUMBER *packed, int32_t n_out, int32_t n_in, const float *given, int32_t n, int adds, float *found)         \
    {                                                                                                                  \
        const int32_t n_tiles = (n + MOST_TOKENS - 1) / MOST_TOKENS;                                                   \
        int32_t t, k;                                                                                                  \
        for (int32_t row = 0; row < n_out; row += LLAMA_ROWS) {                                                        \
            const NUMBER *block = packed + (size_t)row * n_in;                                                         \
            for (int32_t tile = 0, token = 0, size; tile < n_tiles; tile++, token += size) {                           \
                const float *from = given + (size_t)token * n_in;                                                      \
                float *to = found + (size_t)token * n_out + row;                                                       \
                size = (n - token + n_tiles - tile - 1) / (n_tiles - tile);                                            \
                switch (size) {                                                                                        \
                case 1: TILE(1, LOAD); break;                                                                          \
                case 2: TILE(2, LOAD); break;                                                                          \
                case 3: TILE(3, LOAD); break;                                                                          \
                case 4: TILE(4, LOAD); break;                                                                          \
                case 5: TILE(5, LOAD); break;                                                                          \
                default: TILE(MOST_TOKENS, LOAD);                                                                      \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

LLAMA_VERSIONS
static void llama_times_full TIMES(float, SEEN)

#if defined(__x86_64__)
#include <immintrin.h>
#define HALVES(place) ((eight)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(place))))
__attribute__((target("avx2,fma,f16c"), optimize("O3")))
static void llama_times_half TIMES(uint16_t, HALVES)
#undef HALVES
/* Whether matrices of float16 can be read here. */
static int llama_reads_halves(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}
#else
#define llama_times_half(packed, n_out, n_in, given, n, adds, found) ((void)0)
static int llama_reads_halves(void) { return 0; }
#endif

static void llama_times(const llama *model, const void *packed, int32_t n_out, int32_t n_in, const float *given, int32_t n,
                        int adds, float *found)
{
    if (model->halves)
        llama_times_half((const uint16_t *)packed, n_out, n_in, given, n, adds, found);
    else
        llama_times_full((const float *)packed, n_out, n_in, given, n, adds, found);
}

/* found = given / root mean square * weights, token by token. */
LLAMA_VERSIONS
static void llama_norm(const float *weights, int32_t n_width, float epsilon, const float *given, int32_t n, float *found)
{
    for (; n > 0; n--, given += n_width, found += n_width) {
        eight sum = {0};
        for (int32_t k = 0; k < n_width; k += EIGHT)
            sum += SEEN(given + k) * SEEN(given + k);
        const float scale = 1.0f / sqrtf(ACROSS(sum) / n_width + epsilon);
        for (int32_t k = 0; k < n_width; k += EIGHT)
            AT(found + k) = SEEN(given + k) * scale * SEEN(weights + k);
    }
}

/* Turn the two halves of a token's heads against each other, by the angles of its position, in place. */
LLAMA_VERSIONS
static void llama_turn(int32_t n_heads, int32_t n_head, const float *cosines, const float *sines, float *found)
{
    const int32_t half = n_head / 2;
    for (; n_heads > 0; n_heads--, found += n_head)
        for (int32_t k = 0; k < half; k += EIGHT) {
            const eight first = AT(found + k), second = AT(found + half + k);
            AT(found + k) = first * SEEN(cosines + k) - second * SEEN(sines + k);
            AT(found + half + k) = second * SEEN(cosines + half + k) + first * SEEN(sines + half + k);
        }
}

/* gate = gate * sigmoid(gate) * up; beyond 87 the product is 0, or the gate, to the last digit. */
LLAMA_VERSIONS
static void llama_gate(float *gate, const float *up, size_t n)
{
    for (size_t k = 0; k < n; k += EIGHT) {
        const eight given = AT(gate + k);
        const eight_ints low = given < -87.0f, high = given > 87.0f;
        eight less, out;
        EXP_EIGHT(less, (eight)((eight_ints)(-given) & ~(low | high)));
        out = given / (1.0f + less);
        out = (eight)(((eight_ints)out & ~(low | high)) | ((eight_ints)given & high));
        AT(gate + k) = out * SEEN(up + k);
    }
}

/* What one token takes from the slots that it sees, head by head.
 *
 * query, out   : [n_heads * n_head].       keys, values : [slots][n_pairs * n_head].
 * scores       : room for n_seen, rounded up to eight.
 */
LLAMA_VERSIONS
static void llama_attend(const llama *model, const float *query, const float *keys, const float *values,
                         const int32_t *seen, int32_t n_seen, float *scores, float *out)
{
    const int32_t n_head = model->n_head, n_row = model->n_pairs * n_head;
    const float scale = 1.0f / sqrtf((float)n_head);
    for (int32_t head = 0; head < model->n_heads; head++, query += n_head, out += n_head) {
        const int32_t from = head / (model->n_heads / model->n_pairs) * n_head;
        float largest = -INFINITY;
        eight sum = {0};
        for (int32_t at = 0; at < n_seen; at++) {
            const float *key = keys + (size_t)seen[at] * n_row + from;
            eight dot = {0};
            for (int32_t k = 0; k < n_head; k += EIGHT)
                dot += SEEN(query + k) * SEEN(key + k);
            scores[at] = ACROSS(dot) * scale;
            largest = scores[at] > largest ? scores[at] : largest;
        }
        for (int32_t at = n_seen; at % EIGHT; at++)
            scores[at] = -INFINITY;
        for (int32_t at = 0; at < n_seen; at += EIGHT) {
            eight weight;
            EXP_EIGHT(weight, SEEN(scores + at) - largest);
            AT(scores + at) = weight;
            sum += weight;
        }
        const float total = 1.0f / ACROSS(sum);
        int32_t k = 0;
        for (; k + 4 * EIGHT <= n_head; k += 4 * EIGHT) {        /* four sums: one would wait for itself */
            eight a = {0}, b = {0}, c = {0}, d = {0};
            for (int32_t at = 0; at < n_seen; at++) {
                const float *value = values + (size_t)seen[at] * n_row + from + k, weight = scores[at];
                a += weight * SEEN(value), b += weight * SEEN(value + EIGHT);
                c += weight * SEEN(value + 2 * EIGHT), d += weight * SEEN(value + 3 * EIGHT);
            }
            AT(out + k) = a * total, AT(out + k + EIGHT) = b * total;
            AT(out + k + 2 * EIGHT) = c * total, AT(out + k + 3 * EIGHT) = d * total;
        }
        for (; k < n_head; k += EIGHT) {
            eight a = {0};
            for (int32_t at = 0; at < n_seen; at++)
                a += scores[at] * SEEN(values + (size_t)seen[at] * n_row + from + k);
            AT(out + k) = a * total;
        }
    }
}

/* Read n tokens into the slots from `first` on.
 *
 * keys, values : [layer][n_slots][n_pairs * n_head].
 * seen         : slots that token t sees, itself included: seen[starts[t] .. starts[t + 1]).
 * logits       : [n - skipped][n_tokens], after the tokens from number `skipped` on.      room : llama_room() floats.
 */
static void llama_read(const llama *model, float *keys, float *values, int32_t n_slots, const int32_t *tokens,
                       const int32_t *positions, int32_t first, int32_t n, const int32_t *seen, const int32_t *starts,
                       int32_t skipped, float *logits, float *room)
{
    const int32_t width = model->n_width, head = model->n_head, inner = model->n_inner;
    const int32_t queries = model->n_heads * head, pairs = model->n_pairs * head;
    float *state = room, *normed = state + (size_t)n * width, *query = normed + (size_t)n * width;
    float *mixed = query + (size_t)n * queries, *gate = mixed + (size_t)n * queries, *up = gate + (size_t)n * inner;
    float *scores = up + (size_t)n * inner;
    int32_t t;

    for (t = 0; t < n; t++)
        memcpy(state + (size_t)t * width, model->embedding + (size_t)tokens[t] * width, width * sizeof(float));
    for (int32_t layer = 0; layer < model->n_layers; layer++) {
        const llama_layer *has = &model->layers[layer];
        float *all_keys = keys + (size_t)layer * n_slots * pairs, *all_values = values + (size_t)layer * n_slots * pairs;
        llama_norm(has->before_attention, width, model->epsilon, state, n, normed);
        llama_times(model, has->query, queries, width, normed, n, 0, query);
        llama_times(model, has->key, pairs, width, normed, n, 0, all_keys + (size_t)first * pairs);
        llama_times(model, has->value, pairs, width, normed, n, 0, all_values + (size_t)first * pairs);
        for (t = 0; t < n; t++) {
            const float *cosines = model->cosines + (size_t)positions[t] * head;
            const float *sines = model->sines + (size_t)positions[t] * head;
            llama_turn(model->n_heads, head, cosines, sines, query + (size_t)t * queries);
            llama_turn(model->n_pairs, head, cosines, sines, all_keys + (size_t)(first + t) * pairs);
        }
        for (t = 0; t < n; t++)
            llama_attend(model, query + (size_t)t * queries, all_keys, all_values, seen + starts[t],
                         starts[t + 1] - starts[t], scores, mixed + (size_t)t * queries);
        llama_times(model, has->joined, width, queries, mixed, n, 1, state);
        llama_norm(has->before_inner, width, model->epsilon, state, n, normed);
        llama_times(model, has->gate, inner, width, normed, n, 0, gate);
        llama_times(model, has->up, inner, width, normed, n, 0, up);
        llama_gate(gate, up, (size_t)n * inner);
        llama_times(model, has->down, width, inner, gate, n, 1, state);
    }
    llama_norm(model->norm, width, model->epsilon, state + (size_t)skipped * width, n - skipped, normed);
    llama_times(model, model->output, model->n_tokens, width, normed, n - skipped, 0, logits);
}

#undef AT
#undef SEEN
#undef TILE
#undef TIMES
#undef ACROSS

#else

#define HAS_LLAMA 0

static int llama_reads_halves(void) { return 0; }

static void llama_read(const llama *model, float *keys, float *values, int32_t n_slots, const int32_t *tokens,
                       const int32_t *positions, int32_t first, int32_t n, const int32_t *seen, const int32_t *starts,
                       int32_t skipped, float *logits, float *room)
{
}

#endif
#endif
