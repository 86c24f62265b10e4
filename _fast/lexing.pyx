# LexerIndex: what every token does to one lexer, whatever the context.  Uses: Trie, Recognizer, walk.
#
# Asked from a lexer state, a token either stays inside the lexeme (the *inner mask*) or leaves it: the lexeme ends with
# some labels, and a remainder of the token is for the next context.  Tokens that leave are grouped by labels and, where
# there are many, by remainder, in a small trie of its own: a context is asked once per distinct remainder.
# One LexerIndex serves all contexts, constraints and requests of a process (lexer_indexes.pyx).



cdef enum:
    # Segments are merged into a trie of remainders once it pays: the walk over 2,000 segments takes 40 us a context, the
    # merged trie 1 us, and merging 300 us; it is not made for what is most of a vocabulary.
    MERGE_FROM_SEGMENTS = 32
    MERGE_UP_TO_TOKENS = 16_384
    MERGE_AFTER_USES = 8
    CHAIN_AFTER_USES = 2          # the second context that reads on with the same lexer
    MAX_FEW = 512                 # tokens that are listed rather than kept as a mask
    MAX_CHAINED = 64              # lexers that read on after one group
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
    cdef dict chained             # next lexer -> uses so far, or the LexerEntry of what is left of the tokens (chain)

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

    cdef int list_into(self, Trie trie, set tokens) except -1:
        """Add the tokens that go on after the lexeme to a set."""
        cdef int32_t number, k
        for number in range(self.n_segments):
            for k in range(trie.first[self.segments[number].first_node], trie.first[self.segments[number].end_node]):
                tokens.add(trie.order[k])
        return 0

    cdef LexerEntry chain_with(self, LexerIndex index, state_t state, int32_t pays_from):
        """The entry, for what is left of the tokens, of the lexer that reads on; None until so many contexts have asked."""
        if self.chained is None:
            self.chained = {}
        found = self.chained.get((index.lexer, state), 0)
        if isinstance(found, LexerEntry):
            return <LexerEntry>found
        if len(self.chained) >= MAX_CHAINED:
            self.chained.clear()
        found += 1
        if found >= pays_from:
            found = index.chain(self, state)
        self.chained[index.lexer, state] = found
        return <LexerEntry>found if isinstance(found, LexerEntry) else None

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


