# Finished automata: every transition known, so that they can be intersected, complemented and minimised.  Uses: nfa, dfa.

cdef class Table:
    """A complete, partial-function automaton.  labels[s] is () where s is not accepting; `start` is -1 for no text at all."""
    cdef readonly int32_t n_states
    cdef readonly int32_t n_columns
    cdef readonly int32_t start
    cdef readonly list labels
    cdef readonly bytes byte_class   # 256 column numbers
    cdef int32_t* follow             # [n_states, n_columns]: the next state or -1

    def __dealloc__(self):
        free(self.follow)

    cdef int reserve(self, int32_t n_states) except -1:
        cdef void* memory = realloc(self.follow, max(1, <size_t>n_states * self.n_columns) * sizeof(int32_t))
        if memory == NULL:
            raise MemoryError()
        self.follow = <int32_t*>memory
        return 0

    def relabelled(self, decide):
        """The same automaton with labels decide(labels)."""
        cdef Table made = Table()
        known = {labels: decide(labels) for labels in set(self.labels)}
        made.n_states, made.n_columns, made.start, made.byte_class = self.n_states, self.n_columns, self.start, self.byte_class
        made.labels = [known[labels] for labels in self.labels]
        made.reserve(made.n_states)
        memcpy(made.follow, self.follow, <size_t>self.n_states * self.n_columns * sizeof(int32_t))
        return made

    def minimised(self):
        """The smallest automaton of the same labelled language: trimmed, then equal states made one.

        Source: Hopcroft (1971) in the form of Valmari (IPL 112, 2012), which needs no dead state; O(transitions log states).
        """
        cdef Table made = Table()
        cdef int32_t state, column, target, block, n_blocks
        made.n_columns, made.byte_class, made.start, made.labels = self.n_columns, self.byte_class, -1, []
        alive = bytearray(self.n_states)
        self._mark_alive(alive)
        if self.start < 0 or not alive[self.start]:
            made.reserve(0)
            return made
        blocks = self._partition(alive)
        number = {}                                          # block -> its number, in the order in which states reach it
        queue = [self.start]
        number[blocks[self.start]] = 0
        made.labels.append(self.labels[self.start])
        for state in queue:
            for column in range(self.n_columns):
                target = self.follow[<size_t>state * self.n_columns + column]
                if target >= 0 and alive[target] and blocks[target] not in number:
                    number[blocks[target]] = len(queue)
                    queue.append(target)
                    made.labels.append(self.labels[target])
        made.n_states, made.start = <int32_t>len(queue), 0
        made.reserve(made.n_states)
        for block in range(made.n_states):
            state = queue[block]
            for column in range(self.n_columns):
                target = self.follow[<size_t>state * self.n_columns + column]
                made.follow[<size_t>block * self.n_columns + column] = (
                    number[blocks[target]] if target >= 0 and alive[target] else -1)
        return made

    cdef _mark_alive(self, bytearray alive):
        """alive[s] = 1 for every state from which an accepting one can be reached."""
        cdef int64_t n_cells = <int64_t>self.n_states * self.n_columns, cell
        cdef int32_t state, target, depth = 0
        cdef int32_t* first = <int32_t*>calloc(self.n_states + 2, sizeof(int32_t))
        cdef int32_t* sources = <int32_t*>calloc(n_cells + 1, sizeof(int32_t))
        cdef int32_t* stack = <int32_t*>calloc(self.n_states + 1, sizeof(int32_t))
        try:
            if first == NULL or sources == NULL or stack == NULL:
                raise MemoryError()
            for cell in range(n_cells):
                if self.follow[cell] >= 0:
                    first[self.follow[cell] + 2] += 1
            for state in range(self.n_states):
                first[state + 2] += first[state + 1]
            for cell in range(n_cells):
                if self.follow[cell] >= 0:
                    sources[first[self.follow[cell] + 1]] = <int32_t>(cell // self.n_columns)
                    first[self.follow[cell] + 1] += 1
            for state in range(self.n_states):
                if self.labels[state]:
                    alive[state] = 1
                    stack[depth] = state
                    depth += 1
            while depth:
                depth -= 1
                target = stack[depth]
                for cell in range(first[target], first[target + 1]):
                    state = sources[cell]
                    if not alive[state]:
                        alive[state] = 1
                        stack[depth] = state
                        depth += 1
        finally:
            free(first); free(sources); free(stack)

    cdef list _partition(self, bytearray alive):
        """Per state, the number of its class of states that no text tells apart."""
        cdef Partition blocks = Partition(self.n_states), cords
        cdef int32_t n_edges = 0, edge, state, column, target, block = 1, cord = 0, k
        cdef int64_t cell
        edges_from, edges_to, edge_columns = [], [], []
        for state in range(self.n_states):
            if alive[state]:
                for column in range(self.n_columns):
                    target = self.follow[<size_t>state * self.n_columns + column]
                    if target >= 0 and alive[target]:
                        edges_from.append(state)
                        edges_to.append(target)
                        edge_columns.append(column)
        n_edges = <int32_t>len(edges_from)
        groups = {}
        for state in range(self.n_states):
            groups.setdefault((alive[state], self.labels[state]), []).append(state)
        for members in list(groups.values())[1:]:
            for state in members:
                blocks.mark(state)
            blocks.split()
        cords = Partition(n_edges)
        by_column = {}
        for edge in range(n_edges):
            by_column.setdefault(edge_columns[edge], []).append(edge)
        for members in list(by_column.values())[1:]:
            for edge in members:
                cords.mark(edge)
            cords.split()
        into = [[] for _ in range(self.n_states)]
        for edge in range(n_edges):
            into[edges_to[edge]].append(edge)
        block = 1
        while cord < cords.n_sets:
            for k in range(cords.first[cord], cords.past[cord]):
                blocks.mark(edges_from[cords.element[k]])
            blocks.split()
            cord += 1
            while block < blocks.n_sets:
                for k in range(blocks.first[block], blocks.past[block]):
                    for edge in into[blocks.element[k]]:
                        cords.mark(edge)
                cords.split()
                block += 1
        return [blocks.set_of[state] for state in range(self.n_states)]


cdef class Partition:
    """A partition of 0..n-1 that is refined by marking elements and splitting every set into marked and unmarked ones."""
    cdef int32_t n_sets, n_touched
    cdef int32_t* element            # elements, those of one set side by side
    cdef int32_t* place              # where an element stands in `element`
    cdef int32_t* set_of
    cdef int32_t* first
    cdef int32_t* past
    cdef int32_t* marked             # per set: how many of its first elements are marked
    cdef int32_t* touched            # sets with marked elements

    def __cinit__(self, int32_t n):
        cdef int32_t k
        cdef size_t size = (<size_t>n + 1) * sizeof(int32_t)
        self.element = <int32_t*>calloc(7, size)
        if self.element == NULL:
            raise MemoryError()
        self.place, self.set_of, self.first = self.element + n + 1, self.element + 2 * (n + 1), self.element + 3 * (n + 1)
        self.past, self.marked, self.touched = self.element + 4 * (n + 1), self.element + 5 * (n + 1), self.element + 6 * (n + 1)
        for k in range(n):
            self.element[k] = self.place[k] = k
        self.n_sets = n > 0
        self.past[0] = n

    def __dealloc__(self):
        free(self.element)

    cdef void mark(self, int32_t element) noexcept:
        cdef int32_t group = self.set_of[element], here = self.place[element]
        cdef int32_t there = self.first[group] + self.marked[group]
        if here < there:
            return                                           # marked already
        self.element[here] = self.element[there]
        self.place[self.element[here]] = here
        self.element[there] = element
        self.place[element] = there
        if self.marked[group] == 0:
            self.touched[self.n_touched] = group
            self.n_touched += 1
        self.marked[group] += 1

    cdef void split(self) noexcept:
        """Every set with marked and unmarked elements becomes two; the smaller one gets the new number."""
        cdef int32_t group, middle, fresh, k
        while self.n_touched:
            self.n_touched -= 1
            group = self.touched[self.n_touched]
            middle = self.first[group] + self.marked[group]
            if middle == self.past[group]:
                self.marked[group] = 0
                continue
            fresh = self.n_sets
            if self.marked[group] <= self.past[group] - middle:
                self.first[fresh], self.past[fresh] = self.first[group], middle
                self.first[group] = middle
            else:
                self.first[fresh], self.past[fresh] = middle, self.past[group]
                self.past[group] = middle
            for k in range(self.first[fresh], self.past[fresh]):
                self.set_of[self.element[k]] = fresh
            self.marked[group] = self.marked[fresh] = 0
            self.n_sets += 1


def tabulate(Dfa dfa, int32_t max_states):
    """All states of `dfa`, as a table.  Raises LimitExceeded (max_dfa_states)."""
    cdef Table made = Table()
    cdef int32_t state = 0, column
    cdef uint8_t[256] example
    for column in range(256):
        example[dfa.byte_class[255 - column]] = <uint8_t>(255 - column)
    while state < dfa.n_made:
        if dfa.n_made > max_states:
            raise LimitExceeded("max_dfa_states", max_states, dfa.n_made, "the automaton that must be built in full")
        for column in range(dfa.n_classes):
            dfa.after(state, example[column])
        state += 1
    made.n_states, made.n_columns, made.start = dfa.n_made, dfa.n_classes, dfa.start
    made.byte_class = bytes([dfa.byte_class[column] for column in range(256)])
    made.labels = [dfa.labels(state) for state in range(dfa.n_made)]
    made.reserve(made.n_states)
    if made.n_states:
        memcpy(made.follow, dfa.table, <size_t>made.n_states * made.n_columns * sizeof(int32_t))
    return made


def product(Table left, Table right, bint left_needed, bint right_needed, decide, int32_t max_states):
    """Both automata side by side, with labels decide(left labels, right labels).

    *_needed : no text is left once that side is dead.      Raises LimitExceeded (max_dfa_states).
    """
    cdef Table made = Table()
    cdef int32_t a, b, column, count = 0, x, y
    cdef int64_t key
    cdef dict pairs = {}, columns = {}
    cdef list queue = [], examples = [], rows = []
    classes = bytearray(256)
    for byte in range(256):
        pair = (left.byte_class[byte], right.byte_class[byte])
        if pair not in columns:
            columns[pair] = len(columns)
            examples.append(pair)
        classes[byte] = columns[pair]
    made.byte_class, made.n_columns, made.labels, made.start = bytes(classes), <int32_t>len(columns), [], -1
    decided = {}
    capacity = 0
    a, b = left.start, right.start
    if not (a < 0 and left_needed or b < 0 and right_needed or a < 0 and b < 0):
        made.start = 0
        pairs[(<int64_t>a + 1) * (<int64_t>right.n_states + 1) + b + 1] = 0
        queue.append((a, b))
    cdef int32_t* left_column = <int32_t*>calloc(256, sizeof(int32_t))
    cdef int32_t* right_column = <int32_t*>calloc(256, sizeof(int32_t))
    try:
        for column in range(made.n_columns):
            left_column[column], right_column[column] = examples[column]
        for here in queue:
            if count >= capacity:
                capacity = max(64, 2 * capacity)
                made.reserve(capacity)
            a, b = here
            labels = (left.labels[a] if a >= 0 else (), right.labels[b] if b >= 0 else ())
            if labels not in decided:
                decided[labels] = decide(*labels)
            made.labels.append(decided[labels])
            for column in range(made.n_columns):
                x = left.follow[<size_t>a * left.n_columns + left_column[column]] if a >= 0 else -1
                y = right.follow[<size_t>b * right.n_columns + right_column[column]] if b >= 0 else -1
                if x < 0 and left_needed or y < 0 and right_needed or x < 0 and y < 0:
                    made.follow[<size_t>count * made.n_columns + column] = -1
                    continue
                key = (<int64_t>x + 1) * (<int64_t>right.n_states + 1) + y + 1
                found = pairs.get(key)
                if found is None:
                    found = pairs[key] = len(queue)
                    if len(queue) >= max_states:
                        raise LimitExceeded("max_dfa_states", max_states, len(queue) + 1,
                                            "the automaton that must be built in full")
                    queue.append((x, y))
                made.follow[<size_t>count * made.n_columns + column] = found
            count += 1
    finally:
        free(left_column); free(right_column)
    made.n_states = count
    made.reserve(count)
    return made
