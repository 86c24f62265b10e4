# Machine: a language whose state is (context, lexer state): JSON, grammars, SQL.  Uses: recognizer.
#
# The front end owns the contexts (interned ints, see guided/protocols.py); this file runs the lexer of the current
# context and asks the front end only where a lexeme ends:
#   (a) at once, when the lexer's state is final (accepting, no byte can follow), or
#   (b) when the next byte is dead in the lexer and its state accepts; the byte is then read by the next context's lexer.
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
    cdef dict exits                  # (context, labels, text or None) -> context, DEAD if nothing can follow
    cdef dict numbers                # key of a state (see intern) -> state
    cdef list keys                   # state -> (context, lexer state, text or None, anonymous)

    def __init__(self, contexts, int32_t max_states=1_000_000):
        self.contexts = contexts
        self.max_states = max_states
        self.lexers, self.captures, self.exits, self.numbers, self.keys = {}, {}, {}, {}, []
        if contexts.start >= 0:
            self.start = self.enter(contexts.start, False)

    cdef Recognizer lexer(self, context):
        """The automaton of what may be written in `context`; None where the text is finished."""
        found = self.lexers.get(context, self)
        if found is self:
            found = self.contexts.lexer(context)
            self.lexers[context] = found
            self.captures[context] = bool(self.contexts.captures(context))
        return <Recognizer>found

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
        return self.intern(context, 0 if lexer is None else lexer.start, b"" if self.captures[context] else None, anonymous)

    cdef state_t intern(self, context, state_t lexer_state, text, bint anonymous) except? FAILED_STATE:
        """text : bytes of the lexeme so far where the context captures it, None where not, or if it stands for any."""
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
        cdef int32_t n_ended
        for n_ended in range(MAX_EMPTY_LEXEMES):
            lexer = self.lexer(context)
            if lexer is None:
                return True
            if lexer_state == lexer.start and self.contexts.is_accepting(context):
                return True
            if not lexer.accepting[lexer_state]:
                return False
            context = self.exit(context, lexer.labels(lexer_state), text)
            if context == DEAD_STATE:
                return False
            lexer = self.lexer(context)
            lexer_state = 0 if lexer is None else lexer.start
            text = b"" if self.captures[context] else None
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
                return DEAD_STATE
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
            text = b"" if self.captures[context] else None
        raise LimitExceeded("max_states", MAX_EMPTY_LEXEMES, n_ended + 1, "one byte")

    cpdef state_t anonymise(self, state_t state) except? FAILED_STATE:
        """`state` with any fresh text in the place of its own; itself where no text is kept."""
        context, lexer_state, text, anonymous = self.keys[state]
        return state if text is None else self.intern(context, lexer_state, None, anonymous)

    cpdef state_t saturate(self, state_t state, int32_t horizon) except? FAILED_STATE:
        """The anonymous state with the lexer's state saturated: what masks are made from.

        Tokens in DOUBT there depend on the text of `state`.
        """
        cdef Recognizer lexer
        cdef state_t lexer_state
        context, lexer_state, text, anonymous = self.keys[state]
        lexer = self.lexer(context)
        if lexer is None:
            return state
        return self.intern(context, lexer.saturate(lexer_state, horizon), None, anonymous)

    cpdef bytes completion(self, state_t state):
        """A text that finishes the document: the rest of the lexeme, then the context's own completion; the shortest of those."""
        cdef Recognizer lexer
        if state == DEAD_STATE:
            return None
        self._check_state(state)
        if self.accepting[state]:
            return b""
        context, lexer_state, text, _ = self.keys[state]
        lexer = self.lexer(context)
        if lexer_state == lexer.start and not text:
            return self.contexts.completion(context)
        best = None
        for rest in lexer.completions(lexer_state).values():
            after = self.exit(context, lexer.labels(lexer.run(lexer_state, rest)), None if text is None else text + rest)
            if after != DEAD_STATE:
                whole = rest + self.contexts.completion(after)
                if best is None or len(whole) < len(best):
                    best = whole
        return best

    def key(self, state_t state) -> tuple:
        """(context, lexer state, text of the lexeme if kept, anonymous) of a state."""
        self._check_state(state)
        return self.keys[state]
