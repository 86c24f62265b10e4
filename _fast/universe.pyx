# Universe: in which states is a string free but for its end?  Uses: Recognizer, LexerIndex.


cdef enum:
    MAX_PAIRS = 300               # states looked at to find out that a string is free


cdef class Universe:
    """Strings of which those of another lexer are some, and in which of its states it is as free as they are.

    The pattern `cat|dog` may be found anywhere in a string: until then any character may follow, so that the tokens that
    stay inside are those of any string, whatever was read.
    """
    cdef LexerIndex index
    cdef state_t between          # of index.lexer, between two characters
    cdef dict known               # state of the other lexer -> whether all that is free in `between` is free there

    def __cinit__(self, LexerIndex index):
        self.index, self.known = index, {}
        self.between = index.lexer.run(index.lexer.start, b'"')

    cdef bint holds(self, Recognizer lexer, state_t state) except -1:
        """Whether from `state` the lexer reads what the universe reads from `between`, closing quotes apart.

        A walk over pairs of states, breadth first; a difference is found at once where there is one nearby.
        """
        cdef Recognizer universe = self.index.lexer
        cdef state_t here, there, after, beyond
        cdef state_t[MAX_PAIRS] left, right            # the pairs reached, in the order in which they are looked at
        cdef PairMap reached = PairMap()
        cdef int32_t byte, column, other, number = 0, n_pairs = 1
        found = self.known.get(state)
        if found is not None:
            return found
        self.known[state] = False
        if self.between < 0:
            return False
        left[0], right[0] = state, self.between
        reached.put(state, self.between, 0)
        while number < n_pairs:
            here, there = left[number], right[number]
            number += 1
            column = other = -1
            for byte in range(256):
                if lexer.byte_class[byte] == column and universe.byte_class[byte] == other:
                    continue                           # as the byte before
                column, other = lexer.byte_class[byte], universe.byte_class[byte]
                after, beyond = lexer.after(here, <uint8_t>byte), universe.after(there, <uint8_t>byte)
                if beyond >= 0 and universe.accepting[beyond]:
                    if byte != QUOTE_BYTE or (after >= 0 and not (lexer.accepting[after] and lexer.ends_at(after))):
                        return False
                    continue
                if (after >= 0) != (beyond >= 0) or (after >= 0 and lexer.accepting[after]):
                    return False
                if after >= 0 and reached.get(after, beyond) == NO_VALUE:
                    if n_pairs >= MAX_PAIRS:
                        return False
                    reached.put(after, beyond, n_pairs)
                    left[n_pairs], right[n_pairs] = after, beyond
                    n_pairs += 1
        for number in range(n_pairs):
            if right[number] == self.between:
                self.known[left[number]] = True
        return True
