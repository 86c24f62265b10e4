# CutIndex: what every token does to the lexers of a Lark grammar, whatever the stack.  Uses: CutAutomaton, LexerIndex.


cdef enum:
    LINE_ENDED = 1 << 20          # indents.RESET


cdef class CutIndex(LexerIndex):
    """What every token does to one grammar's lexers: entries by (automaton state, lookaheads wanted)."""
    cdef bint munch                   # whether a lexeme that could be longer may not end
    cdef object newlines              # lookaheads of the newline that indents follow; 0 if there are none
    cdef int32_t tab                  # columns of a tab

    def __cinit__(self, Recognizer lexer, Trie trie, int32_t n_words):
        self.munch, self.newlines, self.tab = True, 0, 0

    cdef LexerEntry entry_for(self, state_t state, wanted, list ends, list here):
        key = (state, wanted)
        found = self.entries.get(key)
        if found is None:
            if lexer_bytes > MAX_LEXER_BYTES:
                self.entries.clear()
            found = self.entries[key] = self.read_all(state, wanted, ends, here)
        return <LexerEntry>found

    cdef LexerEntry read_all(self, state_t state, wanted, list ends, list here):
        """Read every token from a state of the automaton: tokens that stay in the lexeme, and those that leave it.

        A token stays if one of the lookaheads `wanted` can still be read from where it ends.
        """
        global lexer_bytes
        cdef CutAutomaton automaton = <CutAutomaton>self.lexer
        cdef LexerEntry entry = LexerEntry()
        cdef Trie trie = self.trie
        cdef int32_t node = 1, end_node, depth, k, lookahead
        cdef state_t before, after
        cdef Leaving group
        cdef int32_t n_known = <int32_t>len(ends)
        cdef uint8_t* kind = <uint8_t*>calloc(n_known + 1, 1)       # of a state: 0 not asked, 1 dead, 2 runs, 3 may end, 4 ends
        entry.inner = <word_t*>calloc(max(self.n_words, 1), sizeof(word_t))
        if entry.inner == NULL or kind == NULL:
            free(kind)
            raise MemoryError()
        groups = {}
        self.path[0] = state
        moves = array("i", bytes(4 * (trie.max_depth + 2)))
        cdef int32_t[::1] effect = moves              # depth -> what the text does to the column (indents.py)
        cdef bint has_columns = bool(self.newlines)
        todo = []                                     # (node, one of the states that a fork leads to, effect)
        end_node = trie.n_nodes
        after = UNKNOWN_STATE
        try:
            while True:
                if node >= end_node:
                    if not todo:
                        break
                    node, after, k = todo.pop()
                    effect[trie.depth[node]] = k
                    end_node = node + trie.subtree[node]
                depth = trie.depth[node]
                before = self.path[depth - 1]
                if has_columns and after == UNKNOWN_STATE:
                    effect[depth] = moved_by(effect[depth - 1], trie.byte[node], self.tab)
                if after == UNKNOWN_STATE:
                    after = automaton.after(before, trie.byte[node])
                    if depth > 1 and kind[before] == 3 and (
                            after < 0 or not self.munch or <int32_t>automaton.labels_of[after] < 0):
                        self.leave_with(groups, here[before], effect[depth - 1], node, node + trie.subtree[node], depth - 1)
                    if after <= FIRST_FORK:
                        for other in automaton.forks[FIRST_FORK - after]:
                            todo.append((node, other, effect[depth]))
                        after = DEAD_STATE
                if after >= 0 and kind[after] == 0:
                    kind[after] = 1
                    if ends[after] & wanted:
                        lookahead = here[after]
                        kind[after] = 2
                        if lookahead >= 0 and (wanted >> lookahead) & 1:
                            kind[after] = 4 if automaton.is_final(after) else 3
                if after < 0 or kind[after] == 1:
                    node += trie.subtree[node]
                elif kind[after] == 4:
                    group = self.leave_with(groups, here[after], effect[depth], node + 1, node + trie.subtree[node], depth)
                    for k in range(trie.first[node], trie.first[node + 1]):
                        group.ended.append(trie.order[k])
                    node += trie.subtree[node]
                else:
                    self.path[depth] = after
                    for k in range(trie.first[node], trie.first[node + 1]):
                        set_bit(entry.inner, trie.order[k])
                    node += 1
                after = UNKNOWN_STATE
        finally:
            free(kind)
        entry.leaving = list(groups.values())
        entry.n_bytes = <int64_t>self.n_words * 4
        for group in entry.leaving:
            entry.n_bytes += 40 * <int64_t>len(group.ended) + group.capacity * <int64_t>sizeof(Segment)
            if group.n_tokens <= MERGE_UP_TO_TOKENS:
                entry.n_bytes += 60 * group.n_tokens
        lexer_bytes += entry.n_bytes
        return entry

    cdef Leaving leave_with(self, dict groups, lookahead, int32_t effect, int32_t first_node, int32_t end_node, int32_t depth):
        """Note that the tokens of a run of siblings leave the lexeme, which was `lookahead`, after `depth` bytes."""
        cdef Leaving group
        key = (lookahead, effect) if (self.newlines >> lookahead) & 1 else (lookahead,)
        found = groups.get(key)
        if found is None:
            group = groups[key] = Leaving()
            group.labels, group.ended = key, []
        else:
            group = <Leaving>found
        if first_node < end_node:
            group.add(first_node, end_node, depth)
            group.n_tokens += self.trie.first[end_node] - self.trie.first[first_node]
        return group


cdef inline int32_t moved_by(int32_t effect, uint8_t byte, int32_t tab) noexcept:
    """The effect of a text on the column, one byte longer: LINE_ENDED if a line ended in it, and the blanks since."""
    if byte == 0x0A:
        return LINE_ENDED
    if byte == 0x20 or byte == 0x09:
        return effect + (1 if byte == 0x20 else tab)
    return effect
