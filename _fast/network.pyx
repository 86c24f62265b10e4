# Network: recognisers one after another: sequences, alternatives, repeats.
# Uses: recognizer.
#
# The places of a network are its *positions*; each has a part, a recogniser.  A state is a set of items (position, state of
# its part), an item packed as position << 32 | state: all the ways in which the text so far may be cut into parts.  Where the
# part of an item may end, the items that follow are entered without reading anything (`ahead`).
# The empty text has an item of its own, NO_PART, so that a network that holds it does not take the start for the end.
# A part of cut stacks may not know whether it ends (Grammar.saturate): what would follow is in DOUBT then.
# Derivation: docs/composition.md, "How it works".


cdef enum:
    MAX_ITEMS = 4_096             # ways to cut one text; more is a composition that is ambiguous without bound
    NO_PART = -1                  # the item of the empty text

cdef class Network(Recognizer):
    """Parts in a graph of positions.

    parts    : position -> Recognizer.        closing : position -> the bytes its texts may end with, None if not known.
    first    : positions that may begin.      follow  : position -> positions that may come next.
    last     : position -> whether the text may end with it.      nullable : whether the empty text needs no part at all.
    """
    cdef list parts                  # position -> Recognizer
    cdef list closing                # position -> bytes or None
    cdef list next_items             # position -> tuple of items that may follow it
    cdef list is_last                # position -> bool
    cdef list items                  # state -> tuple of items, ascending
    cdef int64_t* one                # [n_one]: state -> its item where it has one alone, else NO_PART
    cdef int32_t n_one
    cdef list singles                # position -> {state of the part: state}
    cdef dict numbers                # tuple of items -> state
    cdef dict aheads                 # item -> (items entered without a byte, items of which that is not known)
    cdef dict afters                 # item -> state of the items that are entered from it; DEAD if there are none
    cdef dict first_bytes            # position -> bytes that may begin what follows it
    cdef list tails                  # position -> shortest text that ends the whole after it; None until asked for

    def __init__(self, list parts, first, follow, last, bint nullable, closing, int32_t max_states=1_000_000):
        cdef Recognizer part
        self.prepare(max_states)
        for part in parts:
            self.parts.append(part)
            self.singles.append({})
        self.closing, self.is_last = list(closing), list(last)
        self.next_items = [tuple([self.entry(q) for q in positions]) for positions in follow]
        begin = [self.entry(position) for position in first] + ([NO_PART] if nullable else [])
        if begin:
            self.start = self.intern(tuple(sorted(begin)))

    def __dealloc__(self):
        free(self.one)

    cpdef bint is_worn(self) except -1:
        cdef Recognizer part
        return Recognizer.is_worn(self) or any([part.is_worn() for part in set(self.parts)])

    cdef prepare(self, int32_t max_states):
        self.max_states = max_states
        self.parts, self.closing, self.next_items, self.is_last, self.items, self.singles = [], [], [], [], [], []
        self.numbers, self.aheads, self.afters, self.first_bytes, self.tails = {}, {}, {}, {}, None

    cdef object entry(self, int64_t position):
        """The item at the start of a position."""
        return (position << 32) | (<Recognizer>self.parts[position]).start

    # ---- what may follow ----

    cdef tuple follow_of(self, int64_t item):
        """(items entered after one, without a byte; items of which that is not known); empty where its part cannot end."""
        cdef int64_t position = item >> 32
        cdef Recognizer part = self.parts[position]
        cdef state_t state = <state_t>(item & 0xFFFFFFFF)
        if part.accepting[state]:
            return (self.next_items[position], ())
        if part.ends_in_doubt(state):
            return ((), self.next_items[position])
        return ((), ())

    cdef bint goes_on(self, int64_t item) except -1:
        """Whether surely nothing is entered after an item: its part runs and cannot end here."""
        cdef Recognizer part = <Recognizer>self.parts[item >> 32]
        cdef state_t state = <state_t>(item & 0xFFFFFFFF)
        return not part.accepting[state] and not part.ends_in_doubt(state)

    cdef bint may_end(self, int64_t item) except -1:
        """Whether the whole text may end with this item as it is."""
        return item < 0 or ((<Recognizer>self.parts[item >> 32]).accepting[item & 0xFFFFFFFF] and self.is_last[item >> 32])

    cdef tuple ahead(self, item):
        """(all items entered from one without a byte, all of which that is not known)."""
        found = self.aheads.get(item)
        if found is not None:
            return <tuple>found
        certain, doubtful = self.follow_of(item) if item >= 0 else ((), ())
        if not certain and not doubtful:
            return (certain, doubtful)
        entered, maybe = dict.fromkeys(certain), dict.fromkeys(doubtful)
        queue = list(certain)
        for other in queue:                        # grows while it is read
            more, doubts = self.follow_of(other)
            maybe.update(dict.fromkeys(doubts))
            for key in more:
                if key not in entered:
                    entered[key] = None
                    queue.append(key)
        queue = list(maybe)
        for other in queue:
            more, doubts = self.follow_of(other)
            for key in more + doubts:
                if key not in maybe:
                    maybe[key] = None
                    queue.append(key)
        found = self.aheads[item] = (tuple(entered), tuple([key for key in maybe if key not in entered]))
        return <tuple>found

    cdef state_t after_part(self, item) except? FAILED_STATE:
        """The state of all that is entered from an item; DEAD if nothing is."""
        certain = self.ahead(item)[0]
        if not certain:
            return DEAD_STATE
        found = self.afters.get(item)
        if found is None:
            found = self.afters[item] = self.intern(tuple(sorted(certain)))
        return found

    cdef bytes bytes_after(self, int64_t position):
        """The bytes that may begin what follows a position (or more)."""
        found = self.first_bytes.get(position)
        if found is None:
            found = self.first_bytes[position] = self.find_bytes_after(position)
        return <bytes>found

    cdef bytes find_bytes_after(self, int64_t position):
        cdef Recognizer part
        found, queue, seen = set(), list(self.next_items[position]), set(self.next_items[position])
        for item in queue:                         # grows while it is read
            part = self.parts[item >> 32]
            found.update(part.live_bytes(part.start))
            if part.accepting[part.start]:
                for other in self.next_items[item >> 32]:
                    if other not in seen:
                        seen.add(other)
                        queue.append(other)
        return bytes(sorted(found))

    # ---- states ----

    cdef state_t intern(self, tuple items) except? FAILED_STATE:
        """The state of a sorted set of items."""
        found = self.numbers.get(items)
        if found is not None:
            return found
        if len(items) > MAX_ITEMS:
            raise LimitExceeded("max_states", MAX_ITEMS, len(items), "the composition, at this point of the text, in ways to "
                                "cut the text into parts,")
        accepts = False
        for item in items:
            if self.may_end(item):
                accepts = True
                break
            for other in self.ahead(item)[0]:
                if self.may_end(other):
                    accepts = True
                    break
        return self.note(items, accepts)

    cdef state_t note(self, tuple items, bint accepts) except? FAILED_STATE:
        """A new state."""
        cdef state_t state = self.add_state(accepts)
        cdef int64_t* one
        if state >= self.n_one:
            one = <int64_t*>realloc(self.one, <size_t>self.capacity * sizeof(int64_t))
            if one == NULL:
                raise MemoryError()
            self.one, self.n_one = one, self.capacity
        self.one[state] = items[0] if len(items) == 1 else NO_PART
        self.numbers[items] = state
        self.items.append(items)
        if self.one[state] >= 0:
            self.singles[items[0] >> 32][items[0] & 0xFFFFFFFF] = state
        return state

    cdef state_t single(self, int64_t position, state_t state) except? FAILED_STATE:
        """The state of one item."""
        cdef int64_t item = (position << 32) | state
        found = (<dict>self.singles[position]).get(state)
        if found is not None:
            return found
        return self.note((item,), False) if self.goes_on(item) else self.intern((item,))

    cdef state_t read(self, int64_t item, uint8_t byte) except? FAILED_STATE:
        """The state of an item's part after a byte."""
        return (<Recognizer>self.parts[item >> 32]).after(<state_t>(item & 0xFFFFFFFF), byte)

    cdef state_t derive(self, state_t state, uint8_t byte) except? FAILED_STATE:
        cdef state_t after
        cdef int64_t alone = self.one[state]
        if alone >= 0 and self.goes_on(alone):
            after = self.read(alone, byte)
            return self.single(alone >> 32, after) if after >= 0 else after       # DEAD or DOUBT
        cdef tuple items = <tuple>self.items[state]
        made = []
        for item in items:
            if item >= 0:
                after = self.read(item, byte)
                if after >= 0:
                    made.append((item >> 32 << 32) | after)
                elif after == DOUBT_STATE:
                    return DOUBT_STATE
            certain, doubtful = self.ahead(item)
            for other in certain:
                after = self.read(other, byte)
                if after >= 0:
                    made.append((other >> 32 << 32) | after)
                elif after == DOUBT_STATE:
                    return DOUBT_STATE
            for other in doubtful:
                if self.read(other, byte) != DEAD_STATE:
                    return DOUBT_STATE
        if not made:
            return DEAD_STATE
        if len(made) == 1:
            return self.single(made[0] >> 32, <state_t>(made[0] & 0xFFFFFFFF))
        return self.intern(tuple(sorted(set(made))))

    cdef bint ends_in_doubt(self, state_t state) except -1:
        """Whether it is not known if the text may end: a part that may be the last one does not know it."""
        if self.accepting[state]:
            return False
        for item in self.items[state]:
            if item < 0:
                continue
            certain, doubtful = self.ahead(item)
            if any([self.may_end(other) for other in doubtful]):
                return True
            for other in (item, *certain):
                if self.is_last[other >> 32] and (<Recognizer>self.parts[other >> 32]).ends_in_doubt(other & 0xFFFFFFFF):
                    return True
        return False

    cpdef state_t saturate(self, state_t state, Horizon horizon) except? FAILED_STATE:
        """The state with the state of every part saturated, except where it would be unknown whether the part may end."""
        cdef state_t inner, saturated
        cdef Recognizer part
        cdef int64_t alone = self.one[state], other_alone
        if alone >= 0:
            inner = <state_t>(alone & 0xFFFFFFFF)
            saturated = (<Recognizer>self.parts[alone >> 32]).saturate(inner, horizon)
            other_alone = (alone >> 32 << 32) | saturated
            if saturated == inner or not self.goes_on(other_alone) and self.ahead(other_alone)[1]:
                return state
            return self.single(alone >> 32, saturated)
        made, changed = [], False
        for item in self.items[state]:
            if item >= 0:
                part = self.parts[item >> 32]
                inner = item & 0xFFFFFFFF
                saturated = part.saturate(inner, horizon)
                if saturated != inner:
                    other = (item >> 32 << 32) | saturated
                    if not self.ahead(other)[1]:
                        item, changed = other, True
            made.append(item)
        return self.intern(tuple(sorted(set(made)))) if changed else state

    cpdef state_t anonymise(self, state_t state) except? FAILED_STATE:
        """The state without the texts that its parts keep."""
        cdef state_t inner, nameless
        made, changed = [], False
        for item in self.items[state]:
            if item >= 0:
                inner = item & 0xFFFFFFFF
                nameless = (<Recognizer>self.parts[item >> 32]).anonymise(inner)
                if nameless != inner:
                    item, changed = (item >> 32 << 32) | nameless, True
            made.append(item)
        return self.intern(tuple(sorted(set(made)))) if changed else state

    cdef int32_t only_byte(self, state_t state) except -3:
        """The one byte that may follow; where one part runs and cannot end, its own answer."""
        cdef tuple items = <tuple>self.items[state]
        if len(items) == 1 and items[0] >= 0 and not self.accepting[state] and not self.ahead(items[0])[0]:
            return (<Recognizer>self.parts[items[0] >> 32]).only_byte(items[0] & 0xFFFFFFFF)
        return Recognizer.only_byte(self, state)

    # ---- the way out ----

    cpdef bytes completion(self, state_t state):
        """A shortest text that ends a member: the rest of the part that runs, then the shortest parts after it.

        As short as the completions of the parts are; None if no part can finish (a product of pushdown languages).
        """
        if state == DEAD_STATE:
            return None
        self._check_state(state)
        if self.accepting[state]:
            return b""
        best = None
        for item in self.items[state]:
            if item >= 0:
                rest = (<Recognizer>self.parts[item >> 32]).completion(item & 0xFFFFFFFF)
                tail = None if rest is None else self.tail(item >> 32)
                if tail is not None and (best is None or len(rest) + len(tail) < len(best)):
                    best = rest + tail
        return best

    cdef object tail(self, int64_t position):
        """The shortest text that ends the whole where a position's part has ended; None if there is none."""
        cdef int64_t here
        cdef bint changed = True
        cdef Recognizer part
        if self.tails is None:
            whole = [None] * len(self.parts)
            known = {}                             # recogniser -> its shortest text
            tails = [b"" if last else None for last in self.is_last]
            for part in self.parts:
                if part not in known:
                    known[part] = part.completion(part.start)
            while changed:                         # a chain settles in two rounds from its end, a loop in one more
                changed = False
                for here in range(len(self.parts) - 1, -1, -1):
                    for item in self.next_items[here]:
                        text = whole[item >> 32]
                        if text is not None and (tails[here] is None or len(text) < len(tails[here])):
                            tails[here], changed = text, True
                    text = known[self.parts[here]]
                    if text is not None and tails[here] is not None and (
                            whole[here] is None or len(text) + len(tails[here]) < len(whole[here])):
                        whole[here], changed = text + tails[here], True
            self.tails = tails
        return self.tails[position]

    def cut(self, state_t state) -> tuple:
        """The items of a state: ((position, state of its part), ...); (-1, 0) stands for the empty text."""
        self._check_state(state)
        return tuple([(item >> 32, item & 0xFFFFFFFF if item >= 0 else 0) for item in self.items[state]])


def member_ends(Recognizer recognizer, const uint8_t[::1] text, Py_ssize_t start=0) -> list:
    """The places where a member that begins at text[start] ends, ascending."""
    cdef Py_ssize_t position
    cdef state_t state = recognizer.start
    found = []
    if state >= 0 and recognizer.accepting[state]:
        found.append(start)
    for position in range(start, text.shape[0]):
        if state >= 0:
            state = recognizer.after(state, text[position])
        if state < 0:
            break
        if recognizer.accepting[state]:
            found.append(position + 1)
    return found
