# Urn: tokens drawn without replacement, by probability: no sort, no random number and no weight per token is kept.
# Uses: types, Stream, weights.h.
#
# Of every block of 256 tokens only the largest logit and the sum of exp(logit - largest) are kept.  A draw looks for the
# group, then the block, and computes the 256 weights of that one block again.  Taking a token out weighs its block anew,
# so what is left is always a sum of what is there, never a difference: exact to the last token.  When what is left falls
# under 1e-200 of `top`, `top` moves down to the largest that is left: exact down to 1e-300 and below.
# Invariant: sums = shares * exp(tops - top); groups, left are sums of sums; a token is in the urn iff its `live` bit is 1.
# Twin: tests/oracle/slow_awrs.py.  Derivation: docs/theory/awrs.md.

cdef extern from "weights.h" nogil:
    enum:
        BLOCK                        # tokens a sum
        BLOCK_WORDS                  # words of 32 bits for them
    void weigh_narrow(const float* logits, int32_t n, const word_t* live, const word_t* known, double* weights, double* found)
    void weigh_wide(const double* logits, int32_t n, const word_t* live, const word_t* known, double* weights, double* found)

cdef enum:
    GROUP = 16                       # blocks a group: 128,000 tokens are 32 groups
    STRIDE = 32                      # tokens of a block that are passed over at once

cdef double SMALL = 1e-200           # float64 goes on to 1e-308, so all digits are left when `top` moves


