/* Loops of superposed decoding over long rows: the largest of a row of logits, and weighted sums of embeddings.
 *
 * Plain loops that compilers turn into vectors; VERSIONS of weights.h makes one binary hold three of each.
 */
#ifndef GUIDED_SUPERPOSE_H
#define GUIDED_SUPERPOSE_H

#include <math.h>
#include <stdint.h>
#include "weights.h"

#ifndef VERSIONS
#define VERSIONS
#endif
#if defined(__GNUC__)
#define FETCH(place) __builtin_prefetch(place)
#else
#define FETCH(place)
#endif

#define SPAN 32                 /* logits that are passed over at once: one word of `allowed` */
#define LINE 16                 /* float32 in a line of a cache */

/* The m largest logits among those allowed, best first, the lower id where two are equal; m is at least 1.
 *
 * Returns how many there are (less than m where few are allowed or finite); -1 if a logit is NaN or +inf.
 */
VERSIONS
static int32_t largest(const float *logits, int32_t n_logits, const uint32_t *allowed, int32_t m, int32_t *tokens,
                       float *values)
{
    float least = -INFINITY;
    int32_t n = 0;
    for (int32_t first = 0; first < n_logits; first += SPAN) {
        int32_t end = first + SPAN < n_logits ? first + SPAN : n_logits, n_larger = 0;
        for (int32_t token = first; token < end; token++)      /* almost always none, once m good ones are known */
            n_larger += !(logits[token] <= least);
        if (!n_larger)
            continue;
        for (int32_t token = first; token < end; token++) {
            float value = logits[token];
            if (value <= least)
                continue;
            if (value != value || value == INFINITY)
                return -1;
            if (!(allowed[token / 32] >> (token % 32) & 1))
                continue;
            int32_t place = n < m ? n : m - 1;                  /* the new token moves up past smaller ones */
            for (; place > 0 && values[place - 1] < value; place--)
                values[place] = values[place - 1], tokens[place] = tokens[place - 1];
            values[place] = value, tokens[place] = token;
            n += n < m;
            if (n == m)
                least = values[m - 1];
        }
    }
    return n;
}

/* out = sum of weights[i] * row ids[i] of a table with rows of `size` numbers.
 *
 * The rows were driven out of the caches by the model; all are asked for before the first is used.
 */
VERSIONS
static void weighted_sum(const float *table, int64_t size, const int32_t *ids, const float *weights, int32_t n, float *out)
{
    for (int32_t row = 0; row < n; row++)
        for (int64_t at = 0; at < size; at += LINE)
            FETCH(table + ids[row] * size + at);
    for (int64_t at = 0; at < size; at++)
        out[at] = weights[0] * table[ids[0] * size + at];
    for (int32_t row = 1; row < n; row++)
        for (int64_t at = 0; at < size; at++)
            out[at] += weights[row] * table[ids[row] * size + at];
}

#endif
