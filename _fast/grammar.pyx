# Grammar: a Lark grammar, read a byte at a time; and its masks.  Uses: CutAutomaton, Index, LexerIndex, walk.
#
# A state is a set of hypotheses (stack, automaton state): where the lexeme that is running began is certain, except after a
# lexeme that may have ended or may yet grow (`1` `.` `5`).  Nearly always there is one; each is followed by itself, and a
# token is allowed if one of them can read it.  Masks are made for states with their stacks cut off, which deep texts share; a
# token that would pop more than was kept is in DOUBT there, and asked with the real stack.  Stacks and their liveness belong to the front end (guided/context_free/stacks.py).
# Derivation: docs/theory/grammars.md.


cdef enum:
    MAX_WALKER_STATES = 100_000   # of walks for masks; about 0.5 kB each


cdef class Grammar(Recognizer):
    """The language of a Lark grammar.

    automaton : all its lexers.      stacks : guided.context_free.stacks.Stacks.
    finish    : callable (stack, automaton state) -> shortest known rest of a text (guided/context_free/completion.py).
    """
    cdef readonly CutAutomaton automaton
    cdef readonly object stacks
    cdef readonly object finish
    cdef list ends                    # automaton state -> lookaheads that can be read from it
    cdef list here                    # automaton state -> lookahead of a lexeme that ends in it, or -1
    cdef list live                    # stack -> lookaheads that lead to the end of a text
    cdef dict entered                 # (stack, lookahead) -> (stack, automaton state)
    cdef dict numbers                 # hypotheses -> state
    cdef set doubtful_ends            # states with cut stacks of which it is not known whether the text may end there
    cdef list hypotheses              # state -> ((stack, automaton state), ...), sorted
    cdef bint has_columns             # stacks are places with columns (guided/context_free/indents.py)

    def __init__(self, CutAutomaton automaton, stacks, start, finish, int32_t max_states):
        cdef int32_t byte
        self.automaton, self.stacks, self.finish, self.max_states = automaton, stacks, finish, max_states
        self.ends, self.here, self.live = stacks.lookaheads.ends, stacks.lookaheads.here, stacks.live
        self.entered, self.numbers, self.hypotheses, self.doubtful_ends = {}, {}, [], set()
        self.has_columns = hasattr(stacks, "moved")
        for byte in range(256):
            self.byte_class[byte] = automaton.byte_class[byte]
        self.n_classes = automaton.n_classes
        start = tuple(sorted([pair for pair in start if self.can_start(pair[0], pair[1])]))
        if start:
            self.start = self.intern(start)

    cdef Grammar twin(self):
        """The same grammar with no states but the first; what the stacks said is shared."""
        cdef Grammar made = Grammar(self.automaton, self.stacks, (), self.finish, max(self.max_states, 2 * MAX_WALKER_STATES))
        made.entered = self.entered
        return made

    cdef bint can_start(self, node, state_t lexeme):
        """Whether any text at all can follow a stack and the start of a lexeme: some lexeme, or the end."""
        live = self.live[node]
        return bool(live & 1) or (lexeme >= 0 and bool(live & self.ends[lexeme]))

    cdef state_t intern(self, tuple pairs) except? FAILED_STATE:
        found = self.numbers.get(pairs)
        if found is not None:
            return found
        may_end = in_doubt = False
        for node, lexeme in pairs:
            ends = self.stacks.may_end(node, lexeme)
            if ends > 0:
                may_end = True
                break
            in_doubt = in_doubt or ends < 0
        state = self.add_state(may_end)
        if in_doubt and not may_end:
            self.doubtful_ends.add(state)
        self.numbers[pairs] = state
        self.hypotheses.append(pairs)
        return state

    cdef tuple enter(self, node, lookahead):
        """The hypotheses after a lexeme; ((DOUBT, -1),)."""
        key = (node, lookahead)
        found = self.entered.get(key)
        if found is None:
            found = self.entered[key] = tuple(sorted([
                pair for pair in self.stacks.enter(node, lookahead) if pair[0] < 0 or self.can_start(pair[0], pair[1])]))
        return <tuple>found

    cdef int read(self, node, state_t lexeme, uint8_t byte, list made) except -1:
        """Add the hypotheses after a byte of the running lexeme."""
        cdef state_t after
        if lexeme < 0:
            return 0
        after = self.automaton.after(lexeme, byte)
        if after >= 0:
            self.arrive(node, after, byte, made)
        elif after <= FIRST_FORK:
            for after in self.automaton.forks[FIRST_FORK - after]:
                self.arrive(node, after, byte, made)
        return 0

    cdef int arrive(self, node, state_t after, uint8_t byte, list made) except -1:
        if not (self.ends[after] & self.live[node]):
            return 0
        if self.has_columns:
            node = self.stacks.read(node, after, byte)
        lookahead = self.here[after]
        if lookahead >= 0 and self.automaton.is_final(after):
            made.extend(self.enter(node, lookahead))          # nothing can be added to it: the next lexeme begins
        else:
            made.append((node, after))
        return 0

    cdef state_t derive(self, state_t state, uint8_t byte) except? FAILED_STATE:
        cdef state_t lexeme
        made = []
        for node, lexeme in self.hypotheses[state]:
            self.read(node, lexeme, byte, made)
            lookahead = self.here[lexeme] if lexeme >= 0 else -1
            if lookahead >= 0:
                for pair in self.enter(node, lookahead):
                    if pair[0] < 0:
                        return DOUBT_STATE
                    self.read(pair[0], pair[1], byte, made)
        for node, _ in made:
            if node < 0:
                return DOUBT_STATE
        if not made:
            return DEAD_STATE
        if len(made) > 1:
            made = sorted(set(made))
            if len(made) > 64:
                raise LimitExceeded("max_states", 64, len(made), "the grammar, at this point of the text, in open questions,")
        return self.intern(tuple(made))

    cpdef state_t saturate(self, state_t state, int32_t horizon) except? FAILED_STATE:
        """The state with its stacks cut off: what masks are made from.  Tokens in DOUBT there depend on the whole stack."""
        cdef tuple pairs = self.hypotheses[state]
        cut = tuple(sorted([(self.stacks.cut(node), lexeme) for node, lexeme in pairs]))
        return state if cut == pairs else self.intern(cut)

    cdef bint ends_in_doubt(self, state_t state) except -1:
        return state in self.doubtful_ends

    cpdef bytes completion(self, state_t state):
        """The shortest text known to end a member after `state`; it is real, and shortest lexeme by lexeme."""
        if state == DEAD_STATE:
            return None
        self._check_state(state)
        if self.accepting[state]:
            return b""
        found = [self.finish(node, lexeme) for node, lexeme in self.hypotheses[state]]
        return min([text for text in found if text is not None], key=len, default=None)

    def parts(self, state_t state) -> tuple:
        """The hypotheses of a state: ((stack, automaton state), ...)."""
        self._check_state(state)
        return self.hypotheses[state]


