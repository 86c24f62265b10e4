# CutAutomaton: which lexeme would Lark take?  Ordered threads over the terminals' program.  Uses: Threads.
#
# A state is (look-behind, threads, keywords, obligations), all of one piece of text:
#   threads     : places in the program, the preferred first, cut off after the first that has matched.  The last label
#                 seen before the threads die is the lexeme that `re` prefers, so it is the one that Lark takes.
#   keywords    : places in the strings that would change the label of the lexeme ("if" among the names).
#   obligations : bare states (threads alone) of lexemes that were ended earlier; none of them may be labelled again,
#                 or the ended lexeme would have been longer.  A byte that labels one of them is DEAD.  ~s in the place of
#                 s: a promise that s will be labelled.
# A look-ahead assertion is a guess: the automaton goes on to two states, one with the promise that the assertion's text
# comes, one with the obligation that it does not; exactly one of them survives the text.  Such a step is a *fork*.
# Derivation: docs/theory/grammars.md.


@cython.final
cdef class CutAutomaton(Threads):
    """All lexers of one grammar in one automaton; equal pieces of different lexers are equal states.

    code, starts, behinds : see Threads.
    retypes      : (terminal, string terminal) pairs: the string's text, lexed as the terminal, is the string.
    aheads       : entries of the look-ahead assertions.
    """
    cdef list aheads
    cdef readonly list forks          # tuples of states
    cdef dict fork_numbers
    cdef set retypes
    cdef dict numbers                 # key -> state
    cdef list keys                    # state -> key, int32s in bytes (see HEADER)
    cdef list bare_of                 # state -> its bare state, None until asked for
    cdef readonly list terminals      # state -> terminal that matches here before keywords are looked at, or -1
    cdef readonly list labels_of      # state -> terminal of the lexeme that may end here, or -1

    def __init__(self, code, starts, behinds, retypes, int32_t max_states, aheads=()):
        Threads.__init__(self, code, starts, behinds)
        self.aheads, self.forks, self.fork_numbers = list(aheads), [], {}
        self.retypes, self.max_states = set(retypes), max_states
        self.numbers, self.keys, self.bare_of = {}, [], []
        self.terminals, self.labels_of = [], []

    cdef state_t intern(self, int32_t* key) except? FAILED_STATE:
        """The state of a key in `scratch`; DEAD without threads (and guesses that were made on the way)."""
        cdef int32_t k, terminal = -1, label = -1, number
        cdef int32_t n_threads = key[2]
        if n_threads == 0 and key[4] == 0:
            return DEAD_STATE
        name = PyBytes_FromStringAndSize(<char*>key, (HEADER + n_threads + key[3] + key[4]) * sizeof(int32_t))
        found = self.numbers.get(name)
        if found is not None:
            return found
        if self.has_matched(key + HEADER, n_threads):
            terminal = label = self.code[self.starts[key[HEADER + n_threads - 1]] + 2]
            for k in range(HEADER + n_threads, HEADER + n_threads + key[3]):
                if self.code[self.starts[key[k]]] == OP_MATCH:
                    number = self.code[self.starts[key[k]] + 2]
                    if (terminal, number) in self.retypes:
                        label = number
                        break
        state = self.add_state(label >= 0)
        self.numbers[name] = state
        self.keys.append(name)
        self.bare_of.append(None)
        self.terminals.append(terminal)
        self.labels_of.append(label)
        return state

    cdef state_t derive(self, state_t state, uint8_t byte) except? FAILED_STATE:
        cdef bytes name = self.keys[state]
        cdef const int32_t* key = <const int32_t*>PyBytes_AS_STRING(name)
        cdef int32_t* made = self.scratch
        cdef int32_t k, n = 0, target, behind, holding
        cdef int32_t first = HEADER + key[2] + key[3]
        cdef state_t after
        if self.aheads:
            return self.fork(self.derive_all(state, byte))
        obligations = set()
        for k in range(first, first + key[4]):
            after = self.after(key[k], byte)
            if after != DEAD_STATE:
                if self.accepting[after]:
                    return DEAD_STATE                 # the lexeme that ended there would have been longer
                obligations.add(after)
        behind = self.behind_step(key[1], byte)
        holding = self.behind_states[behind][2]
        for k in range(HEADER, HEADER + key[2]):
            target = self.edge(key[k], byte)
            if target >= 0:
                n = self.spread(target, holding, made + HEADER, n, True)
                if self.has_matched(made + HEADER, n):
                    break
        self.forget(made + HEADER, n)
        if n == 0:
            return DEAD_STATE
        made[0], made[1], made[2], made[3], made[4] = 0, behind, n, 0, 0
        n = 0
        for k in range(HEADER + key[2], first):
            target = self.edge(key[k], byte)
            if target >= 0:
                n = self.spread(target, holding, made + HEADER + made[2], n, False)
        self.forget(made + HEADER + made[2], n)
        made[3] = n
        return self.put_obligations(made, obligations)

    # ---- look-ahead ----

    cdef state_t fork(self, list states) except? FAILED_STATE:
        """One number for several states."""
        states = sorted(set(states))
        if not states:
            return DEAD_STATE
        if len(states) == 1:
            return states[0]
        if len(states) > MAX_FORK:
            raise LimitExceeded("max_states", MAX_FORK, len(states), "a terminal with look-ahead, in guesses after one byte,")
        key = tuple(states)
        found = self.fork_numbers.get(key)
        if found is None:
            found = self.fork_numbers[key] = FIRST_FORK - <int32_t>len(self.forks)
            self.forks.append(key)
        return found

    cdef tuple afters(self, state_t state, uint8_t byte):
        """The states after a byte: none, one, or the two ways and more of a guess."""
        cdef state_t after = self.after(state, byte)
        if after >= 0:
            return (after,)
        return () if after > FIRST_FORK else <tuple>self.forks[FIRST_FORK - after]

    cdef list kept_obligations(self, const int32_t* key, uint8_t byte):
        """What becomes of the obligations and promises of a state: a set for every way that they can be kept."""
        cdef int32_t k, first = HEADER + key[2] + key[3], number
        cdef state_t after
        ways = [frozenset()]
        for k in range(first, first + key[4]):
            number = key[k]
            after = self.after(number if number >= 0 else ~number, byte)
            if after == DEAD_STATE:
                if number >= 0:
                    continue
                return []
            ways = self.both(ways, self.choices((after,) if after >= 0 else self.forks[FIRST_FORK - after], number < 0))
        return ways

    cdef list choices(self, states, bint promised):
        """For an assertion that has come to one of several states: what each still asks, the impossible left out."""
        cdef state_t state
        found = []
        for state in states:
            guessed = self.control(state)[0]
            if self.accepting[state]:
                if promised:
                    found.append(guessed)
            elif self.has_threads(state):
                found.append((*guessed, ~self.bare(state) if promised else self.bare(state)))
            elif not promised:
                found.append(guessed)
        return found

    cdef list both(self, list ways, list choices):
        """Every way with every choice."""
        found = [way.union(choice) for way in ways for choice in choices]
        if len(found) > MAX_FORK:
            raise LimitExceeded("max_states", MAX_FORK, len(found), "a terminal with look-ahead, in guesses after one byte,")
        return found

    cdef bint has_threads(self, state_t state):
        return (<const int32_t*>PyBytes_AS_STRING(<bytes>self.keys[state]))[2] > 0

    cdef list derive_all(self, state_t state, uint8_t byte):
        """The states after a byte, one for every guess that can be right."""
        cdef bytes name = self.keys[state]
        cdef const int32_t* key = <const int32_t*>PyBytes_AS_STRING(name)
        cdef int32_t k, target, behind
        cdef int32_t first = HEADER + key[2] + key[3]
        ways = self.kept_obligations(key, byte)
        if not ways:
            return []
        behind = self.behind_step(key[1], byte)
        entries, keywords = [], []
        for k in range(HEADER, first):
            target = self.edge(key[k], byte)
            if target >= 0:
                (entries if k < HEADER + key[2] else keywords).append(target)
        if not entries:
            return []
        return self.assemble(0, behind, entries, keywords, ways, key[4] == 0)

    cdef list assemble(self, int32_t fresh, int32_t behind, list entries, list keywords, list ways, bint keep_guesses):
        """The states with threads from `entries`, for every guess about their look-aheads, under every way of `ways`.

        keep_guesses : keep states without threads that have guesses: what is left of an obligation.
        """
        cdef int32_t* made = self.scratch
        cdef int32_t n, holding = self.behind_states[behind][2], n_threads
        cdef state_t asserted
        found, todo = [], [()]
        while todo:
            guess = todo.pop()
            n = 0
            for entry in entries:
                n = self.spread(entry, holding, made + HEADER, n, True, guess)
                if n < 0 or self.has_matched(made + HEADER, n):
                    break
            if n < -1:
                if len(todo) > MAX_FORK:
                    raise LimitExceeded("max_states", MAX_FORK, len(todo), "a terminal with look-ahead, in guesses at one place,")
                todo.append(tuple(sorted((*guess, (-2 - n, 0)))))
                todo.append(tuple(sorted((*guess, (-2 - n, 1)))))
                continue
            self.forget(made + HEADER, n)
            if n == 0 and not (keep_guesses and guess):
                continue
            n_threads = n
            n = 0
            for entry in keywords if n_threads else ():
                n = self.spread(entry, holding, made + HEADER + n_threads, n, False)
            self.forget(made + HEADER + n_threads, n)
            kept = PyBytes_FromStringAndSize(<char*>made, (HEADER + n_threads + n) * sizeof(int32_t))
            guessed = ways
            for number, holds in guess:
                entry = self.aheads[number]
                states = [] if entry < 0 else self.assemble(0, behind, [entry], [], [frozenset()], True)
                if states or holds:
                    guessed = self.both(guessed, self.choices(states, holds))
            for whole in guessed:
                if any([~number in whole for number in whole if number < 0]):
                    continue
                memcpy(made, PyBytes_AS_STRING(<bytes>kept), <size_t>len(<bytes>kept))
                made[0], made[1], made[2], made[3], made[4] = fresh, behind, n_threads, n, 0
                state = self.put_obligations(made, whole)
                if state != DEAD_STATE:
                    found.append(state)
        return found

    cdef state_t put_obligations(self, int32_t* made, obligations) except? FAILED_STATE:
        cdef int32_t number
        if len(obligations) > 60:
            raise LimitExceeded("max_states", 60, len(obligations), "an undecided lexeme end, in lexemes pending at once,")
        for number in sorted(obligations):
            made[HEADER + made[2] + made[3] + made[4]] = number
            made[4] += 1
        return self.intern(made)

    # ---- questions of the front end ----

    cpdef tuple begin(self, entries, keywords, obligations, int32_t behind):
        """The states at the start of a lexeme: none, one, or one for every guess about a look-ahead there.

        entries : where the competing terminals begin, in Lark's order.      keywords : where the strings begin.
        obligations : bare states that must not be labelled again.      behind : look-behind state.
        """
        return tuple(self.assemble(1, behind, list(entries), list(keywords), [frozenset(obligations)], False))

    cpdef state_t bare(self, state_t state) except? FAILED_STATE:
        """The state with its threads alone: no keywords, no obligations."""
        cdef bytes name
        cdef const int32_t* key
        found = self.bare_of[state]
        if found is None:
            name = self.keys[state]
            key = <const int32_t*>PyBytes_AS_STRING(name)
            memcpy(self.scratch, key, (HEADER + key[2]) * sizeof(int32_t))
            self.scratch[0] = self.scratch[3] = self.scratch[4] = 0
            found = self.bare_of[state] = self.intern(self.scratch)
        return found

    def control(self, state_t state) -> tuple:
        """(obligations, look-behind state) of a state: what a lexeme that ends here leaves to the next one."""
        cdef bytes name = self.keys[state]
        cdef const int32_t* key = <const int32_t*>PyBytes_AS_STRING(name)
        cdef int32_t first = HEADER + key[2] + key[3], k
        return tuple([key[k] for k in range(first, first + key[4])]), key[1]

    def is_fresh(self, state_t state) -> bool:
        """Whether nothing of the lexeme was read yet."""
        return (<const int32_t*>PyBytes_AS_STRING(<bytes>self.keys[state]))[0] == 1

    def follows(self, state_t state) -> list:
        """[(state, a byte that leads to it)], one for each state that follows; plain ASCII bytes are preferred."""
        cdef int32_t byte, k
        cdef state_t after
        found = {}
        done = bytearray(256)
        for k in range(256):
            byte = k + 0x20 if k < 0x5F else k - 0x5F if k < 0x7F else k     # printable characters, controls, the rest
            if not done[self.byte_class[byte]]:
                done[self.byte_class[byte]] = 1
                for after in self.afters(state, <uint8_t>byte):
                    if after not in found and self.has_threads(after):
                        found[after] = byte
        return list(found.items())

    def is_promised(self, state_t state) -> bool:
        """Whether something must still come, whatever the lexeme: the text cannot end here."""
        cdef int32_t number
        return any([number < 0 for number in self.control(state)[0]])

    cpdef bint is_final(self, state_t state) except -1:
        """Whether the threads can read nothing more, whatever the obligations say."""
        return Recognizer.is_final(self, self.bare(state))
