# Grammar: a Lark grammar, read a byte at a time; and its masks.  Uses: CutAutomaton, ParserStacks, Index, CutIndex.
#
# A state is a set of hypotheses (stack, automaton state): where the lexeme that is running began is certain, except after a
# lexeme that may have ended or may yet grow (`1` `.` `5`).  Nearly always there is one; each is followed by itself, and a
# token is allowed if one of them can read it.  Masks are made for states with their stacks cut off, which deep texts share; a
# lexeme that would pop more than was kept is in doubt there, and the real stack is asked about it (GrammarIndex.resolve).
# Stacks are in stacks.pyx, their liveness belongs to the front end (guided/context_free/stacks.py).
# Derivation: docs/theory/grammars.md.


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

    cpdef bint is_worn(self) except -1:
        return Recognizer.is_worn(self) or self.stacks.is_worn()

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

    cpdef state_t saturate(self, state_t state, Horizon horizon) except? FAILED_STATE:
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


@cython.final
@cython.no_gc
cdef class Doubts:
    """What only the whole stack decides, of a mask that was made for a stack cut off."""
    cdef tuple groups             # Leaving: lexemes that would pop more than was kept
    cdef bint after_end           # the lexeme that may have ended before the token would, or what follows it
    cdef set tokens               # those in doubt after their first lexeme; they are asked one by one


