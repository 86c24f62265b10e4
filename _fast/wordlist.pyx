# WordList: a finite list of labelled texts, read by narrowing an interval of the sorted list.  Uses: recognizer, places.
#
# Keys of objects and members of enums.  Nothing is built but the sorted list: a state is an interval of it and a depth,
# made when it is reached, so that a thousand declared keys cost nothing before one of them is begun.


cdef enum:
    MAX_LOOKED_AT = 64            # words whose next bytes are looked at where a state is made


cdef class WordList(Recognizer):
    """Texts with labels.

    words : list[bytes].      labels : a number for each; equal texts may come more than once.
    """
    cdef bytes blob
    cdef const uint8_t* text         # where `blob` starts
    cdef int32_t* offset             # [n_words + 1]: word k is text[offset[k] .. offset[k + 1])
    cdef int32_t n_words
    cdef object numbers_of_words     # array of labels, by place in the sorted list
    cdef PairMap numbers             # (low << 32 | high, depth) -> state
    cdef int32_t* intervals          # [n_made, 3]: low, high (exclusive), depth
    cdef int32_t intervals_capacity

    def __dealloc__(self):
        free(self.offset)
        free(self.intervals)

    def __init__(self, words, labels, int32_t max_states=4_000_000):
        cdef int32_t k, end = 0, position
        cdef bint[256] used
        pairs = sorted(zip(words, labels, strict=True))
        self.max_states, self.is_narrow = max_states, True
        self.n_words, self.numbers = <int32_t>len(pairs), PairMap()
        self.blob = b"".join([pair[0] for pair in pairs])
        self.text = <const uint8_t*>PyBytes_AS_STRING(self.blob)
        self.numbers_of_words = array("q", [pair[1] for pair in pairs])
        self.offset = <int32_t*>malloc((<size_t>self.n_words + 1) * sizeof(int32_t))
        if self.offset == NULL:
            raise MemoryError()
        self.offset[0] = 0
        for k, pair in enumerate(pairs):
            end += <int32_t>len(pair[0])
            self.offset[k + 1] = end
        memset(used, 0, sizeof(used))
        for position in range(end):
            used[self.text[position]] = True
        self.n_classes = 1                              # column 0: bytes that are in no word
        for k in range(256):
            self.byte_class[k] = 0
            if used[k] and self.n_classes < 256:
                self.byte_class[k] = <uint8_t>self.n_classes
                self.n_classes += 1
        if self.n_words:
            self.start = self.intern(0, self.n_words, 0)

    cdef inline int32_t length(self, int32_t word) noexcept:
        return self.offset[word + 1] - self.offset[word]

    cdef state_t intern(self, int32_t low, int32_t high, int32_t depth) except? FAILED_STATE:
        cdef int64_t key = (<int64_t>low << 32) | high
        cdef state_t found = self.numbers.get(key, depth)
        cdef int32_t* interval
        cdef state_t* row
        cdef int32_t word
        if found == NO_VALUE:
            found = self.add_state(self.length(low) == depth)
            self.intervals = <int32_t*>grow(self.intervals, found + 1, &self.intervals_capacity, 3 * sizeof(int32_t))
            interval = self.intervals + 3 * <size_t>found
            interval[0], interval[1], interval[2] = low, high, depth
            self.numbers.put(key, depth, found)
            if high - low <= MAX_LOOKED_AT:            # what no word goes on with is dead without a search for each byte
                row = self.table + <size_t>found * self.n_classes
                for word in range(self.n_classes):
                    row[word] = DEAD_STATE
                for word in range(low, high):
                    if self.length(word) > depth:
                        row[self.byte_class[self.text[self.offset[word] + depth]]] = UNKNOWN_STATE
        return found

    cdef state_t derive(self, state_t state, uint8_t byte) except? FAILED_STATE:
        cdef int32_t* interval = self.intervals + 3 * <size_t>state
        cdef int32_t low = interval[0], high = interval[1], depth = interval[2], left, right, middle
        if self.byte_class[byte] == 0:
            return DEAD_STATE
        left, right = low, high
        while left < right:                             # the first word that is longer and has at least this byte here
            middle = (left + right) // 2
            if self.length(middle) == depth or self.text[self.offset[middle] + depth] < byte:
                left = middle + 1
            else:
                right = middle
        low, right = left, high
        while left < right:                             # the first word past it with a greater byte
            middle = (left + right) // 2
            if self.text[self.offset[middle] + depth] <= byte:
                left = middle + 1
            else:
                right = middle
        return self.intern(low, left, depth + 1) if low < left else DEAD_STATE

    cpdef tuple labels(self, state_t state):
        cdef int32_t* interval
        cdef int32_t word
        self._check_state(state)
        interval = self.intervals + 3 * <size_t>state
        word, found = interval[0], set()
        while word < interval[1] and self.length(word) == interval[2]:
            found.add(self.numbers_of_words[word])
            word += 1
        return tuple(sorted(found))

    cdef bytes rest(self, int32_t word, int32_t depth):
        return self.blob[self.offset[word] + depth:self.offset[word + 1]]

    cpdef bytes completion(self, state_t state):
        """A shortest rest of a word; None from DEAD."""
        if state == DEAD_STATE:
            return None
        return min(self.completions(state).values(), key=len)

    cpdef dict completions(self, state_t state):
        """For every label, a shortest rest of a word that has it (and no others)."""
        cdef int32_t* interval
        cdef int32_t word, after
        found = {}
        if state == DEAD_STATE:
            return found
        self._check_state(state)
        interval = self.intervals + 3 * <size_t>state
        word = interval[0]
        while word < interval[1]:
            after = word + 1
            while (after < interval[1] and self.length(after) == self.length(word) and memcmp(
                    self.text + self.offset[word], self.text + self.offset[after], self.length(word)) == 0):
                after += 1
            labels = tuple(sorted(set(self.numbers_of_words[word:after])))
            rest = self.rest(word, interval[2])
            if labels not in found or len(rest) < len(found[labels]):
                found[labels] = rest
            word = after
        return found
