# CutIndex: what every token does to the lexers of a Lark grammar, whatever the stack.  Uses: CutAutomaton, LexerIndex.


cdef enum:
    LINE_ENDED = 1 << 20          # indents.RESET
    MAX_CHAINED_CUTS = 512        # entries of the lexemes that follow one group

cdef enum StateKind:              # of a state of the automaton, where certain lookaheads are wanted
    NOT_SEEN = 0
    LEADS_NOWHERE = 1
    RUNS = 2
    MAY_END = 3
    ENDS = 4                      # nothing can be added to it


cdef class CutIndex(LexerIndex):
    """What every token does to one grammar's lexers: entries by (automaton state, lookaheads wanted)."""
    cdef list ends                    # automaton state -> lookaheads that can be read from it
    cdef list here                    # automaton state -> lookahead of a lexeme that ends in it, or -1
    cdef bint munch                   # whether a lexeme that could be longer may not end
    cdef object newlines              # lookaheads of the newline that indents follow; 0 if there are none
    cdef int32_t tab                  # columns of a tab
    cdef uint8_t* kind                # scratch: what a state is while an entry is made, a StateKind each
    cdef int32_t n_kinds
    cdef int32_t* effect              # scratch: depth -> what the text does to the column (indents.py)
    cdef dict bounds                  # bare state -> LexerEntry: the bytes that would make an ended lexeme longer

    def __cinit__(self, Recognizer lexer, Trie trie, int32_t n_words):
        self.munch, self.newlines, self.tab = True, 0, 0
        self.bounds = {}
        self.effect = <int32_t*>calloc(trie.max_depth + 2, sizeof(int32_t))
        if self.effect == NULL:
            raise MemoryError()

    def __dealloc__(self):
        free(self.kind)
        free(self.effect)

    cdef LexerEntry entry_for(self, state_t state, wanted):
        """What every token does to the lexeme that runs in `state`, which must come to one of the lookaheads `wanted`."""
        key = (state, wanted)
        found = self.entries.get(key)
        if found is None:
            if lexer_bytes > MAX_LEXER_BYTES:
                self.entries.clear()
                self.bounds.clear()
            found = self.entries[key] = self.read_all(None, state, wanted)
        return <LexerEntry>found

    cdef LexerEntry entry_behind(self, Leaving before, state_t state, wanted):
        """The same for the lexeme that begins in `state`, and what is left of the tokens that leave the one before it."""
        if before.chained is None:
            before.chained = {}
        key = (state, wanted)
        found = before.chained.get(key)
        if found is None:
            if len(before.chained) >= MAX_CHAINED_CUTS:
                before.chained.clear()
            found = before.chained[key] = self.read_all(before, state, wanted)
        return <LexerEntry>found

    cdef LexerEntry read_all(self, Leaving before, state_t state, wanted):
        """Read all tokens, or what is left of those that leave the lexeme `before`."""
        cdef LexerEntry entry = LexerEntry()
        cdef int32_t number, n_states = <int32_t>len(self.ends)
        if n_states > self.n_kinds:
            free(self.kind)
            self.n_kinds = 2 * n_states
            self.kind = <uint8_t*>malloc(self.n_kinds)
            if self.kind == NULL:
                self.n_kinds = 0
                raise MemoryError()
        memset(self.kind, NOT_SEEN, n_states)
        groups = {}
        if before is None:
            entry.clear(self.n_words)
            self.read_run(entry, groups, state, wanted, 1, self.trie.n_nodes)
        else:
            for number in range(before.n_segments):
                self.read_run(entry, groups, state, wanted, before.segments[number].first_node, before.segments[number].end_node)
        entry.leaving = tuple(groups.values())
        entry.weigh(self.n_words, False, before is None)
        return entry

    cdef int read_run(self, LexerEntry entry, dict groups, state_t start, wanted, int32_t node, int32_t end_node) except -1:
        """Read a run of siblings, and what is below them: tokens that stay in the lexeme go into the entry, others into groups.

        A token stays if one of the lookaheads `wanted` can still be read from where it ends.
        """
        cdef CutAutomaton automaton = <CutAutomaton>self.lexer
        cdef Trie trie = self.trie
        cdef int32_t depth, size, moved, top = trie.depth[node] if node < end_node else 1
        cdef state_t before, after = UNKNOWN_STATE
        cdef Leaving group
        cdef uint8_t* kind = self.kind
        cdef int32_t* effect = self.effect
        cdef bint has_columns = bool(self.newlines)
        todo = []                                     # (node, one of the states that a fork leads to, effect)
        self.path[top - 1] = start
        effect[top - 1] = 0
        while True:
            if node >= end_node:
                if not todo:
                    break
                node, after, moved = todo.pop()
                effect[trie.depth[node]] = moved
                end_node = node + trie.subtree[node]
            depth, size = trie.depth[node], trie.subtree[node]
            if after == UNKNOWN_STATE:
                before = self.path[depth - 1]
                if has_columns:
                    effect[depth] = moved_by(effect[depth - 1], trie.byte[node], self.tab)
                after = automaton.after(before, trie.byte[node])
                if depth > top and kind[before] == MAY_END and (
                        after < 0 or not self.munch or <int32_t>automaton.labels_of[after] < 0):
                    self.leave_with(groups, self.here[before], effect[depth - 1], node, node + size, depth - 1)
                if after <= FIRST_FORK:
                    for other in automaton.forks[FIRST_FORK - after]:
                        todo.append((node, other, effect[depth]))
                    after = DEAD_STATE
            if after >= 0 and kind[after] == NOT_SEEN:
                kind[after] = self.kind_of(automaton, after, wanted)
            if after < 0 or kind[after] == LEADS_NOWHERE:
                node += size
            elif kind[after] == ENDS:
                group = self.leave_with(groups, self.here[after], effect[depth], node + 1, node + size, depth)
                group.end_with(trie, node)
                node += size
            elif size >= LETTERS_FROM_NODES and self.munch and self.loops_below(node, after):
                entry.stay(trie, node, node + size)   # what might end on the way is inside all the same
                node += size
            else:
                self.path[depth] = after
                entry.stay(trie, node, node + 1)
                node += 1
            after = UNKNOWN_STATE
        return 0

    cdef uint8_t kind_of(self, CutAutomaton automaton, state_t state, wanted) except 255:
        """What becomes of a lexeme in a state of the automaton."""
        if not self.ends[state] & wanted:
            return LEADS_NOWHERE
        lookahead = self.here[state]
        if lookahead < 0 or not (wanted >> lookahead) & 1:
            return RUNS
        return ENDS if automaton.is_final(state) else MAY_END

    cdef bint loops_below(self, int32_t node, state_t state) except -1:
        """Whether all that is below a node of the trie leads a state back to itself."""
        cdef Loop* loop
        if letters_of(self.trie).below[node].flags:
            return False
        loop = self.loop_of(state)
        return loop.flags & LOOPS and loop.next == state and is_within(letters_of(self.trie).below + node, loop)

    cdef Leaving leave_with(self, dict groups, lookahead, int32_t effect, int32_t first_node, int32_t end_node, int32_t depth):
        """Note that the tokens of a run of siblings leave the lexeme, which was `lookahead`, after `depth` bytes."""
        cdef Leaving group
        key = (lookahead, effect) if (self.newlines >> lookahead) & 1 else (lookahead,)
        found = groups.get(key)
        if found is None:
            group = groups[key] = Leaving()
            group.labels = key
        else:
            group = <Leaving>found
        if first_node < end_node:
            group.add(first_node, end_node, depth)
            group.n_tokens += self.trie.first[end_node] - self.trie.first[first_node]
        return group

    cdef LexerEntry bound(self, state_t bare):
        """For a lexeme that ended in the bare state `bare`: tokens whose first byte it could not have read stay "inside";
        the others leave, if that byte does not make it longer for certain.
        """
        cdef CutAutomaton automaton = <CutAutomaton>self.lexer
        cdef Trie trie = self.trie
        cdef int32_t node = 1, size
        cdef state_t after
        cdef LexerEntry entry
        cdef Leaving group
        found = self.bounds.get(bare)
        if found is None:
            entry, group = LexerEntry(), Leaving()
            entry.clear(self.n_words)
            while node < trie.n_nodes:
                size = trie.subtree[node]
                after = automaton.after(bare, trie.byte[node])
                if after == DEAD_STATE:
                    entry.stay(trie, node, node + size)
                elif after < 0 or <int32_t>automaton.labels_of[after] < 0:
                    group.add(node, node + size, 0)
                node += size
            entry.leaving = (group,)
            entry.weigh(self.n_words, False)
            found = self.bounds[bare] = entry
        return <LexerEntry>found


cdef inline int32_t moved_by(int32_t effect, uint8_t byte, int32_t tab) noexcept:
    """The effect of a text on the column, one byte longer: LINE_ENDED if a line ended in it, and the blanks since."""
    if byte == 0x0A:
        return LINE_ENDED
    if byte == 0x20 or byte == 0x09:
        return effect + (1 if byte == 0x20 else tab)
    return effect