cdef class GrammarIndex(Index):
    """Inner masks of the lexers, then the leaving tokens: the next lexeme's entry for what is left of them, and so on."""
    cdef CutIndex lexemes
    cdef dict doubts              # canonical state -> Doubts

    def __init__(self, Grammar recognizer, vocab, int64_t max_mask_bytes):
        Index.__init__(self, recognizer, vocab, max_mask_bytes)
        self.doubts = {}
        self.lexemes = CutIndex(recognizer.automaton, self.trie, self.n_words)
        self.lexemes.ends, self.lexemes.here = recognizer.ends, recognizer.here
        if recognizer.has_columns:
            self.lexemes.newlines = recognizer.stacks.lookaheads.newlines
            self.lexemes.tab = recognizer.stacks.tab

    cdef int32_t row(self, state_t state) except -2:
        """The row of the state with its stacks cut off, which many share, or one of its own where that leaves doubts."""
        cdef Grammar grammar = <Grammar>self.recognizer
        cdef int32_t found = self.rows.find(state)
        cdef state_t canonical
        cdef word_t* fresh
        if found != NO_ROW:
            return found
        canonical = grammar.saturate(state, None)
        found = self.rows.find(canonical)
        if found != NO_ROW and canonical != state and self.is_decided(canonical):
            return self.rows.share(state, found)
        fresh = <word_t*>calloc(max(self.n_words, 1), sizeof(word_t))
        if fresh == NULL:
            raise MemoryError()
        try:
            if found == NO_ROW:
                self.fill(canonical, fresh)
                self.decide_end(canonical, fresh)
                found = self.rows.add(canonical, fresh)
            if canonical == state:
                return found
            if self.is_decided(canonical):
                return self.rows.share(state, found)
            self.rows.copy_to(found, fresh)
            self.resolve(grammar, state, canonical, fresh)
            self.decide_end(state, fresh)
            return self.rows.add(state, fresh)
        finally:
            free(fresh)

    cdef bint is_decided(self, state_t canonical) except -1:
        """Whether the row of a canonical state, once made, is that of all states that it stands for."""
        return canonical not in self.doubts and not self.recognizer.ends_in_doubt(canonical)

    cdef int decide_end(self, state_t state, word_t* mask) except -1:
        """EOS: whether the text may end is for the state to say, not for the tokens' text."""
        cdef token_t token
        for token in self.eos_ids:
            if self.recognizer.accepting[state]:
                set_bit(mask, token)
            else:
                clear_bit(mask, token)
        return 0

    cdef int fill(self, state_t state, word_t* mask) except -1:
        cdef Grammar grammar = <Grammar>self.recognizer
        cdef tuple pairs = grammar.hypotheses[state]
        cdef Doubts doubts = Doubts()
        cdef state_t lexeme
        doubts.groups, doubts.tokens = (), set()
        if len(pairs) > 1:
            self.unite(grammar, pairs, mask, doubts)
        else:
            node, lexeme = pairs[0]
            if lexeme >= 0:
                self.fill_one(grammar, node, lexeme, mask, doubts)
        self.ask(state, doubts.tokens, mask)              # of a stack that is whole
        if doubts.groups or doubts.after_end or doubts.tokens:
            self.doubts[state] = doubts
        return 0

    cdef int fill_one(self, Grammar grammar, node, state_t lexeme, word_t* mask, Doubts doubts) except -1:
        """The tokens that one hypothesis can read."""
        cdef LexerEntry entry = self.lexemes.entry_for(lexeme, grammar.live[node] & grammar.ends[lexeme])
        memcpy(mask, entry.inner, <size_t>self.n_words * sizeof(word_t))
        groups = []
        self.leave_lexeme(grammar, entry.leaving, node, mask, doubts.tokens, groups)
        doubts.groups = tuple(groups)
        if grammar.here[lexeme] >= 0:
            doubts.after_end = self.add_after_end(grammar, node, lexeme, mask, doubts.tokens)
        return 0

    cdef int unite(self, Grammar grammar, tuple pairs, word_t* mask, Doubts doubts) except -1:
        """Add the rows of several hypotheses; doubts : told whether some have doubts, may be None."""
        cdef state_t one
        for pair in pairs:
            one = grammar.intern((pair,))
            self.rows.add_to(self.row(one), mask)
            if doubts is not None and grammar.saturate(one, None) == one and one in self.doubts:
                doubts.after_end = True
        return 0

    cdef int resolve(self, Grammar grammar, state_t state, state_t canonical, word_t* mask) except -1:
        """Add the tokens of which the row of the state with its stacks cut off was in doubt."""
        cdef tuple pairs = grammar.hypotheses[state]
        cdef state_t lexeme
        cdef Doubts doubts
        if len(pairs) > 1:
            return self.unite(grammar, pairs, mask, None)
        found = self.doubts.get(canonical)
        if found is None:
            return 0
        doubts = <Doubts>found
        node, lexeme = pairs[0]
        tokens = set(doubts.tokens)
        self.leave_lexeme(grammar, doubts.groups, node, mask, tokens, None)
        if doubts.after_end:
            self.add_after_end(grammar, node, lexeme, mask, tokens)
        return self.ask(state, tokens, mask)

    cdef int ask(self, state_t state, set tokens, word_t* mask) except -1:
        """Add those of some tokens that a state can read."""
        cdef token_t token
        for token in tokens:
            if not has_bit(mask, token) and self.after_token(state, token) >= 0:
                set_bit(mask, token)
        return 0

    cdef int leave_lexeme(self, Grammar grammar, tuple groups, node, word_t* mask, set tokens, list in_doubt) except -1:
        """Set the bits of the tokens that leave the lexeme of a stack; calls itself once per lexeme that a token may hold.

        tokens : receives those that only the whole stack decides; but `in_doubt`, if a list, the groups of these.
        """
        cdef Leaving group
        cdef int32_t k
        for group in groups:
            place = grammar.stacks.moved(node, group.labels[1]) if len(group.labels) > 1 else node
            pairs = grammar.enter(place, group.labels[0])
            if not pairs:
                continue
            for k in range(group.n_enders):
                set_bit(mask, group.enders[k])
            if not group.n_segments:
                continue
            if pairs[0][0] >= 0:
                self.read_on(grammar, group, pairs, mask, tokens)
            elif in_doubt is not None:
                in_doubt.append(group)
            else:
                tokens.update(group.going_on(self.trie))
        return 0

    cdef int read_on(self, Grammar grammar, Leaving group, tuple pairs, word_t* mask, set tokens) except -1:
        """Set the bits of a group's tokens whose rest one of the hypotheses behind their first lexeme can read."""
        cdef LexerEntry entry
        cdef state_t lexeme
        for node, lexeme in pairs:
            if lexeme >= 0:
                node = grammar.stacks.cut(node)
                entry = self.lexemes.entry_behind(group, lexeme, grammar.live[node] & grammar.ends[lexeme])
                entry.add_to(mask, self.n_words)
                self.leave_lexeme(grammar, entry.leaving, node, mask, tokens, None)
        return 0

    cdef bint add_after_end(self, Grammar grammar, node, state_t lexeme, word_t* mask, set tokens) except -1:
        """Add the tokens of which the first byte is behind the running lexeme; returns whether there are doubts of them.

        A token whose first byte the lexeme could not have read is allowed as if the lexeme were long forgotten: that mask
        is shared by all lexemes.  The others are read bound not to make the lexeme longer.
        """
        cdef int32_t word
        cdef LexerEntry bound
        cdef state_t unbound
        cdef const word_t* row
        cdef tuple pairs = grammar.enter(node, grammar.here[lexeme])
        if not pairs:
            return False
        if pairs[0][0] < 0:
            return True
        bound = self.lexemes.bound(grammar.automaton.bare(lexeme))
        self.read_on(grammar, <Leaving>bound.leaving[0], pairs, mask, tokens)
        pairs = tuple(sorted([pair for pair in grammar.stacks.begin_free(pairs[0][0], lexeme)
                              if grammar.can_start(pair[0], pair[1])]))
        if not pairs:
            return False
        unbound = grammar.intern(pairs)
        row = self.rows.at(self.row(unbound))
        for word in range(self.n_words):
            mask[word] |= row[word] & bound.inner[word]
        return grammar.saturate(unbound, None) == unbound and unbound in self.doubts

    cdef set doubtful_tokens(self, state_t state):
        cdef Grammar grammar = <Grammar>self.recognizer
        cdef Doubts doubts
        cdef Leaving group
        cdef int32_t k
        found = self.doubts.get(state)
        if found is None:
            return set()
        doubts = <Doubts>found
        if doubts.after_end:
            return {self.trie.order[k] for k in range(self.trie.first[self.trie.n_nodes])}
        tokens = set(doubts.tokens)
        for group in doubts.groups:
            tokens.update(group.going_on(self.trie))
        return tokens
