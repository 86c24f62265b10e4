# Restricted: a labelled automaton of which only some sets of labels may end a text, without building all of it.
# Uses: recognizer.
#
# For alternatives whose product is too large to be built (several counters side by side).  A state is alive if a text from
# it ends with labels that are accepted.  That is looked for breadth first; where the search ends without an answer, the
# state counts as alive, and `approximate` says that this happened.

cdef enum:
    MAX_SEARCHED = 10_000         # states looked at for one answer


cdef class Restricted(Recognizer):
    """`inner`, where accept(labels) says which label sets may end a text."""
    cdef readonly Recognizer inner
    cdef readonly bint approximate
    cdef object accept
    cdef dict numbers                # inner state -> state
    cdef list inners                 # state -> inner state
    cdef dict alive                  # inner state -> whether an accepted end can be reached
    cdef dict accepted               # labels -> bool

    def __init__(self, Recognizer inner, accept, int32_t max_states=1_000_000):
        cdef int32_t byte
        self.inner, self.accept, self.max_states = inner, accept, max_states
        self.numbers, self.inners, self.alive, self.accepted = {}, [], {}, {}
        for byte in range(256):
            self.byte_class[byte] = inner.byte_class[byte]
        self.n_classes = inner.n_classes
        self.start = DEAD_STATE if inner.start == DEAD_STATE else self.intern(inner.start)

    cdef bint ends(self, state_t inner) except -1:
        """Whether a text may end in a state of `inner`."""
        if not self.inner.accepting[inner]:
            return False
        labels = self.inner.labels(inner)
        found = self.accepted.get(labels)
        if found is None:
            found = self.accepted[labels] = bool(self.accept(labels))
        return found

    cdef bint is_alive(self, state_t inner) except -1:
        cdef state_t here, there
        cdef int32_t column
        cdef uint8_t[256] example                # a byte of every class
        found = self.alive.get(inner)
        if found is not None:
            return found
        for column in range(256):
            example[self.byte_class[255 - column]] = <uint8_t>(255 - column)
        came_from, queue = {inner: None}, [inner]
        found = False
        for here in queue:                       # grows while it is read
            if self.ends(here) or self.alive.get(here):
                found = True
                way = here
                while way is not None:           # the states on the way are alive as well
                    self.alive[way] = True
                    way = came_from[way]
                break
            for column in range(self.n_classes):
                there = self.inner.after(here, example[column])
                if there != DEAD_STATE and there not in came_from and self.alive.get(there, True):
                    came_from[there] = here
                    queue.append(there)
            if len(queue) > MAX_SEARCHED:
                self.approximate = found = True
                break
        if found:
            self.alive[inner] = True
        else:                                    # nothing that was reached leads anywhere
            for here in queue:
                self.alive[here] = False
        return found

    cdef state_t intern(self, state_t inner) except? FAILED_STATE:
        found = self.numbers.get(inner)
        if found is None:
            if not self.is_alive(inner):
                found = DEAD_STATE
            else:
                found = self.add_state(self.ends(inner))
                self.inners.append(inner)
            self.numbers[inner] = found
        return found

    cdef state_t derive(self, state_t state, uint8_t byte) except? FAILED_STATE:
        cdef state_t inner = self.inner.after(self.inners[state], byte)
        return DEAD_STATE if inner == DEAD_STATE else self.intern(inner)

    cpdef tuple labels(self, state_t state):
        """The labels of `inner`, where they are accepted."""
        if state == DEAD_STATE or not self.accepting[state]:
            return ()
        return self.inner.labels(self.inners[state])
