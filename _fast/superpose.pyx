# Drafts: k texts that grow by one token each per step, chosen among k x m pairs of a draft and a likely token.
# Uses: Index, NGramTable, Trie.
#
# One row of logits serves all drafts.  Its m best tokens are found in one pass; every pair is tested by the draft's own
# state of the constraint, scored, and the best become the next drafts.  Nothing here is as large as drafts x vocabulary.
# Source: Shen et al., "Superposed decoding" (arXiv:2405.18400), section 3.

cdef enum:
    NO_PIN = -1
    LAST_TOKENS = MOST_LEVELS - 1     # tokens of history that n-grams can use


cdef uint64_t EMPTY_TEXT = 0xCBF29CE484222325   # FNV-1a, 64 bits: texts are told apart by their hashes


cdef inline uint64_t one_more(uint64_t text, uint8_t byte) noexcept nogil:
    return (text ^ byte) * <uint64_t>0x100000001B3


cdef struct draft_t:
    double score                      # sum of interpolated log-probabilities
    state_t state                     # of the constraint; 0 where there is none
    int32_t node                      # its last token in the tree of tokens, -1 at the prompt
    int32_t healed                    # bytes of the prompt's open end that are written again
    int32_t n_last                    # tokens known in `last`
    token_t last[LAST_TOKENS]         # the last tokens, the newest first, those of the prompt included
    uint64_t text                     # hash of the bytes written
    token_t pin                       # the token that must come next; NO_PIN where there is a choice
    int32_t origin                    # which draft of the step before it continues


cdef struct pair_t:
    double score                      # of the draft with this token
    double logp                       # of the token by the model alone
    int32_t draft
    token_t token
    state_t state                     # after the token


cdef int32_t is_better(const pair_t* left, const pair_t* right) noexcept nogil:
    """Higher scores first; equal ones by draft and then by the token's rank, which is their order in memory."""
    if left.score != right.score:
        return left.score > right.score
    return left < right


cdef int by_score(const void* left, const void* right) noexcept nogil:
    cdef const pair_t* one = (<const pair_t**>left)[0]
    cdef const pair_t* two = (<const pair_t**>right)[0]
    return -1 if is_better(one, two) else 1


cdef int32_t best_tokens(
    const float* logits, int32_t n_logits, const word_t* allowed, int32_t m, token_t* tokens, float* values
) noexcept nogil:
    """The m tokens with the largest logits among those allowed, best first, the lower id where two are equal.

    Returns how many there are (less than m where few are allowed or finite); -1 if a logit is NaN or +inf.
    """
    cdef int32_t token = 0, n = 0, place, end
    cdef uint32_t n_larger
    cdef float value, least = -INFINITY
    while token < n_logits:
        end = min(token + 64, n_logits)
        n_larger = 0
        for place in range(token, end):       # almost always none, once m good ones are known; 8 at a time
            n_larger += not (logits[place] <= least)
        if not n_larger:
            token = end
            continue
        while token < end:
            value = logits[token]
            token += 1
            if value <= least:
                continue
            if value != value or value == INFINITY:
                return -1
            if not (allowed[(token - 1) >> 5] >> ((token - 1) & 31)) & 1:
                continue
            place = n if n < m else m - 1     # the new token moves up past smaller ones
            while place > 0 and values[place - 1] < value:
                values[place], tokens[place] = values[place - 1], tokens[place - 1]
                place -= 1
            values[place], tokens[place] = value, token - 1
            if n < m:
                n += 1
            if n == m:
                least = values[m - 1]
    return n


