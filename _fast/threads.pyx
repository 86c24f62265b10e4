# Threads: places in the program of a grammar's terminals, in Perl's order of preference.  Uses: recognizer.
#
# What a byte does to one place, which places are reached without a byte (a closure, as far as assertions about the text
# before them hold), and what is known of the text before a place (look-behind states).

cdef enum:
    OP_CHARS = 0                  # count, then (low byte, high byte, target) each
    OP_SPLIT = 1                  # count, then targets, the preferred first
    OP_MATCH = 2                  # 1, terminal
    OP_BEHIND = 3                 # 3, assertion, whether it must hold, target
    OP_STOP = 4                   # 0: nothing follows
    OP_AHEAD = 5                  # 3, assertion, whether it must hold, target
    FIRST_FORK = -16              # a step to several states: FIRST_FORK - k is the k-th of CutAutomaton.forks
    MAX_FORK = 64                 # states after one byte
    HEADER = 5                    # fresh, look-behind, number of threads, of keywords, of obligations


cdef class Threads(Recognizer):
    """The program of all terminals, and its look-behind assertions.

    code, starts : the program (guided/context_free/terminals.py).
    behinds      : entries of the look-behind assertions; number 0 is "nothing stands before this place".
    """
    cdef const int32_t[::1] code, starts
    cdef int32_t n_nodes
    cdef list behinds
    cdef dict closures                # (node, assertions that hold) -> tuple of CHARS and MATCH nodes in order
    cdef list behind_states           # look-behind state -> (threads, bytes to come in this character, assertions that hold)
    cdef dict behind_numbers
    cdef dict behind_after            # (look-behind state, byte) -> look-behind state
    cdef uint8_t* seen                # scratch [n_nodes]
    cdef int32_t* scratch             # scratch [2 * n_nodes + HEADER + 64]

    def __init__(self, code, starts, behinds):
        self.code, self.starts, self.n_nodes = code, starts, <int32_t>len(starts)
        self.behinds, self.closures = list(behinds), {}
        self.behind_states, self.behind_numbers, self.behind_after = [], {}, {}
        self.seen = <uint8_t*>calloc(self.n_nodes + 1, 1)
        self.scratch = <int32_t*>calloc(2 * self.n_nodes + HEADER + 64, sizeof(int32_t))
        if self.seen == NULL or self.scratch == NULL:
            raise MemoryError()
        self.make_classes()
        self.behind_number((), 0, self.asks_for_start())

    def __dealloc__(self):
        free(self.seen)
        free(self.scratch)

    cdef int make_classes(self) except -1:
        """Bytes that no instruction tells apart share a column."""
        cdef int32_t node, at, k, byte, column = -1
        cdef uint8_t[257] borders
        memset(borders, 0, 257)
        borders[0] = 1
        if len(self.behinds) > 1:                     # look-behinds follow characters: first bytes and others differ
            borders[0x80] = borders[0xC0] = borders[0xE0] = borders[0xF0] = 1
        for node in range(self.n_nodes):
            at = self.starts[node]
            if self.code[at] == OP_CHARS:
                for k in range(at + 2, at + 2 + 3 * self.code[at + 1], 3):
                    borders[self.code[k]] = 1
                    borders[self.code[k + 1] + 1] = 1
        for byte in range(256):
            column += borders[byte]
            self.byte_class[byte] = <uint8_t>column
        self.n_classes = column + 1
        return 0

    cdef bint asks_for_start(self):
        """Whether any instruction asks if nothing stands before it; if none does, the first place is like any other."""
        cdef int32_t node
        for node in range(self.n_nodes):
            if self.code[self.starts[node]] == OP_BEHIND and self.code[self.starts[node] + 2] == 0:
                return True
        return False

    # ---- look-behind ----

    cdef int32_t behind_number(self, tuple threads, int32_t to_come, int32_t holding) except -1:
        key = (threads, to_come, holding)
        found = self.behind_numbers.get(key)
        if found is None:
            found = self.behind_numbers[key] = len(self.behind_states)
            self.behind_states.append(key)
        return found

    cdef int32_t behind_step(self, int32_t behind, uint8_t byte) except -1:
        """The look-behind state after a byte: which assertions end here, at the border of a character."""
        cdef int32_t to_come, holding, node, target, number
        if len(self.behinds) == 1:
            # Only "nothing stands before" may be asked: one state for the start, one for everywhere else.
            return self.behind_number((), 0, 0)
        key = (behind, self.byte_class[byte])
        found = self.behind_after.get(key)
        if found is not None:
            return found
        threads, to_come, holding = self.behind_states[behind]
        if to_come == 0:
            fresh = [entry for entry in self.behinds[1:] if entry != -1]
            to_come = 1 if 0xC0 <= byte < 0xE0 else 2 if 0xE0 <= byte < 0xF0 else 3 if byte >= 0xF0 else 0
        else:
            fresh = []
            to_come -= 1
        after, holding = [], 0
        for entry in [*threads, *fresh]:
            for node in self.closure(entry, 0):
                target = self.edge(node, byte)
                if target >= 0 and target not in after:
                    after.append(target)
        kept = []
        for entry in after:
            for node in self.closure(entry, 0):
                if self.code[self.starts[node]] == OP_MATCH:
                    number = self.code[self.starts[node] + 2]
                    if to_come == 0:
                        holding |= 1 << number
                elif node not in kept:
                    kept.append(node)
        found = self.behind_after[key] = self.behind_number(tuple(sorted(kept)), to_come, holding)
        return found

    # ---- threads ----

    cdef inline int32_t edge(self, int32_t node, uint8_t byte) noexcept:
        """Where a CHARS node goes with a byte; -1 if it cannot read it."""
        cdef int32_t at = self.starts[node], k
        if self.code[at] == OP_CHARS:
            for k in range(at + 2, at + 2 + 3 * self.code[at + 1], 3):
                if self.code[k] <= byte <= self.code[k + 1]:
                    return self.code[k + 2]
        return -1

    cdef object closure(self, int32_t node, int32_t holding, object guess=()):
        """The CHARS and MATCH nodes reached from `node` without a byte, the preferred first, up to the first MATCH.

        guess : (assertion, whether it holds) pairs of look-aheads.  Returns an int, the assertion, where one more is needed.
        """
        cdef int32_t here, at, k
        key = (node, holding, guess) if guess else (node, holding)
        found = self.closures.get(key)
        if found is None:
            order, visited, stack = [], set(), [node]
            while stack:
                here = stack.pop()
                if here in visited:
                    continue
                visited.add(here)
                at = self.starts[here]
                if self.code[at] == OP_SPLIT:
                    for k in range(at + 1 + self.code[at + 1], at + 1, -1):
                        stack.append(self.code[k])
                elif self.code[at] == OP_BEHIND:
                    if ((holding >> self.code[at + 2]) & 1) == self.code[at + 3]:
                        stack.append(self.code[at + 4])
                elif self.code[at] == OP_AHEAD:
                    if (self.code[at + 2], self.code[at + 3]) in guess:
                        stack.append(self.code[at + 4])
                    elif (self.code[at + 2], 1 - self.code[at + 3]) not in guess:
                        self.closures[key] = self.code[at + 2]
                        return self.code[at + 2]
                else:
                    order.append(here)
                    if self.code[at] == OP_MATCH:
                        break
            found = self.closures[key] = tuple(order)
        return found

    cdef int32_t spread(self, int32_t entry, int32_t holding, int32_t* into, int32_t n, bint cut, object guess=()) except -1:
        """Append the closure of `entry` to `into`, what is there already left out.

        Returns the new length; -2 - assertion where a look-ahead must be guessed.
        """
        cdef int32_t node
        nodes = self.closure(entry, holding, guess)
        if isinstance(nodes, int):
            self.forget(into, n)
            return -2 - <int32_t>nodes
        for node in <tuple>nodes:
            if not self.seen[node]:
                self.seen[node] = 1
                into[n] = node
                n += 1
                if cut and self.code[self.starts[node]] == OP_MATCH:
                    break
        return n

    cdef inline bint has_matched(self, const int32_t* list, int32_t n) noexcept:
        return n > 0 and self.code[self.starts[list[n - 1]]] == OP_MATCH

    cdef int forget(self, const int32_t* list, int32_t n) noexcept:
        cdef int32_t k
        for k in range(n):
            self.seen[list[k]] = 0
        return 0
