# Embedding: a grammar with other languages inside, as a network.  Uses: Network.
#
# The grammar reads a *placeholder* where a text of another language stands (guided/context_free/embedding.py).  Where it could
# read one, the other language is entered without reading anything; where that may end, the grammar goes on after the placeholder.


cdef enum:
    PLACEHOLDER_BYTE = 0xF4       # first byte of the placeholders, U+10FF00 and on


cdef class Embedding(Network):
    """A grammar that reads a placeholder (one character of plane 16) where a text of another language stands.

    grammar : reads texts with placeholders.     placeholders : for each embedded language, its four bytes.
    Position 0 is the grammar; every other one is an embedded language with the grammar's state after its placeholder.
    """
    cdef list placeholders           # number of the language -> bytes
    cdef list inner                  # number of the language -> Recognizer
    cdef list inner_closing
    cdef list returns                # position -> the item of the grammar after it
    cdef dict positions              # (number of the language, state of the grammar after it) -> position
    cdef dict wholes                 # Recognizer -> its shortest text

    def __init__(self, Recognizer grammar, list placeholders, list inner, closing, int32_t max_states=1_000_000):
        self.prepare(max_states)
        self.placeholders, self.inner, self.inner_closing = placeholders, inner, list(closing)
        self.positions, self.wholes = {}, {}
        self.parts, self.closing, self.is_last, self.singles, self.returns = [grammar], [None], [True], [{}], [None]
        if grammar.start >= 0:
            self.start = self.intern((<int64_t>grammar.start,))

    cdef object enter(self, int32_t number, state_t after):
        """The item at the start of an embedded language, after which the grammar goes on in the state `after`."""
        key = (number, after)
        found = self.positions.get(key)
        if found is None:
            if len(self.parts) >= self.max_states:
                raise LimitExceeded("max_states", self.max_states, len(self.parts) + 1, "the embedded languages")
            found = self.positions[key] = len(self.parts)
            self.parts.append(self.inner[number])
            self.closing.append(self.inner_closing[number])
            self.is_last.append(False)
            self.singles.append({})
            self.returns.append((after,))
        return self.entry(found)

    cdef tuple follow_of(self, int64_t item):
        cdef int64_t position = item >> 32
        cdef state_t state = <state_t>(item & 0xFFFFFFFF), after
        cdef Recognizer part = self.parts[position]
        cdef int32_t number
        if position:
            if part.accepting[state]:
                return (self.returns[position], ())
            return ((), self.returns[position]) if part.ends_in_doubt(state) else ((), ())
        certain, doubtful = [], []
        for number in range(len(self.placeholders)):
            after = part.run(state, self.placeholders[number])
            if after >= 0:
                certain.append(self.enter(number, after))
            elif after == DOUBT_STATE:                 # the state after it is not known, what may be read is
                doubtful.append(self.enter(number, part.start))
        return (tuple(certain), tuple(doubtful))

    cdef bint goes_on(self, int64_t item) except -1:
        cdef Recognizer part = <Recognizer>self.parts[item >> 32]
        cdef state_t state = <state_t>(item & 0xFFFFFFFF)
        if item >> 32 == 0:
            return not part.accepting[state] and part.after(state, PLACEHOLDER_BYTE) == DEAD_STATE
        return not part.accepting[state] and not part.ends_in_doubt(state)

    cdef bint may_end(self, int64_t item) except -1:
        return item >> 32 == 0 and (<Recognizer>self.parts[0]).accepting[item & 0xFFFFFFFF] != 0

    cdef state_t read(self, int64_t item, uint8_t byte) except? FAILED_STATE:
        if item >> 32 == 0 and byte == PLACEHOLDER_BYTE:
            return DEAD_STATE
        return (<Recognizer>self.parts[item >> 32]).after(<state_t>(item & 0xFFFFFFFF), byte)

    cdef bytes find_bytes_after(self, int64_t position):
        cdef Recognizer part
        found = set()
        if position:
            part = self.parts[0]
            found.update(part.live_bytes(self.returns[position][0]))
            found.discard(PLACEHOLDER_BYTE)
        for part in self.inner:
            if part.accepting[part.start]:             # it may be empty, so that anything may follow at once
                return bytes(range(256))
            found.update(part.live_bytes(part.start))
        return bytes(sorted(found))

    cdef int32_t only_byte(self, state_t state) except -3:
        return Recognizer.only_byte(self, state)

    cpdef bytes completion(self, state_t state):
        """The grammar's own completion with a shortest text of its language in the place of every placeholder."""
        cdef Recognizer part, grammar = self.parts[0]
        if state == DEAD_STATE:
            return None
        self._check_state(state)
        if self.accepting[state]:
            return b""
        best = None
        for item in self.items[state]:
            part = self.parts[item >> 32]
            rest = part.completion(item & 0xFFFFFFFF)
            if rest is not None and item >> 32:
                more = grammar.completion(self.returns[item >> 32][0])
                rest = None if more is None else rest + self.spell(more)
            elif rest is not None:
                rest = self.spell(rest)
            if rest is not None and (best is None or len(rest) < len(best)):
                best = rest
        return best

    cdef object spell(self, bytes text):
        """A text of the grammar with its placeholders written out; None if one cannot be."""
        cdef Recognizer part
        for number, part in enumerate(self.inner):
            if self.placeholders[number] in text:
                if part not in self.wholes:
                    self.wholes[part] = part.completion(part.start)
                if self.wholes[part] is None:
                    return None
                text = text.replace(self.placeholders[number], self.wholes[part])
        return text
