# LexerEntry: one lexer state's view of the vocabulary: which tokens stay inside the lexeme, which leave it.  Uses: Trie.
#
# Tokens that leave are grouped by the labels of the lexeme (Leaving).  Of a group the tokens that end with the lexeme are
# listed; of the others the runs of trie nodes are kept on which they go on.

cdef enum:
    # Segments are merged into a trie of remainders once it pays: the walk over 2,000 segments takes 40 us a context, the
    # merged trie 1 us, and merging 300 us; it is not made for what is most of a vocabulary.
    MERGE_FROM_SEGMENTS = 32
    MERGE_UP_TO_TOKENS = 16_384
    MERGE_AFTER_USES = 8
    CHAIN_AFTER_USES = 2          # the second context that reads on with the same lexer
    BEHIND_FROM_NODES = 8         # below a node where a lexeme ends, to be read on by an entry made for all such lexemes
    MAX_FEW = 512                 # tokens that are listed rather than kept as a mask
    MAX_CHAINED = 64              # lexers that read on after one group
    MAX_BEHIND = 4096             # nodes of which that is kept
    MAX_LEXERS = 2048             # lexers whose indexes are kept for the next request
    MAX_LEXER_BYTES = 128 << 20   # inner masks and leaving tokens of the whole process; beyond it all are dropped and made anew

    QUOTE_BYTE = 0x22             # ends a JSON string

cdef int64_t lexer_bytes = 0      # in use

cdef class LexerIndex
cdef class Universe


cdef struct Segment:
    int32_t first_node            # a run of siblings in the vocabulary's trie, with all that is below them
    int32_t end_node
    int32_t depth                 # bytes of the token that belong to the lexeme


