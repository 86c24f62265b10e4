# Children: the children of each node of a trie side by side, so that a walk that few bytes can follow need not hop from
# sibling to sibling all over the tree.  Uses: Trie.
#
# In order of bytes, node after node; a hop over the tree costs three cache misses, the next entry here costs none.


cdef struct Turn:
    int32_t next                  # entries of a level that are still to be looked at
    int32_t end


@cython.final
cdef class Children:
    """Children by parent: those of `node` are the entries first[node] .. first[node + 1].  13 bytes a node."""
    cdef int32_t* first           # [n_nodes + 1]
    cdef int32_t* node            # [n_nodes - 1] by entry
    cdef uint8_t* byte            # [n_nodes - 1] by entry: the byte that leads there
    cdef int32_t* entry           # [n_nodes] by node; 0 at the root

    def __dealloc__(self):
        free(self.first)
        free(self.node)
        free(self.byte)
        free(self.entry)

    def __init__(self, Trie trie):
        cdef int32_t node, parent, place, n_nodes = trie.n_nodes
        cdef int32_t* path = <int32_t*>calloc(trie.max_depth + 1, sizeof(int32_t))
        self.first = <int32_t*>calloc(<size_t>n_nodes + 1, sizeof(int32_t))
        self.node = <int32_t*>malloc(<size_t>n_nodes * sizeof(int32_t))
        self.byte = <uint8_t*>malloc(<size_t>n_nodes)
        self.entry = <int32_t*>calloc(n_nodes, sizeof(int32_t))
        if path == NULL or self.first == NULL or self.node == NULL or self.byte == NULL or self.entry == NULL:
            free(path)
            raise MemoryError()
        for node in range(1, n_nodes):
            parent = path[trie.depth[node] - 1]
            path[trie.depth[node]] = node
            self.entry[node] = self.first[parent + 1]      # among its siblings, for now
            self.first[parent + 1] += 1
        for node in range(n_nodes):
            self.first[node + 1] += self.first[node]
        for node in range(1, n_nodes):
            parent = path[trie.depth[node] - 1]
            path[trie.depth[node]] = node
            place = self.entry[node] = self.first[parent] + self.entry[node]
            self.node[place], self.byte[place] = node, trie.byte[node]
        free(path)

    cdef inline Turn below(self, int32_t node) noexcept:
        """The children of a node."""
        return Turn(self.first[node], self.first[node + 1])

    cdef inline void skip_dead(self, Turn* turn, Recognizer language, state_t state) noexcept:
        """Pass by the siblings of which it is known that `language` cannot read them in a state."""
        cdef const state_t* row = language.table + <size_t>state * language.n_classes
        cdef const uint8_t* class_of = language.byte_class
        cdef const uint8_t* bytes_of = self.byte
        cdef int32_t place = turn.next, end = turn.end     # in registers: writes to `turn` might be to any of the others
        while place < end and row[class_of[bytes_of[place]]] == DEAD_STATE:
            place += 1
        turn.next = place

    cdef Turn run(self, Trie trie, int32_t first_node, int32_t end_node) noexcept:
        """A run of siblings."""
        cdef Turn turn = Turn(self.entry[first_node], self.entry[first_node] + 1)
        cdef int32_t parent = first_node - 1
        if turn.next == self.first[parent] and parent + trie.subtree[parent] == end_node:
            turn.end = self.first[parent + 1]              # all that a node has
        elif end_node < trie.n_nodes and trie.depth[end_node] == trie.depth[first_node]:
            turn.end = self.entry[end_node]                # up to a sibling
        else:                                              # up to the last; behind it lie nodes that are deeper, or beyond
            while (turn.end < trie.n_nodes - 1 and self.node[turn.end] < end_node
                    and trie.depth[self.node[turn.end]] == trie.depth[first_node]):
                turn.end += 1
        return turn

    def siblings(self, Trie trie, int32_t first_node, int32_t end_node) -> list:
        """The nodes of a run of siblings, for tests."""
        cdef Turn turn = self.run(trie, first_node, end_node)
        return [self.node[place] for place in range(turn.next, turn.end)]


cdef Children children_of(Trie trie):
    """Made once for a trie."""
    if trie.children is None:
        trie.children = Children(trie)
    return <Children>trie.children
