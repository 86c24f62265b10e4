# Shape: what a plain array or object asks, and what may come next in one.  Uses: records.
#
# A Frame is such an array or object after some of its members: which names were written, or which place comes next, and a count.
# Whether a member may come, so that the end can be reached, is a matter of a few comparisons (guided/schema/shapes.py says
# what is plain).


cdef enum:
    NOT_ASKED_YET = -2
    NOT_PLAIN = -3


cdef struct Frame:                # a plain array or object after some of its members
    int32_t shape
    int32_t link                  # of its own value
    int32_t done                  # keys in any order: a set of written names (Shape.written); in order, and items: the next place
    int32_t free                  # the set of written names that are not declared
    int32_t count                 # members so far, no further than the shape's bounds look

cdef struct Goal:
    void* lexer                   # Recognizer, kept alive by PlainContexts.kept; NULL before it was asked for
    uint8_t is_direct             # a string's or number's labels need not be looked at: its lexer reads what fits, no more
    int32_t front                 # the front's context of such a value, NOT_ASKED_YET
    int32_t[2] shapes             # of its arrays, of its objects: NOT_ASKED_YET, NOT_PLAIN, DEAD


@cython.final
cdef class Goals:
    """What values are asked, as numbers.

    front : guided.schema.plain.Front.
    """
    cdef readonly object front
    cdef list nodes                  # tuples of the front's nodes
    cdef dict numbers                # tuple -> number
    cdef Goal* goal                  # [len(nodes)]
    cdef int32_t capacity

    def __cinit__(self, front):
        self.front, self.nodes, self.numbers = front, [], {}

    def __dealloc__(self):
        free(self.goal)

    cdef int32_t number_of(self, tuple nodes) except -1:
        """The number of a goal."""
        cdef Goal* goal
        found = self.numbers.get(nodes)
        if found is None:
            found = self.numbers[nodes] = len(self.nodes)
            self.nodes.append(nodes)
            self.goal = <Goal*>grow(self.goal, len(self.nodes), &self.capacity, sizeof(Goal))
            goal = self.goal + <int32_t>found
            goal.lexer, goal.is_direct, goal.front = NULL, 0, NOT_ASKED_YET
            goal.shapes[0] = goal.shapes[1] = NOT_ASKED_YET
        return found


