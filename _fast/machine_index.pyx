# MachineIndex: masks of lexer x context languages.  Uses: Index, Machine, LexerIndex.
#
# A mask is the lexer's inner mask, shared by the whole process, and the tokens that leave the lexeme.  Those are read by
# places, not by states: nothing is remembered of a walk but what the front end said, and it is asked about a context only
# when a token gets there.

cdef class MachineIndex(Index):
    """Lexer x context: the lexer's inner mask, then the leaving tokens, asked by remainder (see lexing.pyx)."""
    cdef dict lexer_indexes           # lexer -> LexerIndex
    cdef Place* way                   # scratch of `read`: [max_depth + 1]
    cdef Place* rest_way              # the same where remainders are read, on the way of another walk
    cdef Turn* turns                  # [max_depth + 2] by depth: siblings still to be read, or of `except_known`
    cdef Turn* rest_turns

    def __init__(self, Machine recognizer, vocab, int64_t max_mask_bytes):
        Index.__init__(self, recognizer, vocab, max_mask_bytes)
        self.lexer_indexes = {}
        self.way = <Place*>calloc(self.trie.max_depth + 2, sizeof(Place))
        self.rest_way = <Place*>calloc(self.trie.max_depth + 2, sizeof(Place))
        self.turns = <Turn*>calloc(self.trie.max_depth + 2, sizeof(Turn))
        self.rest_turns = <Turn*>calloc(self.trie.max_depth + 2, sizeof(Turn))
        if self.way == NULL or self.rest_way == NULL or self.turns == NULL or self.rest_turns == NULL:
            raise MemoryError()

    def __dealloc__(self):
        free(self.way)
        free(self.rest_way)
        free(self.turns)
        free(self.rest_turns)

    cdef state_t after_token(self, state_t state, token_t token) except? FAILED_STATE:
        """As Index does, but the places inside a token are no states: nobody asks for their masks."""
        cdef Machine machine = <Machine>self.recognizer
        cdef Trie trie = self.trie
        cdef Place place
        cdef uint32_t position
        if state < 0 or not 0 <= token < trie.n_tokens or trie.offset[token] == trie.offset[token + 1]:
            return Index.after_token(self, state, token)
        place = machine.places[state]
        for position in range(trie.offset[token], trie.offset[token + 1]):
            if machine.move(&place, trie.text[position]) != 1:
                return DEAD_STATE
        return machine.intern(&place)

    cdef LexerIndex lexemes_of(self, Recognizer lexer):
        """What every token does to a lexer."""
        found = self.lexer_indexes.get(lexer)
        if found is None:
            found = self.lexer_indexes[lexer] = process_lexer_index(lexer, self.vocab)
        return <LexerIndex>found

    cdef int read(self, Trie trie, const Place* start, word_t* mask, int32_t first_node, int32_t end_node,
                  list doubtful) except -1:
        """Set the bit of every token below a run of siblings that can be read from `start`; a walk by places."""
        cdef Machine machine = <Machine>self.recognizer
        cdef Children children = children_of(trie)
        cdef int32_t node, k, top = trie.depth[first_node] if first_node < end_node else 0, depth = top
        cdef bint is_whole = trie is self.trie
        cdef Place* way = self.way if is_whole else self.rest_way
        cdef Turn* turns = self.turns if is_whole else self.rest_turns
        cdef Place* before
        cdef Place* here
        cdef ContextFacts* facts
        cdef Recognizer lexer
        cdef state_t after
        cdef uint8_t byte
        cdef int moved
        if first_node >= end_node:
            return 0
        way[top - 1] = start[0]
        machine.enter(way + top - 1)
        turns[top] = children.run(trie, first_node, end_node)
        while True:
            before, here = way + depth - 1, way + depth
            facts = machine.facts + before.context     # known: the place was entered
            if facts.lexer == NULL:
                turns[depth].next = turns[depth].end
            else:
                lexer = <Recognizer>facts.lexer
                if before.other == DEAD_STATE and not lexer.accepting[before.lexer_state]:
                    children.skip_dead(turns + depth, lexer, before.lexer_state)
            if turns[depth].next == turns[depth].end:
                if depth == top:
                    return 0
                depth -= 1
                continue
            byte, node = children.byte[turns[depth].next], children.node[turns[depth].next]
            turns[depth].next += 1
            after = lexer.after(before.lexer_state, byte)
            if after == DEAD_STATE and not lexer.accepting[before.lexer_state] and before.other == DEAD_STATE:
                continue                               # most bytes: dead in the lexeme, which cannot end here either
            here[0] = before[0]
            if after >= 0 and before.other == DEAD_STATE and before.text == NO_TEXT and not lexer.ends_at(after):
                here.lexer_state = after               # most others: inside the lexeme
            else:
                moved = machine.move(here, byte)
                if moved != 1:
                    if moved == DOUBT_STATE:
                        for k in range(trie.first[node], trie.first[node + trie.subtree[node]]):
                            doubtful.append(trie.order[k])
                    continue
                if here.lexer_state == NOT_ENTERED and is_whole and trie.subtree[node] >= BEHIND_FROM_NODES:
                    for k in range(trie.first[node], trie.first[node + 1]):
                        set_bit(mask, trie.order[k])
                    self.read_on(Leaving.behind(trie, node), here, mask, doubtful)
                    continue
                machine.enter(here)
            for k in range(trie.first[node], trie.first[node + 1]):
                set_bit(mask, trie.order[k])
            depth += 1
            turns[depth] = children.below(node)

    cdef bint copies(self, state_t state) except -1:
        cdef Machine machine = <Machine>self.recognizer
        cdef ContextFacts* facts = machine.about(machine.places[state].context)
        return facts.lexer != NULL and (facts.fallback != DEAD_STATE or not (<Recognizer>facts.lexer).is_narrow)

    cdef int fill(self, state_t state, word_t* mask) except -1:
        cdef Machine machine = <Machine>self.recognizer
        cdef Trie trie = self.trie
        cdef Recognizer lexer
        cdef LexerEntry entry
        cdef Place place = machine.places[state]
        cdef ContextFacts* facts = machine.about(place.context)
        if facts.lexer == NULL:
            return 0
        lexer = <Recognizer>facts.lexer
        if facts.fallback != DEAD_STATE:
            return self.fill_exceptions(state, lexer, mask)
        doubtful = []
        if lexer.is_narrow:
            self.read(trie, &place, mask, 1, trie.n_nodes, doubtful)
            if doubtful:
                self.doubtful[state] = doubtful
            return 0
        entry = self.lexemes_of(lexer).entry(place.lexer_state)
        memcpy(mask, entry.inner, <size_t>self.n_words * sizeof(word_t))
        self.leave_lexeme(entry, &place, mask, doubtful)
        entry.exclude(trie, mask)
        if doubtful:
            self.doubtful[state] = doubtful
        return 0

    cdef int leave_lexeme(self, LexerEntry entry, const Place* place, word_t* mask, list doubtful) except -1:
        """Set the bits of the tokens that leave the lexeme of a place; calls itself once per lexeme that a token may hold."""
        cdef Machine machine = <Machine>self.recognizer
        cdef Place after
        cdef Leaving group
        cdef int32_t number
        cdef int left
        for group in entry.leaving:
            after = place[0]
            left = machine.leave_with(&after, group.label_set)
            if left == DOUBT_STATE:
                doubtful += group.ending()
                doubtful += group.going_on(self.trie)
            elif left == 1:
                for number in range(group.n_enders):
                    set_bit(mask, group.enders[number])
                if group.n_segments:
                    self.read_on(group, &after, mask, doubtful)
        return 0

    cdef int read_on(self, Leaving group, Place* place, word_t* mask, list doubtful) except -1:
        """Set the bits of a group's tokens whose rest can be read from the place behind their first lexeme."""
        cdef Machine machine = <Machine>self.recognizer
        cdef Trie trie = self.trie
        cdef ContextFacts* facts = machine.enter(place)
        cdef LexerEntry entry = None
        cdef Recognizer lexer
        cdef Place there = place[0]
        cdef int32_t number
        if facts.lexer == NULL:
            return 0
        lexer = <Recognizer>facts.lexer
        if facts.fallback != DEAD_STATE and machine.fall_back(&there):
            entry = group.chain_with(self.lexemes_of(<Recognizer>machine.about(there.context).lexer), there.lexer_state,
                                     CHAIN_AFTER_USES)
        elif not lexer.is_narrow:
            entry = group.chain_with(self.lexemes_of(lexer), place.lexer_state, CHAIN_AFTER_USES)
        if entry is not None:
            entry.add_to(mask, self.n_words)
            self.leave_lexeme(entry, &there, mask, doubtful)
            if there.context != place.context:         # the fallback's tokens, but for those that agree with the lexer
                for number in range(group.n_segments):
                    self.except_known(place, lexer, mask, group.segments[number].first_node,
                                      group.segments[number].end_node, doubtful)
            return 0
        group.merge_if_it_pays(trie)
        if group.remainders is not None:
            self.read(group.remainders, place, mask, 1, group.remainders.n_nodes, doubtful)
        else:
            for number in range(group.n_segments):
                self.read(trie, place, mask, group.segments[number].first_node, group.segments[number].end_node, doubtful)
        return 0

    cdef int fill_exceptions(self, state_t state, Recognizer lexer, word_t* mask) except -1:
        """The mask of a context with a fallback: the fallback's mask, but for the tokens that agree with this lexer.

        Cost: a copy, and the trie's nodes along the few texts of the lexer.
        """
        cdef Machine machine = <Machine>self.recognizer
        cdef Trie trie = self.trie
        cdef state_t other
        cdef token_t token
        cdef Place place = machine.places[state], there = place
        doubtful = []
        if machine.fall_back(&there):
            other = machine.saturate(machine.intern(&there), horizon_of(trie))
            self.rows.copy_to(self.row(other), mask)
            for token in self.eos_ids:                 # whether the text may end is for the state itself to say
                clear_bit(mask, token)
            doubtful.extend(self.doubtful.get(other, ()))
        else:
            memset(mask, 0, <size_t>self.n_words * sizeof(word_t))
        self.except_known(&place, lexer, mask, 1, trie.n_nodes, doubtful)
        if doubtful:
            self.doubtful[state] = [token for token in doubtful if not has_bit(mask, token)]
        return 0

    cdef int except_known(self, const Place* place, Recognizer lexer, word_t* mask, int32_t node, int32_t end_node,
                          list doubtful) except -1:
        """Put right, in a mask of the fallback, the tokens of a run of siblings that agree with the place's own lexer."""
        cdef Machine machine = <Machine>self.recognizer
        cdef Trie trie = self.trie
        cdef Children children = children_of(trie)
        cdef int32_t k, top = trie.depth[node] if node < end_node else 0, depth = top
        cdef state_t after
        cdef Place there
        cdef state_t* path = self.path
        cdef Turn* turns = self.turns
        if node >= end_node:
            return 0
        path[top - 1] = place.lexer_state
        turns[top] = children.run(trie, node, end_node)
        while True:
            children.skip_dead(turns + depth, lexer, path[depth - 1])
            if turns[depth].next == turns[depth].end:
                if depth == top:
                    return 0
                depth -= 1
                continue
            k = turns[depth].next
            turns[depth].next += 1
            after = lexer.after(path[depth - 1], children.byte[k])
            if after == DEAD_STATE:
                continue
            node = children.node[k]
            if lexer.ends_at(after):
                for k in range(trie.first[node], trie.first[node + trie.subtree[node]]):
                    clear_bit(mask, trie.order[k])
                there = place[0]
                if machine.leave_with(&there, lexer.label_set(after)) == 1:
                    for k in range(trie.first[node], trie.first[node + 1]):
                        set_bit(mask, trie.order[k])
                    if trie.subtree[node] >= BEHIND_FROM_NODES:
                        self.read_on(Leaving.behind(trie, node), &there, mask, doubtful)
                    else:
                        self.read(trie, &there, mask, node + 1, node + trie.subtree[node], doubtful)
                continue
            path[depth] = after
            for k in range(trie.first[node], trie.first[node + 1]):
                set_bit(mask, trie.order[k])
            depth += 1
            turns[depth] = children.below(node)
