# Product: two recognisers read the same text side by side, for `&` and `|`.  Uses: recognizer.
#
# A state is an interned pair.  For `&` a state may be alive although no member of both continues it, when both sides
# are pushdown languages: the matcher then ends in DeadEnd (emptiness of such an intersection is undecidable).

cdef class Product(Recognizer):
    """The intersection (`both=True`) or the union of two languages."""
    cdef readonly Recognizer left, right
    cdef readonly bint both              # & if true, | if false
    cdef dict numbers                    # (left state, right state) -> state
    cdef list pairs                      # state -> (left state, right state)

    def __init__(self, Recognizer left, Recognizer right, bint both, int32_t max_states=1_000_000):
        self.left, self.right, self.both = left, right, both
        self.max_states = max_states
        self.numbers, self.pairs = {}, []
        self.start = self.intern(left.start, right.start)

    cpdef bint is_worn(self) except -1:
        return Recognizer.is_worn(self) or self.left.is_worn() or self.right.is_worn()

    cdef state_t intern(self, state_t left, state_t right) except? FAILED_STATE:
        cdef bint left_accepts, right_accepts
        if (left == DEAD_STATE or right == DEAD_STATE) if self.both else (left == DEAD_STATE and right == DEAD_STATE):
            return DEAD_STATE
        pair = (left, right)
        found = self.numbers.get(pair)
        if found is not None:
            return found
        left_accepts = left != DEAD_STATE and self.left.accepting[left]
        right_accepts = right != DEAD_STATE and self.right.accepting[right]
        state = self.add_state((left_accepts and right_accepts) if self.both else (left_accepts or right_accepts))
        self.numbers[pair] = state
        self.pairs.append(pair)
        return state

    cdef state_t derive(self, state_t state, uint8_t byte) except? FAILED_STATE:
        cdef state_t left, right
        left, right = self.pairs[state]
        if left != DEAD_STATE:
            left = self.left.after(left, byte)
        if right != DEAD_STATE:
            right = self.right.after(right, byte)
        return self.intern(left, right)

    def sides(self, state_t state) -> tuple:
        """The states of the two sides."""
        self._check_state(state)
        return self.pairs[state]
