# Without: a language less a few texts.  Uses: recognizer, places.
#
# What `uniqueItems` leaves of the strings after some were written.  A state is one of the language and one of the list of
# texts; once the text is a beginning of none of them, it is the language's alone, and so is its mask (see WithoutIndex).


cdef struct Remaining:
    state_t inner
    state_t words                 # DEAD once no word can be read


cdef class Without(Recognizer):
    """The texts that `inner` reads from its state `begin`, but for those of `words`, of which there are few."""
    cdef readonly Recognizer inner
    cdef Recognizer words
    cdef Remaining* parts         # by state
    cdef int32_t parts_capacity
    cdef PairMap numbers          # (inner, words) -> state
    cdef PairMap alive            # (inner, words) -> whether some text is left

    def __dealloc__(self):
        free(self.parts)

    def __init__(self, Recognizer inner, state_t begin, Recognizer words not None, int32_t max_states=4_000_000):
        self.inner, self.words, self.max_states = inner, words, max_states
        self.numbers, self.alive = PairMap(), PairMap()
        self.share_columns([inner, words])
        if begin != DEAD_STATE and self.is_alive(begin, self.words.start):
            self.start = self.intern(begin, self.words.start)

    cdef bint is_alive(self, state_t inner, state_t words) except -1:
        """Whether a text is left: one that the list does not read to its end."""
        cdef state_t here, there, after, read
        cdef int32_t byte, found
        cdef uint8_t[256] looked_at
        if words == DEAD_STATE:
            return True
        found = self.alive.get(inner, words)
        if found != NO_VALUE:
            return found
        found, todo = 0, [(inner, words)]
        while todo and not found:
            here, there = todo.pop()
            found = self.inner.accepting[here] and not self.words.accepting[there]
            memset(looked_at, 0, 256)
            byte = 0
            while byte < 256 and not found:
                if not looked_at[self.byte_class[byte]]:
                    looked_at[self.byte_class[byte]] = 1
                    after = self.inner.after(here, <uint8_t>byte)
                    if after != DEAD_STATE:
                        read = self.words.after(there, <uint8_t>byte)
                        found = read == DEAD_STATE
                        todo.append((after, read))
                byte += 1
        self.alive.put(inner, words, found)
        return found

    cdef state_t intern(self, state_t inner, state_t words) except? FAILED_STATE:
        cdef state_t found = self.numbers.get(inner, words)
        if found == NO_VALUE:
            found = self.add_state(self.inner.accepting[inner] and (words == DEAD_STATE or not self.words.accepting[words]))
            self.parts = <Remaining*>grow(self.parts, found + 1, &self.parts_capacity, sizeof(Remaining))
            self.parts[found] = Remaining(inner, words)
            self.numbers.put(inner, words, found)
        return found

    cdef state_t derive(self, state_t state, uint8_t byte) except? FAILED_STATE:
        cdef Remaining here = self.parts[state]
        cdef state_t inner = self.inner.after(here.inner, byte)
        if inner == DEAD_STATE:
            return DEAD_STATE
        if here.words != DEAD_STATE:
            here.words = self.words.after(here.words, byte)
        return self.intern(inner, here.words) if self.is_alive(inner, here.words) else DEAD_STATE

    cpdef state_t saturate(self, state_t state, Horizon horizon) except? FAILED_STATE:
        cdef Remaining here = self.parts[state]
        return state if here.words != DEAD_STATE else self.intern(self.inner.saturate(here.inner, horizon), DEAD_STATE)

    cpdef tuple labels(self, state_t state):
        if state == DEAD_STATE:
            return ()
        self._check_state(state)
        return self.inner.labels(self.parts[state].inner) if self.accepting[state] else ()

    cpdef bytes completion(self, state_t state):
        """A short rest: that of the language, or one that leaves the listed texts as soon as it can."""
        cdef Remaining here
        cdef state_t inner, words
        cdef int32_t byte
        if state == DEAD_STATE:
            return None
        self._check_state(state)
        here = self.parts[state]
        rest = self.inner.completion(here.inner)
        if here.words == DEAD_STATE or not self.words.is_accepting(self.words.run(here.words, rest)):
            return rest
        queue = [(here.inner, here.words, b"")]
        for inner, words, text in queue:                 # grows while it is read
            found = None
            if self.inner.accepting[inner] and not self.words.accepting[words]:
                return text
            for byte in FROM_LETTERS:
                here.inner = self.inner.after(inner, <uint8_t>byte)
                if here.inner == DEAD_STATE:
                    continue
                here.words = self.words.after(words, <uint8_t>byte)
                longer = <bytes>text + bytes((byte,))
                if here.words != DEAD_STATE:
                    queue.append((here.inner, here.words, longer))
                else:
                    longer += self.inner.completion(here.inner)
                    found = longer if found is None or len(longer) < len(found) else found
            if found is not None:
                return found
        raise AssertionError("a state that is alive has a text left")

    cpdef dict completions(self, state_t state):
        rest = self.completion(state)
        return {} if rest is None else {self.labels(self.run(state, rest)): rest}
