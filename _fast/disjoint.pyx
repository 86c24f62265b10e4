# Disjoint: languages of which no two begin with the same byte, side by side.  Uses: recognizer, places.
#
# What may stand where a JSON value does: a string, a number, a word, an opening bracket.  The first byte says which of them
# is read, and from there on a state is one of that part's.  So nothing is compiled for a combination, and what an index
# knows of a part it knows for all combinations (see DisjointIndex).


cdef struct Member:
    int32_t part
    state_t inner


cdef class Disjoint(Recognizer):
    """The union of `parts`, each a recogniser and the state of it in which the part begins.

    Labels are those of the parts.  Raises ValueError if two parts begin with the same byte, or one holds the empty text.
    """
    cdef list parts                  # of Recognizer
    cdef list begins                 # the state of each part in which it begins
    cdef Member* members             # state -> part and its state; part -1 for the start
    cdef int32_t members_capacity
    cdef PairMap numbers             # (state of the part, part) -> state

    def __dealloc__(self):
        free(self.members)

    def __init__(self, parts, int32_t max_states=4_000_000):
        cdef int32_t byte, number
        cdef state_t begin, after, found
        cdef Recognizer part
        self.max_states, self.numbers = max_states, PairMap()
        self.parts = [part for part, _ in parts]
        self.begins = [begin for _, begin in parts]
        self.is_narrow = True
        for number in range(len(self.parts)):
            part, begin = self.parts[number], self.begins[number]
            if begin != DEAD_STATE:
                part._check_state(begin)
                if part.accepting[begin]:
                    raise ValueError("no part may hold the empty text")
            self.is_narrow = self.is_narrow and part.is_narrow
        self.share_columns(self.parts)
        self.start = self.add_state(False)
        self.members = <Member*>grow(self.members, 1, &self.members_capacity, sizeof(Member))
        self.members[0] = Member(-1, DEAD_STATE)
        for byte in range(256):
            found = DEAD_STATE
            for number in range(len(self.parts)):
                begin = self.begins[number]
                if begin == DEAD_STATE:
                    continue
                after = (<Recognizer>self.parts[number]).after(begin, <uint8_t>byte)
                if after == DEAD_STATE:
                    continue
                if found != DEAD_STATE:
                    raise ValueError(f"two parts begin with the byte {byte:#x}")
                found = self.intern(number, after)
            self.table[self.byte_class[byte]] = found
        if self.n_made == 1:
            self.start = DEAD_STATE

    cdef state_t intern(self, int32_t part, state_t inner) except? FAILED_STATE:
        cdef state_t found = self.numbers.get(inner, part)
        cdef Recognizer language
        if found == NO_VALUE:
            language = self.parts[part]
            found = self.add_state(False)
            if language.accepting[inner]:
                self.accepting[found] = ACCEPTS_AND_ENDS if language.ends_at(inner) else ACCEPTS_AND_GOES_ON
            self.members = <Member*>grow(self.members, found + 1, &self.members_capacity, sizeof(Member))
            self.members[found] = Member(part, inner)
            self.numbers.put(inner, part, found)
        return found

    cdef inline Recognizer part_at(self, state_t state):
        """The part that is read in a state that is not the start."""
        return <Recognizer>self.parts[self.members[state].part]

    cdef state_t derive(self, state_t state, uint8_t byte) except? FAILED_STATE:
        cdef Member here = self.members[state]
        cdef state_t inner = (<Recognizer>self.parts[here.part]).after(here.inner, byte)
        return DEAD_STATE if inner == DEAD_STATE else self.intern(here.part, inner)

    cpdef state_t saturate(self, state_t state, Horizon horizon) except? FAILED_STATE:
        cdef Member here = self.members[state]
        cdef state_t inner
        if here.part < 0:
            return state
        inner = self.part_at(state).saturate(here.inner, horizon)
        return state if inner == here.inner else self.intern(here.part, inner)

    cpdef tuple labels(self, state_t state):
        if state == DEAD_STATE or state == self.start:
            return ()
        self._check_state(state)
        return self.part_at(state).labels(self.members[state].inner)

    cpdef bytes completion(self, state_t state):
        if state == DEAD_STATE:
            return None
        return min(self.completions(state).values(), key=len)

    cpdef dict completions(self, state_t state):
        """Those of the part; at the start, those after every first byte."""
        cdef int32_t byte
        cdef state_t after, last = DEAD_STATE
        found = {}
        if state == DEAD_STATE:
            return found
        self._check_state(state)
        if state != self.start:
            return self.part_at(state).completions(self.members[state].inner)
        seen = set()
        for byte in range(256):
            after = self.table[self.byte_class[byte]]
            if after == DEAD_STATE or after in seen:
                continue
            seen.add(after)
            for labels, rest in self.completions(after).items():
                if labels not in found or len(rest) + 1 < len(found[labels]):
                    found[labels] = bytes((byte,)) + rest
        return found
