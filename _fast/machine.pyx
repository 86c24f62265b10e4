# Machine: a language whose state is (context, lexer state): JSON, grammars, SQL.  Uses: recognizer.
#
# The front end owns the contexts (interned ints, see guided/protocols.py); this file runs the lexer of the current
# context and asks the front end only where a lexeme ends:
#   (a) at once, when the lexer's state is final (accepting, no byte can follow), or
#   (b) when the next byte is dead in the lexer and its state accepts; the byte is then read by the next context's lexer.
#
# A context may name a *fallback*: where its lexer cannot go on, the lexeme was one of the fallback's from its first byte.
# (Known keys are read by a small automaton; every other key falls back to the one automaton of all keys, whose masks are
# shared: see MachineIndex.)
#
# Some contexts need the text of the lexeme (a free key must differ from the keys before it).  A state that reads such a
# lexeme exists twice: with its text, on the way of a real text, and *anonymous*, for masks, where the text stands for
# any fresh one.  An anonymous state that would end a second such lexeme is in DOUBT: its tokens are asked one by one.


cdef enum:
    DOUBT_STATE = -4
    MAX_EMPTY_LEXEMES = 10_000    # lexemes that may end between two bytes; more is a front end that runs in a circle


cdef class Machine(Recognizer):
    """Lexers and contexts.

    contexts : the front end's `Contexts` (guided/protocols.py).
    """
    cdef readonly object contexts
    cdef dict lexers                 # context -> Recognizer, or None where the text is finished
    cdef dict captures               # context -> bool: leaving it needs the lexeme's text
    cdef dict fallbacks              # context -> the context that reads what its lexer cannot; DEAD if there is none
    cdef bint falls_back             # whether any context has a fallback
    cdef dict exits                  # (context, labels, text or None) -> context, DEAD if nothing can follow
    cdef dict numbers                # key of a state (see intern) -> state
    cdef list keys                   # state -> (context, lexer state, text or None, anonymous)

    def __init__(self, contexts, int32_t max_states=1_000_000):
        self.contexts = contexts
        self.max_states, self.falls_back = max_states, hasattr(contexts, "fallback")
        self.lexers, self.captures, self.fallbacks, self.exits, self.numbers, self.keys = {}, {}, {}, {}, {}, []
        if contexts.start >= 0:
            self.start = self.enter(contexts.start, False)

    cdef Recognizer lexer(self, context):
        """The automaton of what may be written in `context`; None where the text is finished."""
        found = self.lexers.get(context, self)
        if found is self:
            found = self.contexts.lexer(context)
            self.lexers[context] = found
            self.captures[context] = bool(self.contexts.captures(context))
            self.fallbacks[context] = self.contexts.fallback(context) if self.falls_back else DEAD_STATE
        return <Recognizer>found

    cdef object no_text(self, context):
        """What a state keeps at the start of a lexeme: b"" where its text matters, None where not."""
        return b"" if self.captures[context] or self.fallbacks[context] != DEAD_STATE else None

    cdef state_t fall_back(self, context, text, bint anonymous) except? FAILED_STATE:
        """The fallback's state after the lexeme so far; DEAD if there is none or it cannot read it either."""
        cdef Recognizer lexer
        cdef state_t lexer_state
        other = self.fallbacks[context]
        if other == DEAD_STATE:
            return DEAD_STATE
        lexer = self.lexer(other)
        lexer_state = lexer.run(lexer.start, text)
        if lexer_state == DEAD_STATE:
            return DEAD_STATE
        return self.intern(other, lexer_state, text if self.captures[other] else None, anonymous)

    cdef object exit(self, context, tuple labels, text):
        """The context after a lexeme that ended with these labels; DEAD if nothing can follow it."""
        key = (context, labels, text)
        found = self.exits.get(key)
        if found is None:
            found = self.exits[key] = self.contexts.exit(context, labels, text)
        return found

    cdef state_t enter(self, context, bint anonymous) except? FAILED_STATE:
        """The state at the start of `context`, nothing of its lexeme read yet."""
        cdef Recognizer lexer = self.lexer(context)
        return self.intern(context, 0 if lexer is None else lexer.start, self.no_text(context), anonymous)

    cdef state_t intern(self, context, state_t lexer_state, text, bint anonymous) except? FAILED_STATE:
        """text : bytes of the lexeme so far where they matter (captures, fallback); None where not, or if it stands for any."""
        key = (context, lexer_state, text, anonymous)
        found = self.numbers.get(key)
        if found is not None:
            return found
        state = self.add_state(self.may_end(context, lexer_state, text))
        self.numbers[key] = state
        self.keys.append(key)
        return state

    cdef bint may_end(self, context, state_t lexer_state, text) except -1:
        """Whether the text may end here: a context that may end, or a lexeme whose end leads to one."""
        cdef Recognizer lexer
        cdef state_t other
        cdef int32_t n_ended
        for n_ended in range(MAX_EMPTY_LEXEMES):
            lexer = self.lexer(context)
            if lexer is None:
                return True
            if lexer_state == lexer.start and self.contexts.is_accepting(context):
                return True
            if not lexer.accepting[lexer_state]:
                if text is None:
                    return False
                other = self.fall_back(context, text, False)
                return other != DEAD_STATE and self.accepting[other] != 0
            context = self.exit(context, lexer.labels(lexer_state), text)
            if context == DEAD_STATE:
                return False
            lexer = self.lexer(context)
            lexer_state = 0 if lexer is None else lexer.start
            text = self.no_text(context)
        raise LimitExceeded("max_states", MAX_EMPTY_LEXEMES, n_ended + 1, "the end of the text")

    cdef state_t derive(self, state_t state, uint8_t byte) except? FAILED_STATE:
        cdef Recognizer lexer
        cdef state_t lexer_state, after
        cdef bint anonymous
        cdef int32_t n_ended
        context, lexer_state, text, anonymous = self.keys[state]
        for n_ended in range(MAX_EMPTY_LEXEMES):
            lexer = self.lexer(context)
            if lexer is None:
                return DEAD_STATE
            after = lexer.after(lexer_state, byte)
            if after != DEAD_STATE:
                if text is not None:
                    text = text + bytes((byte,))
                if not lexer.is_final(after):
                    return self.intern(context, after, text, anonymous)
                lexer_state = after
            elif not lexer.accepting[lexer_state]:
                after = self.fall_back(context, text, anonymous)
                return DEAD_STATE if after == DEAD_STATE else self.after(after, byte)
            if self.captures[context] and anonymous and text is not None:
                return DOUBT_STATE
            anonymous = anonymous or (self.captures[context] and text is None)
            context = self.exit(context, lexer.labels(lexer_state), text)
            if context == DEAD_STATE:
                return DEAD_STATE
            if after != DEAD_STATE:
                return self.enter(context, anonymous)
            lexer = self.lexer(context)
            lexer_state = 0 if lexer is None else lexer.start
            text = self.no_text(context)
        raise LimitExceeded("max_states", MAX_EMPTY_LEXEMES, n_ended + 1, "one byte")

    cpdef state_t anonymise(self, state_t state) except? FAILED_STATE:
        """`state` with any fresh text in the place of its own; itself where no text is kept."""
        context, lexer_state, text, anonymous = self.keys[state]
        if text is None or not self.captures[context]:
            return state
        return self.intern(context, lexer_state, None, anonymous)

    cpdef state_t saturate(self, state_t state, int32_t horizon) except? FAILED_STATE:
        """The anonymous state with the lexer's state saturated: what masks are made from.

        Tokens in DOUBT there depend on the text of `state`.
        """
        cdef Recognizer lexer
        cdef state_t lexer_state
        context, lexer_state, text, anonymous = self.keys[state]
        lexer = self.lexer(context)
        if lexer is None or self.fallbacks[context] != DEAD_STATE:
            return state
        return self.intern(context, lexer.saturate(lexer_state, horizon), None, anonymous)

    cpdef bytes completion(self, state_t state):
        """A text that finishes the document: the rest of the lexeme, then the context's own completion; the shortest of those."""
        cdef Recognizer lexer
        cdef state_t other
        if state == DEAD_STATE:
            return None
        self._check_state(state)
        if self.accepting[state]:
            return b""
        context, lexer_state, text, anonymous = self.keys[state]
        lexer = self.lexer(context)
        if lexer_state == lexer.start and not text:
            return self.contexts.completion(context)
        best = None if self.fallbacks[context] == DEAD_STATE else self.diverge(context, lexer_state, text, anonymous)
        for rest in lexer.completions(lexer_state).values():
            after = self.exit(context, lexer.labels(lexer.run(lexer_state, rest)), None if text is None else text + rest)
            if after != DEAD_STATE:
                whole = rest + self.contexts.completion(after)
                if best is None or len(whole) < len(best):
                    best = whole
        return best

    cdef object diverge(self, context, state_t lexer_state, text, bint anonymous):
        """A short completion that leaves the lexer of a context with a fallback; None if its lexer reads all there is.

        Breadth first over the lexer's states, as all bytes that the fallback can read here may begin an exception.
        """
        cdef Recognizer lexer = self.lexer(context)
        cdef state_t other, after, lexer_after
        cdef int32_t byte
        best, queue, tried = None, [(lexer_state, b"")], set()
        for lexer_state, rest in queue:                # grows while it is read
            if best is not None and len(rest) >= len(best):
                break
            other = self.fall_back(context, text + rest, anonymous)
            if other == DEAD_STATE:
                continue
            for byte in range(256):
                after = self.after(other, <uint8_t>byte)
                if after < 0:
                    continue
                lexer_after = lexer.after(lexer_state, <uint8_t>byte)
                if lexer_after != DEAD_STATE:
                    if not lexer.is_final(lexer_after):
                        queue.append((lexer_after, rest + bytes((byte,))))
                elif self.anonymise(after) not in tried:
                    tried.add(self.anonymise(after))
                    whole = rest + bytes((byte,)) + self.completion(after)
                    if best is None or len(whole) < len(best):
                        best = whole
        return best

    def key(self, state_t state) -> tuple:
        """(context, lexer state, text of the lexeme if kept, anonymous) of a state."""
        self._check_state(state)
        return self.keys[state]
