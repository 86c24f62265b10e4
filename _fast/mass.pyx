# Masses: the probability of every prefix of the next token, from one running sum over the tokens in order of bytes.
# Uses: Trie, weights.h.
#
# Tokens that start with the same bytes are an interval of the trie's order, so a prefix costs two loads and a
# subtraction.  A difference of sums is exact to about 1e-15 in all; intervals that hold less than FAINT are added up
# one by one, so that rare prefixes keep their digits.  Slow twin: tests/oracle/slow_bytes.py.  Source: arXiv:2412.03719.

cdef enum:
    FEW_TOKENS = 16           # intervals up to this long are added up in any case

FAINT = 1e-3
cdef double FAINT_MASS = FAINT
EMPTY_NARROW, EMPTY_WIDE = np.empty(0, np.float32), np.empty(0)


cdef class Masses:
    """The next token's distribution after one context, by the bytes that it starts with.

    trie    : of the vocabulary.
    logits  : float32[V] or float64[V], natural log, any normalisation; -inf is 0.
    allowed : uint8[V] or None; tokens with 0 have no mass here, and what they had is not given to others.
    Tokens without text have no mass, but count in the normalisation.
    Raises ModelError for logits that are no distribution, ValueError for the wrong length.
    """
    cdef readonly Trie trie
    cdef readonly double log_norm      # natural log of the sum of exp(logits)
    cdef double* weights               # [n_ordered]: probabilities, in the trie's order
    cdef double* sums                  # [n_ordered + 1]: of the weights before each place

    def __init__(self, Trie trie not None, logits, allowed=None):
        if self.weights != NULL:
            raise ValueError("Masses are made once")
        row = np.ascontiguousarray(logits)
        if row.dtype != np.float32:
            row = np.ascontiguousarray(row, np.float64)
        if row.shape != (trie.n_tokens,):
            raise ValueError(f"{trie.n_tokens:,} logits are needed, not an array of shape {row.shape}")
        flags = np.ones(trie.n_tokens, np.uint8) if allowed is None else np.ascontiguousarray(allowed).view(np.uint8)
        if flags.shape != (trie.n_tokens,):
            raise ValueError(f"{trie.n_tokens:,} flags are needed, not an array of shape {flags.shape}")
        self.trie = trie
        self.weights = <double*>malloc((<size_t>trie.n_ordered + 1) * sizeof(double))
        self.sums = <double*>malloc((<size_t>trie.n_ordered + 1) * sizeof(double))
        if self.weights == NULL or self.sums == NULL:
            raise MemoryError()
        narrow, wide = (row, EMPTY_WIDE) if row.dtype == np.float32 else (EMPTY_NARROW, row)
        self.lay(narrow, wide, flags)

    cdef int lay(self, const float[::1] narrow, const double[::1] wide, const uint8_t[::1] allowed) except -1:
        """Weigh the logits a block at a time (weights.h), and put them in the trie's order."""
        cdef int32_t n_blocks = (self.trie.n_tokens + BLOCK - 1) // BLOCK, block, place, token, n
        cdef double[::1] room = np.empty(n_blocks * BLOCK), largest = np.empty(n_blocks), scale = np.empty(n_blocks)
        cdef double found[3]
        cdef word_t live[BLOCK_WORDS]
        cdef double top = -INFINITY, total = 0
        memset(live, 255, sizeof(live))
        for block in range(n_blocks):
            n = min(BLOCK, self.trie.n_tokens - block * BLOCK)
            if narrow.shape[0]:
                weigh_narrow(&narrow[block * BLOCK], n, live, NULL, &room[block * BLOCK], found)
            else:
                weigh_wide(&wide[block * BLOCK], n, live, NULL, &room[block * BLOCK], found)
            largest[block], scale[block] = found[0], found[2]
            top = max(top, found[0])
        if not -INFINITY < top < INFINITY:
            raise ModelError("the logits are NaN, inf or all -inf, not a distribution")
        for block in range(n_blocks):
            total += scale[block] * exp(largest[block] - top)
        if not total < INFINITY:
            raise ModelError("the logits are NaN, not a distribution")
        self.log_norm = top + log(total)
        for block in range(n_blocks):
            scale[block] = exp(largest[block] - top) / total
        total = 0
        for place in range(self.trie.n_ordered):
            token = self.trie.order[place]
            self.sums[place] = total
            self.weights[place] = room[token] * scale[token // BLOCK] if allowed[token] else 0
            total += self.weights[place]
        self.sums[self.trie.n_ordered] = total
        return 0

    def __dealloc__(self):
        free(self.weights)
        free(self.sums)

    cdef double between(self, int32_t first, int32_t end) noexcept nogil:
        """The mass of an interval of the order."""
        cdef double found = self.sums[end] - self.sums[first]
        cdef int32_t place
        if found < FAINT_MASS or end - first <= FEW_TOKENS:
            found = 0
            for place in range(first, end):
                found += self.weights[place]
        return found

    cdef inline double under(self, int32_t node) noexcept nogil:
        return self.between(self.trie.first[node], self.trie.first[node + self.trie.subtree[node]])

    def mass(self, int32_t node) -> float:
        """The probability that the next token starts with the node's bytes, those that end there included."""
        self.trie._check_node(node)
        return self.under(node)

    def beyond(self, int32_t node) -> float:
        """The same without the tokens that end there."""
        self.trie._check_node(node)
        return self.between(self.trie.first[node + 1], self.trie.first[node + self.trie.subtree[node]])

    def add_children(self, int32_t node, double weight, double[::1] out) -> None:
        """out[b] += weight * (mass of the node's child by byte b), for every byte.  out : float64[>= 256], in place."""
        cdef int32_t child = node + 1, end
        self.trie._check_node(node)
        if out.shape[0] < 256:
            raise ValueError(f"256 places are needed, not {out.shape[0]}")
        end = node + self.trie.subtree[node]
        with nogil:
            while child < end:
                out[self.trie.byte[child]] += weight * self.under(child)
                child += self.trie.subtree[child]

    def ending(self, int32_t node) -> list:
        """(token, probability) of the tokens that end at a node and have any."""
        cdef int32_t place
        self.trie._check_node(node)
        return [
            (self.trie.order[place], self.weights[place])
            for place in range(self.trie.first[node], self.trie.first[node + 1])
            if node > 0 and self.weights[place] > 0
        ]

    def below(self, int32_t node, double least=0) -> list:
        """(token, probability) of the tokens that start with the node's bytes and have more than `least`."""
        cdef int32_t place
        self.trie._check_node(node)
        return [
            (self.trie.order[place], self.weights[place])
            for place in range(self.trie.first[node], self.trie.first[node + self.trie.subtree[node]])
            if self.weights[place] > least
        ]
