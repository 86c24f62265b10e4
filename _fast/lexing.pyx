# LexerIndex: what every token does to one lexer, whatever the context.  Uses: Trie, Recognizer, walk.
#
# Asked from a lexer state, a token either stays inside the lexeme (the *inner mask*) or leaves it: the lexeme ends with
# some labels, and a remainder of the token is for the next context.  Tokens that leave are grouped by labels and, where
# there are many, by remainder, in a small trie of its own: a context is asked once per distinct remainder.
# One LexerIndex serves all contexts, constraints and requests of a process (process_lexer_index).



cdef enum:
    WALK_IN_PLACE_UP_TO = 32      # segments of the vocabulary's trie; more are merged into one trie of remainders
    MAX_LEXER_BYTES = 128 << 20   # inner masks and leaving tokens of the whole process; beyond it all are dropped and made anew

cdef int64_t lexer_bytes = 0      # in use


@cython.final
cdef class Leaving:
    """The tokens that end the lexeme with the same labels."""
    cdef tuple labels             # of the lexeme
    cdef list ended               # tokens that end exactly with the lexeme
    cdef list segments            # (first node, end node, depth of the lexeme's end): what goes on after it
    cdef Trie remainders          # the segments merged, tokens by remainder; None while there are few
    cdef int32_t uses             # contexts asked so far, where merging waits for the second


@cython.final
cdef class LexerEntry:
    """One lexer state's view of the vocabulary."""
    cdef word_t* inner            # [n_words] tokens that stay inside the lexeme
    cdef list leaving             # list[Leaving]
    cdef bint ends_here           # the lexeme may end before the token: its first byte may be dead here
    cdef int64_t n_bytes          # memory, estimated

    def __dealloc__(self):
        global lexer_bytes
        lexer_bytes -= self.n_bytes
        free(self.inner)


cdef class LexerIndex:
    """Entries by lexer state, made when first asked for."""
    cdef readonly Recognizer lexer
    cdef Trie trie
    cdef int32_t n_words
    cdef dict entries             # lexer state -> LexerEntry
    cdef state_t* path            # scratch of the walk
    cdef object __weakref__

    def __cinit__(self, Recognizer lexer, Trie trie, int32_t n_words):
        self.lexer, self.trie, self.n_words = lexer, trie, n_words
        self.entries = {}
        self.path = <state_t*>calloc(trie.max_depth + 1, sizeof(state_t))
        if self.path == NULL:
            raise MemoryError()

    def __dealloc__(self):
        free(self.path)

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
        global lexer_bytes
        cdef LexerEntry entry = LexerEntry()
        cdef Trie trie = self.trie
        cdef Recognizer lexer = self.lexer
        cdef int32_t node = 1, depth, k
        cdef state_t before, after
        cdef Leaving group
        entry.inner = <word_t*>calloc(max(self.n_words, 1), sizeof(word_t))
        if entry.inner == NULL:
            raise MemoryError()
        entry.ends_here = lexer.accepting[state]
        groups = {}
        self.path[0] = state
        while node < trie.n_nodes:
            depth = trie.depth[node]
            before = self.path[depth - 1]
            after = lexer.after(before, trie.byte[node])
            if after == DEAD_STATE:
                if depth > 1 and lexer.accepting[before]:
                    self.leave(groups, before, node, node + trie.subtree[node], depth - 1)
                node += trie.subtree[node]
                continue
            if lexer.accepting[after] and lexer.is_final(after):
                group = self.leave(groups, after, node + 1, node + trie.subtree[node], depth)
                for k in range(trie.first[node], trie.first[node + 1]):
                    group.ended.append(trie.order[k])
                node += trie.subtree[node]
                continue
            self.path[depth] = after
            for k in range(trie.first[node], trie.first[node + 1]):
                set_bit(entry.inner, trie.order[k])
            node += 1
        entry.leaving = list(groups.values())
        for group in entry.leaving:
            if len(group.segments) > WALK_IN_PLACE_UP_TO:
                group.remainders = self.merge(group.segments)
                entry.n_bytes += 24 * <int64_t>group.remainders.n_nodes     # 13 a node, 8 a token, and the text
            entry.n_bytes += 100 * <int64_t>len(group.segments) + 40 * <int64_t>len(group.ended)
        entry.n_bytes += <int64_t>self.n_words * 4
        lexer_bytes += entry.n_bytes
        return entry

    cdef Leaving leave(self, dict groups, state_t state, int32_t first_node, int32_t end_node, int32_t depth):
        """Note that the tokens of a run of siblings leave the lexeme, which ended in `state` after `depth` bytes."""
        cdef Leaving group
        labels = self.lexer.labels(state)
        group = groups.get(labels)
        if group is None:
            group = groups[labels] = Leaving()
            group.labels, group.ended, group.segments = labels, [], []
        if first_node < end_node:
            if group.segments:
                before = group.segments.pop()
                if before[1] == first_node and before[2] == depth:
                    first_node = before[0]             # a run of siblings goes on
                else:
                    group.segments.append(before)
            group.segments.append((first_node, end_node, depth))
        return group

    cdef Trie merge(self, list segments):
        """A trie of what is left of the tokens after their lexeme."""
        cdef int32_t first_node, end_node, depth, k
        cdef Trie trie = self.trie, remainders
        rests, tokens = [], []
        for first_node, end_node, depth in segments:
            for k in range(trie.first[first_node], trie.first[end_node]):
                tokens.append(trie.order[k])
                rests.append(trie.token_bytes(trie.order[k])[depth:])
        remainders = Trie(rests)
        for k in range(remainders.first[remainders.n_nodes]):
            remainders.order[k] = tokens[remainders.order[k]]
        return remainders


# Lexer indexes of this process, by lexer and content of the vocabulary: kept while somebody uses them, and the last few
# for the next request.  A LexerIndex keeps its lexer alive, so the lexer's id stays its own.
_LEXER_INDEXES = weakref.WeakValueDictionary()
_RECENT_LEXER_INDEXES = collections.deque(maxlen=32)


cdef LexerIndex process_lexer_index(Recognizer lexer, vocab):
    key = (id(lexer), vocab.fingerprint)
    found = _LEXER_INDEXES.get(key)
    if found is None:
        found = _LEXER_INDEXES[key] = LexerIndex(lexer, vocab.trie, (vocab.size + 31) // 32)
        _RECENT_LEXER_INDEXES.append(found)
    return <LexerIndex>found
