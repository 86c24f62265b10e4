# NGramTable: counts of tokens after histories, read where they lie in one file; and the sorting that makes them.
# Uses: types.
#
# A level n holds what followed histories of n tokens.  Contexts are sorted by a 64-bit hash of the history: the high
# bits choose a bucket, the low 32 bits tell the few contexts of a bucket apart.  A history that was never seen is taken
# for a seen one with probability (contexts / 2^(32 + bucket bits)), about 1e-9 for a million contexts.
# Every offset that is read from the file is checked before it is followed: a damaged file gives wrong counts, never a crash.

cdef enum:
    MOST_LEVELS = 8               # histories of 0..7 tokens
    NO_CONTEXT = -1


cdef struct Level:
    const uint8_t* starts         # uint32[2^bucket_bits + 1]: first context of each bucket
    const uint8_t* prints         # uint32[n_contexts]: low half of the hash
    const uint8_t* offsets        # uint32[n_contexts + 1]: first entry of each context
    const uint8_t* totals         # [n_contexts]: sum of the counts
    const uint8_t* tokens         # [n_entries], ascending within a context
    const uint8_t* counts         # [n_entries]
    int32_t total_width           # bytes of a number: 1, 2 or 4
    int32_t token_width
    int32_t count_width
    int32_t bucket_bits
    int64_t n_contexts
    int64_t n_entries


cdef struct Found:
    int64_t first                 # first entry
    int64_t end                   # entry after the last
    uint32_t total                # sum of the counts; 0 if the context was never seen


cdef inline uint32_t number_at(const uint8_t* base, int32_t width, int64_t place) noexcept nogil:
    if width == 1:
        return base[place]
    if width == 2:
        return (<const uint16_t*>base)[place]
    return (<const uint32_t*>base)[place]


cdef inline uint64_t mixed(uint64_t history, token_t token) noexcept nogil:
    """The hash of a history one token longer (to the left)."""
    cdef uint64_t x = (history ^ (<uint64_t>token + 1)) * <uint64_t>0x9E3779B97F4A7C15
    x ^= x >> 32
    x *= <uint64_t>0xD6E8FEB86659FD93
    x ^= x >> 29
    return x


def deepen(uint64_t[::1] hashes, const token_t[::1] tokens, const int32_t[::1] room, int32_t n) -> None:
    """Lengthen the histories before each place from n - 1 to n tokens, where there are n tokens before it.

    hashes : uint64[N], in place: of the n - 1 tokens before each place, 0 for none.
    tokens : int32[N].      room : int32[N], tokens before each place in its own document.
    """
    cdef Py_ssize_t place
    if tokens.shape[0] != hashes.shape[0] or room.shape[0] != hashes.shape[0]:
        raise ValueError("hashes, tokens and room must be equally long")
    for place in range(hashes.shape[0]):
        if n <= room[place] <= place:
            hashes[place] = mixed(hashes[place], tokens[place - n])


