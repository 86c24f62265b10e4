# How far every state of a byte automaton is from the end, and the bytes of a shortest way there.  Uses: nfa.
#
# Distances are kept per loop body: d[s] leads to the end of the round in which s stands, or to acceptance outside all
# loops.  What is left of a place is then d, the rounds still owed, and the same for the state after the loop; so that a
# repeat of a million rounds costs as much as one of two.

cdef int64_t FAR = 1152921504606846976     # farther than any text
MAX_COMPLETION = 16 * 2**20      # bytes of one completion


cdef class Distances:
    """Shortest ways to acceptance in a finished Nfa."""
    cdef Nfa nfa
    cdef int64_t* distance           # per state: bytes to the end of its round; FAR if there is no way
    cdef int64_t* move               # per state: the edge taken (>= 0), the empty edge ~k (< 0)
    cdef dict rounds                 # loop -> the bytes of a shortest round

    def __dealloc__(self):
        free(self.distance); free(self.move)

    def __init__(self, Nfa nfa):
        cdef int32_t state
        cdef bint forward = True
        self.nfa, self.rounds = nfa, {}
        self.distance = <int64_t*>calloc(nfa.n_states + 1, sizeof(int64_t))
        self.move = <int64_t*>calloc(nfa.n_states + 1, sizeof(int64_t))
        if self.distance == NULL or self.move == NULL:
            raise MemoryError()
        for state in range(nfa.n_states):
            self.distance[state] = 0 if nfa.states[state].label >= 0 or nfa.states[state].loop >= 0 else FAR
        # States mostly lead to states made before them: one sweep settles plain patterns, the second confirms it.
        while self.sweep(forward):
            forward = not forward

    cdef bint sweep(self, bint forward) noexcept:
        """Shorten what can be shortened, once per state; whether anything changed."""
        cdef int32_t k, e, state, n = self.nfa.n_states
        cdef int64_t cost
        cdef NfaState* node
        cdef NfaEdge* edge
        cdef bint changed = False
        for k in range(n):
            state = k if forward else n - 1 - k
            node = &self.nfa.states[state]
            if node.label >= 0 or node.loop >= 0:
                continue
            for e in range(node.n_edges):
                edge = &self.nfa.edges[node.edge + e]
                if edge.low <= edge.high:
                    cost = 1 + self.to_end(edge.target, node.within)
                    if cost < self.distance[state]:
                        self.distance[state], self.move[state], changed = cost, node.edge + e, True
            for e in range(node.n_empty):
                cost = self.to_end(self.nfa.empties[node.empty + e], node.within)
                if cost < self.distance[state]:
                    self.distance[state], self.move[state], changed = cost, ~<int64_t>(node.empty + e), True
        return changed

    cdef int64_t to_end(self, int32_t state, int32_t loop) noexcept:
        """Bytes from `state`, all loops inside `loop` being entered anew, to the end of a round of `loop`."""
        cdef int64_t total = 0, owed
        cdef int32_t inner
        while True:
            total += self.distance[state]
            inner = self.nfa.states[state].within
            if inner == loop or total >= FAR:
                return min(total, FAR)
            owed = self.nfa.loops[inner].least - 1
            if owed > 0:
                total += min(owed * min(self.distance_of_round(inner), FAR >> 33), FAR)
            state = self.nfa.loops[inner].exit

    cdef int64_t distance_of_round(self, int32_t loop) noexcept:
        """Bytes of a shortest round of `loop`."""
        return self.to_end(self.nfa.loops[loop].entry, loop)

    cdef int64_t left(self, int32_t state, uint64_t counters) noexcept:
        """Bytes from a place to acceptance."""
        cdef int64_t total = 0, owed
        cdef int32_t loop
        cdef NfaLoop* about
        while True:
            total += self.distance[state]
            loop = self.nfa.states[state].within
            if loop < 0 or total >= FAR:
                return min(total, FAR)
            about = &self.nfa.loops[loop]
            owed = about.least - 1 - <int64_t>((counters >> about.shift) & <uint64_t>about.mask)
            if owed > 0:
                total += min(owed * min(self.distance_of_round(loop), FAR >> 33), FAR)
            counters &= ~(<uint64_t>about.mask << about.shift)
            state = about.exit

    def bytes_left(self, int32_t state, uint64_t counters):
        """Bytes from a place to acceptance, a Python int."""
        return self.left(state, counters)

    def way(self, int32_t state, uint64_t counters):
        """The bytes of a shortest way from a place to acceptance.  Raises LimitExceeded beyond 16 MiB."""
        cdef int32_t loop
        cdef int64_t owed
        cdef NfaLoop* about
        if self.left(state, counters) > MAX_COMPLETION:
            raise LimitExceeded("max_completion_bytes", MAX_COMPLETION, self.left(state, counters), "the shortest text")
        pieces = []
        while True:
            loop = self.nfa.states[state].within
            pieces.append(self.to_round_end(state, loop))
            if loop < 0:
                return b"".join(pieces)
            about = &self.nfa.loops[loop]
            owed = about.least - 1 - <int64_t>((counters >> about.shift) & <uint64_t>about.mask)
            if owed > 0:
                pieces.append(self.round_of(loop) * owed)
            counters &= ~(<uint64_t>about.mask << about.shift)
            state = about.exit

    cdef bytes round_of(self, int32_t loop):
        """The bytes of a shortest round of `loop`."""
        found = self.rounds.get(loop)
        if found is None:
            found = self.rounds[loop] = self.to_round_end(self.nfa.loops[loop].entry, loop)
        return found

    cdef bytes to_round_end(self, int32_t state, int32_t loop):
        """The bytes from `state` to the end of a round of `loop` (-1: to acceptance), inner loops entered anew."""
        cdef int64_t move
        cdef int32_t inner, turned
        text = bytearray()
        while True:
            inner = self.nfa.states[state].within
            if self.nfa.states[state].label >= 0:
                return bytes(text)
            turned = self.nfa.states[state].loop
            if turned >= 0:
                if turned == loop:
                    return bytes(text)
                if self.nfa.loops[turned].least > 1:        # entered anew: one round is done
                    text += self.round_of(turned) * (self.nfa.loops[turned].least - 1)
                state = self.nfa.loops[turned].exit
                continue
            move = self.move[state]
            if move < 0:
                state = self.nfa.empties[~move]
            else:
                text.append(friendly(self.nfa.edges[move].low, self.nfa.edges[move].high))
                state = self.nfa.edges[move].target


cdef uint8_t friendly(uint8_t low, uint8_t high) noexcept:
    """A byte of low..high that people can read, if there is one."""
    for wanted in (0x61, 0x41, 0x30, 0x20):                  # a, A, 0, blank
        if low <= wanted <= high:
            return <uint8_t>wanted
    return low if low > 0x20 or high <= 0x20 else 0x21
