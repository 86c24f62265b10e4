# ParserStacks: the stacks of an LALR parser as interned numbers, and what a lexeme makes of them.  Uses: PairMap.
#
# A node is (node below, state of the table).  Between two lexemes a parser passes some ten of them, one for each rule that
# it reduces; of these only the last two are kept, and what is live is asked for one of them.  Liveness belongs to the front
# end (guided/context_free/stacks.py), which subclasses this.


cdef enum:
    NOWHERE = -1                  # below the bottom
    IGNORED_LEXEME = -3           # readings.IGNORED: Lark drops it
    STACK_IN_DOUBT = -4           # stacks.IN_DOUBT: below the bottom of a stack that was cut off
    CUT_DEPTH = 4                 # states that a cut stack keeps; with 6 there are three times as many, each with its tokens
    MAX_REDUCTIONS = 1_000_000    # between two lexemes
    REMEMBER_EVERY = 16           # reductions: a right-recursive list is then reduced once, not once for each item
    IS_PROMISED = 0               # of a state of the automaton (ParserStacks.ending)
    IS_FRESH = 1
    IS_RUNNING = 2

cdef struct StackNode:
    int32_t below                 # node; NOWHERE; -2 - k for the bottom k of a stack that was cut off
    int32_t state
    int32_t follow                # class of what can follow on top of it, NOT_ASKED
    int32_t level                 # brackets that are open
    int32_t cut                   # the node with its upper states only, NOT_ASKED
    uint8_t whole                 # whether nothing was cut off


