# Trie: every token of a vocabulary, in depth-first order, so that a walk is one pass over flat arrays.  Uses: types.
#
# Not here: what a token's bytes are (guided/vocab), which tokens a language may read (walk).
# Slow twin: tests/oracle/slow_trie.py.  Source: llguidance's toktrie, with depths instead of parent counts.

# Nodes are numbered in 32 signed bits, and there is at most one node per byte, and the root.
MAX_TRIE_BYTES = 2**31 - 2

cdef struct SortKey:
    uint64_t start            # the first 8 bytes, big-endian, padded by 0: decides nearly every comparison
    token_t token             # the id

cdef class Trie:
    """The prefix tree of a vocabulary: node 0 is the empty string, children follow their parent in order of bytes.

    tokens : list[bytes]; the index is the id.  b"" means "never text" and is not in the tree; ids may share bytes.
    size   : ids in all (>= len(tokens)); those above len(tokens) are b"".  Default len(tokens).
    Raises VocabularyError for a token that is not bytes, or 2 GiB of bytes.
    Cost: one sort and one pass, O(total bytes); 13 bytes per node and 8 per token beside the bytes themselves;
    45 more per node once a lexer is read (Children, Letters).
    """
    cdef readonly int32_t n_nodes      # nodes, the root included
    cdef readonly int32_t max_depth    # bytes of the longest token
    cdef readonly int32_t n_tokens     # ids, those without text included; bits of a mask
    cdef readonly int32_t n_words      # ceil(n_tokens / 32): uint32 words of a mask
    cdef readonly int32_t n_ordered    # ids with text; entries of `order`
    cdef readonly bytes blob           # the bytes of every token, one after the other, by id
    cdef const uint8_t* text           # where `blob` starts
    cdef uint32_t* offset              # [n_tokens + 1]: token t is text[offset[t] .. offset[t + 1])
    cdef uint8_t* byte                 # [n_nodes]: the byte that leads here from the parent; 0 at the root
    cdef int32_t* subtree              # [n_nodes]: nodes below, itself included; the next sibling starts after them
    cdef int32_t* depth                # [n_nodes]: bytes from the root
    cdef int32_t* first                # [n_nodes + 1]: tokens at a node are order[first[node] .. first[node + 1])
    cdef token_t* order                # [n_ordered]: ids by bytes; those of a subtree are an interval
    cdef object children               # Children, once a walk wants them
    cdef object letters                # Letters, the same
    cdef object horizon                # Horizon, the same
    cdef dict behind                   # node -> Leaving: what is below it, for walks of which a lexeme ended there
    cdef int32_t root_child[256]       # the child of the root for each byte, -1 where there is none

    def __init__(self, tokens, size=None):
        cdef Py_ssize_t position
        pieces = tokens if type(tokens) is list else list(tokens)
        for position, piece in enumerate(pieces):
            if type(piece) is not bytes:
                raise VocabularyError(f"tokens are bytes, not {type(piece).__name__}", position)
        blob = b"".join(pieces)
        self._check_size(blob, len(pieces), size)
        self._build(blob, array("i", map(len, pieces)), len(pieces) if size is None else size)

    @staticmethod
    def from_blob(bytes blob, const int32_t[::1] lengths, size=None) -> Trie:
        """The trie of tokens that lie one after the other in `blob`.

        lengths : int32[n], bytes of each token, by id; they sum to len(blob).      size : as in Trie.
        """
        cdef Trie trie = Trie.__new__(Trie)
        trie._check_size(blob, lengths.shape[0], size)
        trie._build(blob, lengths, lengths.shape[0] if size is None else size)
        return trie

    def __dealloc__(self):
        free(self.offset)
        free(self.byte)
        free(self.subtree)
        free(self.depth)
        free(self.first)
        free(self.order)

    def _check_size(self, blob, n_given, size):
        if self.offset != NULL:
            raise ValueError("a Trie is built once")
        if not n_given <= (n_given if size is None else size) < 2**31 - 32:
            raise VocabularyError(
                f"size must be at least the number of tokens, {n_given:,}, and fit in 31 bits, not {size:,}"
            )
        if len(blob) > MAX_TRIE_BYTES:
            raise VocabularyError(f"the tokens have {len(blob):,} bytes, at most {MAX_TRIE_BYTES:,} can be indexed")

    cdef _build(self, bytes blob, const int32_t[::1] lengths, int32_t size):
        """Copy the lengths, sort, and lay the nodes out.  Runs once per object."""
        cdef int32_t token, length, end = 0, blob_length = <int32_t>len(blob)
        cdef SortKey* keys
        self.n_tokens = size
        self.n_words = (size + 31) // 32
        self.blob = blob
        self.text = <const uint8_t*>PyBytes_AS_STRING(blob)
        self.offset = <uint32_t*>malloc((<size_t>size + 1) * sizeof(uint32_t))
        if self.offset == NULL:
            raise MemoryError()
        for token in range(size):
            self.offset[token] = end
            length = lengths[token] if token < lengths.shape[0] else 0
            if not 0 <= length <= blob_length - end:
                raise ValueError(f"lengths do not fit in the blob at token {token}")
            self.n_ordered += length > 0
            end += length
        self.offset[size] = end
        if end != blob_length:
            raise ValueError(f"lengths sum to {end:,}, the blob has {blob_length:,} bytes")
        self.order = <token_t*>malloc((<size_t>self.n_ordered + 1) * sizeof(token_t))
        keys = <SortKey*>malloc((2 * <size_t>self.n_ordered + 1) * sizeof(SortKey))
        if self.order == NULL or keys == NULL:
            free(keys)
            raise MemoryError()
        with nogil:
            self.sort_by_start(keys, keys + self.n_ordered)
            free(keys)
            self.sort_ties()
            self.count_nodes()
        self.byte = <uint8_t*>malloc(<size_t>self.n_nodes)
        self.subtree = <int32_t*>malloc(<size_t>self.n_nodes * sizeof(int32_t))
        self.depth = <int32_t*>malloc(<size_t>self.n_nodes * sizeof(int32_t))
        self.first = <int32_t*>malloc((<size_t>self.n_nodes + 1) * sizeof(int32_t))
        if self.byte == NULL or self.subtree == NULL or self.depth == NULL or self.first == NULL:
            raise MemoryError()
        with nogil:
            self.lay_nodes()

    cdef inline uint32_t length_of(self, token_t token) noexcept nogil:
        """Bytes of a token."""
        return self.offset[token + 1] - self.offset[token]

    cdef inline uint64_t start_of(self, token_t token) noexcept nogil:
        """The first 8 bytes of a token as one number that compares as they do; 0 where it is shorter."""
        cdef uint64_t start = 0
        cdef uint32_t position, length = min(self.length_of(token), <uint32_t>8)
        for position in range(length):
            start |= <uint64_t>self.text[self.offset[token] + position] << (56 - 8 * position)
        return start

    cdef bint is_before(self, token_t left, token_t right) noexcept nogil:
        """Whether `left` comes before `right`: by bytes, then by id."""
        cdef uint32_t left_length = self.length_of(left), right_length = self.length_of(right)
        cdef uint32_t shorter = min(left_length, right_length)
        cdef int order = memcmp(self.text + self.offset[left], self.text + self.offset[right], shorter)
        if order != 0:
            return order < 0
        return left_length < right_length if left_length != right_length else left < right

    cdef uint32_t common_prefix(self, token_t left, token_t right) noexcept nogil:
        """Bytes that two tokens share at their start."""
        cdef uint32_t shared = 0, shorter = min(self.length_of(left), self.length_of(right))
        cdef const uint8_t* left_text = self.text + self.offset[left]
        cdef const uint8_t* right_text = self.text + self.offset[right]
        while shared < shorter and left_text[shared] == right_text[shared]:
            shared += 1
        return shared

    cdef void sort_by_start(self, SortKey* keys, SortKey* scratch) noexcept nogil:
        """Fill `order` with the ids that have text, by their first 8 bytes: a radix sort, last byte first.

        128,000 tokens: 8 passes, a few ms, where qsort with a comparison takes 40 ms.
        """
        cdef int32_t count[256]
        cdef int32_t place, found = 0, total, digit, size
        cdef token_t token
        for token in range(self.n_tokens):
            if self.length_of(token) > 0:
                keys[found].start = self.start_of(token)
                keys[found].token = token
                found += 1
        for digit in range(0, 64, 8):
            memset(count, 0, sizeof(count))
            for place in range(found):
                count[(keys[place].start >> digit) & 0xFF] += 1
            total = 0
            for place in range(256):                    # counts become the first place of each digit
                size = count[place]
                count[place] = total
                total += size
            for place in range(found):
                total = count[(keys[place].start >> digit) & 0xFF]
                count[(keys[place].start >> digit) & 0xFF] = total + 1
                scratch[total] = keys[place]
            keys, scratch = scratch, keys
        for place in range(found):                      # an even number of passes: the result is where it began
            self.order[place] = keys[place].token

    cdef void sort_ties(self) noexcept nogil:
        """Put the runs of `order` that share their first 8 bytes in order of all their bytes."""
        cdef int32_t first = 0, end
        while first < self.n_ordered:
            end = first + 1
            while end < self.n_ordered and self.start_of(self.order[end]) == self.start_of(self.order[first]):
                end += 1
            if end - first > 1:
                self.heap_sort(self.order + first, end - first)
            first = end

    cdef void heap_sort(self, token_t* run, int32_t size) noexcept nogil:
        """Sort `run` in place by is_before: no recursion, no bad case."""
        cdef int32_t root = size // 2
        cdef token_t last
        while root > 0:
            root -= 1
            self.sift_down(run, root, size)
        while size > 1:
            size -= 1
            last = run[size]
            run[size] = run[0]
            run[0] = last
            self.sift_down(run, 0, size)

    cdef void sift_down(self, token_t* run, int32_t root, int32_t size) noexcept nogil:
        """Restore the heap below `root`: no parent is before its children."""
        cdef token_t sinking = run[root]
        cdef int32_t child = 2 * root + 1
        while child < size:
            if child + 1 < size and self.is_before(run[child], run[child + 1]):
                child += 1
            if not self.is_before(sinking, run[child]):
                break
            run[root] = run[child]
            root, child = child, 2 * child + 1
        run[root] = sinking

    cdef void count_nodes(self) noexcept nogil:
        """Set n_nodes and max_depth: a token adds one node for each byte that it does not share with the one before."""
        cdef int32_t place
        cdef uint32_t length
        self.n_nodes = 1
        for place in range(self.n_ordered):
            length = self.length_of(self.order[place])
            self.n_nodes += length
            if place > 0:
                self.n_nodes -= self.common_prefix(self.order[place - 1], self.order[place])
            self.max_depth = max(self.max_depth, <int32_t>length)

    cdef void lay_nodes(self) noexcept nogil:
        """Fill the node arrays from the sorted tokens, in one pass.

        While a node is open, that is until the last token below it is laid, its entry of `subtree` holds its parent.
        """
        cdef int32_t node = 0, parent, next_node = 1, place, byte
        cdef uint32_t shared
        cdef token_t token
        cdef const uint8_t* text
        for byte in range(256):
            self.root_child[byte] = -1
        self.byte[0] = 0
        self.depth[0] = 0
        self.first[0] = 0
        self.subtree[0] = -1
        for place in range(self.n_ordered):
            token = self.order[place]
            text = self.text + self.offset[token]
            shared = self.common_prefix(self.order[place - 1], token) if place > 0 else 0
            while self.depth[node] > <int32_t>shared:       # this token leaves the one before: close what it leaves
                parent = self.subtree[node]
                self.subtree[node] = next_node - node
                node = parent
            if shared == 0:
                self.root_child[text[0]] = next_node
            while shared < self.length_of(token):
                self.byte[next_node] = text[shared]
                self.depth[next_node] = self.depth[node] + 1
                self.first[next_node] = place
                self.subtree[next_node] = node
                node = next_node
                next_node += 1
                shared += 1
        while node >= 0:
            parent = self.subtree[node]
            self.subtree[node] = next_node - node
            node = parent
        self.first[self.n_nodes] = self.n_ordered

    cdef int32_t child_of(self, int32_t node, uint8_t byte) noexcept nogil:
        """The child of `node` by `byte`, or -1.  One load at the root, else one per smaller sibling."""
        cdef int32_t child = node + 1, end = node + self.subtree[node]
        if node == 0:
            return self.root_child[byte]
        while child < end and self.byte[child] <= byte:
            if self.byte[child] == byte:
                return child
            child += self.subtree[child]
        return -1

    def _check_node(self, int32_t node):
        if not 0 <= node < self.n_nodes:
            raise IndexError(f"node {node} of a trie of {self.n_nodes:,} nodes")

    def __len__(self) -> int:
        return self.n_tokens

    def __reduce__(self):
        return Trie.from_blob, (self.blob, self.lengths(), self.n_tokens)

    def token_bytes(self, int32_t token) -> bytes:
        """The bytes of a token; b"" where it never stands for text.  Raises IndexError outside 0..n_tokens - 1."""
        if not 0 <= token < self.n_tokens:
            raise IndexError(f"token {token} of a vocabulary of {self.n_tokens:,}")
        return PyBytes_FromStringAndSize(<const char*>self.text + self.offset[token],
                                         self.length_of(token))

    def lengths(self) -> array:
        """int32[n_tokens]: bytes of each token."""
        cdef int32_t token
        found = array("i", bytes(4 * self.n_tokens))
        cdef int32_t[::1] view = found
        for token in range(self.n_tokens):
            view[token] = self.length_of(token)
        return found

    def child(self, int32_t node, uint8_t byte) -> int:
        """The child of `node` by `byte`, or -1."""
        self._check_node(node)
        return self.child_of(node, byte)

    def node_of(self, const uint8_t[::1] text) -> int:
        """The node of `text`, or -1 where no token starts with it."""
        cdef int32_t node = 0
        cdef Py_ssize_t position
        self._check_node(0)
        for position in range(text.shape[0]):
            node = self.child_of(node, text[position])
            if node < 0:
                break
        return node

    def node(self, int32_t node) -> tuple:
        """(byte, depth, subtree, ids that end here) of one node, for tests and for people."""
        self._check_node(node)
        ids = [self.order[place] for place in range(self.first[node], self.first[node + 1])]
        return self.byte[node], self.depth[node], self.subtree[node], ids

    def ids_of(self, const uint8_t[::1] text) -> list:
        """Every id whose bytes are `text`, ascending."""
        cdef int32_t node = self.node_of(text)
        return [] if node <= 0 else self.node(node)[3]

    def ids_below(self, int32_t node) -> list:
        """Every id whose bytes start with the node's text, in order of bytes."""
        self._check_node(node)
        return [self.order[place] for place in range(self.first[node], self.first[node + self.subtree[node]])]

    def longest_prefix(self, const uint8_t[::1] text) -> tuple:
        """(smallest id, bytes) of the longest token that `text` starts with; (-1, 0) if there is none."""
        cdef int32_t node = 0, token = -1
        cdef Py_ssize_t position, length = 0
        self._check_node(0)
        for position in range(text.shape[0]):
            node = self.child_of(node, text[position])
            if node < 0:
                break
            if self.first[node] < self.first[node + 1]:
                token, length = self.order[self.first[node]], position + 1
        return token, length
