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
        cdef int32_t byte, column, other
        found = self.known.get(state)
        if found is not None:
            return found
        self.known[state] = False
        if self.between < 0:
            return False
        pairs = {(state, self.between): None}
        queue = [(state, self.between)]
        for here, there in queue:                      # grows while it is read
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
                if after >= 0 and (after, beyond) not in pairs:
                    if len(pairs) >= MAX_PAIRS:
                        return False
                    pairs[after, beyond] = None
                    queue.append((after, beyond))
        for here, there in queue:
            if there == self.between:
                self.known[here] = True
        return True