@cython.final
@cython.no_gc                     # there are thousands, none is part of a cycle, and the collector would look at them all
cdef class Leaving:
    """The tokens that end the lexeme with the same labels."""
    cdef tuple labels             # of the lexeme
    cdef int32_t label_set        # their number (places.pyx)
    cdef token_t* enders          # [n_enders] tokens that end exactly with the lexeme
    cdef int32_t n_enders, enders_capacity
    cdef Segment* segments        # what goes on after the lexeme
    cdef int32_t n_segments, capacity
    cdef int64_t n_tokens         # tokens below the segments
    cdef int32_t n_uses           # contexts that asked
    cdef Trie remainders          # the segments merged, tokens by remainder; None until it pays
    cdef dict chained             # next lexer's state (LexerIndex.key) -> uses so far, or the LexerEntry of what is left (chain)

    def __dealloc__(self):
        free(self.segments)
        free(self.enders)

    cdef int end_with(self, Trie trie, int32_t node) except -1:
        """Add the tokens of a node: they end exactly with the lexeme."""
        cdef int32_t n_tokens = trie.first[node + 1] - trie.first[node]
        if n_tokens:
            self.enders = <token_t*>grow(self.enders, self.n_enders + n_tokens, &self.enders_capacity, sizeof(token_t))
            memcpy(self.enders + self.n_enders, trie.order + trie.first[node], <size_t>n_tokens * sizeof(token_t))
            self.n_enders += n_tokens
        return 0

    cdef int add(self, int32_t first_node, int32_t end_node, int32_t depth) except -1:
        """Add a run of siblings; it joins the last one if it goes on from there."""
        cdef Segment* segments
        if self.n_segments:
            segments = self.segments + self.n_segments - 1
            if segments.end_node == first_node and segments.depth == depth:
                segments.end_node = end_node
                return 0
        if self.n_segments == self.capacity:
            self.capacity = max(8, 2 * self.capacity)
            segments = <Segment*>realloc(self.segments, <size_t>self.capacity * sizeof(Segment))
            if segments == NULL:
                raise MemoryError()
            self.segments = segments
        self.segments[self.n_segments] = Segment(first_node, end_node, depth)
        self.n_segments += 1
        return 0

    cdef list going_on(self, Trie trie):
        """The tokens that go on after the lexeme."""
        cdef int32_t number, k
        tokens = []
        for number in range(self.n_segments):
            for k in range(trie.first[self.segments[number].first_node], trie.first[self.segments[number].end_node]):
                tokens.append(trie.order[k])
        return tokens

    cdef list ending(self):
        """The tokens that end exactly with the lexeme."""
        cdef int32_t k
        return [self.enders[k] for k in range(self.n_enders)]

    cdef LexerEntry chain_with(self, LexerIndex index, state_t state, int32_t pays_from):
        """The entry, for what is left of the tokens, of the lexer that reads on; None until so many contexts have asked."""
        if self.chained is None:
            self.chained = {}
        key = index.key(state)
        found = self.chained.get(key, 0)
        if isinstance(found, LexerEntry):
            return <LexerEntry>found
        if len(self.chained) >= MAX_CHAINED:
            self.chained.clear()
        found += 1
        if found >= pays_from:
            found = index.chain(self, state)
        self.chained[key] = found
        return <LexerEntry>found if isinstance(found, LexerEntry) else None

    @staticmethod
    cdef Leaving behind(Trie trie, int32_t node):
        """The tokens below a node, which go on after a lexeme that ended there."""
        cdef Leaving group
        if trie.behind is None:
            trie.behind = {}
        found = trie.behind.get(node)
        if found is None:
            if len(trie.behind) >= MAX_BEHIND:
                trie.behind.clear()
            found = group = Leaving()
            group.add(node + 1, node + trie.subtree[node], trie.depth[node])
            group.n_tokens = trie.first[node + trie.subtree[node]] - trie.first[node + 1]
            trie.behind[node] = group
        return <Leaving>found

    cdef int merge_if_it_pays(self, Trie trie) except -1:
        """Count a use, and make the trie of what is left of the tokens after their lexeme."""
        cdef int32_t number, k
        cdef Segment* segment
        self.n_uses += 1
        if (self.remainders is not None or self.n_uses < MERGE_AFTER_USES or self.n_segments < MERGE_FROM_SEGMENTS
                or self.n_tokens > MERGE_UP_TO_TOKENS):
            return 0
        self.merge(trie)
        return 0

    cdef int merge(self, Trie trie) except -1:
        """Make the trie of what is left of the tokens after their lexeme."""
        cdef int32_t number, k, n_tokens = 0, length, n_bytes = 0
        cdef token_t token
        cdef Segment* segment
        cdef uint8_t* text
        cdef int32_t[::1] sizes, ids
        lengths, tokens = array("i", bytes(4 * self.n_tokens)), array("i", bytes(4 * self.n_tokens))
        sizes, ids = lengths, tokens
        for number in range(self.n_segments):
            segment = self.segments + number
            for k in range(trie.first[segment.first_node], trie.first[segment.end_node]):
                ids[n_tokens] = trie.order[k]
                sizes[n_tokens] = <int32_t>trie.length_of(trie.order[k]) - segment.depth
                n_bytes += sizes[n_tokens]
                n_tokens += 1
        blob = PyBytes_FromStringAndSize(NULL, n_bytes)
        text = <uint8_t*>PyBytes_AS_STRING(blob)
        for k in range(n_tokens):
            length, token = sizes[k], ids[k]
            memcpy(text, trie.text + trie.offset[token + 1] - length, length)
            text += length
        self.remainders = Trie.from_blob(blob, sizes)
        for k in range(self.remainders.n_ordered):
            self.remainders.order[k] = ids[self.remainders.order[k]]
        return 0