@cython.final
cdef class Drafts:
    """The drafts of one prompt.

    vocab, prompt : the tokens and the prompt's ids.       k, m : drafts to keep, tokens to look at.
    max_tokens    : length of a draft.                     temperature, alpha, penalty : see engines/superpose.py.
    index         : of the constraint, or None.            table : n-grams, or None.
    open_end      : bytes at the prompt's end that every draft writes again, in at most `heal_tokens` tokens.
    is_apart      : no draft gives way to two continuations of another; else the best k of all ways stay.
    is_complete   : only tokens after which a member can still be finished within max_tokens.
    """
    cdef Index index
    cdef NGramTable table
    cdef Trie trie
    cdef bytes open_end
    cdef int32_t heal_tokens          # the open end is written again in at most so many
    cdef object rest_tokens           # int32[len(open_end) + 1]: tokens that spell its rest from there
    cdef const int32_t[::1] rest_view
    cdef draft_t* alive               # [k]
    cdef draft_t* next                # [k]
    cdef pair_t* pairs                # [k * m]
    cdef pair_t** order               # [k * m]: pairs by score
    cdef token_t* tokens              # [m]
    cdef float* values                # [m]
    cdef word_t* words                # [n_words]: scratch mask
    cdef int32_t n_words
    cdef object text_words            # uint32[n_words]: tokens that are text, and EOS
    cdef const word_t[::1] text_view
    cdef list parents, written        # the tree of tokens
    cdef list pool                    # finished: (perplexity, order, score, node, reason, text hash), best first
    cdef readonly int32_t k, m, max_tokens, n_alive, n_tokens
    cdef readonly int64_t n_pairs     # pairs tested so far
    cdef readonly int64_t n_masks     # masks made because the likely tokens did not suffice
    cdef readonly double temperature, alpha, penalty
    cdef readonly bint is_complete, is_apart
    cdef frozenset eos_ids

    def __init__(
        self, vocab, prompt, int32_t k, int32_t m, int32_t max_tokens, double temperature, double alpha, double penalty,
        Index index, NGramTable table, bytes open_end, int32_t heal_tokens, bint is_complete, bint is_apart=False,
    ):
        cdef draft_t* draft
        cdef int32_t number
        self.trie, self.k, self.m, self.max_tokens = vocab.trie, k, m, max_tokens
        self.temperature, self.alpha, self.penalty = temperature, alpha, penalty
        self.index, self.table, self.open_end, self.is_complete = index, table, open_end, is_complete
        self.is_apart = is_apart
        self.rest_tokens = fewest_tokens(self.trie, open_end)[0]
        self.rest_view = self.rest_tokens
        self.heal_tokens = max(heal_tokens, <int32_t>self.rest_view[0])
        self.eos_ids = frozenset(vocab.eos_ids)
        self.n_words = (vocab.size + 31) // 32
        self.alive = <draft_t*>calloc(k, sizeof(draft_t))
        self.next = <draft_t*>calloc(k, sizeof(draft_t))
        self.pairs = <pair_t*>calloc(<size_t>k * m, sizeof(pair_t))
        self.order = <pair_t**>calloc(<size_t>k * m, sizeof(pair_t*))
        self.tokens = <token_t*>calloc(m, sizeof(token_t))
        self.values = <float*>calloc(m, sizeof(float))
        self.words = <word_t*>calloc(self.n_words, sizeof(word_t))
        if not (self.alive and self.next and self.pairs and self.order and self.tokens and self.values and self.words):
            raise MemoryError()
        self.text_words = text_mask(vocab)
        self.text_view = self.text_words
        self.parents, self.written, self.pool = [], [], []
        self.n_alive = 1
        draft = &self.alive[0]
        draft.node, draft.pin, draft.text = -1, NO_PIN, EMPTY_TEXT
        draft.state = 0 if index is None else index.recognizer.start
        draft.n_last = <int32_t>min(len(prompt), LAST_TOKENS)
        for number in range(draft.n_last):
            draft.last[number] = prompt[len(prompt) - 1 - number]

    def __dealloc__(self):
        free(self.alive)
        free(self.next)
        free(self.pairs)
        free(self.order)
        free(self.tokens)
        free(self.values)
        free(self.words)

    # --- what may follow -------------------------------------------------------------------------------------------

    cdef state_t after(self, const draft_t* draft, token_t token) except? FAILED_STATE:
        """The constraint's state after a token; DEAD if it may not follow, FINISHED after EOS.

        While the open end is written again, only its own bytes may come; what a token has beyond them is the
        constraint's.
        """
        cdef int32_t rest = <int32_t>len(self.open_end) - draft.healed, length, position
        cdef const uint8_t* text
        cdef state_t state = draft.state
        if rest > 0:
            length = <int32_t>self.trie.length_of(token)
            text = self.trie.text + self.trie.offset[token]
            if not length or memcmp(text, PyBytes_AS_STRING(self.open_end) + draft.healed, min(length, rest)):
                return DEAD_STATE
            if length < rest and self.rest_view[draft.healed + length] > self.heal_tokens - self.n_tokens - 1:
                return DEAD_STATE
            if self.index is not None:
                for position in range(rest, length):
                    state = self.index.recognizer.after(state, text[position])
                    if state < 0:
                        return DEAD_STATE
        elif self.index is not None:
            state = self.index.after_token(state, token)
        elif token in self.eos_ids:
            return FINISHED_STATE
        if self.is_complete and state >= 0 and self.index is not None:
            if self.index.finish_of(state) > self.max_tokens - self.n_tokens - 1:
                return DEAD_STATE
        return state

    cdef int fill_mask(self, const draft_t* draft) except -1:
        """Write what may follow a draft into `words`."""
        cdef int32_t rest = <int32_t>len(self.open_end) - draft.healed, length
        cdef word_t[::1] view = <word_t[:self.n_words]>self.words
        self.n_masks += 1
        if rest > 0:
            memset(self.words, 0, <size_t>self.n_words * sizeof(word_t))
            open_end = self.open_end[draft.healed:]
            for length in range(1, rest):
                for token in self.trie.ids_of(open_end[:length]):
                    if self.after(draft, token) != DEAD_STATE:
                        set_bit(self.words, token)
            node = self.trie.node_of(open_end)
            for token in self.trie.ids_below(node) if node >= 0 else ():
                if self.after(draft, token) != DEAD_STATE:
                    set_bit(self.words, token)
        elif self.index is None:
            memcpy(self.words, &self.text_view[0], <size_t>self.n_words * sizeof(word_t))
        elif self.is_complete:
            self.index.mask_within(draft.state, self.max_tokens - self.n_tokens, view)
        else:
            self.index.mask_into(draft.state, view)
        return 0

    # --- one step --------------------------------------------------------------------------------------------------

    def step(self, const float[::1] logits) -> int:
        """Every draft becomes one token longer, the k best of all ways stay; returns how many are alive.

        logits : float32[V] after the superposed tokens.
        Raises ModelError for logits that are no distribution, DeadEnd if nothing may follow any draft.
        """
        cdef int32_t n_logits = <int32_t>min(logits.shape[0], <Py_ssize_t>self.trie.n_tokens), n_pairs, n_best, number
        cdef double log_norm
        if self.n_alive == 0 or self.n_tokens >= self.max_tokens:
            return self.n_alive
        n_best = best_tokens(&logits[0], n_logits, &self.text_view[0], self.m, self.tokens, self.values)
        if n_best <= 0:
            raise ModelError("the logits are NaN, inf or all -inf, not a distribution. Check the model's weights and dtype")
        log_norm = 0
        for number in range(n_best):
            log_norm += exp((self.values[number] - self.values[0]) / self.temperature)
        log_norm = log(log_norm) + self.values[0] / self.temperature
        n_pairs = self.make_pairs(logits, n_best, log_norm)
        self.score_pairs(n_pairs)
        for number in range(n_pairs):
            self.order[number] = &self.pairs[number]
        qsort(self.order, n_pairs, sizeof(pair_t*), &by_score)
        self.choose(n_pairs)
        return self.n_alive

    cdef int32_t make_pairs(self, const float[::1] logits, int32_t n_best, double log_norm) except -1:
        """The pairs of a draft and a token that may follow it, by draft and then by rank."""
        cdef int32_t number, rank, n_pairs = 0, n_logits = <int32_t>min(logits.shape[0], <Py_ssize_t>self.trie.n_tokens)
        cdef draft_t* draft
        cdef bint is_free = self.index is None and not len(self.open_end)
        cdef bint has_choice = False
        for number in range(self.n_alive):
            draft = &self.alive[number]
            if draft.pin != NO_PIN:
                n_pairs = self.add_pair(n_pairs, number, draft.pin, logits[draft.pin], log_norm)
                continue
            has_choice = True
            for rank in range(n_best):
                n_pairs = self.add_pair(n_pairs, number, self.tokens[rank], self.values[rank], log_norm)
        if is_free or n_pairs >= self.k or not has_choice:
            return n_pairs
        # Of the likely tokens too few may follow: each draft gets its own likely ones, by its mask.
        n_pairs = 0
        for number in range(self.n_alive):
            draft = &self.alive[number]
            if draft.pin != NO_PIN:
                n_pairs = self.add_pair(n_pairs, number, draft.pin, logits[draft.pin], log_norm)
                continue
            self.fill_mask(draft)
            n_best = best_tokens(&logits[0], n_logits, self.words, self.m, self.tokens, self.values)
            for rank in range(n_best):
                n_pairs = self.add_pair(n_pairs, number, self.tokens[rank], self.values[rank], log_norm)
        if n_pairs == 0 and not self.pool:
            raise DeadEnd("nothing may follow any draft: the language cannot go on, or these tokens cannot spell it")
        return n_pairs

    cdef int32_t add_pair(self, int32_t n_pairs, int32_t number, token_t token, float value, double log_norm) except -1:
        cdef state_t state = self.after(&self.alive[number], token)
        cdef pair_t* pair = &self.pairs[n_pairs]
        self.n_pairs += 1
        if state == DEAD_STATE:
            return n_pairs
        pair.draft, pair.token, pair.state = number, token, state
        pair.logp = value / self.temperature - log_norm
        return n_pairs + 1

    cdef int score_pairs(self, int32_t n_pairs) except -1:
        """score = the draft's + (1 - alpha) log p + alpha log g; without n-grams, the draft's + log p.

        Where g is 0 for every token of a draft (the paper's sum; a back-off is never 0), (1 - alpha) log p - penalty.
        """
        cdef Found places[MOST_LEVELS]
        cdef int32_t first = 0, end, number, n_levels
        cdef pair_t* pair
        cdef draft_t* draft
        cdef double guess
        cdef bint is_seen
        if self.table is None or self.alpha == 0:
            for number in range(n_pairs):
                pair = &self.pairs[number]
                pair.score = self.alive[pair.draft].score + pair.logp
            return 0
        while first < n_pairs:
            draft = &self.alive[self.pairs[first].draft]
            n_levels = self.table.look_up(draft.last, draft.n_last, places)
            is_seen, end = False, first
            while end < n_pairs and self.pairs[end].draft == self.pairs[first].draft:
                pair = &self.pairs[end]
                guess = self.table.prob(places, n_levels, pair.token)
                pair.score = -INFINITY
                if guess > 0:
                    is_seen = True
                    pair.score = draft.score + self.alpha * log(guess)
                    if self.alpha < 1:
                        pair.score += (1 - self.alpha) * pair.logp
                end += 1
            if not is_seen:
                for number in range(first, end):
                    pair = &self.pairs[number]
                    pair.score = draft.score + (1 - self.alpha) * pair.logp - self.penalty
            first = end
        return 0

    cdef int choose(self, int32_t n_pairs) except -1:
        """The best k pairs that go on become the drafts; those of the best 2 k that end go to the pool.

        With is_apart every draft first gets its best way on, and what places are left go to the best of the others.
        """
        cdef int32_t rank = 0, n_next = 0
        cdef pair_t* pair
        cdef draft_t* parent
        cdef uint64_t text
        cdef uint32_t position
        self.n_tokens += 1
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
                pair.state = FINISHED_STATE
                continue
            n_next = self.go_on(n_next, pair, text, self.is_apart)
        if self.is_apart and n_next < self.k:
            for rank in range(n_pairs):
                pair = self.order[rank]
                if n_next == self.k or pair.score == -INFINITY:
                    break
                if pair.state != FINISHED_STATE:
                    text = self.alive[pair.draft].text
                    for position in range(self.trie.offset[pair.token], self.trie.offset[pair.token + 1]):
                        text = one_more(text, self.trie.text[position])
                    n_next = self.go_on(n_next, pair, text, False)
        self.alive, self.next = self.next, self.alive
        self.n_alive = n_next
        if len(self.pool) >= self.k and n_next and self.alive[0].score / self.max_tokens <= self.pool[self.k - 1][0]:
            self.n_alive = 0                  # whatever follows costs: no draft can overtake the finished ones
        return 0

    cdef int32_t go_on(self, int32_t n_next, const pair_t* pair, uint64_t text, bint is_apart) except -1:
        """Make a pair the next draft number n_next, unless there are k, or its text or (apart) its origin is there."""
        cdef const draft_t* parent = &self.alive[pair.draft]
        cdef draft_t* draft = &self.next[n_next]
        cdef int32_t other
        if n_next == self.k:
            return n_next
        for other in range(n_next):           # the same text in other tokens: the better one came first
            if self.next[other].text == text or (is_apart and self.n_alive > 1 and self.next[other].origin == pair.draft):
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

    def mixture(self, int64_t[::1] ids, float[::1] weights) -> int:
        """The last tokens of the drafts and softmax(scores), equal tokens added up; returns how many tokens differ.

        ids, weights : int64[k] and float32[k], written in place; what is not used has weight 0.
        """
        cdef int32_t number, place, n = 0
        cdef double total = 0, share
        cdef token_t token
        for number in range(self.n_alive):
            total += exp(self.alive[number].score - self.alive[0].score)
        ids[:] = 0
        weights[:] = 0
        for number in range(self.n_alive):
            token = self.alive[number].last[0]
            share = exp(self.alive[number].score - self.alive[0].score) / total
            place = 0
            while place < n and ids[place] != token:
                place += 1
            if place == n:
                n += 1
                ids[place] = token
            weights[place] += <float>share
        if n == 1:
            weights[0] = 1                    # one token is that token, to the last bit
        return n

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
        cdef uint64_t hashed = EMPTY_TEXT
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


def text_mask(vocab):
    """uint32 words: tokens that are text, and EOS."""
    bits = np.zeros((vocab.size + 31) // 32 * 32, np.uint8)
    bits[: vocab.size] = np.frombuffer(vocab.trie.lengths(), np.int32)[: vocab.size] > 0
    bits[sorted(vocab.eos_ids)] = 1
    return np.packbits(bits, bitorder="little").view(np.uint32)
