# The indexes of composed languages, and which index a recogniser gets.  Uses: Index, Product, Machine, LexerIndex, walk.
#
# ProductIndex makes masks from two rows; MachineIndex from inner masks and leaving tokens.

cdef class ProductIndex(Index):
    """`&` and `|`: a token is read by the product iff both sides (one side) read it, so masks are ANDed (ORed)."""
    cdef Index left, right

    def __init__(self, Product recognizer, vocab, int64_t max_mask_bytes):
        Index.__init__(self, recognizer, vocab, max_mask_bytes)
        self.left = make_index(recognizer.left, vocab, max_mask_bytes)
        self.right = make_index(recognizer.right, vocab, max_mask_bytes)

    cdef int fill(self, state_t state, word_t* mask) except -1:
        cdef state_t left, right
        cdef int32_t word
        cdef const word_t* row
        cdef bint both = (<Product>self.recognizer).both
        left, right = (<Product>self.recognizer).pairs[state]
        if left >= 0:
            memcpy(mask, self.left.rows.at(self.left.row(left)), <size_t>self.n_words * sizeof(word_t))
        if right >= 0:
            row = self.right.rows.at(self.right.row(right))
            for word in range(self.n_words):
                mask[word] = mask[word] & row[word] if both else mask[word] | row[word]
        for token in self.eos_ids:                # EOS is decided by the product
            clear_bit(mask, token)
        return 0


cdef class MachineIndex(Index):
    """Lexer x context: the lexer's inner mask, then the leaving tokens, asked by remainder (see lexing.pyx)."""
    cdef dict lexer_indexes           # lexer -> LexerIndex

    def __init__(self, Machine recognizer, vocab, int64_t max_mask_bytes):
        Index.__init__(self, recognizer, vocab, max_mask_bytes)
        self.lexer_indexes = {}

    cdef int fill(self, state_t state, word_t* mask) except -1:
        cdef Machine machine = <Machine>self.recognizer
        cdef Trie trie = self.trie
        cdef Recognizer lexer
        cdef LexerIndex lexer_index
        cdef LexerEntry entry
        cdef Leaving group
        cdef state_t lexer_state, after
        cdef bint anonymous
        cdef int32_t node, number
        cdef token_t token
        context, lexer_state, text, anonymous = machine.keys[state]
        lexer = machine.lexer(context)
        if lexer is None:
            return 0
        if machine.fallbacks[context] != DEAD_STATE:
            return self.fill_exceptions(state, lexer, mask)
        lexer_index = self.lexer_indexes.get(lexer)
        if lexer_index is None:
            lexer_index = self.lexer_indexes[lexer] = process_lexer_index(lexer, self.vocab)
        entry = lexer_index.entry(lexer_state)
        memcpy(mask, entry.inner, <size_t>self.n_words * sizeof(word_t))
        doubtful = []
        for group in entry.leaving:
            if machine.captures[context] and anonymous:
                self.collect(group, doubtful)
                continue
            next_context = machine.exit(context, group.labels, None)
            if next_context == DEAD_STATE:
                continue
            for token in group.ended:
                set_bit(mask, token)
            after = machine.enter(next_context, anonymous or machine.captures[context])
            group.merge_if_it_pays(trie)
            if group.remainders is not None:
                walk(group.remainders, machine, after, self.path, mask, 1, group.remainders.n_nodes, doubtful)
            else:
                for number in range(group.n_segments):
                    walk(trie, machine, after, self.path, mask,
                         group.segments[number].first_node, group.segments[number].end_node, doubtful)
        if entry.ends_here:
            node = 1
            while node < trie.n_nodes:                 # the first bytes that the lexer cannot read end its lexeme
                if lexer.after(lexer_state, trie.byte[node]) == DEAD_STATE:
                    walk(trie, machine, state, self.path, mask, node, node + trie.subtree[node], doubtful)
                node += trie.subtree[node]
        if doubtful:
            self.doubtful[state] = doubtful
        return 0

    cdef int fill_exceptions(self, state_t state, Recognizer lexer, word_t* mask) except -1:
        """The mask of a context with a fallback: the fallback's mask, but for the tokens that agree with this lexer.

        Cost: a copy, and the trie's nodes along the few texts of the lexer.
        """
        cdef Machine machine = <Machine>self.recognizer
        cdef Trie trie = self.trie
        cdef int32_t node = 1, depth, k
        cdef state_t lexer_state, after, other
        cdef token_t token
        context, lexer_state, text, anonymous = machine.keys[state]
        doubtful = []
        other = machine.fall_back(context, text, anonymous)
        if other != DEAD_STATE:
            memcpy(mask, self.rows.at(self.row(other)), <size_t>self.n_words * sizeof(word_t))
            for token in self.eos_ids:
                clear_bit(mask, token)
            doubtful.extend(self.doubtful.get(machine.saturate(other, trie.max_depth), ()))
        lexer_path = array("i", bytes(4 * (trie.max_depth + 1)))
        cdef state_t[::1] path = lexer_path
        path[0] = lexer_state
        while node < trie.n_nodes:
            depth = trie.depth[node]
            after = lexer.after(path[depth - 1], trie.byte[node])
            if after == DEAD_STATE:
                node += trie.subtree[node]
                continue
            if lexer.is_final(after):
                for k in range(trie.first[node], trie.first[node + trie.subtree[node]]):
                    clear_bit(mask, trie.order[k])
                next_context = machine.exit(context, lexer.labels(after), None)
                if next_context != DEAD_STATE:
                    for k in range(trie.first[node], trie.first[node + 1]):
                        set_bit(mask, trie.order[k])
                    walk(trie, machine, machine.enter(next_context, anonymous), self.path, mask,
                         node + 1, node + trie.subtree[node], doubtful)
                node += trie.subtree[node]
                continue
            path[depth] = after
            for k in range(trie.first[node], trie.first[node + 1]):
                set_bit(mask, trie.order[k])
            node += 1
        if anonymous:
            self.doubtful[state] = doubtful
        else:                                          # the text of this state is real, so nothing stays in doubt
            for token in doubtful:
                if self.after_token(state, token) != DEAD_STATE:
                    set_bit(mask, token)
        return 0

    cdef void collect(self, Leaving group, list tokens):
        """All tokens of a group."""
        cdef int32_t number, k
        tokens.extend(group.ended)
        for number in range(group.n_segments):
            for k in range(self.trie.first[group.segments[number].first_node], self.trie.first[group.segments[number].end_node]):
                tokens.append(self.trie.order[k])


cdef Index make_index(Recognizer recognizer, vocab, int64_t max_mask_bytes):
    """The index that suits a recogniser."""
    if isinstance(recognizer, Grammar):
        return GrammarIndex(recognizer, vocab, max_mask_bytes)
    if isinstance(recognizer, Earley):
        return EarleyIndex(recognizer, vocab, max_mask_bytes)
    if isinstance(recognizer, Machine):
        return MachineIndex(recognizer, vocab, max_mask_bytes)
    if isinstance(recognizer, Product):
        return ProductIndex(recognizer, vocab, max_mask_bytes)
    if isinstance(recognizer, Network):
        return NetworkIndex(recognizer, vocab, max_mask_bytes)
    return Index(recognizer, vocab, max_mask_bytes)


def index_of(Recognizer recognizer not None, vocab, int64_t max_mask_bytes) -> Index:
    """Masks and steps of `recognizer` over `vocab`, with at most `max_mask_bytes` of finished masks."""
    return make_index(recognizer, vocab, max_mask_bytes)
