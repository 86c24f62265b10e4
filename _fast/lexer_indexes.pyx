# Lexer indexes that rest on those of other lexers, and which index a lexer gets.  Uses: LexerIndex, Disjoint, Counted.


cdef class DisjointIndex(LexerIndex):
    """Parts by their first byte: the entries are those of the parts, and that of the start is the parts' together."""
    cdef list indexes             # LexerIndex of each part
    cdef list begins              # the states in which the parts begin

    cdef int prepare(self, vocab) except -1:
        cdef Disjoint lexer = <Disjoint>self.lexer
        self.indexes = [process_lexer_index(part, vocab) for part in lexer.parts]
        self.begins = lexer.begins
        return 0

    cdef LexerEntry entry(self, state_t state):
        cdef Disjoint lexer = <Disjoint>self.lexer
        if state == lexer.start:
            return LexerIndex.entry(self, state)
        return (<LexerIndex>self.indexes[lexer.members[state].part]).entry(lexer.members[state].inner)

    cdef LexerEntry make(self, state_t state):
        cdef LexerEntry entry = LexerEntry(), part
        cdef LexerIndex index
        cdef int32_t word
        entry.clear(self.n_words)
        leaving = []
        for index, begin in zip(self.indexes, self.begins):
            if begin == DEAD_STATE:
                continue
            part = index.entry(begin)
            for word in range(self.n_words):
                entry.inner[word] |= part.inner[word]
            leaving += part.leaving              # labels of different parts may be equal; each group is asked
        entry.leaving = tuple(leaving)
        entry.weigh(self.n_words, True)
        return entry

    cdef LexerEntry chain(self, Leaving before, state_t state):
        cdef LexerEntry entry = LexerEntry(), part
        cdef LexerIndex index
        if state != self.lexer.start:
            return LexerIndex.chain(self, before, state)
        leaving = []
        for index, begin in zip(self.indexes, self.begins):
            if begin == DEAD_STATE:
                continue
            part = before.chain_with(index, begin, 1)
            entry.unite(part, self.n_words)
            leaving += part.leaving
        entry.leaving = tuple(leaving)
        entry.weigh(self.n_words, True)
        return entry


cdef class Profile:
    """What tokens do to a string from one state of Counted.inner, by the number of characters that takes."""
    cdef token_t* tokens          # [n_tokens] that stay inside, those of fewer characters first
    cdef int32_t* offset          # [most + 2]: tokens of n characters are tokens[offset[n] .. offset[n + 1])
    cdef int32_t most             # characters of the longest of them
    cdef list leaving             # (characters before the closing quote, Leaving), ascending

    def __dealloc__(self):
        free(self.tokens)
        free(self.offset)