cdef class NGramTable:
    """Look-ups in the body of an n-gram file.

    body    : the bytes of all levels; kept alive here, never written.
    levels  : one dict per length of history, from 0: where each array lies, as engines/ngrams.py wrote it.
    lambdas : float64[n_levels - 1], weights of the levels 1.. in the paper's interpolation.
    """
    cdef const uint8_t[::1] body
    cdef Level levels[MOST_LEVELS]
    cdef double lambdas[MOST_LEVELS]
    cdef readonly int32_t n_levels       # lengths of history, 0 included
    cdef readonly int32_t n_ids          # tokens of the vocabulary
    cdef readonly bint is_backoff        # Witten-Bell back-off; else the paper's sum

    def __init__(self, const uint8_t[::1] body, levels, int32_t n_ids, lambdas, bint is_backoff):
        cdef Level* level
        cdef int32_t n
        if not 2 <= len(levels) <= MOST_LEVELS or len(lambdas) != len(levels) - 1 or n_ids < 1:
            raise ValueError(f"{len(levels)} levels, {len(lambdas)} weights and {n_ids} tokens make no table")
        self.body, self.n_levels, self.n_ids, self.is_backoff = body, len(levels), n_ids, is_backoff
        for n, given in enumerate(levels):
            level = &self.levels[n]
            level.n_contexts, level.n_entries = given["n_contexts"], given["n_entries"]
            level.bucket_bits = given["bucket_bits"]
            if not 0 <= level.bucket_bits <= 30 or level.n_contexts < 0 or level.n_entries < 0:
                raise ValueError("numbers out of range")
            level.total_width = self._width(given["totals"])
            level.token_width = self._width(given["tokens"])
            level.count_width = self._width(given["counts"])
            level.starts = self._array(given["starts"], (<int64_t>1 << level.bucket_bits) + 1)
            level.prints = self._array(given["prints"], level.n_contexts)
            level.offsets = self._array(given["offsets"], level.n_contexts + 1)
            level.totals = self._array(given["totals"], level.n_contexts)
            level.tokens = self._array(given["tokens"], level.n_entries)
            level.counts = self._array(given["counts"], level.n_entries)
        for n, weight in enumerate(lambdas):
            self.lambdas[n] = weight

    def _width(self, given):
        if given[1] not in (1, 2, 4):
            raise ValueError(f"a width of {given[1]} bytes")
        return given[1]

    cdef const uint8_t* _array(self, given, int64_t length) except NULL:
        cdef int64_t start = given[0]
        cdef int64_t width = given[1]
        if start < 0 or start % 8 or length < 0 or length > self.body.shape[0] or start + length * width > self.body.shape[0]:
            raise ValueError("an array lies outside the file")
        return &self.body[0] + start

    cdef int64_t context_of(self, int32_t n, uint64_t history) noexcept nogil:
        """The number of a history of n tokens, NO_CONTEXT if it was never seen."""
        cdef Level* level = &self.levels[n]
        cdef int64_t bucket = <int64_t>(history >> (64 - level.bucket_bits)) if level.bucket_bits else 0
        cdef int64_t place = number_at(level.starts, 4, bucket), end = number_at(level.starts, 4, bucket + 1)
        cdef uint32_t wanted = <uint32_t>history
        if end > level.n_contexts:
            end = level.n_contexts
        while place < end:
            if number_at(level.prints, 4, place) == wanted:
                return place
            place += 1
        return NO_CONTEXT

    cdef Found found(self, int32_t n, uint64_t history) noexcept nogil:
        cdef Level* level = &self.levels[n]
        cdef int64_t context = self.context_of(n, history)
        cdef Found result
        result.first = result.end = 0
        result.total = 0
        if context != NO_CONTEXT:
            result.first = number_at(level.offsets, 4, context)
            result.end = min(<int64_t>number_at(level.offsets, 4, context + 1), level.n_entries)
            if result.first < result.end:
                result.total = number_at(level.totals, level.total_width, context)
        return result

    cdef uint32_t count(self, int32_t n, Found at, token_t token) noexcept nogil:
        """How often `token` came there."""
        cdef Level* level = &self.levels[n]
        cdef int64_t low = at.first, high = at.end, middle
        cdef uint32_t here
        while low < high:
            middle = (low + high) >> 1
            here = number_at(level.tokens, level.token_width, middle)
            if here == <uint32_t>token:
                return number_at(level.counts, level.count_width, middle)
            if here < <uint32_t>token:
                low = middle + 1
            else:
                high = middle
        return 0

    cdef int32_t look_up(self, const token_t* history, int32_t n_history, Found* places) noexcept nogil:
        """The contexts of the last 0, 1, ... tokens; history[0] is the last one.  Returns how many levels apply."""
        cdef int32_t n, n_levels = min(self.n_levels, n_history + 1)
        cdef uint64_t key = 0
        places[0] = self.found(0, 0)
        for n in range(1, n_levels):
            key = mixed(key, history[n - 1])
            places[n] = self.found(n, key)
        return n_levels

    cdef double prob(self, const Found* places, int32_t n_levels, token_t token) noexcept nogil:
        """The probability of a token.  The paper's sum may be 0; the back-off never is."""
        cdef int32_t n
        cdef double result, seen, distinct
        if not self.is_backoff:
            result = 0
            for n in range(1, n_levels):
                if places[n].total:
                    result += self.lambdas[n - 1] * self.count(n, places[n], token) / places[n].total
            return result
        result = 1.0 / self.n_ids
        for n in range(n_levels):
            if places[n].total:           # what was never seen says nothing: the shorter history is believed whole
                seen, distinct = places[n].total, <double>(places[n].end - places[n].first)
                result = (self.count(n, places[n], token) + distinct * result) / (seen + distinct)
        return result

    def probs(self, history, tokens):
        """Probabilities of tokens after a history (ids, oldest first); float64[len(tokens)]."""
        cdef token_t last[MOST_LEVELS]
        cdef Found places[MOST_LEVELS]
        cdef int32_t n_levels, number, n_history = <int32_t>min(len(history), self.n_levels - 1)
        for number in range(n_history):
            last[number] = history[len(history) - 1 - number]
        n_levels = self.look_up(last, n_history, places)
        result = np.empty(len(tokens))
        cdef double[::1] view = result
        for number, token in enumerate(tokens):
            view[number] = self.prob(places, n_levels, token)
        return result

    def score_pairs(self, const token_t[:, ::1] histories, const token_t[::1] tokens, double[:, ::1] out) -> None:
        """Probabilities of m tokens after k histories.

        histories : int32[k, n], oldest first, n tokens each.      tokens : int32[m].      out : float64[k, m].
        """
        cdef token_t last[MOST_LEVELS]
        cdef Found places[MOST_LEVELS]
        cdef Py_ssize_t row, column
        cdef int32_t n, n_levels, n_history = <int32_t>min(histories.shape[1], <Py_ssize_t>self.n_levels - 1)
        if out.shape[0] != histories.shape[0] or out.shape[1] != tokens.shape[0]:
            raise ValueError("out must be float64[k, m]")
        for row in range(histories.shape[0]):
            for n in range(n_history):
                last[n] = histories[row, histories.shape[1] - 1 - n]
            n_levels = self.look_up(last, n_history, places)
            for column in range(tokens.shape[0]):
                out[row, column] = self.prob(places, n_levels, tokens[column])

    def counts(self, history) -> dict:
        """token -> how often it came right after exactly this history (ids, oldest first); {} if never seen."""
        cdef int32_t n = <int32_t>len(history)
        cdef uint64_t key = 0
        cdef int64_t place
        if n >= self.n_levels:
            raise ValueError(f"a history has at most {self.n_levels - 1} tokens here, not {n}")
        for token in reversed(history):
            key = mixed(key, token)
        cdef Found at = self.found(n, key)
        cdef Level* level = &self.levels[n]
        return {
            number_at(level.tokens, level.token_width, place): number_at(level.counts, level.count_width, place)
            for place in range(at.first, at.end)
        }
