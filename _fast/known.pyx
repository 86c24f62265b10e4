# What an index knows of a mask that was not made yet, for samplers that ask about few tokens.  Uses: Index, Machine.


def known_tokens(Index index not None, state_t state, word_t[::1] accepted, word_t[::1] undecided) -> bool:
    """What is known of the mask of `state` without asking about any token.

    accepted  : uint32[n_words], set to the tokens that surely may follow.
    undecided : uint32[n_words], set to those of which it must be asked; all others surely may not follow.
    Returns whether anything is known; if not, both are left as they are.  A mask that was made before is known whole; of
    a lexer x context language the tokens that stay inside the lexeme are known (they do not depend on the context), and
    those that cannot be read by the lexer.
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
    if state < 0 or index.rows.find(state) != NO_ROW:
        index.mask_into(state, accepted)
        undecided[:] = 0
        return True
    if not isinstance(index, MachineIndex):
        return False
    machine_index, machine = <MachineIndex>index, <Machine>index.recognizer
    place = machine.places[state]
    facts = machine.about(place.context)
    if facts.fallback != DEAD_STATE:
        return False
    lexer = None if facts.lexer == NULL else <Recognizer>facts.lexer
    lexer_state = place.lexer_state
    accepted[:] = 0
    undecided[:] = 0
    if lexer is not None:
        lexer_index = machine_index.lexemes_of(lexer)
        entry = lexer_index.entry(lexer_state)
        memcpy(&accepted[0], entry.inner, <size_t>index.n_words * sizeof(word_t))
        leaving = []
        for group in entry.leaving:
            machine_index.collect(group, leaving)
        for token in leaving:
            set_bit(&undecided[0], token)
        node = 1
        while entry.ends_here and node < trie.n_nodes:     # bytes that the lexer cannot read end its lexeme
            if lexer.after(lexer_state, trie.byte[node]) == DEAD_STATE:
                for k in range(trie.first[node], trie.first[node + trie.subtree[node]]):
                    set_bit(&undecided[0], trie.order[k])
            node += trie.subtree[node]
    for token in index.eos_ids:
        clear_bit(&accepted[0], token)
        if index.recognizer.accepting[state]:
            set_bit(&accepted[0], token)
    return True