cdef class CountedIndex(LexerIndex):
    """Strings of bounded length: the entries of all bounds from one walk per state of the unbounded string.

    A token stays inside if its characters, a last unfinished one included, are within the room; it leaves if those before
    the closing quote are, and are as many as are needed.
    """
    cdef LexerIndex free          # of the unbounded string
    cdef dict profiles            # state of the unbounded string -> Profile

    cdef int prepare(self, vocab) except -1:
        self.free = process_lexer_index((<Counted>self.lexer).inner, vocab)
        self.profiles = {}
        return 0

    cdef LexerEntry entry(self, state_t state):
        cdef Count here = (<Counted>self.lexer).counts[state]
        if here.need == 0 and here.room == ANY_ROOM:
            return self.free.entry(here.inner)
        return LexerIndex.entry(self, state)

    cdef LexerEntry make(self, state_t state):
        cdef Counted lexer = <Counted>self.lexer
        cdef Count here = lexer.counts[state]
        cdef LexerEntry entry
        cdef Profile profile = self.profile(here.inner)
        cdef int32_t k, fitting
        if here.need:                                  # the same tokens stay inside, fewer leave
            entry = LexerEntry()
            entry.owner = self.entry(lexer.intern(here.inner, 0, here.room))
            entry.inner = entry.owner.inner
        else:
            entry = LexerEntry()
            entry.clear(self.n_words)
            fitting = profile.offset[min(here.room, profile.most) + 1]
            for k in range(fitting):
                set_bit(entry.inner, profile.tokens[k])
        entry.leaving = tuple([group for characters, group in profile.leaving
                               if here.need <= characters and (characters <= here.room or here.room == ANY_ROOM)])
        entry.weigh(0 if here.need else self.n_words, True)
        return entry

    cdef Profile profile(self, state_t inner):
        found = self.profiles.get(inner)
        if found is None:
            found = self.profiles[inner] = self.read(inner)
        return <Profile>found

    cdef Profile read(self, state_t inner):
        """Walk the trie from a state of the unbounded string."""
        cdef Profile profile = Profile()
        cdef Trie trie = self.trie
        cdef Counted counted = <Counted>self.lexer
        cdef Recognizer lexer = counted.inner
        cdef int32_t node = 1, depth, k, n_found = 0, characters
        cdef state_t before, after
        cdef Leaving group
        cdef int32_t* counts = <int32_t*>calloc(trie.max_depth + 1, sizeof(int32_t))      # characters up to a depth
        cdef token_t* tokens = <token_t*>malloc(<size_t>max(trie.n_ordered, 1) * sizeof(token_t))
        cdef int32_t* sizes = <int32_t*>malloc(<size_t>max(trie.n_ordered, 1) * sizeof(int32_t))
        by_count = {}
        try:
            profile.tokens = <token_t*>malloc(<size_t>max(trie.n_ordered, 1) * sizeof(token_t))
            profile.offset = <int32_t*>calloc(trie.max_depth + 3, sizeof(int32_t))
            if counts == NULL or tokens == NULL or sizes == NULL or profile.tokens == NULL or profile.offset == NULL:
                raise MemoryError()
            self.path[0] = inner
            while node < trie.n_nodes:
                depth = trie.depth[node]
                before = self.path[depth - 1]
                after = lexer.after(before, trie.byte[node])
                if after == DEAD_STATE:
                    node += trie.subtree[node]
                    continue
                characters = counts[depth - 1]
                if lexer.accepting[after]:             # the closing quote: nothing follows it in the string
                    groups = by_count.setdefault(characters, {})
                    group = self.free.leave(groups, None, after, node + 1, node + trie.subtree[node], depth)
                    group.end_with(trie, node)
                    node += trie.subtree[node]
                    continue
                self.path[depth] = after
                counts[depth] = characters + (after == counted.between and before != lexer.start)
                characters = counts[depth] + (after != counted.between)
                for k in range(trie.first[node], trie.first[node + 1]):
                    tokens[n_found], sizes[n_found] = trie.order[k], characters
                    n_found += 1
                    profile.offset[characters + 1] += 1
                    profile.most = max(profile.most, characters)
                node += 1
            for k in range(trie.max_depth + 2):        # where the tokens of each size go; each offset then moves up by them
                profile.offset[k + 1] += profile.offset[k]
            for k in range(n_found):
                profile.tokens[profile.offset[sizes[k]]] = tokens[k]
                profile.offset[sizes[k]] += 1
            for k in range(trie.max_depth + 2, 0, -1):
                profile.offset[k] = profile.offset[k - 1]
            profile.offset[0] = 0
        finally:
            free(counts); free(tokens); free(sizes)
        profile.leaving = [(characters, group) for characters in sorted(by_count) for group in by_count[characters].values()]
        return profile


# Lexer indexes of this process, by lexer and content of the vocabulary.  A LexerIndex keeps its lexer alive, so the
# lexer's id stays its own.  When there are too many, all are forgotten here; indexes in use keep theirs.
_LEXER_INDEXES = {}


cdef LexerIndex process_lexer_index(Recognizer lexer, vocab):
    """The index of a lexer over a vocabulary."""
    cdef LexerIndex made, index
    cdef int32_t n_words = (vocab.size + 31) // 32
    key = (id(lexer), vocab.fingerprint)
    found = _LEXER_INDEXES.get(key)
    if found is None:
        if len(_LEXER_INDEXES) >= MAX_LEXERS:
            for index in list(_LEXER_INDEXES.values()):
                index.entries.clear()
            _LEXER_INDEXES.clear()
        if isinstance(lexer, Disjoint):
            made = DisjointIndex(lexer, vocab.trie, n_words)
            (<DisjointIndex>made).prepare(vocab)
        elif isinstance(lexer, Counted):
            made = CountedIndex(lexer, vocab.trie, n_words)
            (<CountedIndex>made).prepare(vocab)
        else:
            made = LexerIndex(lexer, vocab.trie, n_words)
            while lexer.universe is not None:
                lexer = lexer.universe
                made.universes.append(Universe(process_lexer_index(lexer, vocab)))
        found = _LEXER_INDEXES[key] = made
    return <LexerIndex>found
