# Candidates: which tokens may follow k drafts, and how good each pair of a draft and a token is.
# Uses: Index, NGramTable, Trie, superpose.h.
#
# One row of logits serves all drafts.  Its m best tokens are found in one pass; every pair is tested by the draft's own
# state of the constraint and scored.  Nothing here is as large as drafts x vocabulary.
# Source: Shen et al., "Superposed decoding" (arXiv:2405.18400), section 3.

cdef enum:
    NO_PIN = -1
    LAST_TOKENS = MOST_LEVELS - 1     # tokens of history that n-grams can use


cdef uint64_t HASH_OF_NOTHING = 0xCBF29CE484222325   # FNV-1a, 64 bits: texts are told apart by their hashes


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
    int32_t n_ways                    # ways on that were counted in this step (Drafts.handicap)


cdef struct pair_t:
    double score                      # of the draft with this token
    double rank                       # the same, less the handicap of a further way on of one draft
    double logp                       # of the token by the model alone
    int32_t draft
    token_t token
    state_t state                     # after the token


cdef int32_t is_better(const pair_t* left, const pair_t* right) noexcept nogil:
    """Higher ranks first; equal ones by draft and then by the token's place, which is their order in memory."""
    if left.rank != right.rank:
        return left.rank > right.rank
    return left < right


cdef int by_rank(const void* left, const void* right) noexcept nogil:
    cdef const pair_t* one = (<const pair_t**>left)[0]
    cdef const pair_t* two = (<const pair_t**>right)[0]
    return -1 if is_better(one, two) else 1


def text_mask(vocab):
    """uint32 words: tokens that are text, and EOS."""
    bits = np.zeros((vocab.size + 31) // 32 * 32, np.uint8)
    bits[: vocab.size] = np.frombuffer(vocab.trie.lengths(), np.int32)[: vocab.size] > 0
    bits[sorted(vocab.eos_ids)] = 1
    return np.packbits(bits, bitorder="little").view(np.uint32)


cdef class Candidates:
    """The drafts of one prompt, and what may follow them.

    vocab, prompt : the tokens and the prompt's ids.       k, m : drafts to keep, tokens to look at.
    max_tokens    : length of a draft.                     temperature, alpha, penalty : see engines/superpose.py.
    index         : of the constraint, or None.            table : n-grams, or None.
    open_end      : bytes at the prompt's end that every draft writes again, in at most `heal_tokens` tokens.
    margin        : by how much more a second way on of one draft must score than the first of another; 0: the best k stay.
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
    cdef readonly double temperature, alpha, penalty, margin
    cdef readonly bint is_complete
    cdef frozenset eos_ids

    def __init__(
        self, vocab, prompt, int32_t k, int32_t m, int32_t max_tokens, double temperature, double alpha, double penalty,
        Index index, NGramTable table, bytes open_end, int32_t heal_tokens, bint is_complete, double margin=0,
    ):
        cdef draft_t* draft
        cdef int32_t number
        self.trie, self.k, self.m, self.max_tokens = vocab.trie, k, m, max_tokens
        self.temperature, self.alpha, self.penalty = temperature, alpha, penalty
        self.index, self.table, self.open_end, self.is_complete = index, table, open_end, is_complete
        self.margin = margin
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
        draft.node, draft.pin, draft.text = -1, NO_PIN, HASH_OF_NOTHING
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

    cdef int32_t make_pairs(self, const float* logits, int32_t n_logits, int32_t n_best, double log_norm) except -1:
        """The pairs of a draft and a token that may follow it, by draft and then by rank."""
        cdef int32_t number, rank, n_pairs = 0
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
            n_best = largest(logits, n_logits, self.words, self.m, self.tokens, self.values)
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
