"""The Machine in a page of Python: a text is read by the lexer of one context after the other, without tables."""

from __future__ import annotations


class SlowMachine:
    """A recogniser over (context, lexer state, text of the lexeme); states are those tuples, None is dead."""

    def __init__(self, contexts) -> None:
        self.contexts = contexts
        self.start = self.enter(contexts.start)

    def enter(self, context):
        lexer = self.contexts.lexer(context)
        return context, (None if lexer is None else lexer.start), b""

    def leave(self, state):
        """The state after the lexeme that `state` is in has ended."""
        context, lexer_state, text = state
        labels = self.contexts.lexer(context).labels(lexer_state)
        after = self.contexts.exit(context, labels, text if self.contexts.captures(context) else None)
        return None if after == -1 else self.enter(after)

    def step(self, state, byte):
        while state is not None:
            context, lexer_state, text = state
            lexer = self.contexts.lexer(context)
            if lexer is None:
                return None
            after = lexer.step(lexer_state, byte)
            if after != -1:
                state = context, after, text + bytes((byte,))
                only = lexer.is_accepting(after) and not lexer.live_bytes(after)
                return self.leave(state) if only else state
            state = self.leave(state) if lexer.is_accepting(lexer_state) else self.fall_back(state)
        return None

    def fall_back(self, state):
        """The state in which the fallback has read the lexeme so far; None if there is none or it cannot."""
        context, _, text = state
        other = self.contexts.fallback(context) if hasattr(self.contexts, "fallback") else -1
        if other == -1:
            return None
        lexer = self.contexts.lexer(other)
        after = lexer.run(lexer.start, text)
        return None if after == -1 else (other, after, text)

    def run(self, text: bytes):
        state = self.start
        for byte in text:
            state = self.step(state, byte)
            if state is None:
                return None
        return state

    def is_accepting(self, state) -> bool:
        while state is not None:
            context, lexer_state, _ = state
            lexer = self.contexts.lexer(context)
            if lexer is None or (lexer_state == lexer.start and self.contexts.is_accepting(context)):
                return True
            state = self.leave(state) if lexer.is_accepting(lexer_state) else self.fall_back(state)
        return False

    def live_bytes(self, state) -> bytes:
        return bytes(byte for byte in range(256) if self.step(state, byte) is not None)

    def accepts(self, text: bytes) -> bool:
        return self.is_accepting(self.run(text))
