# NetworkIndex: the masks of parts one after another.  Uses: Index, Network, Trie, walk.
#
# A token stays inside the part that runs, or crosses into what follows it.  The tokens that stay are the part's own mask,
# from its own index.  Those that cross begin a following part at some byte; what follows is nearly always known by few
# bytes (`<` of `</tool_call>`), so only the trie's nodes with such a byte, and those above them, are looked at: a *skeleton*,
# made once for a set of bytes.  The bytes that the part can end with (`}` of an object) thin it out further.


cdef enum:
    MAX_SKELETONS = 64            # kept for one index; then all are made anew


@cython.final
cdef class Skeleton:
    """The nodes of a trie at which a token may cross from one part to the next, and those above them, in preorder."""
    cdef int32_t* nodes           # [n] nodes of the trie
    cdef int32_t* past            # [n] index of the first entry that is not below this one
    cdef uint8_t* crosses         # [n] the node's byte may begin what follows
    cdef int32_t n

    def __dealloc__(self):
        free(self.nodes); free(self.past); free(self.crosses)

    def __init__(self, Trie trie, bytes begins, bytes closes):
        """begins : bytes that may begin what follows.      closes : bytes that the part may end with; None for any."""
        cdef int32_t node, depth, k, at = 0, top = 0
        cdef uint8_t[256] can_begin, can_close
        cdef uint8_t* marks = <uint8_t*>calloc(trie.n_nodes + 1, 1)
        cdef int32_t* above = <int32_t*>calloc(trie.max_depth + 2, sizeof(int32_t))
        memset(can_begin, 0, 256)
        memset(can_close, closes is None, 256)
        for byte in begins:
            can_begin[byte] = 1
        for byte in closes or b"":
            can_close[byte] = 1
        try:
            if marks == NULL or above == NULL:
                raise MemoryError()
            for node in range(1, trie.n_nodes):
                depth = trie.depth[node]
                above[depth] = node
                if can_begin[trie.byte[node]] and (depth == 1 or can_close[trie.byte[above[depth - 1]]]):
                    marks[node] = 2
                    for k in range(depth - 1, 0, -1):
                        if marks[above[k]]:
                            break
                        marks[above[k]] = 1
            for node in range(1, trie.n_nodes):
                self.n += marks[node] != 0
            self.nodes = <int32_t*>malloc(max(self.n, 1) * sizeof(int32_t))
            self.past = <int32_t*>malloc(max(self.n, 1) * sizeof(int32_t))
            self.crosses = <uint8_t*>malloc(max(self.n, 1))
            if self.nodes == NULL or self.past == NULL or self.crosses == NULL:
                raise MemoryError()
            for node in range(1, trie.n_nodes):
                if marks[node]:
                    depth = trie.depth[node]
                    while top >= depth:                # entries that this node is not below have come to their end
                        self.past[above[top]] = at
                        top -= 1
                    top = depth
                    above[top] = at
                    self.nodes[at], self.crosses[at] = node, marks[node] == 2
                    at += 1
            while top > 0:
                self.past[above[top]] = at
                top -= 1
        finally:
            free(marks); free(above)


