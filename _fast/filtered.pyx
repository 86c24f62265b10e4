# FilteredIndex: an index whose masks are cut by a rule about token sequences, with one AND.  Uses: Index.
#
# A state is an interned pair (state of the language's index, state of the rule).


cdef class FilteredIndex(Index):
    """A language over a vocabulary, less the sequences of tokens that a rule forbids.

    inner     : the language's index.
    rule      : .start, .after(state, token) -> state or DEAD, .words(state) -> uint32[n_words] (EOS where a text may end),
                .state_after(tokens): as guided.vocab.canonical.Canonical.
    gives_way : where language and rule leave no token together, the language decides alone and the rule begins anew.
    """
    cdef readonly Index inner
    cdef readonly object rule
    cdef readonly bint gives_way
    cdef int32_t max_states
    cdef dict numbers
    cdef list pairs

    def __init__(self, Index inner, rule, bint gives_way, int64_t max_mask_bytes, int32_t max_states=1_000_000):
        Index.__init__(self, inner.recognizer, inner.vocab, max_mask_bytes)
        self.inner, self.rule, self.gives_way = inner, rule, gives_way
        self.max_states, self.numbers, self.pairs = max_states, {}, []
        self.intern(inner.start, rule.start)

    cdef state_t intern(self, state_t inner, rule):
        pair = (inner, rule)
        found = self.numbers.get(pair)
        if found is None:
            if len(self.pairs) >= self.max_states:
                raise LimitExceeded("max_states", self.max_states, len(self.pairs) + 1, "canonical(..), at this point of the text,")
            found = self.numbers[pair] = len(self.pairs)
            self.pairs.append(pair)
        return found

    @property
    def start(self) -> int:
        return 0

    def skip(self, state_t state, const uint8_t[::1] text) -> int:
        here, rule = self.pairs[state]
        inner = self.inner.skip(here, text)
        return inner if inner < 0 else self.intern(inner, rule)

    def start_after(self, prompt) -> int:
        """The joint to the prompt counts where some token fits it; a prompt that ends in half a word may allow none."""
        cdef state_t state = self.intern(self.inner.start, self.rule.state_after(prompt))
        cdef const word_t* words = self.rows.at(self.row(state))
        cdef int32_t word
        for word in range(self.n_words):
            if words[word]:
                return state
        return self.intern(self.inner.start, self.rule.start)

    cdef state_t language_state(self, state_t state):
        return self.pairs[state][0] if state >= 0 else state

    cdef state_t after_token(self, state_t state, token_t token) except? FAILED_STATE:
        cdef state_t inner
        cdef int32_t row
        if state < 0 or not 0 <= token < self.trie.n_tokens:
            return DEAD_STATE
        row = self.row(state)
        if not self.rows.has(row, token):
            return DEAD_STATE
        here, rule = self.pairs[state]
        inner = self.inner.after_token(here, token)
        if inner < 0:
            return inner
        after = self.rule.after(rule, token)
        return self.intern(inner, self.rule.state_after([token]) if after < 0 else after)

    def is_accepting(self, state_t state) -> bool:
        return self.inner.is_accepting(self.language_state(state))

    def is_final(self, state_t state) -> bool:
        return self.inner.is_final(self.language_state(state))

    cdef int32_t row(self, state_t state) except -2:
        cdef int32_t found = self.rows.find(state), word
        cdef const word_t[::1] rule_words
        cdef word_t[::1] words
        cdef word_t left = 0
        if found != NO_ROW:
            return found
        here, rule = self.pairs[state]
        made = np.empty(self.n_words, np.uint32)
        words = made
        self.inner.write(here, &words[0])
        rule_words = self.rule.words(rule)
        for word in range(self.n_words):
            left |= words[word] & rule_words[word]
        if left or not (self.gives_way or self.inner.is_final(here)):
            for word in range(self.n_words):
                words[word] &= rule_words[word]
        return self.rows.add(state, &words[0])

    cdef int32_t finish_of(self, state_t state) except -2:
        return self.inner.finish_of(self.language_state(state))

    def mask_within(self, state_t state, int32_t budget, word_t[::1] out) -> None:
        """The mask of a state, less the tokens after which the language could not be finished in time.

        How many tokens the rule makes of the rest is not known: a text may still be cut off by its limit.
        """
        cdef int32_t word
        cdef word_t[::1] words
        self.write(state, self.words_of(out))
        if state < 0:
            return
        made = np.empty(self.n_words, np.uint32)
        words = made
        self.inner.mask_within(self.language_state(state), budget, words)
        for word in range(self.n_words):
            out[word] &= words[word]
