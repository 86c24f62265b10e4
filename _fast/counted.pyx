# Counted: quoted strings of bounded length, all bounds in one automaton.  Uses: recognizer, places.
#
# A state is a state of the unbounded string and what is left of the bounds: characters that must still come, and those
# that may.  So the twentieth character of at most fifty is the first of at most thirty, whatever schema asks, and its mask
# is made once (see CountedIndex).  A character is what `inner` reads between two visits to one state: an escape is one,
# and so are the bytes of one code point.


cdef struct Count:
    state_t inner
    int32_t need                  # characters that must still come
    int32_t room                  # characters that may still come; ANY_ROOM for any number

cdef enum:
    ANY_ROOM = -1
    MAX_COUNT = 1 << 30


cdef class Counted(Recognizer):
    """Strings of `inner` by number of characters; begin(least, most) is the state in which such a string begins.

    inner : reads a quote, any number of characters of one kind, and a quote.      `start` : of strings of any length.
    """
    cdef readonly Recognizer inner
    cdef state_t between             # of `inner`, between two characters
    cdef bytes unit                  # a shortest character
    cdef Count* counts               # by state
    cdef int32_t counts_capacity
    cdef PairMap numbers             # (inner << 32 | need, room) -> state

    def __dealloc__(self):
        free(self.counts)

    def __init__(self, Recognizer inner, int32_t max_states=4_000_000):
        cdef int32_t byte
        self.inner, self.max_states, self.numbers = inner, max_states, PairMap()
        self.between = inner.run(inner.start, b'"')
        if self.between == inner.start or not inner.accepts(b'""'):
            raise ValueError("the automaton must read quoted strings of any length")
        self.unit = self.shortest_character()
        for byte in range(256):
            self.byte_class[byte] = inner.byte_class[byte]
        self.n_classes = inner.n_classes
        self.start = self.begin(0, None)

    cdef bytes shortest_character(self):
        """The first of the shortest characters, a letter if one is as short; b"" if there is none."""
        cdef state_t here, after
        if self.inner.after(self.between, <uint8_t>97) == self.between:
            return b"a"
        queue, seen = [(self.between, b"")], {self.between}
        for here, text in queue:                         # grows while it is read
            for byte in range(256):
                after = self.inner.after(here, <uint8_t>byte)
                if after == self.between:
                    return <bytes>text + bytes((byte,))
                if after != DEAD_STATE and after not in seen and not self.inner.accepting[after]:
                    seen.add(after)
                    queue.append((after, <bytes>text + bytes((byte,))))
        return b""

    def begin(self, int64_t least, most) -> int:
        """The state before a string of `least` to `most` characters (None: any number); DEAD if there is none."""
        cdef int64_t room = ANY_ROOM if most is None else most
        if not 0 <= least <= MAX_COUNT or not ANY_ROOM <= room <= MAX_COUNT:
            raise LimitExceeded("max_states", MAX_COUNT, max(least, room), "the length of a string")
        if not self.unit:
            room = 0
        if room != ANY_ROOM and room < least:
            return DEAD_STATE
        return self.intern(self.inner.start, <int32_t>least, <int32_t>room)

    cdef state_t intern(self, state_t inner, int32_t need, int32_t room) except? FAILED_STATE:
        cdef int64_t key = (<int64_t>inner << 32) | need
        cdef state_t found = self.numbers.get(key, room)
        if found == NO_VALUE:
            found = self.add_state(self.inner.accepting[inner] != 0)
            self.counts = <Count*>grow(self.counts, found + 1, &self.counts_capacity, sizeof(Count))
            self.counts[found] = Count(inner, need, room)
            self.numbers.put(key, room, found)
        return found

    cdef state_t derive(self, state_t state, uint8_t byte) except? FAILED_STATE:
        cdef Count here = self.counts[state]
        cdef state_t inner = self.inner.after(here.inner, byte)
        if inner == DEAD_STATE:
            return DEAD_STATE
        if here.inner == self.between:
            if self.inner.accepting[inner]:              # the closing quote
                return DEAD_STATE if here.need else self.intern(inner, 0, 0)
            if here.room == 0:
                return DEAD_STATE
        if inner == self.between and here.inner != self.inner.start:
            here.need -= here.need > 0
            here.room -= here.room > 0
        return self.intern(inner, here.need, here.room)

    cpdef state_t saturate(self, state_t state, int32_t horizon) except? FAILED_STATE:
        """Bounds out of reach are forgotten: a text of `horizon` bytes holds at most so many characters, or begins one more."""
        cdef Count here = self.counts[state]
        if here.need > horizon + 1:
            here.need = horizon + 2
        if here.room > horizon + 1:
            here.room = ANY_ROOM
        return self.intern(here.inner, here.need, here.room)

    cpdef tuple labels(self, state_t state):
        if state == DEAD_STATE:
            return ()
        self._check_state(state)
        return self.inner.labels(self.counts[state].inner)

    cpdef bytes completion(self, state_t state):
        """A shortest rest: that of the unbounded string, with as many characters as must come before its quote."""
        cdef Count here
        cdef bytes rest
        if state == DEAD_STATE:
            return None
        self._check_state(state)
        here = self.counts[state]
        rest = self.inner.completion(here.inner)
        if not rest:
            return rest
        if here.inner != self.between and here.inner != self.inner.start and here.need:
            here.need -= 1                               # the character that was begun
        return rest[:len(rest) - 1] + self.unit * here.need + rest[len(rest) - 1:]

    cpdef dict completions(self, state_t state):
        rest = self.completion(state)
        return {} if rest is None else {self.labels(self.run(state, rest)): rest}
