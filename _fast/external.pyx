# External: a language written in Python, one byte at a time.  Uses: recognizer.

cdef class External(Recognizer):
    """Any object with `start`, `step(state, byte) -> state or None` and `is_accepting(state)`; its states are hashable values.

    The object must keep the promise of every recogniser: a state that is not None can reach a member.
    Slow (one Python call per new transition), but each transition is asked once.
    """
    cdef readonly object language
    cdef dict numbers                # the language's state -> state
    cdef list values                 # state -> the language's state

    def __init__(self, language, int32_t max_states=1_000_000):
        self.language, self.max_states = language, max_states
        self.numbers, self.values = {}, []
        self.start = self.intern(language.start)

    cdef state_t intern(self, value) except? FAILED_STATE:
        if value is None:
            return DEAD_STATE
        found = self.numbers.get(value)
        if found is not None:
            return found
        state = self.add_state(bool(self.language.is_accepting(value)))
        self.numbers[value] = state
        self.values.append(value)
        return state

    cdef state_t derive(self, state_t state, uint8_t byte) except? FAILED_STATE:
        return self.intern(self.language.step(self.values[state], byte))
