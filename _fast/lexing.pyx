# LexerIndex: what every token does to one lexer, whatever the context.  Uses: Trie, Recognizer, entries, walk.
#
# Asked from a lexer state, a token either stays inside the lexeme (the *inner mask*) or leaves it: the lexeme ends with
# some labels, and a remainder of the token is for the next context.  Tokens that leave are grouped by labels and, where
# there are many, by remainder, in a small trie of its own: a context is asked once per distinct remainder.
# One LexerIndex serves all contexts, constraints and requests of a process (lexer_indexes.pyx).


cdef enum:
    NOT_INSIDE = 0                # no node of a walk: the root


cdef int64_t n_lexer_indexes = 0  # made so far


cdef class LexerIndex:
    """Entries by lexer state, made when first asked for."""
    cdef readonly Recognizer lexer
    cdef Trie trie
    cdef int32_t n_words
    cdef dict entries             # lexer state -> LexerEntry
    cdef state_t* path            # scratch of the walk
    cdef Turn* turns              # the same
    cdef Loop* loops              # [n_loops]: by lexer state, the characters that lead on alike; flags 0 if not known
    cdef int32_t n_loops
    cdef list universes           # Universe: strings of which all members are some, the narrowest first
    cdef int64_t number           # no other index of this process has or had it
    cdef object __weakref__

    def __cinit__(self, Recognizer lexer, Trie trie, int32_t n_words):
        global n_lexer_indexes
        self.lexer, self.trie, self.n_words = lexer, trie, n_words
        self.entries, self.universes, self.number = {}, [], n_lexer_indexes
        n_lexer_indexes += 1
        self.path = <state_t*>calloc(trie.max_depth + 1, sizeof(state_t))
        self.turns = <Turn*>calloc(trie.max_depth + 2, sizeof(Turn))
        if self.path == NULL or self.turns == NULL:
            raise MemoryError()

    def __dealloc__(self):
        free(self.path)
        free(self.turns)
        free(self.loops)

    cdef inline int64_t key(self, state_t state) noexcept:
        """A number for a state of this lexer."""
        return self.number << 32 | state

    cdef Loop* loop_of(self, state_t state) except NULL:
        """The characters that lead on from a lexer state alike.  The pointer holds until another state is asked about."""
        cdef int32_t length
        cdef Loop* loops
        if state >= self.n_loops:
            length = max(16, self.lexer.capacity)
            loops = <Loop*>realloc(self.loops, <size_t>length * sizeof(Loop))
            if loops == NULL:
                raise MemoryError()
            memset(loops + self.n_loops, 0, <size_t>(length - self.n_loops) * sizeof(Loop))
            self.loops, self.n_loops = loops, length
        if self.loops[state].flags == 0:
            find_loop(self.lexer, state, self.loops + state)
        return self.loops + state

    cdef bint stays(self, state_t state, const Below* below) except -1:
        """Whether all that is below a node of the trie stays inside the lexeme, read from `state`; often, if so."""
        cdef Loop* loop = self.loop_of(state)
        cdef Loop* there
        cdef state_t after
        if not loop.flags & LOOPS or not is_within(below, loop):
            return False
        if loop.next == state:
            return True
        while loop.span < below.depth:                 # a counted repeat: are there so many more rounds?
            if below.depth > MAX_LED:
                return False
            after = self.loops[loop.end].next
            there = self.loop_of(after)
            loop = self.loops + state                  # which may have moved
            if not there.flags & LOOPS or loop.low & ~there.low or loop.high & ~there.high or loop.leads & ~there.leads:
                return False
            loop.end = after
            loop.span = below.depth if there.next == after else loop.span + 1
        return True

    cdef LexerEntry entry(self, state_t state):
        cdef LexerIndex index
        found = self.entries.get(state)
        if found is None:
            if lexer_bytes > MAX_LEXER_BYTES:
                for index in list(_LEXER_INDEXES.values()):
                    index.entries.clear()
                    index.trie.behind = None
            found = self.entries[state] = self.make(state)
        return <LexerEntry>found

    cdef LexerEntry make(self, state_t state):
        """The entry of a state, by a walk of the trie."""
        cdef LexerEntry entry = LexerEntry()
        cdef Trie trie = self.trie
        cdef Recognizer lexer = self.lexer
        cdef int32_t node, k
        cdef Children children
        cdef Leaving group = None
        for universe in self.universes:
            if (<Universe>universe).holds(lexer, state):
                return self.make_within(<Universe>universe, state)
        entry.clear(self.n_words)
        groups = {}
        self.walk(entry, groups, state, 1, trie.n_nodes)
        if lexer.accepting[state]:                     # the first bytes that the lexer cannot read end its lexeme
            children = children_of(trie)
            for k in range(children.first[1]):
                if lexer.after(state, children.byte[k]) == DEAD_STATE:
                    node = children.node[k]
                    group = self.leave(groups, group, state, node, node + trie.subtree[node], 0)
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
        cdef Children children = children_of(trie)
        cdef const uint8_t* bytes_of = children.byte
        cdef const uint8_t* class_of = lexer.byte_class
        cdef int32_t inside = NOT_INSIDE, size, top = trie.depth[node] if node < end_node else 1, depth = top
        cdef int32_t n_classes = lexer.n_classes
        cdef uint8_t byte
        cdef state_t before = state, after
        cdef const state_t* row = lexer.table + <size_t>before * n_classes
        cdef bint ends = lexer.accepting[before]
        cdef state_t* path = self.path
        cdef Turn* turns = self.turns
        cdef Turn turn = children.run(trie, node, end_node) if node < end_node else Turn(0, 0)
        cdef const Below* below = letters_of(trie).below
        cdef Leaving group = None
        path[top - 1] = state
        while True:                                    # all nodes from `inside` up to here stay inside
            if inside == NOT_INSIDE and not ends:
                while turn.next < turn.end and row[class_of[bytes_of[turn.next]]] == DEAD_STATE:
                    turn.next += 1
            if turn.next == turn.end:
                if depth == top:
                    break
                depth -= 1
                turn, before = turns[depth], path[depth - 1]
                row, ends = lexer.table + <size_t>before * n_classes, lexer.accepting[before]
                continue
            byte, node = bytes_of[turn.next], children.node[turn.next]
            turn.next += 1
            after = row[class_of[byte]]
            if after == UNKNOWN_STATE:
                after = lexer.after(before, byte)
                row = lexer.table + <size_t>before * n_classes       # derive may have moved it
            if after == DEAD_STATE:
                if inside != NOT_INSIDE:
                    entry.stay(trie, inside, node)
                    inside = NOT_INSIDE
                if ends and depth > top:
                    group = self.leave(groups, group, before, node, node + trie.subtree[node], depth - 1)
                continue
            size = trie.subtree[node]
            if lexer.accepting[after]:
                if lexer.ends_at(after):
                    if inside != NOT_INSIDE:
                        entry.stay(trie, inside, node)
                        inside = NOT_INSIDE
                    group = self.leave(groups, group, after, node + 1, node + size, depth)
                    group.end_with(trie, node)
                    continue
                row = lexer.table + <size_t>before * n_classes
            if inside == NOT_INSIDE:
                inside = node
            if size == 1:
                continue
            if (size >= LOOPS_FROM_NODES and (size >= LETTERS_FROM_NODES or (after < self.n_loops and self.loops[after].flags))
                    and not below[node].flags):
                if self.stays(after, below + node):
                    row = lexer.table + <size_t>before * n_classes
                    continue
            turns[depth], path[depth] = turn, after
            turn, before = children.below(node), after
            row, ends = lexer.table + <size_t>before * n_classes, lexer.accepting[before]
            depth += 1
        if inside != NOT_INSIDE:
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
