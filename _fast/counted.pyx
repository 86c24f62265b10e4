# Counted: strings of a language by their number of characters, all bounds in one automaton.  Uses: recognizer, places.
#
# A state is a place in the unbounded string and what is left of the bounds: characters that must still come, and those
# that may.  So the twentieth character of at most fifty is the first of at most thirty, whatever schema asks, and its mask
# is made once (see CountedIndex).  A place is a state of the language beside one of `frame`, which reads any quoted string
# and so knows where characters begin: an escape is one character, and so are the bytes of one code point.
#
# From a place some numbers of characters lead to the end: layers, layer k holding the places from which k can.  They are
# made until one is like that before it; then all that follow are.  So a bound is met exactly where one of the layers
# between `need` and `room` holds the place.


cdef struct Count:
    int32_t place
    int32_t need                  # characters that must still come
    int32_t room                  # characters that may still come; ANY_ROOM for any number

cdef struct Lengths:              # numbers of characters that lead from a place to the end
    int32_t least
    int32_t most                  # MAX_COUNT if there is no bound
    int32_t kind                  # places of one kind have the same
    uint8_t has_gaps

cdef enum:
    ANY_ROOM = -1
    MAX_COUNT = 1 << 30
    MAX_PLACES = 20_000           # built in full; 0.5 kB each
    MAX_LAYER_BYTES = 4 << 20

    NO_PLACE = -1
    IS_BETWEEN = 1                # of a place: between two characters
    IS_FIRST = 2                  # before the opening quote
    IS_END = 4                    # behind the closing one


