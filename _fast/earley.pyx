# Earley: a Lark grammar read by Earley's algorithm with single terminals, a byte at a time; and its masks.
# Uses: CutAutomaton, CutIndex, Index, walk.
#
# A state is a set of running lexemes (kernel, automaton state), those that may just begin among them, and whether the text
# may end here.  Where lexemes end at one place under one control, what may follow them is one kernel.  Kernels and their
# liveness belong to the front end (guided/context_free/kernels.py).  Derivation: docs/theory/grammars.md.

cdef enum:
    MAX_LEXEMES = 4_096           # running at one place of a text
    MAX_WALKER_STATES = 100_000   # of walks for masks; about 0.5 kB each


cdef class Earley(Recognizer):
    """The language of a Lark grammar, however ambiguous.

    automaton : its terminals.      kernels : guided.context_free.kernels.Kernels.
    first     : (running lexemes, whether the empty text is a member).
    finish    : callable (running lexemes) -> a short rest of a text (guided/context_free/earley_completion.py).
    """
    cdef readonly CutAutomaton automaton
    cdef readonly object kernels
    cdef readonly object finish
    cdef list ends                    # automaton state -> lookaheads that can be read from it
    cdef list here                    # automaton state -> lookahead of a lexeme that ends in it, or -1
    cdef list live                    # kernel -> lookaheads that lead to the end of a text
    cdef list names                   # lookahead -> (terminal, control)
    cdef dict numbers                 # (lexemes, may end) -> state
    cdef list running                 # state -> ((kernel, automaton state), ...), sorted

    def __init__(self, CutAutomaton automaton, kernels, first, finish, int32_t max_states):
        cdef int32_t byte
        self.automaton, self.kernels, self.finish, self.max_states = automaton, kernels, finish, max_states
        readings = kernels.lookaheads
        self.ends, self.here, self.names, self.live = readings.ends, readings.here, readings.names, kernels.live
        self.numbers, self.running = {}, []
        for byte in range(256):
            self.byte_class[byte] = automaton.byte_class[byte]
        self.n_classes = automaton.n_classes
        lexemes, may_end = first
        if lexemes or may_end:
            self.start = self.intern(tuple(sorted(lexemes)), may_end)

    cdef Earley twin(self):
        """The same grammar with no states; what the kernels said is shared."""
        return Earley(self.automaton, self.kernels, ((), False), self.finish, max(self.max_states, 2 * MAX_WALKER_STATES))

    cpdef bint is_worn(self) except -1:
        return Recognizer.is_worn(self) or self.kernels.is_worn()

    cdef state_t intern(self, tuple lexemes, bint may_end) except? FAILED_STATE:
        key = (lexemes, may_end)
        found = self.numbers.get(key)
        if found is None:
            found = self.numbers[key] = self.add_state(may_end)
            self.running.append(lexemes)
        return found

    cdef state_t derive(self, state_t state, uint8_t byte) except? FAILED_STATE:
        cdef state_t lexeme, after
        made, ended = set(), {}
        for kernel, lexeme in self.running[state]:
            live = self.live[kernel]
            for after in self.automaton.afters(lexeme, byte):
                if not (self.ends[after] & live):
                    continue
                lookahead = self.here[after]
                if lookahead < 0:
                    made.add((kernel, after))
                    continue
                if not self.automaton.is_final(after):
                    made.add((kernel, after))
                if (live >> lookahead) & 1:
                    terminal, control = self.names[lookahead]
                    parts = ended.get(control)
                    if parts is None:
                        ended[control] = {(kernel, terminal)}
                    else:
                        parts.add((kernel, terminal))
        return self.arrive(made, ended)

    cdef state_t arrive(self, set made, dict ended) except? FAILED_STATE:
        """The state of running lexemes and of others that have ended: control -> {(kernel, terminal)}."""
        cdef bint may_end = False
        for control, parts in ended.items():
            kernel = self.kernels.advance(tuple(sorted(parts)))
            if kernel < -1:
                return DOUBT_STATE
            if kernel >= 0:
                lexemes, ends = self.kernels.open(kernel, control)
                made.update(lexemes)
                may_end = may_end or ends
        if not made and not may_end:
            return DEAD_STATE
        if len(made) > MAX_LEXEMES:
            raise LimitExceeded("max_states", MAX_LEXEMES, len(made), "the grammar, at this point of the text, in lexemes,")
        return self.intern(tuple(sorted(made)), may_end)

    cdef state_t after_lexeme(self, kernel, lookahead) except? FAILED_STATE:
        """The state after a lexeme alone; DEAD, DOUBT."""
        terminal, control = self.names[lookahead]
        if not (self.live[kernel] >> lookahead) & 1:
            return DEAD_STATE
        return self.arrive(set(), {control: ((kernel, terminal),)})

    cpdef state_t saturate(self, state_t state, Horizon horizon) except? FAILED_STATE:
        """The state with the returns of its kernels cut off: what masks are made from.  Tokens in DOUBT there depend on all."""
        cdef tuple lexemes = self.running[state]
        cut = tuple(sorted({(self.kernels.cut(kernel), lexeme) for kernel, lexeme in lexemes}))
        return state if cut == lexemes else self.intern(cut, self.accepting[state] != 0)

    cpdef bytes completion(self, state_t state):
        """A short text that ends a member after `state`."""
        if state == DEAD_STATE:
            return None
        self._check_state(state)
        return b"" if self.accepting[state] else self.finish(self.running[state])

    def parts(self, state_t state) -> tuple:
        """The running lexemes of a state: ((kernel, automaton state), ...)."""
        self._check_state(state)
        return self.running[state]


