# Lexer indexes that rest on those of other lexers, and which index a lexer gets.
# Uses: LexerIndex, Disjoint, Without, Counted.


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
        leaving, excluded = [], ()
        for index, begin in zip(self.indexes, self.begins):
            if begin == DEAD_STATE:
                continue
            part = index.entry(begin)
            for word in range(self.n_words):
                entry.inner[word] |= part.inner[word]
            excluded += part.excluded or ()
            leaving += part.leaving              # labels of different parts may be equal; each group is asked
        entry.leaving, entry.excluded = tuple(leaving), excluded or None
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


cdef class WithoutIndex(LexerIndex):
    """Texts but for a few: the entries are those of all texts, and the tokens that end one of the few are excluded."""
    cdef LexerIndex all_texts

    cdef int prepare(self, vocab) except -1:
        self.all_texts = process_lexer_index((<Without>self.lexer).inner, vocab)
        return 0

    cdef LexerEntry entry(self, state_t state):
        cdef Remaining here = (<Without>self.lexer).parts[state]
        return self.all_texts.entry(here.inner) if here.words == DEAD_STATE else LexerIndex.entry(self, state)

    cdef LexerEntry make(self, state_t state):
        cdef Without lexer = <Without>self.lexer
        cdef Trie trie = self.trie
        cdef Children children = children_of(trie)
        cdef LexerEntry entry = LexerEntry()
        cdef int32_t node, child, k
        cdef state_t inner, words, after, read
        entry.owner = self.all_texts.entry(lexer.parts[state].inner)
        entry.inner, entry.leaving = entry.owner.inner, entry.owner.leaving
        excluded, todo = list(entry.owner.excluded or ()), [(0, lexer.parts[state].inner, lexer.parts[state].words)]
        while todo:
            node, inner, words = todo.pop()
            for k in range(children.first[node], children.first[node + 1]):
                read = lexer.words.after(words, children.byte[k])
                after = DEAD_STATE if read == DEAD_STATE else lexer.inner.after(inner, children.byte[k])
                if after != DEAD_STATE:
                    child = children.node[k]
                    if lexer.is_alive(after, read):
                        todo.append((child, after, read))
                    else:
                        excluded.append((child, child + trie.subtree[child]))
        entry.excluded = tuple(excluded)
        entry.weigh(0, True)
        return entry


cdef class Profile:
    """What tokens do to a string from one place of Counted, whatever its bounds.

    Tokens of a group finish the same number of characters, and lead to places from which the same numbers lead to the end.
    """
    cdef token_t* tokens          # [offset[n_groups]] tokens that stay inside, by group
    cdef int32_t* offset          # [n_groups + 1]
    cdef int32_t* characters      # [n_groups]
    cdef int32_t* places          # [n_groups] one of those that they lead to
    cdef int32_t n_groups
    cdef list leaving             # (characters before the closing quote, Leaving), ascending

    def __dealloc__(self):
        free(self.tokens); free(self.offset); free(self.characters); free(self.places)