cdef class NetworkIndex(Index):
    """The mask of a set of items is the union of theirs; that of one is its part's mask, and the tokens that cross."""
    cdef dict indexes             # Recognizer -> Index
    cdef dict skeletons           # (bytes that begin, bytes that close) -> Skeleton
    cdef state_t* inner_path      # scratch of the walk over a skeleton
    cdef list odd_tokens          # tokens with the first byte of a placeholder; only an Embedding has them
    cdef int64_t part_bytes       # mask memory of all parts together; beyond it their masks are dropped and made anew

    def __init__(self, Network recognizer, vocab, int64_t max_mask_bytes):
        cdef int32_t k
        self.part_bytes = max_mask_bytes // 2
        Index.__init__(self, recognizer, vocab, self.part_bytes)
        self.indexes, self.skeletons, self.odd_tokens = {}, {}, []
        self.inner_path = <state_t*>calloc(self.trie.max_depth + 1, sizeof(state_t))
        if self.inner_path == NULL:
            raise MemoryError()
        if isinstance(recognizer, Embedding):
            for k in range(self.trie.n_ordered):
                if bytes((PLACEHOLDER_BYTE,)) in self.trie.token_bytes(self.trie.order[k]):
                    self.odd_tokens.append(self.trie.order[k])

    def __dealloc__(self):
        free(self.inner_path)

    cdef int fill(self, state_t state, word_t* mask) except -1:
        cdef Network network = <Network>self.recognizer
        cdef tuple items = <tuple>network.items[state]
        cdef state_t one
        cdef token_t token
        doubtful = set()
        if len(items) == 1 and items[0] >= 0:
            self.fill_one(network, state, items[0], mask, doubtful)
        else:
            for item in items:
                if item >= 0:
                    one = network.single(item >> 32, <state_t>(item & 0xFFFFFFFF))
                    self.rows.add_to(self.row(one), mask)
                    doubtful.update(self.doubtful.get(one, ()))
        for token in self.eos_ids:                     # EOS is decided by the network
            clear_bit(mask, token)
            doubtful.discard(token)
        if network.ends_in_doubt(state):
            doubtful.update(self.eos_ids)
        if doubtful:
            self.doubtful[state] = [token for token in doubtful if not has_bit(mask, token)]
        return 0

    cdef int fill_one(self, Network network, state_t state, int64_t item, word_t* mask, set doubtful) except -1:
        """The mask of one item."""
        cdef int64_t position = item >> 32
        cdef Recognizer part = network.parts[position]
        cdef state_t inner = <state_t>(item & 0xFFFFFFFF), after
        cdef Index index
        cdef token_t token
        found = self.indexes.get(part)
        if found is None or self.is_over():
            found = self.indexes[part] = make_index(part, self.vocab, self.part_bytes)
        index = <Index>found
        index.rows.copy_to(index.row(inner), mask)
        doubtful.update(index.doubtful_tokens(inner))
        begins = network.bytes_after(position)
        if begins:
            self.add_crossing(network, position, inner, self.skeleton(begins, network.closing[position]), mask, doubtful)
        if position == 0:
            for token in self.odd_tokens:              # the grammar alone would read placeholders
                clear_bit(mask, token)
                after = network.run(state, self.trie.token_bytes(token))
                if after >= 0:
                    set_bit(mask, token)
                elif after == DOUBT_STATE:
                    doubtful.add(token)
        return 0

    cdef bint is_over(self) except -1:
        """Whether the parts' masks have become too many; if so, all are dropped."""
        cdef Index index
        cdef int64_t n_bytes = 0
        for index in self.indexes.values():
            n_bytes += index.rows.n_bytes()
        if n_bytes > self.part_bytes:
            self.indexes.clear()
            return True
        return False

    cdef Skeleton skeleton(self, bytes begins, closes):
        found = self.skeletons.get((begins, closes))
        if found is None:
            if len(self.skeletons) >= MAX_SKELETONS:
                self.skeletons.clear()
            found = self.skeletons[begins, closes] = Skeleton(self.trie, begins, closes)
        return <Skeleton>found

    cdef int add_crossing(self, Network network, int64_t position, state_t inner, Skeleton skeleton, word_t* mask,
                          set doubtful) except -1:
        """Add the tokens of which some bytes end the part, and the others are for what follows it."""
        cdef Trie trie = self.trie
        cdef Recognizer part = network.parts[position]
        cdef int32_t k = 0, node, depth
        cdef state_t before, after
        questions = []
        self.inner_path[0] = inner
        while k < skeleton.n:
            node = skeleton.nodes[k]
            depth = trie.depth[node]
            before = self.inner_path[depth - 1]
            if skeleton.crosses[k]:
                item = (position << 32) | before
                certain, maybe = network.ahead(item)
                if certain:
                    walk(trie, network, network.after_part(item), self.path, mask, node, node + trie.subtree[node], questions)
                for other in maybe:
                    if network.read(other, trie.byte[node]) != DEAD_STATE:
                        self.all_below(node, doubtful)
                        break
            after = part.after(before, trie.byte[node])
            if after < 0:
                if after == DOUBT_STATE:
                    self.all_below(node, doubtful)
                k = skeleton.past[k]
                continue
            self.inner_path[depth] = after
            k += 1
        doubtful.update(questions)
        return 0

    cdef int all_below(self, int32_t node, set tokens) except -1:
        """Add all tokens at and below a node."""
        cdef int32_t k
        for k in range(self.trie.first[node], self.trie.first[node + self.trie.subtree[node]]):
            tokens.add(self.trie.order[k])
        return 0
