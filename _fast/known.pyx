# What an index knows of a mask that was not made yet, for samplers that ask about few tokens.  Uses: Index, Machine, Grammar.


def known_tokens(Index index not None, state_t state, word_t[::1] accepted, word_t[::1] undecided) -> None:
    """What is known of the mask of `state` without asking about any token.

    accepted  : uint32[n_words], set to the tokens that surely may follow.
    undecided : uint32[n_words], set to those of which it must be asked; all others surely may not follow.
    A mask that was made before is known whole; of any language the tokens whose first byte cannot follow are known; of
    a lexer x context language or a grammar the tokens that stay inside the lexeme are known (they do not depend on the
    context), and those that cannot be read by the lexer.
    """
    cdef Machine machine
    cdef Place place
    cdef ContextFacts* facts
    cdef MachineIndex machine_index
    cdef LexerIndex lexer_index
    cdef LexerEntry entry
    cdef Leaving group
    cdef Recognizer lexer
    cdef Trie trie = index.trie
    cdef state_t lexer_state
    cdef token_t token
    cdef int32_t node
    if accepted.shape[0] != index.n_words or undecided.shape[0] != index.n_words:
        raise ValueError(f"a mask of this vocabulary has {index.n_words:,} words of 32 bits")
    if state < 0 or index.rows.find(index.recognizer.saturate(state, horizon_of(index.trie))) != NO_ROW:
        index.write(state, &accepted[0])
        undecided[:] = 0
        return
    if isinstance(index, GrammarIndex):
        known_of_grammar(<GrammarIndex>index, state, accepted, undecided)
        return
    if not isinstance(index, MachineIndex):
        known_by_first_byte(index, state, accepted, undecided)
        return
    machine_index, machine = <MachineIndex>index, <Machine>index.recognizer
    place = machine.places[state]
    facts = machine.about(place.context)
    if facts.fallback != DEAD_STATE:          # a few texts mean something special, and the lexer reads those alone
        known_by_first_byte(index, state, accepted, undecided)
        return
    lexer = None if facts.lexer == NULL else <Recognizer>facts.lexer
    lexer_state = place.lexer_state
    accepted[:] = 0
    undecided[:] = 0
    if lexer is not None:
        lexer_index = machine_index.lexemes_of(lexer)
        entry = lexer_index.entry(lexer_state)
        memcpy(&accepted[0], entry.inner, <size_t>index.n_words * sizeof(word_t))
        for group in entry.leaving:
            for token in [*group.ending(), *group.going_on(trie)]:
                set_bit(&undecided[0], token)
        entry.exclude(trie, &accepted[0])
        entry.exclude(trie, &undecided[0])
    for token in index.eos_ids:
        clear_bit(&accepted[0], token)
        if index.recognizer.accepting[state]:
            set_bit(&accepted[0], token)


cdef int known_by_first_byte(Index index, state_t state, word_t[::1] accepted, word_t[::1] undecided) except -1:
    """The same for any language: at most 256 steps tell which tokens cannot even begin."""
    cdef Trie trie = index.trie
    cdef int32_t node = 1, k
    accepted[:] = 0
    undecided[:] = 0
    while node < trie.n_nodes:
        if index.recognizer.after(state, trie.byte[node]) != DEAD_STATE:
            for k in range(trie.first[node], trie.first[node + trie.subtree[node]]):
                set_bit(&undecided[0], trie.order[k])
        node += trie.subtree[node]
    for token in index.eos_ids:
        clear_bit(&undecided[0], token)
        if index.recognizer.accepting[state]:
            set_bit(&accepted[0], token)
    return 0


cdef int known_of_grammar(GrammarIndex index, state_t state, word_t[::1] accepted, word_t[::1] undecided) except -1:
    """The same for a grammar: what stays inside the lexeme or ends with it; what leaves it must be asked."""
    cdef Grammar grammar = <Grammar>index.recognizer
    cdef LexerEntry entry
    cdef Leaving group
    cdef Trie trie = index.trie
    cdef int32_t word, number, k
    cdef token_t token
    cdef bint may_end_before = False
    accepted[:] = 0
    undecided[:] = 0
    for node, lexeme in <tuple>grammar.hypotheses[state]:
        if lexeme < 0:
            continue
        entry = index.lexemes.entry_for(lexeme, grammar.live[node] & grammar.ends[lexeme])
        for word in range(index.n_words):
            accepted[word] |= entry.inner[word]
        for group in entry.leaving:
            if not grammar.enter(node, group.labels[0]):
                continue
            for k in range(group.n_enders):
                set_bit(&accepted[0], group.enders[k])
            for token in group.going_on(trie):
                set_bit(&undecided[0], token)
        may_end_before |= grammar.here[lexeme] >= 0 and bool(grammar.enter(node, grammar.here[lexeme]))
    if may_end_before:                                # then any text may follow, as far as the lexeme knows
        for k in range(trie.first[trie.n_nodes]):
            set_bit(&undecided[0], trie.order[k])
    for word in range(index.n_words):
        undecided[word] &= ~accepted[word]
    for token in index.eos_ids:
        clear_bit(&accepted[0], token)
        clear_bit(&undecided[0], token)
        if grammar.accepting[state]:
            set_bit(&accepted[0], token)
    return 0