cdef class GrammarIndex(Index):
    """Inner masks of the lexers, then the leaving tokens, asked by remainder of the stack that follows."""
    cdef CutIndex lexemes
    cdef Grammar walker           # the grammar once more: its states are those of walks for masks, and are forgotten in time

    def __init__(self, Grammar recognizer, vocab, int64_t max_mask_bytes):
        Index.__init__(self, recognizer, vocab, max_mask_bytes)
        self.walker = recognizer.twin()
        self.lexemes = CutIndex(recognizer.automaton, self.trie, self.n_words)
        if recognizer.has_columns:
            self.lexemes.newlines = recognizer.stacks.lookaheads.newlines
            self.lexemes.tab = recognizer.stacks.tab

    cdef int fill(self, state_t state, word_t* mask) except -1:
        cdef Grammar grammar = <Grammar>self.recognizer
        cdef tuple pairs = grammar.hypotheses[state]
        cdef token_t token
        doubtful = set()
        if len(pairs) == 1:
            self.fill_one(grammar, pairs[0][0], pairs[0][1], mask, doubtful)
        else:
            for pair in pairs:
                self.add_row(grammar.intern((pair,)), mask, doubtful)
        for token in self.eos_ids:                # EOS is decided by the state
            clear_bit(mask, token)
            doubtful.discard(token)
        if state in grammar.doubtful_ends:
            doubtful.update(self.eos_ids)
        if doubtful:
            self.doubtful[state] = [token for token in doubtful if not has_bit(mask, token)]
        return 0

    cdef int walk_on(self, Trie trie, Grammar grammar, state_t state, word_t* mask, int32_t first_node, int32_t end_node,
                     list questions) except -1:
        """walk(), leaving no states behind in the grammar: a mask passes thousands that no text ever reaches."""
        if self.walker.n_made > MAX_WALKER_STATES:
            self.walker = grammar.twin()
        return walk(trie, self.walker, self.walker.intern(<tuple>grammar.hypotheses[state]), self.path, mask, first_node,
                    end_node, questions)

    cdef int add_row(self, state_t state, word_t* mask, set doubtful) except -1:
        """Unite the finished mask of another state with `mask`."""
        cdef int32_t word
        cdef state_t cut = self.recognizer.saturate(state, 0)
        cdef const word_t* row = self.rows.at(self.row(cut))
        for word in range(self.n_words):
            mask[word] |= row[word]
        doubtful.update(self.doubtful.get(cut, ()))
        return 0

    cdef int fill_one(self, Grammar grammar, node, state_t lexeme, word_t* mask, set doubtful) except -1:
        """The tokens that one hypothesis can read."""
        cdef LexerEntry entry
        cdef Leaving group
        cdef state_t after
        cdef int32_t number, k
        cdef Segment* segment
        cdef token_t token
        if lexeme < 0:
            return 0
        entry = self.lexemes.entry_for(lexeme, grammar.live[node] & grammar.ends[lexeme], grammar.ends, grammar.here)
        memcpy(mask, entry.inner, <size_t>self.n_words * sizeof(word_t))
        questions = []
        for group in entry.leaving:
            place = grammar.stacks.moved(node, group.labels[1]) if len(group.labels) > 1 else node
            pairs = grammar.enter(place, group.labels[0])
            if not pairs:
                continue
            for token in group.ended:
                set_bit(mask, token)
            if pairs[0][0] < 0:                       # in doubt, with all that goes on after the lexeme
                for number in range(group.n_segments):
                    segment = group.segments + number
                    for k in range(self.trie.first[segment.first_node], self.trie.first[segment.end_node]):
                        questions.append(self.trie.order[k])
                continue
            after = grammar.saturate(grammar.intern(pairs), 0)
            group.merge_if_it_pays(self.trie)
            if group.remainders is not None:
                self.walk_on(group.remainders, grammar, after, mask, 1, group.remainders.n_nodes, questions)
            else:
                for number in range(group.n_segments):
                    segment = group.segments + number
                    self.walk_on(self.trie, grammar, after, mask, segment.first_node, segment.end_node, questions)
        doubtful.update(questions)
        if grammar.here[lexeme] >= 0:                 # the lexeme may end before the token
            pairs = grammar.enter(node, grammar.here[lexeme])
            if pairs and pairs[0][0] < 0:
                doubtful.update(self.all_tokens())
            elif pairs:
                self.add_after_end(grammar, lexeme, pairs, mask, doubtful)
        return 0

    cdef int add_after_end(self, Grammar grammar, state_t lexeme, tuple pairs, word_t* mask, set doubtful) except -1:
        """Add the tokens that the hypotheses `pairs` read, where the lexeme before it ended in the state `lexeme`.

        A token whose first byte the lexeme could not have read is allowed as if the lexeme were long forgotten: that mask
        is shared by all lexemes.  The others are read one by one, bound not to make the lexeme longer.
        """
        cdef int32_t word, node = 1, k
        cdef state_t bound = grammar.saturate(grammar.intern(pairs), 0), free_state, after
        cdef state_t bare = grammar.automaton.bare(lexeme)
        cdef token_t token
        cdef const word_t* row
        pairs = grammar.stacks.begin_free(pairs[0][0], lexeme)
        pairs = tuple(sorted([pair for pair in pairs if grammar.can_start(pair[0], pair[1])]))
        free_state = grammar.saturate(grammar.intern(pairs), 0)
        row = self.rows.at(self.row(free_state))
        memcpy(self.scratch, row, <size_t>self.n_words * sizeof(word_t))
        questions = set(self.doubtful.get(free_state, ()))
        asked = []
        while node < self.trie.n_nodes:
            after = grammar.automaton.after(bare, self.trie.byte[node])
            if after != DEAD_STATE:
                for k in range(self.trie.first[node], self.trie.first[node + self.trie.subtree[node]]):
                    token = self.trie.order[k]
                    clear_bit(self.scratch, token)
                    questions.discard(token)
                if after < 0 or <int32_t>grammar.automaton.labels_of[after] < 0:
                    self.walk_on(self.trie, grammar, bound, mask, node, node + self.trie.subtree[node], asked)
            node += self.trie.subtree[node]
        for word in range(self.n_words):
            mask[word] |= self.scratch[word]
        doubtful.update(questions)
        doubtful.update(asked)
        return 0

    cdef list all_tokens(self):
        """All tokens that stand for text."""
        cdef int32_t k
        return [self.trie.order[k] for k in range(self.trie.first[self.trie.n_nodes])]