cdef class ParserStacks:
    """Nodes and the steps between them.

    A stack that was cut off keeps its upper states and the class of what was below them: liveness is exact, and only a
    lexeme that would pop more than was kept is in doubt.  Masks are made for cut stacks, so that deep ones share them.

    lookaheads : guided.context_free.liveness.Lookaheads.
    actions    : per state, [(terminal, whether it is shifted, state to shift to or rule to reduce)].
    gotos      : per state, [(nonterminal, state)].      rules : [(nonterminal, number of symbols)].
    also       : [(state, terminal, state to shift to where the last open bracket is closed)].
    brackets   : by state, 1 if it is entered by an opening bracket, -1 by a closing one.
    """
    cdef readonly object lookaheads
    cdef readonly list live           # node -> lookaheads that lead to the end of a text; None where that is not known yet
    cdef readonly int32_t max_states
    cdef readonly int32_t n_nodes
    cdef StackNode* nodes
    cdef int32_t nodes_capacity
    cdef PairMap numbers              # (node below, state) -> node
    cdef PairMap shifts, reduces, gotos, also
    cdef list rules
    cdef list brackets
    cdef list bottoms                 # k -> (class, brackets that are open, at most many) below a cut
    cdef dict bottom_numbers
    cdef dict passed                  # (node below, state on top, terminal) -> node after a long row of reductions
    cdef dict begins                  # (lexer, control) -> (states, whether the text may end there)
    cdef dict endings                 # state of the automaton -> IS_PROMISED, IS_FRESH, IS_RUNNING

    def __init__(self, lookaheads, actions, gotos, rules, also, brackets, int32_t max_states):
        cdef int32_t state
        self.lookaheads, self.live, self.max_states = lookaheads, [], max_states
        self.numbers, self.shifts, self.reduces, self.gotos, self.also = PairMap(), PairMap(), PairMap(), PairMap(), PairMap()
        self.rules, self.brackets, self.bottoms = list(rules), list(brackets), []
        self.bottom_numbers, self.passed, self.begins, self.endings = {}, {}, {}, {}
        for state, row in enumerate(actions):
            for terminal, is_shifted, target in row:
                (self.shifts if is_shifted else self.reduces).put(state, terminal, target)
        for state, row in enumerate(gotos):
            for origin, target in row:
                self.gotos.put(state, origin, target)
        for number, terminal, target in also:
            self.also.put(number, terminal, target)

    def __dealloc__(self):
        free(self.nodes)

    def is_worn(self) -> bool:
        """Whether half of the nodes that it may ever make are made."""
        return self.n_nodes > self.max_states // 2

    # ---- nodes ----

    cpdef int32_t push(self, int32_t below, int32_t state) except -2:
        """The node of `state` on top of `below`; what is live there is not known before settle()."""
        cdef int32_t found = self.numbers.get(below, state)
        cdef StackNode* node
        if found != NO_VALUE:
            return found
        if self.n_nodes >= self.max_states:
            raise LimitExceeded("max_states", self.max_states, self.n_nodes + 1, "the parser's stack, at this point of the text,")
        self.nodes = <StackNode*>grow(self.nodes, self.n_nodes + 1, &self.nodes_capacity, sizeof(StackNode))
        found = self.n_nodes
        node = self.nodes + found
        node.below, node.state, node.follow, node.cut = below, state, NOT_ASKED, NOT_ASKED
        node.level = <int32_t>self.brackets[state]
        node.level += self.nodes[below].level if below >= 0 else 0 if below == NOWHERE else <int32_t>self.bottoms[-2 - below][1]
        node.whole = below == NOWHERE or (below >= 0 and self.nodes[below].whole)
        self.live.append(None)
        self.numbers.put(below, state, found)
        self.n_nodes += 1
        return found

    cpdef int32_t settle(self, int32_t node) except -2:
        """The same node, with its live lookaheads found out."""
        if self.live[node] is None:
            self.live[node] = self.live_on(self.class_below(self.nodes[node].below), self.nodes[node].state)
        return node

    cpdef int32_t class_of(self, int32_t node) except -2:
        """The class of a node: all that liveness on top of it depends on."""
        cdef int32_t here = node, each
        if self.nodes[node].follow != NOT_ASKED:
            return self.nodes[node].follow
        asked = []
        while here >= 0 and self.nodes[here].follow == NOT_ASKED:
            asked.append(here)
            here = self.nodes[here].below
        for each in reversed(asked):
            here = self.class_on(self.class_below(self.nodes[each].below), self.nodes[each].state)
            self.nodes[each].follow = here
        return self.nodes[node].follow

    cdef int32_t class_below(self, int32_t below) except -2:
        """The class of a node; of NOWHERE, where nothing can follow; of what was below a cut."""
        return self.class_of(below) if below >= 0 else 0 if below == NOWHERE else <int32_t>self.bottoms[-2 - below][0]

    def live_on(self, int32_t below, int32_t state) -> int:
        """The live lookaheads of a node of `state`, from the class of the node below it."""
        raise NotImplementedError

    def class_on(self, int32_t below, int32_t state) -> int:
        """The class of a node of `state`, from the class of the node below it."""
        raise NotImplementedError

    def below(self, int32_t node) -> int:
        """The node below; NOWHERE; less than that below a cut."""
        return self.nodes[node].below

    def state(self, int32_t node) -> int:
        """The state of the table on top."""
        return self.nodes[node].state

    def level(self, int32_t node) -> int:
        """Brackets that are open."""
        return self.nodes[node].level

    def is_whole(self, int32_t node) -> bool:
        """Whether nothing was cut off."""
        return self.nodes[node].whole != 0

    cpdef int32_t cut(self, int32_t node) except -2:
        """The stack with its upper CUT_DEPTH states only; itself if it has no more."""
        cdef int32_t below = node, n_states = 0, found
        cdef int32_t[CUT_DEPTH] states
        if self.nodes[node].cut != NOT_ASKED:
            return self.nodes[node].cut
        while below >= 0 and n_states < CUT_DEPTH:
            states[n_states] = self.nodes[below].state
            n_states += 1
            below = self.nodes[below].below
        found = node
        if below >= 0:
            key = (self.class_of(below), min(self.nodes[below].level, CUT_DEPTH + 2))
            number = self.bottom_numbers.get(key)
            if number is None:
                number = self.bottom_numbers[key] = -2 - <int32_t>len(self.bottoms)
                self.bottoms.append(key)
            found = number
            while n_states:
                n_states -= 1
                found = self.push(found, states[n_states])
            self.live[found] = self.live[node]
            self.nodes[found].cut = found
        self.nodes[node].cut = found
        return found

    # ---- steps ----

    cpdef int32_t shift(self, int32_t node, int32_t terminal) except -3:
        """The stack after a terminal; NOWHERE if the table has no action; STACK_IN_DOUBT.  Only asked where it is live."""
        cdef int32_t below = self.nodes[node].below, state = self.nodes[node].state, found = NOWHERE, target, k, n_reduced
        cdef int32_t origin, size
        passed = []
        for n_reduced in range(MAX_REDUCTIONS):       # the top is a pair: a state that is reduced again is never a node
            if n_reduced >= REMEMBER_EVERY:
                key = (below, state, terminal)
                known = self.passed.get(key)
                if known is not None:
                    found = known
                    break
                if n_reduced % REMEMBER_EVERY == 0:
                    passed.append(key)
            target = self.shifts.get(state, terminal)
            if target != NO_VALUE:
                node = self.push(below, state)
                if self.also.n_used and self.nodes[node].level == 1:      # closing the last bracket leads outside
                    k = self.also.get(state, terminal)
                    target = target if k == NO_VALUE else k
                found = self.settle(self.push(node, target))
                break
            target = self.reduces.get(state, terminal)
            if target == NO_VALUE:
                break
            origin, size = <tuple>self.rules[target]
            if size == 0:
                below = self.push(below, state)
            for k in range(size - 1):
                if below < 0:
                    break
                below = self.nodes[below].below
            if below < 0:
                found = STACK_IN_DOUBT
                break
            state = self.gotos.get(self.nodes[below].state, origin)
        else:
            raise LimitExceeded("max_states", MAX_REDUCTIONS, MAX_REDUCTIONS + 1, "one lexeme, in reductions,")
        for key in passed:
            self.passed[key] = found
        return found

    cpdef tuple enter(self, int32_t node, int32_t lookahead):
        """(stack, automaton state) after a lexeme, more than one where a look-ahead must be guessed; (STACK_IN_DOUBT, -1)."""
        cdef int32_t terminal, control, after = node
        if not (self.live[node] >> lookahead) & 1:
            return ()
        terminal, control = <tuple>self.lookaheads.names[lookahead]
        if terminal != IGNORED_LEXEME:
            after = self.shift(node, terminal)
            if after < 0:
                return ((after, -1),)
            if not self.nodes[node].whole:
                after = self.cut(after)               # what a token adds to a cut stack is shared, too
        return self.begin(after, control)

    cpdef tuple begin(self, int32_t node, int32_t control):
        """What may run on a stack; (node, -1) where only the end of the text can follow."""
        cdef state_t state
        key = (self.lookaheads.lexers.of_state[self.nodes[node].state], control)
        found = self.begins.get(key)
        if found is None:
            states = self.lookaheads.begin(*key)
            may_end = self.lookaheads.may_end(control) and all([self.ending(state) == IS_PROMISED for state in states])
            found = self.begins[key] = (states, may_end)
        states, may_end = <tuple>found
        pairs = [(node, state) for state in states]
        if may_end and self.live[node] & 1:
            pairs.append((node, -1))
        return tuple(pairs)

    def begin_free(self, int32_t node, state_t ended) -> tuple:
        """What may run, where the lexeme before ended in state `ended` and cannot go on."""
        return self.begin(node, self.lookaheads.control(self.lookaheads.automaton.control(ended)))

    cdef int32_t ending(self, state_t state) except -1:
        """Whether a state of the automaton owes a look-ahead, or nothing of a lexeme was read."""
        found = self.endings.get(state)
        if found is None:
            automaton = self.lookaheads.automaton
            found = IS_PROMISED if automaton.is_promised(state) else IS_FRESH if automaton.is_fresh(state) else IS_RUNNING
            self.endings[state] = found
        return found

    cpdef int32_t may_end(self, int32_t node, state_t automaton_state) except -2:
        """Whether the text may end here, 1 or 0: nothing of a lexeme read, or one that may end and leads to an end; or
        STACK_IN_DOUBT.
        """
        cdef int32_t lookahead
        cdef tuple pairs
        if automaton_state >= 0:
            if self.ending(automaton_state) == IS_PROMISED:
                return 0
            if self.ending(automaton_state) == IS_RUNNING:
                lookahead = self.lookaheads.here[automaton_state]
                if lookahead < 0:
                    return 0
                pairs = self.enter(node, lookahead)
                if not pairs:
                    return 0
                node = pairs[0][0]
                if node < 0:
                    return STACK_IN_DOUBT
        return self.live[node] & 1