cdef class CountedIndex(LexerIndex):
    """Strings of bounded length: the entries of all bounds from one walk per place of the unbounded string.

    A token stays inside if from where it leads some number of characters within what is left of the bounds leads to the
    end; it leaves if the characters before the closing quote are within them.
    """
    cdef LexerIndex free          # of the unbounded string
    cdef dict profiles            # place -> Profile

    cdef int prepare(self, vocab) except -1:
        self.free = process_lexer_index((<Counted>self.lexer).inner, vocab)
        self.profiles = {}
        return 0

    cdef LexerEntry entry(self, state_t state):
        cdef Counted lexer = <Counted>self.lexer
        cdef Count here = lexer.counts[state]
        if here.need == 0 and here.room == ANY_ROOM:
            return self.free.entry(lexer.inner_of[here.place])
        return LexerIndex.entry(self, state)

    cdef LexerEntry make(self, state_t state):
        cdef Counted lexer = <Counted>self.lexer
        cdef Count here = lexer.counts[state]
        cdef LexerEntry entry = LexerEntry(), owner
        cdef int32_t group, k, n_fitting = 0, room
        cdef bint mostly
        found = self.profiles.get(here.place)
        if found is None:
            found = self.profiles[here.place] = self.read(here.place)
        cdef Profile profile = <Profile>found
        cdef uint8_t* fits = <uint8_t*>calloc(profile.n_groups + 1, 1)
        if fits == NULL:
            raise MemoryError()
        try:
            for group in range(profile.n_groups):
                room = ANY_ROOM
                if here.room != ANY_ROOM:
                    room = here.room - profile.characters[group]
                    if room < 0:
                        continue
                if lexer.is_alive(profile.places[group], max(0, here.need - profile.characters[group]), room):
                    fits[group] = 1
                    n_fitting += profile.offset[group + 1] - profile.offset[group]
            mostly = 2 * n_fitting > profile.offset[profile.n_groups]
            owner = self.free.entry(lexer.inner_of[here.place]) if mostly else None
            if mostly and n_fitting == profile.offset[profile.n_groups]:
                entry.owner, entry.inner = owner, owner.inner
            else:
                entry.clear(self.n_words)
                if mostly:
                    memcpy(entry.inner, owner.inner, <size_t>self.n_words * sizeof(word_t))
                for group in range(profile.n_groups):
                    if fits[group] != mostly:
                        for k in range(profile.offset[group], profile.offset[group + 1]):
                            if mostly:
                                clear_bit(entry.inner, profile.tokens[k])
                            else:
                                set_bit(entry.inner, profile.tokens[k])
        finally:
            free(fits)
        entry.leaving = tuple([leaving for characters, leaving in profile.leaving
                               if here.need <= characters and (characters <= here.room or here.room == ANY_ROOM)])
        entry.weigh(0 if entry.owner is not None else self.n_words, True)
        return entry

    cdef Profile read(self, int32_t place):
        """Walk the trie from a place."""
        cdef Profile profile = Profile()
        cdef Trie trie = self.trie
        cdef Counted lexer = <Counted>self.lexer
        cdef int32_t node = 1, depth, k, n_found = 0, before, after, group, characters_capacity = 0, places_capacity = 0
        cdef int32_t n_classes = lexer.n_classes
        cdef Leaving leaving
        cdef PairMap numbers = PairMap()
        cdef int32_t* way = <int32_t*>calloc(trie.max_depth + 1, sizeof(int32_t))
        cdef int32_t* finished = <int32_t*>calloc(trie.max_depth + 1, sizeof(int32_t))
        cdef token_t* tokens = <token_t*>malloc(<size_t>max(trie.n_ordered, 1) * sizeof(token_t))
        cdef int32_t* groups = <int32_t*>malloc(<size_t>max(trie.n_ordered, 1) * sizeof(int32_t))
        by_count = {}
        try:
            if way == NULL or finished == NULL or tokens == NULL or groups == NULL:
                raise MemoryError()
            way[0] = place
            while node < trie.n_nodes:
                depth = trie.depth[node]
                before = way[depth - 1]
                after = lexer.follow[before * n_classes + lexer.byte_class[trie.byte[node]]]
                if after == NO_PLACE or lexer.lengths[after].least == ANY_ROOM:
                    node += trie.subtree[node]
                    continue
                if lexer.flags[after] & IS_END:
                    leaving = self.free.leave(by_count.setdefault(finished[depth - 1], {}), None, lexer.inner_of[after],
                                              node + 1, node + trie.subtree[node], depth)
                    leaving.end_with(trie, node)
                    node += trie.subtree[node]
                    continue
                way[depth] = after
                finished[depth] = finished[depth - 1] + lexer.completes(before, after)
                if trie.first[node] < trie.first[node + 1]:
                    group = numbers.get(finished[depth], lexer.lengths[after].kind)
                    if group == NO_VALUE:
                        group = profile.n_groups
                        numbers.put(finished[depth], lexer.lengths[after].kind, group)
                        profile.characters = <int32_t*>grow(profile.characters, group + 1, &characters_capacity, sizeof(int32_t))
                        profile.places = <int32_t*>grow(profile.places, group + 1, &places_capacity, sizeof(int32_t))
                        profile.characters[group], profile.places[group] = finished[depth], after
                        profile.n_groups += 1
                    for k in range(trie.first[node], trie.first[node + 1]):
                        tokens[n_found], groups[n_found] = trie.order[k], group
                        n_found += 1
                node += 1
            profile.offset = <int32_t*>calloc(profile.n_groups + 2, sizeof(int32_t))
            profile.tokens = <token_t*>malloc(<size_t>max(n_found, 1) * sizeof(token_t))
            if profile.offset == NULL or profile.tokens == NULL:
                raise MemoryError()
            for k in range(n_found):                   # counting sort: offset[g + 1] moves from the begin of g to its end
                profile.offset[groups[k] + 2] += 1
            for group in range(profile.n_groups):
                profile.offset[group + 1] += profile.offset[group]
            for k in range(n_found):
                profile.tokens[profile.offset[groups[k] + 1]] = tokens[k]
                profile.offset[groups[k] + 1] += 1
        finally:
            free(way); free(finished); free(tokens); free(groups)
        profile.leaving = [(number, leaving) for number in sorted(by_count) for leaving in by_count[number].values()]
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
        elif isinstance(lexer, Without):
            made = WithoutIndex(lexer, vocab.trie, n_words)
            (<WithoutIndex>made).prepare(vocab)
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