cdef class LexerIndex:
    """Entries by lexer state, made when first asked for."""
    cdef readonly Recognizer lexer
    cdef Trie trie
    cdef int32_t n_words
    cdef dict entries             # lexer state -> LexerEntry
    cdef state_t* path            # scratch of the walk
    cdef Below* loops             # [n_loops]: by lexer state, the characters that lead back to it; flags 0 if not known
    cdef int32_t n_loops
    cdef list universes           # Universe: strings of which all members are some, the narrowest first
    cdef object __weakref__

    def __cinit__(self, Recognizer lexer, Trie trie, int32_t n_words):
        self.lexer, self.trie, self.n_words = lexer, trie, n_words
        self.entries, self.universes = {}, []
        self.path = <state_t*>calloc(trie.max_depth + 1, sizeof(state_t))
        if self.path == NULL:
            raise MemoryError()

    def __dealloc__(self):
        free(self.path)
        free(self.loops)

    cdef int learn_loop(self, state_t state) except -1:
        """Find out which characters lead a lexer state back to itself."""
        cdef int32_t length
        cdef Below* loops
        if state >= self.n_loops:
            length = max(16, self.lexer.capacity)
            loops = <Below*>realloc(self.loops, <size_t>length * sizeof(Below))
            if loops == NULL:
                raise MemoryError()
            memset(loops + self.n_loops, 0, <size_t>(length - self.n_loops) * sizeof(Below))
            self.loops, self.n_loops = loops, length
        return find_loop(self.lexer, state, self.loops + state)

    cdef LexerEntry entry(self, state_t state):
        cdef LexerIndex index
        found = self.entries.get(state)
        if found is None:
            if lexer_bytes > MAX_LEXER_BYTES:
                for index in list(_LEXER_INDEXES.values()):
                    index.entries.clear()
            found = self.entries[state] = self.make(state)
        return <LexerEntry>found

    cdef LexerEntry make(self, state_t state):
        """The entry of a state, by a walk of the trie."""
        cdef LexerEntry entry = LexerEntry()
        cdef Trie trie = self.trie
        cdef Recognizer lexer = self.lexer
        cdef int32_t node
        cdef Leaving group = None
        for universe in self.universes:
            if (<Universe>universe).holds(lexer, state):
                return self.make_within(<Universe>universe, state)
        entry.clear(self.n_words)
        groups = {}
        self.walk(entry, groups, state, 1, trie.n_nodes)
        if lexer.accepting[state]:                     # the first bytes that the lexer cannot read end its lexeme
            node = 1
            while node < trie.n_nodes:
                if lexer.after(state, trie.byte[node]) == DEAD_STATE:
                    group = self.leave(groups, group, state, node, node + trie.subtree[node], 0)
                node += trie.subtree[node]
        entry.leaving = tuple(groups.values())
        entry.weigh(self.n_words, False)
        return entry

    cdef LexerEntry chain(self, Leaving before, state_t state):
        """The entry of `state` for what is left of the tokens that leave another lexeme, which must not be empty here."""
        cdef LexerEntry entry = LexerEntry()
        cdef int32_t number
        groups = {}
        for number in range(before.n_segments):
            self.walk(entry, groups, state, before.segments[number].first_node, before.segments[number].end_node)
        entry.leaving = tuple(groups.values())
        entry.weigh(self.n_words, False)
        return entry

    cdef int walk(self, LexerEntry entry, dict groups, state_t state, int32_t node, int32_t end_node) except -1:
        """Read a run of siblings, and what is below them, from a state: tokens that stay go into the entry, others into groups."""
        cdef Trie trie = self.trie
        cdef Recognizer lexer = self.lexer
        cdef int32_t inside = node, depth, size, n_classes = lexer.n_classes, top = trie.depth[node] if node < end_node else 1
        cdef state_t before, after
        cdef state_t* path = self.path
        cdef state_t* table = lexer.table
        cdef const Below* below = letters_of(trie).below
        cdef Leaving group = None
        path[top - 1] = state
        while node < end_node:                         # all nodes from `inside` up to here stay inside
            depth = trie.depth[node]
            before = path[depth - 1]
            after = table[<size_t>before * n_classes + lexer.byte_class[trie.byte[node]]]
            if after == UNKNOWN_STATE:
                after = lexer.after(before, trie.byte[node])
                table = lexer.table                    # derive may have moved it
            size = trie.subtree[node]
            if after == DEAD_STATE:
                entry.stay(trie, inside, node)
                if lexer.accepting[before] and depth > top:
                    group = self.leave(groups, group, before, node, node + size, depth - 1)
                node += size
                inside = node
                continue
            if lexer.accepting[after] and lexer.ends_at(after):
                table = lexer.table
                entry.stay(trie, inside, node)
                group = self.leave(groups, group, after, node + 1, node + size, depth)
                group.end_with(trie, node)
                node += size
                inside = node
                continue
            if size > 1:
                if size >= LETTERS_FROM_NODES and (after >= self.n_loops or self.loops[after].flags == 0):
                    self.learn_loop(after)
                    table = lexer.table
                if after < self.n_loops and self.loops[after].flags & LOOPS and is_within(below + node, self.loops + after):
                    node += size                       # all of it stays in this state
                    continue
            table = lexer.table
            path[depth] = after
            node += 1
        entry.stay(trie, inside, end_node)
        return 0

    cdef LexerEntry make_within(self, Universe universe, state_t state):
        """The entry of a state where only the end of the string is not free: the walk of tokens that hold a closing quote."""
        cdef LexerEntry entry = LexerEntry()
        cdef Trie trie = self.trie
        cdef Recognizer lexer = self.lexer
        cdef int32_t node = 1, depth, size
        cdef uint64_t quote = <uint64_t>1 << QUOTE_BYTE
        cdef state_t after
        cdef const Below* below = letters_of(trie).below
        cdef Leaving group = None
        entry.owner = universe.index.entry(universe.between)
        entry.inner = entry.owner.inner
        groups = {}
        self.path[0] = state
        while node < trie.n_nodes:
            size = trie.subtree[node]
            if trie.byte[node] != QUOTE_BYTE and not below[node].low & quote:
                node += size
                continue
            depth = trie.depth[node]
            after = lexer.after(self.path[depth - 1], trie.byte[node])
            if after == DEAD_STATE:
                node += size
                continue
            if lexer.accepting[after]:                 # the closing quote: nothing follows it in the string
                group = self.leave(groups, group, after, node + 1, node + size, depth)
                group.end_with(trie, node)
                node += size
                continue
            self.path[depth] = after
            node += 1
        entry.leaving = tuple(groups.values())
        entry.weigh(0, False)
        return entry

    cdef Leaving leave(self, dict groups, Leaving last, state_t state, int32_t first_node, int32_t end_node, int32_t depth):
        """Note that the tokens of a run of siblings leave the lexeme, which ended in `state` after `depth` bytes.

        last : the group of the run before, or None.      Returns the group of this one.
        """
        cdef Leaving group = last
        cdef int32_t number = self.lexer.label_set(state)
        if last is None or last.label_set != number:
            found = groups.get(number)
            if found is None:
                group = groups[number] = Leaving()
                group.label_set, group.labels = number, _LABEL_SETS[number]
            else:
                group = <Leaving>found
        if first_node < end_node:
            group.add(first_node, end_node, depth)
            group.n_tokens += self.trie.first[end_node] - self.trie.first[first_node]
        return group
