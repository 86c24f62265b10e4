# The byte automaton of a regular language, built backwards: every piece is made with the state that follows it.  Uses: types.
#
# A state has byte edges (a range of bytes -> state), empty edges, perhaps a label (accepting) or a counted loop.
# Counted repeats are *not* unrolled: a loop state carries {least, most}, and a place in the automaton is the state's number
# together with the counters of the loops around it, packed into one 64-bit number (dfa.pyx).
# Source: Thompson (1968) for the construction; the counters follow Gelade, Gyssens, Martens (SIAM J. Comput. 41, 2012).


cdef struct NfaState:
    int32_t edge        # first of n_edges in `edges`
    int32_t n_edges
    int32_t empty       # first of n_empty in `empties`
    int32_t n_empty
    int32_t label       # the alternative that is complete here, -1: none
    int32_t loop        # the counted loop at whose end this state stands, -1: none
    int32_t within      # the innermost counted loop around this state, -1: none
    int32_t closure     # first of n_closure in `closures`; -1: not computed yet
    int32_t n_closure

cdef struct NfaEdge:
    int32_t target
    uint8_t low         # bytes low..high, inclusive
    uint8_t high

cdef struct NfaLoop:
    int64_t least       # completed rounds before the loop may be left
    int64_t most        # rounds at most; -1: any number
    int64_t mask        # of the counter, shifted down: counts 0..most - 1 (0..least - 1 if unbounded)
    int32_t shift       # where the counter stands among the counters
    int32_t bits        # counter bits of this loop and those around it
    int32_t parent      # the loop around this one, -1: none
    int32_t entry       # first state of the body
    int32_t exit        # the state after the loop
    int32_t state       # the loop's own state, where a round ends
    int32_t active      # scratch: this round is being opened without a byte in between
    int32_t shortest    # bytes of the shortest round, at most MAX_SHORTEST; 0: not asked yet

cdef enum:
    NO_STATE = -1
    EMPTY_MOVES = 20    # states that may be visited without a byte, for each state that an Nfa may have


cdef void* grow(void* memory, size_t count, int32_t* capacity, size_t size) except NULL:
    """`memory` with room for at least `count` items of `size` bytes."""
    cdef size_t wanted = <size_t>capacity[0]
    if count <= wanted and memory != NULL:
        return memory
    while wanted < count:
        wanted = max(64, wanted * 2)
    memory = realloc(memory, wanted * size)
    if memory == NULL:
        raise MemoryError()
    capacity[0] = <int32_t>wanted
    return memory


