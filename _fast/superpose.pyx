# Drafts: k texts that grow by one token each per step, chosen among the candidates.  Uses: Candidates, Blender.
#
# The best pairs become the next drafts; those that end a text go to a pool of the k best finished ones.
# Source: Shen et al., "Superposed decoding" (arXiv:2405.18400), section 3.

@cython.final
cdef class Drafts(Candidates):
    """The drafts of one prompt; see Candidates for what it is made of."""

    # --- one step --------------------------------------------------------------------------------------------------

    def step(self, const float[::1] logits) -> int:
        """Every draft becomes one token longer, the k best of all ways stay; returns how many are alive.

        logits : float32[V] after the superposed tokens.
        Raises ModelError for logits that are no distribution, DeadEnd if nothing may follow any draft.
        """
        return self.step_on(&logits[0], logits.shape[0])

    def step_at(self, size_t address, Py_ssize_t n_logits) -> int:
        """step() on float32[n_logits] at an address, which the caller keeps alive: 50 us less than an array costs after
        a pass of the model, whose weights have driven all else out of the caches."""
        return self.step_on(<const float*>address, n_logits)

    cdef int step_on(self, const float* logits, Py_ssize_t n_given) except -1:
        cdef int32_t n_logits = <int32_t>min(n_given, <Py_ssize_t>self.trie.n_tokens), n_pairs, n_best, number
        cdef double log_norm
        if self.n_alive == 0 or self.n_tokens >= self.max_tokens:
            return self.n_alive
        n_best = largest(logits, n_logits, &self.text_view[0], self.m, self.tokens, self.values)
        if n_best <= 0:
            raise ModelError("the logits are NaN, inf or all -inf, not a distribution. Check the model's weights and dtype")
        log_norm = 0
        for number in range(n_best):
            log_norm += exp((self.values[number] - self.values[0]) / self.temperature)
        log_norm = log(log_norm) + self.values[0] / self.temperature
        n_pairs = self.make_pairs(logits, n_logits, n_best, log_norm)
        self.score_pairs(n_pairs)
        for number in range(n_pairs):
            self.pairs[number].rank = self.pairs[number].score
            self.order[number] = &self.pairs[number]
        qsort(self.order, n_pairs, sizeof(pair_t*), &by_rank)
        self.choose(n_pairs)
        return self.n_alive

    cdef void handicap(self, int32_t n_pairs) noexcept:
        """Order the pairs anew: the second way on of one draft counts less by `margin`, the third by twice that."""
        cdef int32_t number
        cdef pair_t* pair
        for number in range(self.n_alive):
            self.alive[number].n_ways = 0
        for number in range(n_pairs):
            pair = self.order[number]
            if pair.score > -INFINITY and pair.state != FINISHED_STATE:
                pair.rank = pair.score - self.margin * self.alive[pair.draft].n_ways
                self.alive[pair.draft].n_ways += 1
        qsort(self.order, n_pairs, sizeof(pair_t*), &by_rank)

    cdef int choose(self, int32_t n_pairs) except -1:
        """The best k pairs that go on become the drafts; those of the best 2 k that end go to the pool."""
        cdef int32_t rank = 0, n_next = 0
        cdef pair_t* pair
        cdef draft_t* parent
        cdef uint64_t text
        cdef uint32_t position
        self.n_tokens += 1
        if self.margin > 0 and self.n_alive > 1:
            self.handicap(n_pairs)
        while rank < n_pairs and (n_next < self.k or rank < 2 * self.k):
            pair = self.order[rank]
            rank += 1
            if pair.score == -INFINITY:
                break
            parent = &self.alive[pair.draft]
            if pair.state == FINISHED_STATE:
                self.finish(parent.node, pair.token, pair.score, "eos", parent.text)
                continue
            text = parent.text
            for position in range(self.trie.offset[pair.token], self.trie.offset[pair.token + 1]):
                text = one_more(text, self.trie.text[position])
            if self.index is not None and self.is_whole(parent, pair.token) and self.index.recognizer.is_final(pair.state):
                self.finish(parent.node, pair.token, pair.score, "stop", text)
                continue
            n_next = self.go_on(n_next, pair, text)
        self.alive, self.next = self.next, self.alive
        self.n_alive = n_next
        if len(self.pool) >= self.k and n_next and self.best_score() / self.max_tokens <= self.pool[self.k - 1][0]:
            self.n_alive = 0                  # whatever follows costs: no draft can overtake the finished ones
        return 0

    cdef double best_score(self) noexcept:
        """The score of the best draft, which a handicap may have put behind another."""
        cdef double best = self.alive[0].score
        cdef int32_t number
        for number in range(1, self.n_alive):
            best = max(best, self.alive[number].score)
        return best

    cdef int32_t go_on(self, int32_t n_next, const pair_t* pair, uint64_t text) except -1:
        """Make a pair the next draft number n_next, unless there are k, or its text is there."""
        cdef const draft_t* parent = &self.alive[pair.draft]
        cdef draft_t* draft = &self.next[n_next]
        cdef int32_t other
        if n_next == self.k:
            return n_next
        for other in range(n_next):           # the same text in other tokens: the better one came first
            if self.next[other].text == text:
                return n_next
        draft.score, draft.state, draft.text, draft.pin = pair.score, pair.state, text, NO_PIN
        draft.origin = pair.draft
        draft.healed = <int32_t>min(parent.healed + <Py_ssize_t>self.trie.length_of(pair.token), len(self.open_end))
        draft.node = self.add_node(parent.node, pair.token)
        draft.n_last = min(parent.n_last + 1, LAST_TOKENS)
        memcpy(&draft.last[1], &parent.last[0], (LAST_TOKENS - 1) * sizeof(token_t))
        draft.last[0] = pair.token
        return n_next + 1

    cdef bint is_whole(self, const draft_t* draft, token_t token) noexcept:
        """Whether the open end is written again after the token."""
        return draft.healed + <Py_ssize_t>self.trie.length_of(token) >= len(self.open_end)

    cdef int32_t add_node(self, int32_t parent, token_t token):
        self.parents.append(parent)
        self.written.append(token)
        return <int32_t>len(self.written) - 1

    cdef int finish(self, int32_t parent, token_t token, double score, str reason, uint64_t text) except -1:
        """Into the pool of the k best finished drafts, by score per token; the better of two with the same text."""
        cdef double mean = score / self.n_tokens
        for place, entry in enumerate(self.pool):
            if entry[4] == text:
                if entry[0] >= mean:
                    return 0
                del self.pool[place]
                break
        if len(self.pool) >= self.k and self.pool[self.k - 1][0] >= mean:
            return 0
        node = parent if token < 0 else self.add_node(parent, token)
        place = 0
        while place < len(self.pool) and self.pool[place][0] >= mean:
            place += 1
        self.pool.insert(place, (mean, score, node, reason, text))
        del self.pool[self.k:]
        return 0

    # --- for the loop in engines/superpose.py ------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether no draft goes on."""
        return self.n_alive == 0 or self.n_tokens >= self.max_tokens

    cdef int32_t mix(self) noexcept:
        """The last tokens of the drafts and softmax(scores), equal tokens added up, into `tokens` and `values`.

        Returns how many tokens differ; one token has weight 1, so that it is that token to the last bit.
        """
        cdef int32_t number, place, n = 0
        cdef double total = 0
        cdef token_t token
        for number in range(self.n_alive):
            total += exp(self.alive[number].score - self.alive[0].score)
        for number in range(self.n_alive):
            token, place = self.alive[number].last[0], 0
            while place < n and self.tokens[place] != token:
                place += 1
            if place == n:
                self.tokens[n], self.values[n] = token, 0
                n += 1
            self.values[place] += <float>(exp(self.alive[number].score - self.alive[0].score) / total)
        if n == 1:
            self.values[0] = 1
        return n

    def mixture(self, int64_t[::1] ids, float[::1] weights) -> int:
        """The superposition of the drafts' last tokens: softmax(scores), equal tokens added up.

        ids, weights : int64[k] and float32[k], the first n are written.
        Returns n, how many tokens differ.
        """
        cdef int32_t place, n = self.mix()
        if ids.shape[0] < n or weights.shape[0] < n:
            raise ValueError(f"{n} tokens do not fit into {min(ids.shape[0], weights.shape[0])} places")
        for place in range(n):
            ids[place], weights[place] = self.tokens[place], self.values[place]
        return n

    def blend(self, Blender blender, Py_ssize_t row) -> None:
        """Write the superposition as one vector, the weighted sum of embeddings, into a row of the blender."""
        cdef int32_t n = self.mix()
        if n:
            blender.write(row, self.tokens, self.values, n)

    def shares(self) -> list:
        """softmax(scores), one per draft, best first."""
        cdef int32_t number
        values = [exp(self.alive[number].score - self.alive[0].score) for number in range(self.n_alive)]
        total = sum(values)
        return [value / total for value in values]

    def pin(self, int32_t draft, token_t token) -> None:
        """The draft's next token is this one, whatever the model says."""
        if not 0 <= draft < self.n_alive or not 0 <= token < self.trie.n_tokens:
            raise IndexError(f"draft {draft} or token {token} is out of range")
        self.alive[draft].pin = token

    def forced_byte(self, int32_t draft) -> int:
        """The one byte that may follow a draft, -1 if there are several or it may end."""
        if not 0 <= draft < self.n_alive:
            raise IndexError(f"draft {draft} is out of range")
        if self.index is None or self.alive[draft].healed < len(self.open_end):
            return -1
        return self.index.recognizer.only_byte(self.alive[draft].state)

    def retire(self, int32_t draft, str reason, const uint8_t[::1] text) -> None:
        """Move a draft to the pool.      text : its bytes as they will be shown, those of the open end included."""
        cdef int32_t number
        cdef Py_ssize_t position
        cdef uint64_t hashed = HASH_OF_NOTHING
        if not 0 <= draft < self.n_alive:
            raise IndexError(f"draft {draft} is out of range")
        for position in range(text.shape[0]):
            hashed = one_more(hashed, text[position])
        self.finish(self.alive[draft].node, -1, self.alive[draft].score, reason, hashed)
        for number in range(draft, self.n_alive - 1):
            self.alive[number] = self.alive[number + 1]
        self.n_alive -= 1

    def peek(self, int32_t draft) -> tuple:
        """(tokens, score, state, which draft of the step before it continues) of a draft that is alive."""
        if not 0 <= draft < self.n_alive:
            raise IndexError(f"draft {draft} is out of range")
        cdef draft_t* here = &self.alive[draft]
        return self.path(here.node), here.score, here.state, here.origin

    def origins(self) -> list:
        """For each draft, which draft of the step before it continues."""
        cdef int32_t number
        return [self.alive[number].origin for number in range(self.n_alive)]

    cdef list path(self, int32_t node):
        found = []
        while node >= 0:
            found.append(self.written[node])
            node = self.parents[node]
        found.reverse()
        return found

    def ranking(self) -> list:
        """(tokens, score, state or None, reason) of finished drafts and those alive, best score per token first.

        state : of those alive.      reason : "eos", "stop" (nothing can follow), what retire() was given, or "length".
        """
        cdef int32_t number
        length = max(self.n_tokens, 1)
        found = [(mean, 0, score, node, None, reason) for mean, score, node, reason, _ in self.pool]
        found += [
            (self.alive[number].score / length, 1, self.alive[number].score, self.alive[number].node,
             self.alive[number].state, "length")
            for number in range(self.n_alive)
        ]
        found.sort(key=lambda entry: (-entry[0], entry[1]))
        return [(self.path(node), score, state, reason) for _, _, score, node, state, reason in found]
