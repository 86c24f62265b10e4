# Outcomes with their sets of lookaheads: finished ones, and one in the making that others are united in.  Uses: types.
#
# An outcome is a number, 0 the end of the whole text; a set of lookaheads is a row of 64-bit words (saturation.pyx).

cdef enum:
    FINISHED_OUTCOME = 0

cdef struct Sets:         # outcome -> set of lookaheads
    int32_t n, capacity
    int32_t* outcome
    uint64_t* bits        # [n][width]


@cython.final
cdef class Gathered:
    """Sets in the making: a dense table of outcomes."""
    cdef Sets sets
    cdef int32_t* place   # outcome -> its number in sets, or -1
    cdef int32_t n_outcomes, width

    def __cinit__(self, int32_t n_outcomes, int32_t width):
        cdef int32_t k
        self.n_outcomes, self.width = n_outcomes, width
        self.place = <int32_t*>malloc(<size_t>(n_outcomes + 1) * sizeof(int32_t))
        if self.place == NULL:
            raise MemoryError()
        for k in range(n_outcomes):
            self.place[k] = -1

    def __dealloc__(self):
        free(self.place)
        free(self.sets.outcome)
        free(self.sets.bits)

    cdef void clear(self) noexcept:
        cdef int32_t k
        for k in range(self.sets.n):
            self.place[self.sets.outcome[k]] = -1
        self.sets.n = 0

    cdef int add(self, int32_t outcome, const uint64_t* bits, const uint64_t* only) except -1:
        """Unite with one set of lookaheads; `only`: those in it, if not NULL."""
        cdef int32_t at = self.place[outcome], k
        cdef uint64_t any_bit = 0
        cdef uint64_t* row
        if at < 0:
            if only != NULL:
                for k in range(self.width):
                    any_bit |= bits[k] & only[k]
                if any_bit == 0:
                    return 0
            at = self.place[outcome] = add_outcome(&self.sets, outcome, self.width)
        row = self.sets.bits + <size_t>at * self.width
        for k in range(self.width):
            row[k] |= bits[k] & only[k] if only != NULL else bits[k]
        return 0

    cdef int finish(self) except -1:
        """The whole text may be over."""
        if self.place[FINISHED_OUTCOME] < 0:
            self.place[FINISHED_OUTCOME] = add_outcome(&self.sets, FINISHED_OUTCOME, self.width)
        self.sets.bits[<size_t>self.place[FINISHED_OUTCOME] * self.width] |= <uint64_t>1
        return 0

    cdef int add_all(self, const Sets* other) except -1:
        cdef int32_t k
        for k in range(other.n):
            self.add(other.outcome[k], other.bits + <size_t>k * self.width, NULL)
        return 0

    cdef bint put_into(self, Sets* other) except -1:
        """Unite `other` with what was gathered; whether it has grown."""
        cdef int32_t k, j, at
        cdef bint grown = False
        cdef uint64_t more
        cdef uint64_t* to
        cdef const uint64_t* row
        cdef int32_t n_known = other.n
        for k in range(n_known):
            at = self.place[other.outcome[k]]
            if at < 0:
                continue
            to, row = other.bits + <size_t>k * self.width, self.sets.bits + <size_t>at * self.width
            for j in range(self.width):
                more = row[j] & ~to[j]
                if more:
                    to[j] |= more
                    grown = True
            self.place[other.outcome[k]] = -2 - at     # is there
        for k in range(self.sets.n):
            if self.place[self.sets.outcome[k]] < -1:
                self.place[self.sets.outcome[k]] = k
                continue
            at = add_outcome(other, self.sets.outcome[k], self.width)
            memcpy(other.bits + <size_t>at * self.width, self.sets.bits + <size_t>k * self.width, 8 * <size_t>self.width)
            grown = True
        return grown


cdef int32_t add_outcome(Sets* sets, int32_t outcome, int32_t width) except -1:
    """The place of a new, empty set."""
    cdef int32_t capacity
    cdef int32_t* outcomes
    cdef uint64_t* bits
    if sets.n == sets.capacity:
        capacity = 2 * sets.capacity + 2
        outcomes = <int32_t*>realloc(sets.outcome, <size_t>capacity * sizeof(int32_t))
        if outcomes == NULL:
            raise MemoryError()
        sets.outcome = outcomes
        bits = <uint64_t*>realloc(sets.bits, <size_t>capacity * width * 8)
        if bits == NULL:
            raise MemoryError()
        sets.bits, sets.capacity = bits, capacity
    sets.outcome[sets.n] = outcome
    memset(sets.bits + <size_t>sets.n * width, 0, 8 * <size_t>width)
    sets.n += 1
    return sets.n - 1


cdef void free_sets(Sets* sets) noexcept:
    free(sets.outcome)
    free(sets.bits)