cdef class Nfa:
    """A byte automaton under construction; states are ints, and -1 as the state that follows means: no text at all."""
    cdef NfaState* states
    cdef NfaEdge* edges
    cdef int32_t* empties            # pool of empty edges: where they lead
    cdef NfaLoop* loops
    cdef int32_t* closures           # pool of closures: states with byte edges, a label or a loop
    cdef int32_t* stack              # scratch of `collect`
    cdef int32_t* seen               # scratch of `collect`: the round in which a state was seen
    cdef int32_t n_states, n_edges, n_empties, n_loops, n_closures, round
    cdef int32_t states_capacity, edges_capacity, empties_capacity, loops_capacity, closures_capacity
    cdef int32_t stack_capacity, seen_capacity
    cdef int32_t max_states          # Limits.max_nfa_states
    cdef int64_t n_visited           # states visited by `collect` so far
    cdef int32_t current             # the counted loop that is being built
    cdef int32_t bits                # counter bits needed by the deepest nest of loops
    cdef tuple classes               # (edges it was made for, 256 class numbers, their count), or None
    cdef dict accepts                # label -> its accepting state
    cdef dict round_bytes            # loop -> with which bytes its rounds end and begin (rounds.pyx)

    def __init__(self, int32_t max_states=1_000_000):
        self.max_states = max_states
        self.current = -1
        self.accepts, self.round_bytes = {}, {}

    def __dealloc__(self):
        free(self.states); free(self.edges); free(self.empties); free(self.loops)
        free(self.closures); free(self.stack); free(self.seen)

    def __len__(self):
        return self.n_states

    # ---- building ----

    cdef int32_t add(self, int32_t n_edges, int32_t n_empty) except -1:
        """A new state with room for its edges at the end of both pools."""
        cdef NfaState* state
        if self.n_states >= self.max_states:
            raise LimitExceeded("max_nfa_states", self.max_states, self.n_states + 1, "the pattern")
        self.states = <NfaState*>grow(self.states, self.n_states + 1, &self.states_capacity, sizeof(NfaState))
        self.edges = <NfaEdge*>grow(self.edges, self.n_edges + n_edges, &self.edges_capacity, sizeof(NfaEdge))
        self.empties = <int32_t*>grow(self.empties, self.n_empties + n_empty, &self.empties_capacity, sizeof(int32_t))
        state = &self.states[self.n_states]
        state.edge, state.n_edges = self.n_edges, n_edges
        state.empty, state.n_empty = self.n_empties, n_empty
        state.label = state.loop = state.closure = -1
        state.n_closure = 0
        state.within = self.current
        self.n_edges += n_edges
        self.n_empties += n_empty
        self.n_states += 1
        return self.n_states - 1

    def accept(self, int32_t label=0):
        """The state in which alternative `label` is complete."""
        state = self.accepts.get(label)
        if state is None:
            state = self.accepts[label] = self.add(0, 0)
            self.states[state].label = label
        return state

    def literal(self, const uint8_t[::1] text, int32_t follow):
        """The bytes of `text`, then `follow`."""
        cdef Py_ssize_t position
        cdef int32_t state
        for position in range(text.shape[0] - 1, -1, -1):
            state = self.add(1, 0)
            self.edges[self.states[state].edge] = NfaEdge(follow, text[position], text[position])
            follow = state
        return follow

    def graph(self, const int32_t[::1] graph, int32_t follow):
        """A copy of an acyclic byte graph: per node, its number of edges, then (low, high, node or -1 for `follow`) each.

        Nodes come after the nodes they lead to; the last one is the first state.
        """
        cdef Py_ssize_t here = 0
        cdef int32_t first = self.n_states, state = NO_STATE, count, k
        cdef NfaEdge* edge
        while here < graph.shape[0]:
            count = graph[here]
            here += 1
            state = self.add(count, 0)
            edge = &self.edges[self.states[state].edge]
            for k in range(count):
                edge[k].low, edge[k].high = <uint8_t>graph[here], <uint8_t>graph[here + 1]
                edge[k].target = follow if graph[here + 2] < 0 else first + graph[here + 2]
                here += 3
        return state

    def split(self, targets):
        """A state from which every one of `targets` goes on without a byte; -1 targets are left out."""
        targets = [target for target in targets if target >= 0]
        if not targets:
            return NO_STATE
        if len(targets) == 1:
            return targets[0]
        state = self.add(0, <int32_t>len(targets))
        self.set_targets(state, targets)
        return state

    def set_targets(self, int32_t state, list targets):
        """Fill the empty edges of a state made by `knot`, or less of them."""
        cdef int32_t k, first = self.states[state].empty
        self.states[state].n_empty = <int32_t>len(targets)
        for k in range(<int32_t>len(targets)):
            self.empties[first + k] = targets[k]

    def knot(self, int32_t n_targets=2):
        """A state whose empty edges are filled in later: where a loop closes."""
        state = self.add(0, n_targets)
        self.states[state].n_empty = 0
        return state

    def table(self, Table table, dict follows):
        """A copy of a finished automaton: from a state with labels L the states follows[L] follow.  Returns its first state."""
        cdef int32_t first = self.n_states, state, byte, low, target, n_edges, made, k
        cdef int32_t* row
        cdef const uint8_t* classes = table.byte_class
        cdef NfaEdge[256] edges
        if table.start < 0:
            return NO_STATE
        for state in range(table.n_states):
            row = table.follow + <size_t>state * table.n_columns
            n_edges, low = 0, 0
            for byte in range(1, 257):
                if byte == 256 or row[classes[byte]] != row[classes[low]]:
                    if row[classes[low]] >= 0:
                        edges[n_edges] = NfaEdge(first + row[classes[low]], <uint8_t>low, <uint8_t>(byte - 1))
                        n_edges += 1
                    low = byte
            targets = follows[table.labels[state]] if table.labels[state] else []
            made = self.add(n_edges, <int32_t>len(targets))
            memcpy(self.edges + self.states[made].edge, edges, n_edges * sizeof(NfaEdge))
            for k in range(<int32_t>len(targets)):
                self.empties[self.states[made].empty + k] = targets[k]
        return first + table.start

    @property
    def labels(self):
        """The labels of the alternatives so far."""
        return sorted(self.accepts)

    def forget(self):
        """Drop the remembered closures: edges have been added since."""
        cdef int32_t state
        for state in range(self.n_states):
            self.states[state].closure = -1
        self.n_closures = 0

    def open_loop(self, int64_t least, int64_t most, int32_t follow):
        """A counted loop around what is built until `close_loop`; returns the state that follows its body.

        most : -1 for any number.  A body that may be empty must come with least 0.
        """
        cdef NfaLoop* loop
        cdef int32_t outer_bits = self.loops[self.current].bits if self.current >= 0 else 0
        cdef int32_t index = self.n_loops, state, width = 0
        cdef int64_t highest = (most if most >= 0 else least) - 1
        state = self.add(0, 0)
        while highest >> width:
            width += 1
        if outer_bits + width > 58:
            raise LimitExceeded("max_nfa_states", self.max_states, 2**62, "a nest of counted repeats")
        self.loops = <NfaLoop*>grow(self.loops, index + 1, &self.loops_capacity, sizeof(NfaLoop))
        self.n_loops += 1
        loop = &self.loops[index]
        loop.least, loop.most, loop.parent, loop.exit, loop.state = least, most, self.current, follow, state
        loop.shift, loop.mask, loop.bits = outer_bits, (<int64_t>1 << width) - 1, outer_bits + width
        loop.active, loop.entry, loop.shortest = 0, NO_STATE, 0
        self.states[state].loop = index
        self.states[state].within = index
        self.bits = max(self.bits, loop.bits)
        self.current = index
        return state

    def close_loop(self, int32_t entry):
        """End the loop opened last: its body starts at `entry`."""
        cdef NfaLoop* loop = &self.loops[self.current]
        loop.entry = entry
        self.current = loop.parent

    # ---- reading ----

    cdef int close(self, int32_t state) except -1:
        """Remember the closure of `state`: what can be reached without a byte, loops left closed."""
        cdef int32_t first = self.n_closures
        self.collect(state)
        self.states[state].closure = first
        self.states[state].n_closure = self.n_closures - first
        return 0

    cdef int collect(self, int32_t origin) except -1:
        """Append to `closures` all states with byte edges, a label or a loop that `origin` reaches without a byte.

        The end of a loop's body is left out if `origin` is not in that body: no byte was read in the round, and bodies that
        may be empty have least 0.
        """
        cdef int32_t depth = 1, k, item, state
        cdef NfaState* node
        if self.n_visited >= EMPTY_MOVES * <int64_t>self.max_states:      # at most that many items in `closures`
            raise LimitExceeded("max_nfa_states", self.max_states, self.n_visited // EMPTY_MOVES, "the pattern's empty moves")
        self.seen = <int32_t*>grow_zeroed(self.seen, self.n_states, &self.seen_capacity)
        self.stack = <int32_t*>grow(self.stack, self.n_states + 1, &self.stack_capacity, sizeof(int32_t))
        self.round += 1
        self.stack[0] = origin
        self.seen[origin] = self.round
        while depth:
            depth -= 1
            self.n_visited += 1
            state = self.stack[depth]
            node = &self.states[state]
            if node.label >= 0 or node.n_edges or node.loop >= 0 and self.inside(origin, node.loop):
                self.closures = <int32_t*>grow(self.closures, self.n_closures + 1, &self.closures_capacity, sizeof(int32_t))
                self.closures[self.n_closures] = state
                self.n_closures += 1
            for k in range(node.n_empty):
                item = self.empties[node.empty + k]
                if self.seen[item] != self.round:
                    self.seen[item] = self.round
                    self.stack[depth] = item
                    depth += 1
        return 0

    cdef bint inside(self, int32_t state, int32_t loop) noexcept:
        """Whether `state` belongs to the body of `loop`."""
        cdef int32_t around = self.states[state].within
        while around > loop:                        # inner loops are opened later: their numbers are higher
            around = self.loops[around].parent
        return around == loop

    def packed(self):
        """The whole automaton as bytes, for fingerprints."""
        cdef int32_t k
        numbers = array("q", bytes(8 * (2 * self.n_states + self.n_edges + self.n_empties)))
        cdef int64_t[::1] out = numbers
        cdef int64_t at = 0
        for k in range(self.n_states):
            out[at] = (<int64_t>self.states[k].n_edges << 32) | self.states[k].n_empty
            out[at + 1] = (<int64_t>self.states[k].label << 32) ^ <uint32_t>self.states[k].loop
            at += 2
        for k in range(self.n_edges):
            out[at] = (<int64_t>self.edges[k].target << 16) | (self.edges[k].low << 8) | self.edges[k].high
            at += 1
        for k in range(self.n_empties):
            out[at] = self.empties[k]
            at += 1
        loops = [(self.loops[k].least, self.loops[k].most, self.loops[k].entry, self.loops[k].exit) for k in range(self.n_loops)]
        return numbers.tobytes() + repr(loops).encode()

    def byte_classes(self):
        """256 class numbers and their count: bytes that no edge tells apart share one."""
        cdef uint8_t[256] cuts
        cdef int32_t k, byte, count = 0
        if self.classes is not None and self.classes[0] == self.n_edges:
            return self.classes[1], self.classes[2]
        memset(cuts, 0, 256)
        for k in range(self.n_edges):
            cuts[self.edges[k].low] = 1          # an edge that was taken out has low 255, high 0: a needless cut, no harm
            if self.edges[k].high < 255:
                cuts[self.edges[k].high + 1] = 1
        classes = bytearray(256)
        for byte in range(256):
            count += byte > 0 and cuts[byte]
            classes[byte] = count
        self.classes = (self.n_edges, bytes(classes), count + 1)
        return bytes(classes), count + 1


cdef void* grow_zeroed(void* memory, size_t count, int32_t* capacity) except NULL:
    """`memory` with room for `count` int32, what is new being 0."""
    cdef int32_t before = capacity[0]
    memory = grow(memory, count, capacity, sizeof(int32_t))
    if capacity[0] > before:
        memset(<char*>memory + before * sizeof(int32_t), 0, (capacity[0] - before) * sizeof(int32_t))
    return memory
