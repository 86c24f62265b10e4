# Index: a recogniser met a vocabulary.  Token masks by state, steps by token, and the tokens needed to finish.
# Uses: Trie, Recognizer, RowStore, walk.
#
# States are the recogniser's ints, so whoever holds one (a matcher, a logits processor, a particle) holds a position.
# Index makes masks by walking the trie; other ways to make them are in indexes.pyx.



cdef enum:
    FINISHED_STATE = -5           # EOS was read
    NOT_ASKED = -1
    NEVER_FINISHES = 1 << 30      # tokens to finish where the vocabulary cannot spell any member's rest


cdef class Index:
    """Masks and steps of one recogniser over one vocabulary.

    Memory: at most Limits.max_mask_bytes of rows.  Shared by all matchers of a constraint; not to be called from several
    threads at once without the GIL, except fill_masks.
    """
    cdef readonly Recognizer recognizer
    cdef readonly object vocab
    cdef readonly int32_t n_words     # words of a mask, ceil(vocab.size / 32)
    cdef Trie trie
    cdef RowStore rows
    cdef list eos_ids
    cdef state_t* path                # scratch of the walk
    cdef word_t* scratch              # [n_words]
    cdef dict doubtful                # canonical state -> tokens that only the real text decides
    cdef int32_t* finish              # state -> tokens that surely suffice to finish, NOT_ASKED
    cdef int32_t n_finish             # length of finish
    cdef dict farthest                # canonical state -> largest `finish` over the states its tokens lead to
    cdef object __weakref__

    def __init__(self, Recognizer recognizer, vocab, int64_t max_mask_bytes):
        self.recognizer, self.vocab, self.trie = recognizer, vocab, vocab.trie
        self.n_words = (vocab.size + 31) // 32
        self.rows = RowStore(self.n_words, max_mask_bytes)
        self.eos_ids = sorted(vocab.eos_ids)
        self.doubtful, self.farthest = {}, {}
        self.path = <state_t*>calloc(self.trie.max_depth + 1, sizeof(state_t))
        self.scratch = <word_t*>calloc(max(self.n_words, 1), sizeof(word_t))
        if self.path == NULL or self.scratch == NULL:
            raise MemoryError()

    def __dealloc__(self):
        free(self.path)
        free(self.scratch)
        free(self.finish)

    # --- steps ---------------------------------------------------------------------------------------------------

    @property
    def start(self) -> int:
        return self.recognizer.start

    def skip(self, state_t state, const uint8_t[::1] text) -> int:
        """The state after bytes that are no tokens of the text; DEAD if they cannot come next."""
        cdef Py_ssize_t position
        for position in range(text.shape[0]):
            if state < 0:
                return DEAD_STATE
            state = self.recognizer.after(state, text[position])
        return state

    def start_after(self, prompt) -> int:
        """The state at the beginning of a text that is written after these tokens."""
        return self.start

    cdef state_t language_state(self, state_t state):
        """The recogniser's state within a state of the index."""
        return state

    cdef state_t after_token(self, state_t state, token_t token) except? FAILED_STATE:
        """The state after a token; DEAD if it is not allowed, FINISHED after EOS."""
        cdef Trie trie = self.trie
        cdef uint32_t position
        if state < 0 or not 0 <= token < trie.n_tokens:
            return DEAD_STATE
        if trie.offset[token] == trie.offset[token + 1]:
            return FINISHED_STATE if self.recognizer.accepting[state] and token in self.eos_ids else DEAD_STATE
        for position in range(trie.offset[token], trie.offset[token + 1]):
            state = self.recognizer.after(state, trie.text[position])
            if state < 0:
                return DEAD_STATE
        return state

    def after(self, state_t state, token_t token) -> int:
        """The state after a token: >= 0, DEAD (-1) if it is not allowed, FINISHED (-5) after EOS."""
        return self.after_token(state, token)

    def is_accepting(self, state_t state) -> bool:
        """Whether the text that led to `state` is a member."""
        return state == FINISHED_STATE or (state >= 0 and bool(self.recognizer.accepting[state]))

    def is_final(self, state_t state) -> bool:
        """Whether the text that led to `state` is a member that nothing can follow, or EOS was read."""
        return state == FINISHED_STATE or (state >= 0 and self.recognizer.is_final(state))

    # --- masks ---------------------------------------------------------------------------------------------------

    cdef int32_t row(self, state_t state) except -2:
        """The number of the mask row of a state >= 0, made if need be."""
        cdef int32_t found = self.rows.find(state)
        cdef state_t canonical
        cdef int32_t begun
        cdef token_t token
        if found != NO_ROW:
            return found
        canonical = self.recognizer.saturate(state, horizon_of(self.trie))
        found = self.rows.find(canonical)
        if found == NO_ROW:
            begun = self.rows.begin(not self.copies(canonical))
            try:
                self.fill(canonical, self.rows.slot_at(begun))
                if canonical == state:                 # its own text may decide: states that follow it were made to share
                    for token in self.doubtful.get(canonical, ()):
                        if self.after_token(canonical, token) != DEAD_STATE:
                            set_bit(self.rows.slot_at(begun), token)
                if self.recognizer.accepting[canonical]:
                    for token in self.eos_ids:
                        set_bit(self.rows.slot_at(begun), token)
            except:
                self.rows.abandon(begun)
                raise
            found = self.rows.keep(canonical, begun)
        if canonical == state:
            return found
        doubtful = self.doubtful.get(canonical)
        if not doubtful:
            return self.rows.share(state, found)
        self.rows.copy_to(found, self.scratch)
        for token in doubtful:
            if self.after_token(state, token) != DEAD_STATE:
                set_bit(self.scratch, token)
        return self.rows.add(state, self.scratch)

    cdef bint copies(self, state_t state) except -1:
        """Whether `fill` begins by copying a whole mask; else it is given zeros."""
        return False

    cdef int fill(self, state_t state, word_t* mask) except -1:
        """Set the bits of the tokens that may follow a canonical state; EOS apart."""
        return walk(self.trie, self.recognizer, state, self.path, mask, 1, self.trie.n_nodes, None)

    cdef set doubtful_tokens(self, state_t state):
        """Tokens that the row of a canonical state leaves out though texts that share it may allow them."""
        return set(self.doubtful.get(state, ()))

    def mask_into(self, state_t state, word_t[::1] out) -> None:
        """Write the mask of a state into `out`, uint32[n_words]; all zeros after the end (DEAD or FINISHED)."""
        self.write(state, self.words_of(out))

    cdef word_t* words_of(self, word_t[::1] out) except NULL:
        """The words of a mask that is to be written."""
        if out.shape[0] != self.n_words:
            raise ValueError(wrong_length(self.n_words, out.shape[0]))
        return &out[0]

    cdef int write(self, state_t state, word_t* out) except -1:
        """Write the mask of a state."""
        if state < 0:
            memset(out, 0, <size_t>self.n_words * sizeof(word_t))
        else:
            self.rows.copy_to(self.row(state), out)
        return 0

    # --- closure: can the text be finished in so many tokens? ------------------------------------------------------

    cdef int32_t known_finish(self, state_t state) noexcept:
        return self.finish[state] if state < self.n_finish else NOT_ASKED

    cdef int note_finish(self, state_t state, int32_t n_tokens) except -1:
        """Remember a way to finish, if it is the best so far."""
        cdef int32_t length
        cdef int32_t* finish
        if state >= self.n_finish:
            length = max(64, 2 * (state + 1))
            finish = <int32_t*>realloc(self.finish, <size_t>length * sizeof(int32_t))
            if finish == NULL:
                raise MemoryError()
            while self.n_finish < length:
                finish[self.n_finish] = NOT_ASKED
                self.n_finish += 1
            self.finish = finish
        if self.finish[state] == NOT_ASKED or n_tokens < self.finish[state]:
            self.finish[state] = n_tokens
        return 0

    cdef int32_t finish_of(self, state_t state) except -2:
        """Tokens that surely suffice to finish from `state` (EOS not counted); 0 where the text may end.

        A shortest completion, cut into the fewest tokens.  The states on the way remember the rest of that cut, so from
        every state with an answer n > 0 some token leads to a state with an answer <= n - 1: who keeps within the
        budget once can always keep within it.
        """
        cdef int32_t found, position
        cdef state_t here, nameless
        if state == FINISHED_STATE:
            return 0
        if state < 0:
            return NEVER_FINISHES
        nameless = self.recognizer.anonymise(state)        # which text a lexeme has does not change how long the rest is
        found = self.known_finish(nameless)
        if found != NOT_ASKED:
            return found
        text = self.recognizer.completion(state)
        if text is None:
            self.note_finish(nameless, NEVER_FINISHES)
            return NEVER_FINISHES
        best, cut = fewest_tokens(self.trie, text)
        self.note_finish(nameless, best[0])
        here, position = state, 0
        while position < len(text) and best[position] < NEVER_FINISHES:
            here = self.recognizer.run(here, text[position:cut[position]])
            if here < 0:                                   # in DOUBT: an anonymous state that ends a second free text
                break
            position = cut[position]
            self.note_finish(self.recognizer.anonymise(here), best[position])
        return self.known_finish(nameless)

    def tokens_to_finish(self, state_t state) -> int:
        """An upper bound, reached by a real text, of the tokens needed to finish; EOS not counted.

        Returns a number >= 2**30 where the vocabulary cannot spell any way to finish.
        """
        return self.finish_of(state)

    cdef int32_t survey(self, state_t state, int32_t most, word_t* mask, list doubtful) except -2:
        """The largest finish_of over the states that tokens lead to from `state`; clears the bits of tokens above `most`.

        mask : bits to clear, or NULL.      doubtful : receives tokens in DOUBT.
        """
        cdef Trie trie = self.trie
        cdef int32_t node = 1, depth, k, finish, farthest = 0
        cdef state_t after
        self.path[0] = state
        while node < trie.n_nodes:
            depth = trie.depth[node]
            after = self.recognizer.after(self.path[depth - 1], trie.byte[node])
            if after < 0:
                if after == DOUBT_STATE:
                    for k in range(trie.first[node], trie.first[node + trie.subtree[node]]):
                        doubtful.append(trie.order[k])
                node += trie.subtree[node]
                continue
            self.path[depth] = after
            if trie.first[node] < trie.first[node + 1]:
                finish = self.finish_of(after)
                if finish > farthest:
                    farthest = finish
                if mask != NULL and finish > most:
                    for k in range(trie.first[node], trie.first[node + 1]):
                        clear_bit(mask, trie.order[k])
            node += 1
        return farthest

    def mask_within(self, state_t state, int32_t budget, word_t[::1] out) -> None:
        """The mask of a state, less the tokens after which the text could not be finished in `budget - 1` tokens more.

        EOS costs nothing: it is allowed where the text may end.
        """
        cdef state_t nameless
        cdef token_t token
        cdef int32_t finish
        self.write(state, self.words_of(out))
        if state < 0:
            return
        nameless = self.recognizer.anonymise(state)
        farthest = self.farthest.get(nameless)
        if farthest is not None and farthest <= budget - 1:
            return
        doubtful = []
        farthest = self.survey(nameless, budget - 1, &out[0], doubtful)
        for token in doubtful:
            finish = self.finish_of(self.after_token(state, token))
            if finish > budget - 1:
                clear_bit(&out[0], token)
        self.farthest[nameless] = NEVER_FINISHES if doubtful else farthest