cdef class Counted(Recognizer):
    """Strings of `inner` by number of characters; begin(least, most) is the state in which such a string begins.

    inner : reads quoted strings.      frame : any quoted string.      `start` : of strings of any length.

    Raises LimitExceeded (max_dfa_states) where `inner` has too many states, or lengths that are too irregular.
    """
    cdef readonly Recognizer inner
    cdef int32_t n_places, n_layers
    cdef int32_t farthest            # characters that lead to the end from any place that has a way there
    cdef int32_t[4] capacities       # of the four arrays of places
    cdef PairMap place_numbers       # (state of inner, state of the frame) -> place
    cdef state_t* inner_of           # place -> state of inner
    cdef state_t* frame_of           # place -> state of the frame
    cdef uint8_t* flags              # place -> IS_BETWEEN ..
    cdef int32_t* follow             # [n_places, n_classes]: the place after a byte, NO_PLACE
    cdef Lengths* lengths            # by place
    cdef uint8_t* layers             # [n_layers, n_places]; the last one stands for all that follow
    cdef Count* counts               # by state
    cdef int32_t counts_capacity
    cdef PairMap numbers             # (place << 32 | need, room) -> state

    def __dealloc__(self):
        free(self.inner_of); free(self.frame_of); free(self.flags); free(self.follow); free(self.lengths); free(self.layers); free(self.counts)

    def __init__(self, Recognizer inner, Recognizer frame, int32_t max_states=4_000_000):
        self.inner, self.max_states, self.numbers, self.place_numbers = inner, max_states, PairMap(), PairMap()
        self.share_columns([inner, frame])
        self.find_places(inner, frame)
        self.find_layers()
        self.find_lengths()
        self.start = self.begin(0, None)

    # ---- places ----

    cdef int find_places(self, Recognizer inner, Recognizer frame) except -1:
        """All places that can be reached."""
        cdef uint8_t[256] example                # a byte of every class
        cdef int32_t here = 0, column, found
        cdef state_t there, framed, between = frame.run(frame.start, b'"')
        for column in range(255, -1, -1):
            example[self.byte_class[column]] = <uint8_t>column
        if inner.start != DEAD_STATE:
            self.place_of(inner.start, frame.start, IS_FIRST)
        while here < self.n_places:
            for column in range(self.n_classes):
                there, framed, found = inner.after(self.inner_of[here], example[column]), DEAD_STATE, NO_PLACE
                if there != DEAD_STATE:
                    framed = frame.after(self.frame_of[here], example[column])
                if there != DEAD_STATE and inner.accepting[there] and (framed == DEAD_STATE or not frame.accepting[framed]):
                    raise ValueError("the automaton must read quoted strings")
                if framed != DEAD_STATE:
                    found = self.place_of(there, framed, IS_BETWEEN if framed == between else IS_END if inner.accepting[there] else 0)
                self.follow[here * self.n_classes + column] = found
            here += 1
        return 0

    cdef int32_t place_of(self, state_t inner, state_t framed, int flags) except -1:
        """The number of a place."""
        cdef int32_t found = self.place_numbers.get(inner, framed)
        if found != NO_VALUE:
            return found
        found = self.n_places
        if found == MAX_PLACES:
            raise LimitExceeded("max_dfa_states", MAX_PLACES, found + 1, "strings of a bounded length, in places,")
        self.inner_of = <state_t*>grow(self.inner_of, found + 1, &self.capacities[0], sizeof(state_t))
        self.frame_of = <state_t*>grow(self.frame_of, found + 1, &self.capacities[1], sizeof(state_t))
        self.flags = <uint8_t*>grow(self.flags, found + 1, &self.capacities[2], 1)
        self.follow = <int32_t*>grow(self.follow, (found + 1) * self.n_classes, &self.capacities[3], sizeof(int32_t))
        self.inner_of[found], self.frame_of[found], self.flags[found] = inner, framed, <uint8_t>flags
        self.place_numbers.put(inner, framed, found)
        self.n_places += 1
        return found

    cdef inline bint completes(self, int32_t before, int32_t after) noexcept:
        """Whether a byte between two places is the last one of a character."""
        return self.flags[after] & IS_BETWEEN and not self.flags[before] & IS_FIRST

    cdef int find_layers(self) except -1:
        """Which places some number of characters lead from to the end, for 0, 1, .. characters until that does not change."""
        cdef int32_t n = self.n_places, place, column, there, k, n_queue = 0, capacity = 0
        cdef uint8_t* layer
        cdef const uint8_t* last
        cdef int32_t* first = <int32_t*>calloc(n + 2, sizeof(int32_t))     # place -> its sources: sources[first[place] ..]
        cdef int32_t* seen = <int32_t*>malloc((<size_t>n + 1) * sizeof(int32_t))
        cdef int32_t* queue = <int32_t*>malloc((<size_t>n + 1) * sizeof(int32_t))
        cdef int32_t* sources = <int32_t*>malloc((<size_t>n * self.n_classes + 1) * sizeof(int32_t))
        try:
            if first == NULL or seen == NULL or queue == NULL or sources == NULL:
                raise MemoryError()
            for k in range(2):                   # count, then fill; each place once, however many bytes lead on from it
                for place in range(n):
                    seen[place] = -1
                for place in range(n):
                    for column in range(self.n_classes):
                        there = self.follow[place * self.n_classes + column]
                        if there >= 0 and seen[there] != place:
                            seen[there] = place
                            if k:
                                sources[first[there + 1]] = place
                            first[there + 1 + (k == 0)] += 1
                if k == 0:
                    for place in range(n):
                        first[place + 2] += first[place + 1]
            while True:
                if <int64_t>(self.n_layers + 1) * n > MAX_LAYER_BYTES:
                    raise LimitExceeded("max_dfa_states", MAX_LAYER_BYTES, (self.n_layers + 1) * n,
                                        "a pattern with a bounded length, in places by characters to the end,")
                self.layers = <uint8_t*>grow(self.layers, (self.n_layers + 1) * n + 1, &capacity, 1)
                layer, last = self.layers + self.n_layers * n, self.layers + (self.n_layers - 1) * n
                for place in range(n):
                    layer[place] = self.n_layers == 0 and self.flags[place] & IS_END
                for place in range(n if self.n_layers else 0):           # a character is finished
                    if last[place] and self.flags[place] & IS_BETWEEN:
                        for k in range(first[place], first[place + 1]):
                            if self.completes(sources[k], place):
                                layer[sources[k]] = 1
                for place in range(n):
                    if layer[place]:
                        queue[n_queue] = place
                        n_queue += 1
                while n_queue:                                           # bytes before that, of the same character
                    n_queue -= 1
                    place = queue[n_queue]
                    for k in range(first[place], first[place + 1]):
                        if not layer[sources[k]] and not self.completes(sources[k], place):
                            layer[sources[k]] = 1
                            queue[n_queue] = sources[k]
                            n_queue += 1
                self.n_layers += 1
                if self.n_layers > 1 and memcmp(layer, last, n) == 0:
                    break
        finally:
            free(first); free(seen); free(queue); free(sources)
        return 0

    cdef int find_lengths(self) except -1:
        """The layers of each place, in short."""
        cdef int32_t n = self.n_places, place, k, gaps
        cdef bint held
        self.lengths = <Lengths*>calloc(n + 1, sizeof(Lengths))
        if self.lengths == NULL:
            raise MemoryError()
        kinds = {}
        for place in range(n):
            least, most, gaps, held = ANY_ROOM, ANY_ROOM, 0, False
            for k in range(self.n_layers):
                if self.layers[k * n + place]:
                    least = k if least == ANY_ROOM else least
                    most = MAX_COUNT if k == self.n_layers - 1 else k
                    gaps += not held
                held = self.layers[k * n + place]
            self.farthest = max(self.farthest, least)
            self.lengths[place].least, self.lengths[place].most, self.lengths[place].has_gaps = least, most, gaps > 1
            column = bytes([self.layers[k * n + place] for k in range(self.n_layers)]) if gaps > 1 else (least, most)
            self.lengths[place].kind = kinds.setdefault(column, len(kinds))
        return 0

    cdef inline bint is_alive(self, int32_t place, int32_t need, int32_t room) noexcept:
        """Whether some text of `need` to `room` more characters leads to the end."""
        cdef Lengths* lengths = self.lengths + place
        if lengths.least == ANY_ROOM or lengths.most < need:
            return False
        if room != ANY_ROOM and (room < need or room < lengths.least):
            return False
        return not lengths.has_gaps or self.holds(place, need, self.n_layers if room == ANY_ROOM else room)

    cdef bint holds(self, int32_t place, int32_t need, int32_t room) noexcept:
        """Whether one of the layers from `need` to `room` holds the place."""
        cdef int32_t k
        for k in range(min(need, self.n_layers - 1), min(room, self.n_layers - 1) + 1):
            if self.layers[k * self.n_places + place]:
                return True
        return False

    # ---- states ----

    def begin(self, int64_t least, most) -> int:
        """The state before a string of `least` to `most` characters (None: any number); DEAD if there is none."""
        cdef int64_t room = ANY_ROOM if most is None else most
        if not 0 <= least <= MAX_COUNT or not ANY_ROOM <= room <= MAX_COUNT:
            raise LimitExceeded("max_states", MAX_COUNT, max(least, room), "the length of a string")
        if self.n_places == 0 or not self.is_alive(0, <int32_t>least, <int32_t>room):
            return DEAD_STATE
        return self.intern(0, <int32_t>least, <int32_t>room)

    cdef state_t intern(self, int32_t place, int32_t need, int32_t room) except? FAILED_STATE:
        cdef int64_t key = (<int64_t>place << 32) | need
        cdef state_t found = self.numbers.get(key, room)
        if found == NO_VALUE:
            found = self.add_state(self.flags[place] & IS_END != 0)
            self.counts = <Count*>grow(self.counts, found + 1, &self.counts_capacity, sizeof(Count))
            self.counts[found] = Count(place, need, room)
            self.numbers.put(key, room, found)
        return found

    cdef state_t derive(self, state_t state, uint8_t byte) except? FAILED_STATE:
        cdef Count here = self.counts[state]
        cdef int32_t before = here.place
        here.place = self.follow[before * self.n_classes + self.byte_class[byte]]
        if here.place == NO_PLACE:
            return DEAD_STATE
        if self.flags[here.place] & IS_END:
            return DEAD_STATE if here.need else self.intern(here.place, 0, 0)
        if self.completes(before, here.place):
            if here.room == 0:
                return DEAD_STATE
            here.need -= here.need > 0
            here.room -= here.room > 0
        return self.intern(here.place, here.need, here.room) if self.is_alive(here.place, here.need, here.room) else DEAD_STATE

    cpdef state_t saturate(self, state_t state, Horizon horizon) except? FAILED_STATE:
        """Bounds out of reach are forgotten: a text of n bytes holds at most so many characters, or begins one more."""
        cdef Count here = self.counts[state]
        cdef int32_t far = horizon.n_bytes + self.n_layers + 1
        if here.need > far:
            here.need = far
        if here.room > (far if here.need else horizon.n_bytes + self.farthest):
            here.room = ANY_ROOM
        return self.intern(here.place, here.need, here.room)

    cpdef tuple labels(self, state_t state):
        if state == DEAD_STATE:
            return ()
        self._check_state(state)
        return self.inner.labels(self.inner_of[self.counts[state].place])

    cpdef bytes completion(self, state_t state):
        """A rest of the fewest characters."""
        cdef Count here
        cdef int32_t left, there, times
        if state == DEAD_STATE:
            return None
        self._check_state(state)
        here = self.counts[state]
        left = here.need                                 # characters of the rest
        while not self.holds(here.place, left, left):
            left += 1
        text = bytearray()
        while not self.flags[here.place] & IS_END:
            there, piece, times = self.next_piece(here.place, left)
            left -= times
            if there == here.place and left >= self.n_layers:            # as it was: the same again, many times
                times = left - self.n_layers + 1
                left -= times
                piece *= times + 1
            text += piece
            here.place = there
        return bytes(text)

    cdef tuple next_piece(self, int32_t place, int32_t left):
        """(place, bytes, characters finished): a way to the next end of a character, or a quote, with `left` to come before."""
        cdef int32_t here, there, byte, column, finished
        cdef uint8_t[256] looked_at
        queue, texts = [place], {place: b""}
        for here in queue:                               # grows while it is read
            memset(looked_at, 0, 256)
            for byte in FROM_LETTERS:
                column = self.byte_class[byte]
                there = self.follow[here * self.n_classes + column]
                if there < 0 or looked_at[column]:
                    continue
                looked_at[column] = 1
                finished = self.completes(here, there)
                if left >= finished and self.holds(there, left - finished, left - finished):
                    text = texts[here] + bytes((byte,))
                    if self.flags[there]:
                        return there, text, finished
                    if there not in texts:
                        texts[there] = text
                        queue.append(there)
        raise AssertionError("a place in a layer leads on to another one")

    cpdef dict completions(self, state_t state):
        rest = self.completion(state)
        return {} if rest is None else {self.labels(self.run(state, rest)): rest}


# The order in which bytes are tried where any would do: a text that is made up is easy to read then.
FROM_LETTERS = sorted(range(256), key=lambda byte: (not 0x61 <= byte <= 0x7A, not 0x30 <= byte <= 0x39, byte))
