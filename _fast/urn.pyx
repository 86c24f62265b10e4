# Urn: tokens drawn without replacement, by probability, with no sort and no random number per token.  Uses: types, Stream.
#
# weight = exp(logit - top).  Sums over blocks of 256 slots find a token in two short scans; taking a token out sums its
# block anew, so what is left is always a sum of what is there, never a difference: exact to the last token.  When what
# is left falls under 1e-25 of the top, `top` moves down and all weights are made anew: exact down to 1e-300 and below.
# Invariant: sums[0, b] + sums[1, b] is the sum of the weights of block b; weights of what was taken out are 0.
# Twin: tests/oracle/slow_awrs.py.  Derivation: docs/theory/awrs.md.


cdef enum:
    BLOCK = 256                      # slots a sum; near the square root of 128,000

cdef double SMALL = 1e-25            # float32 weights reach down to 1e-38, so 13 digits are left when `top` moves


cdef class Urn:
    """The tokens that may still be drawn in one step.

    logits    : float32[V] or float64[V], natural log, any normalisation; -inf cannot be drawn.  float32 is computed in
                float32 and summed in float64.
    allowed   : uint32 words; tokens whose bit is 0 are taken out, their mass too.  None: all tokens are allowed.
    known     : uint32 words; tokens of which it is known that they are accepted.
    all_known : everything allowed is known to be accepted.
    normalise : masses are fractions of the mass of all V tokens, allowed or not; else they are exp(logit).
    Raises ModelError for NaN, +inf or all -inf.
    """
    cdef readonly int32_t n             # slots: V, or the head
    cdef int32_t n_blocks               # ceil(n / BLOCK)
    cdef object logits                  # ndarray [n], float32 or float64, never written to
    cdef object weights                 # ndarray [n], the same type: exp(logit - top), 0 where taken out
    cdef float* narrow                  # data of weights if float32, else NULL
    cdef double* wide                   # data of weights if float64, else NULL
    cdef object sums_owner
    cdef double* sums                   # [2, n_blocks]: weights of known tokens by block, then of the others
    cdef object allowed_owner, known_owner
    cdef const word_t* allowed          # [ceil(V / 32)] or NULL
    cdef const word_t* known            # [ceil(V / 32)] or NULL
    cdef bint all_known
    cdef object ids                     # int32[n]: token of each slot; None where slot == token
    cdef list removed                   # tokens taken out so far
    cdef double top                     # the logit whose weight is 1
    cdef double log_norm                # log mass = log weight + top - log_norm
    cdef double left[2]                 # sums of `sums` by part, the tail apart: other tokens, known tokens
    cdef double tail                    # weight of all tokens that are not in the head, 0 if all are here
    cdef object fetch                   # () -> logits of all tokens; called once, when the tail wins

    def __init__(self, logits, allowed=None, known=None, bint all_known=False, bint normalise=True):
        self._take(logits)
        self.all_known, self.removed, self.log_norm = all_known, [], 0
        self.fill()
        if normalise:
            self.log_norm = self.top + log(self.mass())
        self.allowed_owner, self.known_owner = self._words(allowed), self._words(known)
        self._point()
        if self.allowed != NULL or self.known != NULL:
            self.hide_and_sum()
        self.settle()

    @staticmethod
    def of_head(ids, logits, double log_tail, double log_norm, fetch, bint all_known=False) -> Urn:
        """An urn of which only the most probable tokens are here.

        ids, logits : int32[n], float[n]: the head, of what is allowed.
        log_tail    : natural log of the sum of exp(logit) over all other allowed tokens.
        log_norm    : natural log of the sum over all tokens, allowed or not; 0 for masses as they are.
        fetch       : () -> float[V], the logits of all tokens, -inf where not allowed; called when the tail is drawn.
        """
        cdef Urn urn = Urn.__new__(Urn)
        urn._take(logits)
        urn.ids = np.ascontiguousarray(ids, np.int32)
        urn.all_known, urn.removed, urn.fetch = all_known, [], fetch
        urn.log_norm, urn.tail = log_norm, exp(log_tail - urn.top)
        urn.fill()
        return urn

    def fork(self) -> Urn:
        """An independent urn with the same content: a copy of the weights, no exponential is computed."""
        cdef Urn urn = Urn.__new__(Urn)
        urn.logits, urn.ids, urn.removed, urn.fetch = self.logits, self.ids, self.removed.copy(), self.fetch
        urn.left[0], urn.left[1] = self.left[0], self.left[1]
        urn.top, urn.log_norm, urn.tail, urn.all_known = self.top, self.log_norm, self.tail, self.all_known
        urn.allowed_owner, urn.known_owner = self.allowed_owner, self.known_owner
        urn.n, urn.n_blocks = self.n, self.n_blocks
        urn.weights, urn.sums_owner = self.weights.copy(), self.sums_owner.copy()
        urn._point()
        return urn

    def _take(self, logits):
        """Hold these logits, with room for their weights."""
        logits = np.asarray(logits)
        if logits.ndim != 1 or not len(logits):
            raise ValueError(f"logits of one step are a vector, not an array of shape {logits.shape}")
        if logits.dtype != np.float64:
            logits = logits.astype(np.float32, copy=False)
        self.logits = np.ascontiguousarray(logits)
        self.top = self.logits.max()
        if not -INFINITY < self.top < INFINITY:
            raise ModelError(f"the largest of {len(logits):,} logits is {self.top}: NaN, inf or all -inf, not a distribution")
        self.n = <int32_t>len(logits)
        self.n_blocks = (self.n + BLOCK - 1) // BLOCK
        self.weights = np.empty_like(self.logits)
        self.sums_owner = np.zeros(2 * self.n_blocks)
        self._point()

    def _words(self, words):
        """A mask as long as the logits; what it does not reach is 0."""
        if words is None:
            return None
        n_words = (self.n + 31) // 32
        words = np.ascontiguousarray(words, np.uint32)
        if words.ndim != 1:
            raise ValueError(f"a mask is a vector of words, not an array of shape {words.shape}")
        return words if len(words) >= n_words else np.concatenate([words, np.zeros(n_words - len(words), np.uint32)])

    cdef int _point(self) except -1:
        """Addresses of what the owners hold."""
        cdef size_t weights = self.weights.ctypes.data, sums = self.sums_owner.ctypes.data, words
        cdef bint is_wide = self.weights.dtype == np.float64
        self.wide, self.narrow = <double*>weights if is_wide else NULL, NULL if is_wide else <float*>weights
        self.sums = <double*>sums
        words = 0 if self.allowed_owner is None else self.allowed_owner.ctypes.data
        self.allowed = <const word_t*>words
        words = 0 if self.known_owner is None else self.known_owner.ctypes.data
        self.known = <const word_t*>words
        return 0

    # --- weights and sums ------------------------------------------------------------------------------------------

    cdef inline double weight(self, int32_t slot) noexcept nogil:
        return self.wide[slot] if self.wide != NULL else self.narrow[slot]

    cdef inline void clear(self, int32_t slot) noexcept nogil:
        if self.wide != NULL:
            self.wide[slot] = 0
        else:
            self.narrow[slot] = 0

    cdef int fill(self) except -1:
        """All weights and sums, from the logits, `top`, what is allowed and what was taken out."""
        np.subtract(self.logits, self.logits.dtype.type(self.top), out=self.weights)
        if self.removed or self.allowed_owner is not None:
            np.minimum(self.weights, 0, out=self.weights)      # what lies above `top` is out; its exp would be inf
        np.exp(self.weights, out=self.weights)
        for token in self.removed:
            self.clear(self.slot_of(token))
        self.hide_and_sum()
        return 0

    cdef void hide_and_sum(self) noexcept:
        cdef int32_t block, word, bit, slot
        if self.allowed != NULL and self.ids is None:
            for word in range((self.n + 31) // 32):
                if self.allowed[word] != <word_t>0xFFFFFFFF:
                    for bit in range(min(32, self.n - 32 * word)):
                        if not (self.allowed[word] >> bit) & 1:
                            self.clear(32 * word + bit)
        for block in range(self.n_blocks):
            self.sum_block(block)
        self.sum_parts()

    cdef void sum_parts(self) noexcept nogil:
        """What is left in all."""
        cdef int32_t block, first, known
        cdef double lanes[4]
        for known in range(2):
            self.left[known] = 0
            if self.known == NULL and known != self.all_known:
                continue                             # no token belongs to this part
            lanes[0] = lanes[1] = lanes[2] = lanes[3] = 0
            first = 0 if known else self.n_blocks
            for block in range(0, self.n_blocks - 3, 4):
                lanes[0] += self.sums[first + block]
                lanes[1] += self.sums[first + block + 1]
                lanes[2] += self.sums[first + block + 2]
                lanes[3] += self.sums[first + block + 3]
            for block in range(self.n_blocks // 4 * 4, self.n_blocks):
                lanes[0] += self.sums[first + block]
            self.left[known] = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])

    cdef void sum_block(self, int32_t block) noexcept nogil:
        """The two sums of one block."""
        cdef int32_t first = block * BLOCK, end = min(block * BLOCK + BLOCK, self.n), slot, part
        cdef double known = 0, other = 0
        cdef double lanes[4]
        if self.known == NULL:
            lanes[0] = lanes[1] = lanes[2] = lanes[3] = 0
            slot = first
            if self.narrow != NULL:                  # four sums side by side: one would wait for each addition in turn
                while slot + 4 <= end:
                    lanes[0] += self.narrow[slot]
                    lanes[1] += self.narrow[slot + 1]
                    lanes[2] += self.narrow[slot + 2]
                    lanes[3] += self.narrow[slot + 3]
                    slot += 4
            other = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
            while slot < end:
                other += self.weight(slot)
                slot += 1
            part = 0 if self.all_known else self.n_blocks
            self.sums[part + block] = other
            return
        for slot in range(first, end):
            if has_bit(self.known, slot):
                known += self.weight(slot)
            else:
                other += self.weight(slot)
        self.sums[block], self.sums[self.n_blocks + block] = known, other

    cdef double part(self, bint known) noexcept nogil:
        """The weight of the known tokens that are left, or of the others; the tail belongs to one of the two."""
        return self.left[known] + (self.tail if known == self.all_known else 0)

    cdef double mass(self) noexcept nogil:
        """The weight of all that is left."""
        return self.part(True) + self.part(False)

    cdef double log_of(self, double weight) noexcept nogil:
        """Natural log of the probability mass of a weight; -inf for 0."""
        return log(weight) + (self.top - self.log_norm) if weight > 0 else -INFINITY

    cdef int settle(self) except -1:
        """Move `top` down if nearly nothing is left of what it was chosen for."""
        cdef double top
        if self.tail > 0 or self.mass() >= SMALL:
            return 0
        live = self.logits.copy()
        if self.removed:
            live[self.removed] = -np.inf
        if self.allowed_owner is not None:
            bits = np.unpackbits(self.allowed_owner.astype("<u4").view(np.uint8), bitorder="little")
            live[bits[: self.n] == 0] = -np.inf
        top = live.max()
        if top > -INFINITY:
            self.top = top
            self.fill()
        return 0

    # --- drawing ---------------------------------------------------------------------------------------------------

    cdef inline token_t token_of(self, int32_t slot) except -2:
        return slot if self.ids is None else <token_t>self.ids[slot]

    cdef int32_t slot_of(self, token_t token) except -2:
        return token if self.ids is None else <int32_t>np.flatnonzero(self.ids == token)[0]

    cdef inline bint is_known(self, token_t token) noexcept:
        return self.all_known or (self.known != NULL and has_bit(self.known, token))

    cdef token_t draw(self, Stream stream, bint only_unknown=False) except -2:
        """A token, by weight; it stays in the urn.  -1 if nothing is left."""
        cdef int32_t block, last = -1, first = self.n_blocks if only_unknown or self.left[1] <= 0 else 0
        cdef double total = self.part(False) if only_unknown else self.mass()
        cdef double at
        if total <= 0:
            return -1
        at = stream.next() * total
        for block in range(first, 2 * self.n_blocks):
            if self.sums[block] > 0:
                last = block
                if at < self.sums[block]:
                    return self.token_of(self.pick(block, at))
                at -= self.sums[block]
        if self.tail > 0:
            return self.draw_tail(stream)
        return self.token_of(self.pick(last, INFINITY))       # rounding put `at` on the total

    cdef int32_t pick(self, int32_t block, double at) noexcept nogil:
        """The slot of a block at which its running sum passes `at`."""
        cdef int32_t slot, chosen = -1, number = block % self.n_blocks
        cdef bint in_known = block < self.n_blocks
        cdef double weight
        for slot in range(number * BLOCK, min(number * BLOCK + BLOCK, self.n)):
            weight = self.weight(slot)
            if weight > 0 and (self.known == NULL or has_bit(self.known, slot) == in_known):
                chosen = slot
                if at < weight:
                    break
                at -= weight
        return chosen

    cdef token_t draw_tail(self, Stream stream) except -2:
        """The tail won: fetch all logits, and draw among those that are not in the head."""
        cdef token_t token
        head, removed, log_norm = self.ids.tolist(), self.removed, self.log_norm
        row, self.ids, self.tail = self.fetch(), None, 0
        self._take(row)
        self.removed, self.log_norm = head, log_norm
        self.fill()
        self.settle()
        token = self.draw(stream)
        self.removed = removed
        self.top = self.logits.max()
        self.fill()
        self.settle()
        return token

    cdef int remove(self, token_t token) except -1:
        """Take a token out."""
        cdef int32_t slot = self.slot_of(token)
        self.removed.append(token)
        self.clear(slot)
        self.sum_block(slot // BLOCK)
        self.sum_parts()
        return self.settle()

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
        return min(1.0, float(self.weights.max()) * exp(self.top - self.log_norm))

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