@cython.final
@cython.no_gc
cdef class LexerEntry:
    """One lexer state's view of the vocabulary."""
    cdef word_t* inner            # [n_words] tokens that stay inside the lexeme; NULL if those are listed in `few`
    cdef token_t* few             # [n_few]
    cdef int32_t n_few, few_capacity
    cdef LexerEntry owner         # the entry whose memory `inner` is; None if it is this one's own
    cdef tuple leaving            # Leaving each
    cdef tuple excluded           # (first node, end node): tokens that neither stay inside nor leave, whatever those say; or None
    cdef int64_t n_bytes          # memory, estimated

    def __dealloc__(self):
        global lexer_bytes
        lexer_bytes -= self.n_bytes
        if self.owner is None:
            free(self.inner)
        free(self.few)

    cdef inline void exclude(self, Trie trie, word_t* mask) noexcept:
        """Clear the bits of the tokens that are excluded."""
        cdef int32_t first, end, k
        for first, end in self.excluded or ():
            for k in range(trie.first[first], trie.first[end]):
                clear_bit(mask, trie.order[k])

    cdef int clear(self, int32_t n_words) except -1:
        """Memory for an inner mask of no tokens; without it tokens are listed."""
        self.inner = <word_t*>calloc(max(n_words, 1), sizeof(word_t))
        if self.inner == NULL:
            raise MemoryError()
        return 0

    cdef inline int stay(self, Trie trie, int32_t first_node, int32_t end_node) except -1:
        """The tokens of a run of nodes stay inside."""
        cdef int32_t k, first = trie.first[first_node], n_tokens = trie.first[end_node] - first
        if self.inner != NULL:
            for k in range(first, first + n_tokens):
                set_bit(self.inner, trie.order[k])
        elif n_tokens:
            self.list_tokens(trie.order + first, n_tokens)
        return 0

    cdef int list_tokens(self, const token_t* tokens, int32_t n_tokens) except -1:
        """Add tokens to the list."""
        self.few = <token_t*>grow(self.few, self.n_few + n_tokens, &self.few_capacity, sizeof(token_t))
        memcpy(self.few + self.n_few, tokens, <size_t>n_tokens * sizeof(token_t))
        self.n_few += n_tokens
        return 0

    cdef int unite(self, LexerEntry other, int32_t n_words) except -1:
        """Add the tokens that stay inside in another entry."""
        if self.inner == NULL and other.inner != NULL:
            self.unlist(n_words)
        if self.inner != NULL:
            other.add_to(self.inner, n_words)
        elif other.n_few:
            self.list_tokens(other.few, other.n_few)
        return 0

    cdef int unlist(self, int32_t n_words) except -1:
        """Make a mask of the list."""
        cdef int32_t n_few = self.n_few
        self.clear(n_words)
        self.n_few = 0
        for k in range(n_few):
            set_bit(self.inner, self.few[k])
        free(self.few)
        self.few, self.few_capacity = NULL, 0
        return 0

    cdef inline void add_to(self, word_t* mask, int32_t n_words) noexcept:
        """Set the bits of the tokens that stay inside."""
        cdef int32_t k
        if self.inner != NULL:
            for k in range(n_words):
                mask[k] |= self.inner[k]
        for k in range(self.n_few):
            set_bit(mask, self.few[k])

    cdef int weigh(self, int32_t n_words, bint is_shared, bint merges=True) except -1:
        """Count the memory of a finished entry.

        is_shared : its leaving tokens are those of other entries.      merges : tries of remainders may be made of them.
        """
        global lexer_bytes
        cdef Leaving group
        if self.n_few > MAX_FEW:
            self.unlist(n_words)
        self.n_bytes = 4 * self.few_capacity if self.inner == NULL else <int64_t>n_words * 4
        for group in self.leaving if not is_shared else ():
            self.n_bytes += 4 * group.enders_capacity + group.capacity * <int64_t>sizeof(Segment)
            if merges and group.n_tokens <= MERGE_UP_TO_TOKENS:
                self.n_bytes += 60 * group.n_tokens       # the trie of remainders, should it be made
        lexer_bytes += self.n_bytes
        return 0