@cython.final
cdef class Shape:
    """What a goal asks of an array or of an object, from its opening on."""
    cdef Goals goals
    cdef tuple goal                  # of the front's nodes
    cdef bint is_object, in_order
    cdef int32_t n_places            # declared names, or items with a schema of their own; one more child is for all others
    cdef int32_t* child_goals        # [n_places + 1] goals: NOT_ASKED_YET, DEAD where no value fits
    cdef uint32_t* needed            # [n_words] a bit for every needed name
    cdef int32_t n_words, n_needed
    cdef int32_t at_least, at_most   # members; at_most -1: no bound
    cdef int32_t looks               # counts above this are all alike
    cdef Records written             # sets of names, as bits
    cdef dict lexers                 # of keys: by the set of free names, or by which declared ones may come
    cdef tuple names

    def __dealloc__(self):
        free(self.child_goals)
        free(self.needed)

    def __cinit__(self, Goals goals, tuple goal, bint is_object, tuple told):
        """told : what Front.shape() says."""
        cdef int32_t number
        self.goals, self.goal, self.is_object, self.in_order = goals, goal, is_object, goals.front.in_order
        self.names, self.n_places, needed, self.at_least, self.at_most = told
        self.looks = max(self.at_least, self.at_most)
        self.n_words, self.n_needed = (self.n_places + 31) // 32, <int32_t>len(needed)
        self.written, self.lexers = Records(self.n_words), {}
        self.child_goals = <int32_t*>malloc((<size_t>self.n_places + 1) * sizeof(int32_t))
        self.needed = <uint32_t*>calloc(max(self.n_words, 1), sizeof(uint32_t))
        if self.child_goals == NULL or self.needed == NULL:
            raise MemoryError()
        self.written.number(<int32_t*>self.needed)                     # number 0 is the empty set
        for number in needed:
            self.needed[number >> 5] |= <uint32_t>1 << (number & 31)
        for number in range(self.n_places + 1):
            self.child_goals[number] = NOT_ASKED_YET

    cdef int32_t child(self, int32_t place) except -3:
        """The goal of a member: the declared name, or the item, of this number, or (n_places) any other; DEAD for none."""
        cdef int32_t found = self.child_goals[place]
        if found == NOT_ASKED_YET:
            goal = self.goals.front.child(self.goal, self.is_object, place if place < self.n_places else None)
            found = self.child_goals[place] = DEAD_STATE if goal is None else self.goals.number_of(goal)
        return found

    cdef bint can_be_finished(self) except -1:
        """Whether some array or object has the shape."""
        cdef int32_t place, n_members = self.n_needed
        if 0 <= self.at_most < max(self.n_needed, self.at_least):
            return False
        if not self.is_object:
            for place in range(self.at_least):
                if self.child(min(place, self.n_places)) == DEAD_STATE:
                    return False
                if place >= self.n_places:
                    break
            return True
        for place in range(self.n_places):
            if has_number(self.needed, place) and self.child(place) == DEAD_STATE:
                return False
        if n_members >= self.at_least or self.child(self.n_places) != DEAD_STATE:
            return True
        for place in range(self.n_places):
            if not has_number(self.needed, place) and self.child(place) != DEAD_STATE:
                n_members += 1
        return n_members >= self.at_least

    cdef bint is_written(self, const Frame* frame, int32_t place) noexcept:
        """Whether the declared name of this number cannot come any more."""
        if self.in_order:
            return place < frame.done
        return has_number(<const uint32_t*>self.written.at(frame.done), place)

    cdef int32_t n_missing(self, const Frame* frame) noexcept:
        """How many of the needed names are not written yet."""
        cdef const uint32_t* written
        cdef int32_t word, found = 0
        if self.in_order:
            for word in range(frame.done, self.n_places):
                found += has_number(self.needed, word)
            return found
        written = <const uint32_t*>self.written.at(frame.done)
        for word in range(self.n_words):
            found += __builtin_popcount(self.needed[word] & ~written[word])
        return found

    cdef bint may_write(self, const Frame* frame, int32_t place) except -1:
        """Whether the key of this number (n_places: one that is not declared) may come next, so that the object can be finished."""
        cdef int32_t left = self.n_missing(frame), other, wanted
        cdef bint is_named = place < self.n_places
        if is_named and self.is_written(frame, place):
            return False
        if self.in_order:
            for other in range(frame.done, place):
                if has_number(self.needed, other):
                    return False                           # it would be passed over
        if is_named and has_number(self.needed, place):
            left -= 1
        if self.at_most >= 0 and frame.count + 1 + left > self.at_most:
            return False
        if self.child(place) == DEAD_STATE:
            return False
        wanted = self.at_least - frame.count - 1 - left   # members that nobody needs, to be as many as asked
        if wanted <= 0 or self.child(self.n_places) != DEAD_STATE:
            return True
        for other in range(place + 1 if self.in_order else 0, self.n_places):
            if (other != place and not has_number(self.needed, other) and not self.is_written(frame, other)
                    and self.child(other) != DEAD_STATE):
                wanted -= 1
        return wanted <= 0

    cdef bint may_go_on(self, const Frame* frame) except -1:
        """Whether a member may come next."""
        cdef int32_t place
        if not self.is_object:
            return (self.at_most < 0 or frame.count < self.at_most) and self.child(frame.done) != DEAD_STATE
        if self.may_write(frame, self.n_places):
            return True
        for place in range(frame.done if self.in_order else 0, self.n_places):
            if self.may_write(frame, place):
                return True
        return False

    cdef bint may_close(self, const Frame* frame) noexcept:
        return frame.count >= self.at_least and (not self.is_object or self.n_missing(frame) == 0)

    cdef int pass_by(self, Frame* frame, int32_t place) except -1:
        """Move a frame past a member: its place, its count."""
        cdef int32_t word
        cdef uint32_t* written
        if frame.count < self.looks:
            frame.count += 1
        if self.in_order or not self.is_object:
            frame.done = min(place + 1, self.n_places)
        elif place < self.n_places:
            written = <uint32_t*>malloc(<size_t>self.n_words * sizeof(uint32_t))
            if written == NULL:
                raise MemoryError()
            memcpy(written, self.written.at(frame.done), <size_t>self.n_words * sizeof(uint32_t))
            written[place >> 5] |= <uint32_t>1 << (place & 31)
            try:
                frame.done = self.written.number(<int32_t*>written)
            finally:
                free(written)
        return 0


cdef inline bint has_number(const uint32_t* bits, int32_t number) noexcept:
    return (bits[number >> 5] >> (number & 31)) & 1