cdef class EarleyIndex(Index):
    """Inner masks of the running lexemes, then the leaving tokens, asked by remainder of what follows."""
    cdef CutIndex lexemes
    cdef Earley walker            # the grammar once more: its states are those of walks for masks, and are forgotten in time

    def __init__(self, Earley recognizer, vocab, int64_t max_mask_bytes):
        Index.__init__(self, recognizer, vocab, max_mask_bytes)
        self.walker = recognizer.twin()
        self.lexemes = CutIndex(recognizer.automaton, self.trie, self.n_words)
        self.lexemes.ends, self.lexemes.here = recognizer.ends, recognizer.here
        self.lexemes.munch = recognizer.kernels.lookaheads.munch

    cdef int fill(self, state_t state, word_t* mask) except -1:
        cdef Earley grammar = <Earley>self.recognizer
        cdef LexerEntry entry
        cdef Leaving group
        cdef state_t lexeme, after
        cdef int32_t word, number, k
        cdef token_t token
        questions = []
        for kernel, lexeme in grammar.running[state]:
            entry = self.lexemes.entry_for(lexeme, grammar.live[kernel] & grammar.ends[lexeme])
            for word in range(self.n_words):
                mask[word] |= entry.inner[word]
            for group in entry.leaving:
                after = grammar.after_lexeme(kernel, group.labels[0])
                if after == DEAD_STATE:
                    continue
                if after < 0:                         # in doubt, with all that goes on after the lexeme
                    questions += group.ending()
                    questions += group.going_on(self.trie)
                    continue
                for k in range(group.n_enders):
                    set_bit(mask, group.enders[k])
                after = grammar.saturate(after, None)
                group.merge_if_it_pays(self.trie)
                if group.remainders is not None:
                    self.walk_on(group.remainders, grammar, after, mask, 1, group.remainders.n_nodes, questions)
                else:
                    for number in range(group.n_segments):
                        self.walk_on(self.trie, grammar, after, mask, group.segments[number].first_node,
                                     group.segments[number].end_node, questions)
        for token in self.eos_ids:                    # EOS is decided by the state
            clear_bit(mask, token)
        if questions:
            eos = set(self.eos_ids)
            self.doubtful[state] = [token for token in set(questions) if token not in eos and not has_bit(mask, token)]
        return 0

    cdef int walk_on(self, Trie trie, Earley grammar, state_t state, word_t* mask, int32_t first_node, int32_t end_node,
                     list questions) except -1:
        """walk(), leaving no states behind in the grammar."""
        cdef state_t start
        if self.walker.n_made > MAX_WALKER_STATES:
            self.walker = grammar.twin()
        start = self.walker.intern(<tuple>grammar.running[state], grammar.accepting[state] != 0)
        return walk(trie, self.walker, start, self.path, mask, first_node, end_node, questions)