cdef class Urn:
    """The tokens that may still be drawn in one step.

    logits    : float32[V] or float64[V], natural log, any normalisation; -inf cannot be drawn.  float32 is computed in
                float32 and summed in float64.  It is read until the urn is gone: do not write to it before.
    allowed   : uint32 words; tokens whose bit is 0 are taken out, their mass too.  None: all tokens are allowed.
    known     : uint32 words; tokens of which it is known that they are accepted.
    all_known : everything allowed is known to be accepted.
    normalise : masses are fractions of the mass of all V tokens, allowed or not; else they are exp(logit).
    Raises ModelError for NaN, +inf or all -inf.
    """
    cdef readonly int32_t n             # slots: V, or the head
    cdef int32_t n_blocks, n_groups     # ceil(n / BLOCK), ceil(n_blocks / GROUP)
    cdef object logits                  # ndarray [n], float32 or float64, never written to
    cdef const float* narrow            # its data if float32, else NULL
    cdef const double* wide             # its data if float64, else NULL
    cdef double* memory                 # all that follows, in one piece
    cdef size_t n_bytes                 # of memory
    cdef double* tops                   # [n_blocks]: largest live logit, -inf if there is none
    cdef double* shares                 # [2, n_blocks]: sums of exp(logit - tops) of known tokens, then of the others
    cdef double* sums                   # [2, n_blocks]: the same relative to `top`
    cdef double* groups                 # [2, n_groups]: sums of `sums`
    cdef word_t* live                   # [n_blocks * BLOCK_WORDS], by slot
    cdef word_t* known                  # the same, or NULL
    cdef bint all_known
    cdef object ids                     # int32[n]: token of each slot; None where slot == token
    cdef double top                     # the logit whose weight is 1
    cdef double log_norm                # log mass = log weight + top - log_norm
    cdef double left[2]                 # sums of `groups` by part, the tail apart: other tokens, known tokens
    cdef double log_tail                # log of the sum of exp(logit) of what is not in the head; -inf if all are here
    cdef double tail                    # the same relative to `top`
    cdef object fetch                   # () -> logits of all tokens; called once, when the tail wins

    def __init__(self, logits, allowed=None, known=None, bint all_known=False, bint normalise=True):
        cdef int32_t block
        cdef const word_t[::1] words
        self.all_known, self.log_norm, self.log_tail = all_known, 0, -INFINITY
        self._take(logits, known is not None)
        if normalise or allowed is None:
            self.fill()
            self.check()
            if normalise:
                self.log_norm = self.top + log(self.mass())
        if allowed is None and known is None:
            return
        if allowed is not None:
            words = self._words(allowed)
            memset(self.live, 0, <size_t>self.n_blocks * BLOCK_WORDS * sizeof(word_t))
            memcpy(self.live, &words[0], <size_t>min(words.shape[0], <Py_ssize_t>(self.n + 31) // 32) * sizeof(word_t))
        if known is not None:
            words = self._words(known)
            self.known = self.live + self.n_blocks * BLOCK_WORDS
            memset(self.known, 0, <size_t>self.n_blocks * BLOCK_WORDS * sizeof(word_t))
            memcpy(self.known, &words[0], <size_t>min(words.shape[0], <Py_ssize_t>(self.n + 31) // 32) * sizeof(word_t))
        self.fill()
        if not normalise:
            self.check()

    def __dealloc__(self):
        free(self.memory)

    @staticmethod
    def of_head(ids, logits, double log_tail, double log_norm, fetch, bint all_known=False) -> Urn:
        """An urn of which only the most probable tokens are here.

        ids, logits : int32[n], float[n]: the head, of what is allowed.
        log_tail    : natural log of the sum of exp(logit) over all other allowed tokens.
        log_norm    : natural log of the sum over all tokens, allowed or not; 0 for masses as they are.
        fetch       : () -> float[V], the logits of all tokens, -inf where not allowed; called when the tail is drawn.
        """
        cdef Urn urn = Urn.__new__(Urn)
        urn.all_known, urn.fetch, urn.log_norm, urn.log_tail = all_known, fetch, log_norm, log_tail
        urn._take(logits, False)
        urn.ids = np.ascontiguousarray(ids, np.int32)
        urn.fill()
        return urn

    def fork(self) -> Urn:
        """An independent urn with the same content: a copy of the sums and of the bits, about V / 4 bytes."""
        cdef Urn urn = Urn.__new__(Urn)
        urn.logits, urn.ids, urn.fetch, urn.narrow, urn.wide = self.logits, self.ids, self.fetch, self.narrow, self.wide
        urn.left[0], urn.left[1], urn.tail, urn.log_tail = self.left[0], self.left[1], self.tail, self.log_tail
        urn.top, urn.log_norm, urn.all_known, urn.n = self.top, self.log_norm, self.all_known, self.n
        urn._reserve(self.known != NULL)
        if self.known != NULL:
            urn.known = urn.live + urn.n_blocks * BLOCK_WORDS
        memcpy(urn.memory, self.memory, urn.n_bytes)
        return urn

    def _take(self, logits, bint with_known):
        """Hold these logits, all of them live, with room for their sums."""
        cdef const float[::1] narrow
        cdef const double[::1] wide
        logits = np.asarray(logits)
        if logits.ndim != 1 or not len(logits):
            raise ValueError(f"logits of one step are a vector, not an array of shape {logits.shape}")
        self.narrow, self.wide = NULL, NULL
        if logits.dtype == np.float64:
            self.logits = wide = np.ascontiguousarray(logits)
            self.wide = &wide[0]
        else:
            self.logits = narrow = np.ascontiguousarray(logits, np.float32)
            self.narrow = &narrow[0]
        self.n = <int32_t>len(logits)
        self._reserve(with_known)
        memset(self.live, 0xFF, <size_t>self.n_blocks * BLOCK_WORDS * sizeof(word_t))

    cdef int _reserve(self, bint with_known) except -1:
        """Memory for n slots."""
        cdef size_t n_doubles, n_words
        self.n_blocks = (self.n + BLOCK - 1) // BLOCK
        self.n_groups = (self.n_blocks + GROUP - 1) // GROUP
        n_doubles = 5 * <size_t>self.n_blocks + 2 * <size_t>self.n_groups
        n_words = <size_t>self.n_blocks * BLOCK_WORDS * (2 if with_known else 1)
        self.n_bytes = n_doubles * sizeof(double) + n_words * sizeof(word_t)
        free(self.memory)
        self.memory = <double*>malloc(self.n_bytes)
        if self.memory == NULL:
            raise MemoryError()
        self.tops = self.memory
        self.shares = self.tops + self.n_blocks
        self.sums = self.shares + 2 * self.n_blocks
        self.groups = self.sums + 2 * self.n_blocks
        self.live = <word_t*>(self.groups + 2 * self.n_groups)
        self.known = NULL
        return 0

    def _words(self, words):
        """A mask as an array that can be read; what it does not reach is 0."""
        words = np.ascontiguousarray(words, np.uint32)
        if words.ndim != 1:
            raise ValueError(f"a mask is a vector of words, not an array of shape {words.shape}")
        return words if len(words) else np.zeros(1, np.uint32)

    # --- weights and sums ------------------------------------------------------------------------------------------

    cdef void fill(self) noexcept nogil:
        """All sums, from the logits and what is live."""
        cdef int32_t block
        self.top = -INFINITY
        for block in range(self.n_blocks):
            self.weigh(block, NULL)
            self.top = max(self.top, self.tops[block])
        self.lift_all()

    cdef int check(self) except -1:
        """Refuse logits that are no distribution.  Nothing live is an empty urn, as long as there is something at all."""
        cdef double mass = self.mass()
        if mass == mass and self.top < INFINITY and (self.top > -INFINITY or self.logits.max() > -INFINITY):
            return 0
        found = self.top if self.top == INFINITY or mass == mass else np.nan
        raise ModelError(f"the largest of {self.n:,} logits is {found}: NaN, inf or all -inf, not a distribution")

    cdef void weigh(self, int32_t block, double* weights) noexcept nogil:
        """One block: its largest logit and its shares; its weights too, relative to its largest, where there is room."""
        cdef double found[3]
        cdef int32_t first = block * BLOCK, count = min(BLOCK, self.n - block * BLOCK), known
        cdef const word_t* live = self.live + block * BLOCK_WORDS
        cdef const word_t* bits = NULL if self.known == NULL else self.known + block * BLOCK_WORDS
        if self.narrow != NULL:
            weigh_narrow(self.narrow + first, count, live, bits, weights, found)
        else:
            weigh_wide(self.wide + first, count, live, bits, weights, found)
        known = 0 if self.known != NULL or not self.all_known else 1       # where found[2] belongs
        self.tops[block] = found[0]
        self.shares[block] = found[2] if known else found[1]
        self.shares[self.n_blocks + block] = found[1] if known else found[2]

    cdef void lift_all(self) noexcept nogil:
        """Everything relative to `top`."""
        cdef int32_t block, group
        for block in range(self.n_blocks):
            self.lift(block)
        for group in range(self.n_groups):
            self.sum_group(group)
        self.sum_parts()
        self.tail = exp(self.log_tail - self.top) if self.log_tail > -INFINITY else 0

    cdef void lift(self, int32_t block) noexcept nogil:
        cdef double factor = exp(self.tops[block] - self.top) if self.tops[block] > -INFINITY else 0
        self.sums[block] = self.shares[block] * factor
        self.sums[self.n_blocks + block] = self.shares[self.n_blocks + block] * factor

    cdef void sum_group(self, int32_t group) noexcept nogil:
        cdef int32_t block, part
        cdef double total
        for part in range(2):
            total = 0
            for block in range(group * GROUP, min(group * GROUP + GROUP, self.n_blocks)):
                total += self.sums[part * self.n_blocks + block]
            self.groups[part * self.n_groups + group] = total

    cdef void sum_parts(self) noexcept nogil:
        """What is left in all."""
        cdef int32_t group
        self.left[0] = self.left[1] = 0
        for group in range(self.n_groups):
            self.left[1] += self.groups[group]
            self.left[0] += self.groups[self.n_groups + group]

    cdef double part(self, bint known) noexcept nogil:
        """The weight of the known tokens that are left, or of the others; the tail belongs to one of the two."""
        return self.left[known] + (self.tail if known == self.all_known else 0)

    cdef double mass(self) noexcept nogil:
        """The weight of all that is left."""
        return self.part(True) + self.part(False)

    cdef double log_of(self, double weight) noexcept nogil:
        """Natural log of the probability mass of a weight; -inf for 0."""
        return log(weight) + (self.top - self.log_norm) if weight > 0 else -INFINITY

    cdef double largest_left(self) noexcept nogil:
        """The largest logit that is left, -inf if none is (the tail apart: nothing in it is larger than the head was)."""
        cdef int32_t block
        cdef double top = -INFINITY
        for block in range(self.n_blocks):
            top = max(top, self.tops[block])
        return top

    cdef void settle(self) noexcept nogil:
        """Move `top` down if nearly nothing is left of what it was chosen for."""
        cdef double top
        if self.mass() < SMALL:
            top = max(self.largest_left(), self.log_tail)
            if top > -INFINITY:
                self.top = top
                self.lift_all()

    # --- drawing ---------------------------------------------------------------------------------------------------

    cdef inline token_t token_of(self, int32_t slot) except -2:
        return slot if self.ids is None else <token_t>self.ids[slot]

    cdef int32_t slot_of(self, token_t token) except -2:
        return token if self.ids is None else <int32_t>np.flatnonzero(self.ids == token)[0]

    cdef inline bint is_known(self, token_t token) noexcept:
        return self.all_known or (self.known != NULL and has_bit(self.known, token))

    cdef token_t draw(self, Stream stream, bint only_unknown=False, bint only_known=False) except -2:
        """A token, by weight; it stays in the urn.  -1 if nothing is left."""
        cdef int32_t group, block, last = -1, part
        cdef double total = self.part(only_known) if only_unknown or only_known else self.mass()
        cdef double at
        if total <= 0:
            return -1
        at = stream.next() * total
        for part in range(1 if only_unknown or self.left[1] <= 0 else 0, 1 if only_known else 2):
            for group in range(part * self.n_groups, (part + 1) * self.n_groups):
                if self.groups[group] <= 0:
                    continue
                if at >= self.groups[group]:
                    at -= self.groups[group]
                    last = group
                    continue
                return self.token_of(self.in_group(group, at))
        if self.tail > 0:                                         # of one part alone, so of the part that was asked for
            return self.draw_tail(stream)
        return self.token_of(self.in_group(last, INFINITY))       # rounding put `at` on the total

    cdef int32_t in_group(self, int32_t group, double at) noexcept nogil:
        """The slot of a group at which its running sum passes `at`."""
        cdef int32_t part = group // self.n_groups, first = (group - part * self.n_groups) * GROUP, number, block, last = -1
        for number in range(first, min(first + GROUP, self.n_blocks)):
            block = part * self.n_blocks + number
            if self.sums[block] > 0:
                last = block
                if at < self.sums[block]:
                    break
                at -= self.sums[block]
        return self.in_block(last, at / self.sums[last] * self.shares[last])

    cdef int32_t in_block(self, int32_t block, double at) noexcept nogil:
        """The slot of a block at which its running sum, relative to its largest, passes `at`."""
        cdef double weights[BLOCK]
        cdef double lanes[4]
        cdef double total
        cdef int32_t slot, stride, first, chosen = -1, number = block % self.n_blocks
        cdef bint in_known = block < self.n_blocks
        self.weigh(number, weights)
        if self.known != NULL:
            for slot in range(BLOCK):
                if has_bit(self.known + number * BLOCK_WORDS, slot) != in_known:
                    weights[slot] = 0
        for stride in range(BLOCK // STRIDE):
            first = stride * STRIDE
            lanes[0] = lanes[1] = lanes[2] = lanes[3] = 0        # side by side: one would wait for each addition in turn
            for slot in range(STRIDE // 4):
                lanes[0] += weights[first + 4 * slot]
                lanes[1] += weights[first + 4 * slot + 1]
                lanes[2] += weights[first + 4 * slot + 2]
                lanes[3] += weights[first + 4 * slot + 3]
            total = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
            if total <= 0:
                continue
            if at < total:
                for slot in range(first, first + STRIDE):
                    if weights[slot] > 0:
                        chosen = slot
                        if at < weights[slot]:
                            break
                        at -= weights[slot]
                break
            at -= total
        if chosen < 0:                                           # rounding put `at` on the total: the last of them
            for slot in range(BLOCK):
                chosen = slot if weights[slot] > 0 else chosen
        return number * BLOCK + chosen

    cdef token_t draw_tail(self, Stream stream) except -2:
        """The tail won: fetch all logits, and draw among those that are not in the head."""
        cdef int32_t slot
        cdef token_t token
        head = self.ids.tolist()
        gone = [head[slot] for slot in range(self.n) if not has_bit(self.live, slot)]
        row, self.ids, self.log_tail = self.fetch(), None, -INFINITY
        self._take(row, False)
        for token in head:
            clear_bit(self.live, token)
        self.fill()
        token = self.draw(stream)
        for slot in set(head).difference(gone):
            set_bit(self.live, slot)
        self.fill()
        return token if token >= 0 else self.draw(stream)         # rounding alone made the tail weigh something

    cdef int remove(self, token_t token) except -1:
        """Take a token out."""
        cdef int32_t slot = self.slot_of(token), block = slot // BLOCK
        clear_bit(self.live, slot)
        self.weigh(block, NULL)
        self.lift(block)
        self.sum_group(block // GROUP)
        self.sum_parts()
        self.settle()
        return 0

    # --- for Python ------------------------------------------------------------------------------------------------

    @property
    def log_mass(self) -> float:
        """Natural log of the mass of all that is left."""
        return self.log_of(self.mass())

    @property
    def log_known(self) -> float:
        """Natural log of the mass of the known tokens that are left."""
        return self.log_of(self.part(True))

    @property
    def largest(self) -> float:
        """The largest probability of a token that is left, at most 1."""
        return min(1.0, exp(self.largest_left() - self.log_norm))

    @property
    def is_known_whole(self) -> bool:
        """Whether nothing is left to ask about."""
        return self.part(False) <= 0

    def logp(self, token_t token) -> float:
        """Natural log of the probability of a token, drawn or not; fetches the tail if it is there."""
        if self.ids is not None:
            found = np.flatnonzero(self.ids == token)
            return float((self.logits[found[0]] if len(found) else self.fetch()[token]) - self.log_norm)
        return float(self.logits[token]) - self.log_norm

    def take(self, Stream stream not None) -> int:
        """Draw a token and take it out; -1 if nothing is left."""
        cdef token_t token = self.draw(stream)
        if token >= 0:
            self.remove(token)
        return token