cdef str wrong_length(int32_t n_words, Py_ssize_t n_given):
    return f"a mask of this vocabulary has {n_words:,} words of 32 bits, `out` has {n_given:,}"


cdef inline void clear_bit(word_t* mask, token_t token) noexcept nogil:
    mask[token >> 5] &= ~(<word_t>1 << (token & 31))


cdef tuple fewest_tokens(Trie trie, bytes text):
    """Cut `text` into the fewest tokens.

    Returns (best, cut), int32[len(text) + 1] each: best[i] tokens spell text[i:] (NEVER_FINISHES if none do), and the
    first of them ends at cut[i].  Dynamic programming from the end; O(len(text) x longest token).
    """
    cdef int32_t n_bytes = <int32_t>len(text), start, stop, node
    best, cut = array("i", bytes(4 * (n_bytes + 1))), array("i", bytes(4 * (n_bytes + 1)))
    cdef int32_t[::1] best_view = best, cut_view = cut
    cdef const uint8_t* at = <const uint8_t*>PyBytes_AS_STRING(text)
    for start in range(n_bytes - 1, -1, -1):
        best_view[start] = NEVER_FINISHES
        node = 0
        for stop in range(start, n_bytes):
            node = trie.child_of(node, at[stop])
            if node < 0:
                break
            if trie.first[node] < trie.first[node + 1] and best_view[stop + 1] + 1 < best_view[start]:
                best_view[start], cut_view[start] = best_view[stop + 1] + 1, stop + 1
    return best, cut
