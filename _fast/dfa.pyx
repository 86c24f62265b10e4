# The automaton of a regular language: sets of places in the byte automaton, made when first reached.  Uses: recognizer, nfa.
#
# A place is (state of the Nfa, counters of the loops around it) in one uint64: state << counter_bits | counters.  A state of
# the Dfa is a sorted set of places.  Of two places that differ in one counter only, both past its lower bound, the lower
# count can do all that the higher can, so only it is kept: (a|aa){0,1000} has small sets and stays cheap.


cdef enum:
    REACHED_BITS = 6


cdef int compare_places(const void* left, const void* right) noexcept nogil:
    cdef uint64_t a = (<const uint64_t*>left)[0], b = (<const uint64_t*>right)[0]
    return (a > b) - (a < b)


cdef class Dfa(Recognizer):
    """A regular language.  Lazy: states are made as they are reached, unless it was made from a finished table."""
    cdef Nfa nfa
    cdef int32_t counter_bits
    cdef uint64_t counter_mask
    cdef uint64_t* places            # pool: the sets, one after the other
    cdef int64_t n_places
    cdef int32_t places_capacity
    cdef int64_t* set_first          # [n_made + 1]: the set of state s is places[set_first[s] : set_first[s + 1]]
    cdef int32_t set_capacity
    cdef uint32_t* hashes            # per state: 32 bits of its set's hash, to tell sets apart
    cdef uint32_t* low_hashes        # and the 32 bits that choose its bucket
    cdef int32_t hash_capacity, low_capacity
    cdef int32_t* buckets            # open addressing: state + 1, or 0
    cdef int32_t n_buckets           # a power of two
    cdef uint64_t* scratch           # the set being made
    cdef int32_t n_scratch, scratch_capacity, n_reached
    cdef uint64_t* reached           # [2**REACHED_BITS]: places whose closure is in the set already, by hash: place + 1, or 0
    cdef list _labels                # per state: its label set once asked for, else None
    cdef object _finish              # distances to acceptance, made when first asked for (finish.pyx)
    cdef object _fingerprint

    def __dealloc__(self):
        free(self.places); free(self.set_first); free(self.buckets); free(self.scratch)
        free(self.hashes); free(self.low_hashes); free(self.reached)

    def __init__(self, Nfa nfa, starts, int32_t max_states=4_000_000, bint closed=False):
        """The language that `nfa` reads from any of the states `starts` (-1: nothing).

        closed : `starts` is a closure (Nfa.closure) and no further empty edges are followed at the start.
        """
        self.nfa = nfa
        self.reached = <uint64_t*>calloc(1 << REACHED_BITS, sizeof(uint64_t))
        if self.reached == NULL:
            raise MemoryError()
        self._labels = []
        self.max_states = max_states
        self.counter_bits = nfa.bits
        self.counter_mask = (<uint64_t>1 << nfa.bits) - 1
        if (nfa.n_states >> (62 - nfa.bits)) > 0:
            raise LimitExceeded("max_nfa_states", nfa.max_states, 2**62, "a nest of counted repeats")
        classes, self.n_classes = nfa.byte_classes()
        for byte in range(256):
            self.byte_class[byte] = classes[byte]
        self.n_scratch = 0
        for start in starts:
            if start >= 0 and closed:
                self.put(<uint64_t>start << self.counter_bits)
            elif start >= 0:
                self.reach(start, 0)
        self.start = self.intern() if self.n_scratch else DEAD_STATE

    # ---- one step ----

    cdef inline int put(self, uint64_t place) except -1:
        if self.n_scratch == self.scratch_capacity:
            self.scratch = <uint64_t*>grow(self.scratch, self.n_scratch + 1, &self.scratch_capacity, sizeof(uint64_t))
        self.scratch[self.n_scratch] = place
        self.n_scratch += 1
        return 0

    cdef int reach(self, int32_t state, uint64_t counters) except -1:
        """Put all places that `state` stands for into the set being made."""
        cdef NfaState* node = &self.nfa.states[state]
        cdef int32_t k, item
        cdef uint64_t place = (<uint64_t>state << self.counter_bits) | counters
        if node.n_empty == 0 and node.loop < 0:
            return self.put(place)
        if node.loop >= 0:
            return self.turn(node.loop, counters)
        if self.is_repeated(place):
            return 0
        if node.closure < 0:
            self.nfa.close(state)
        for k in range(node.n_closure):
            item = self.nfa.closures[node.closure + k]
            if self.nfa.states[item].loop >= 0:
                self.turn(self.nfa.states[item].loop, counters)
            else:
                self.put((<uint64_t>item << self.counter_bits) | counters)
        return 0

    cdef inline bint is_repeated(self, uint64_t place) noexcept:
        """Whether this place was asked about before while this set is made; forgetful, which costs time and nothing else.

        In (a{1,1}|a{1,2}|...){1,50} hundreds of rounds end at once, and all of them begin the same next round.
        """
        cdef uint64_t* slot = self.reached + ((place * 0x9E3779B97F4A7C15ULL) >> (64 - REACHED_BITS))
        if slot[0] == place + 1:
            return True
        if slot[0] == 0:
            self.n_reached += 1
        slot[0] = place + 1
        return False

    cdef int turn(self, int32_t index, uint64_t counters) except -1:
        """A round of a counted loop has ended: begin the next one, or leave, or both."""
        cdef NfaLoop* loop = &self.nfa.loops[index]
        cdef uint64_t one = <uint64_t>1 << loop.shift
        cdef int64_t done = <int64_t>((counters >> loop.shift) & <uint64_t>loop.mask) + 1
        cdef uint64_t cleared = counters & ~(<uint64_t>loop.mask << loop.shift)
        # A second turn without a byte in between (bodies that may be empty) gives places with a higher count: no gain.
        if loop.active or self.is_repeated((<uint64_t>loop.state << self.counter_bits) | counters):
            return 0
        loop.active = 1
        try:
            if loop.most < 0:
                self.reach(loop.entry, counters + one if done < loop.least else counters)
            elif done < loop.most:
                self.reach(loop.entry, counters + one)
        finally:
            self.nfa.loops[index].active = 0
        if done >= self.nfa.loops[index].least:
            self.reach(self.nfa.loops[index].exit, cleared)
        return 0

    cdef state_t derive(self, state_t state, uint8_t byte) except? FAILED_STATE:
        cdef int64_t k, last = self.set_first[state + 1]
        cdef int32_t e, n_edges
        cdef uint64_t place
        cdef NfaState* node
        cdef NfaEdge* edge
        self.n_scratch = 0
        if self.n_reached:
            memset(self.reached, 0, sizeof(uint64_t) << REACHED_BITS)
            self.n_reached = 0
        for k in range(self.set_first[state], last):
            place = self.places[k]
            node = &self.nfa.states[place >> self.counter_bits]
            edge = &self.nfa.edges[node.edge]
            n_edges = node.n_edges
            for e in range(n_edges):
                if edge[e].low <= byte <= edge[e].high:
                    self.reach(edge[e].target, place & self.counter_mask)
                    break
        if self.n_scratch == 0:
            return DEAD_STATE
        return self.intern()

    # ---- sets ----

    cdef int tidy(self) except -1:
        """Sort the set being made; drop repetitions and places that another one makes superfluous."""
        cdef int32_t first = 0, last, kept = 0, end, state, level
        self.sort()
        if self.n_scratch < 2 or self.nfa.n_loops == 0:
            return 0
        while first < self.n_scratch:               # a run of places of one state of the Nfa
            state = <int32_t>(self.scratch[first] >> self.counter_bits)
            last = first + 1
            while last < self.n_scratch and <int32_t>(self.scratch[last] >> self.counter_bits) == state:
                last += 1
            memmove(self.scratch + kept, self.scratch + first, (last - first) * sizeof(uint64_t))
            level = self.nfa.states[state].within
            end = kept + last - first
            while level >= 0 and end - kept > 1:
                end = self.prune(level, kept, end)
                level = self.nfa.loops[level].parent
            kept = end
            first = last
        self.n_scratch = kept
        return 0

    cdef int32_t prune(self, int32_t level, int32_t first, int32_t last) noexcept:
        """Of places that differ in the counter of one loop only, all past its lower bound, keep the lowest count."""
        cdef NfaLoop* loop = &self.nfa.loops[level]
        cdef int32_t width = loop.bits - loop.shift, k, kept = first
        cdef uint64_t low = (<uint64_t>1 << loop.shift) - 1, field = <uint64_t>loop.mask, place, key, last_key = 0
        cdef bint have = False
        if loop.shift:                              # swap: the counters below this one, then its own, lowest
            for k in range(first, last):
                place = self.scratch[k]
                self.scratch[k] = (place >> loop.bits << loop.bits) | ((place & low) << width) | ((place >> loop.shift) & field)
            self.sort_run(first, last)
        for k in range(first, last):
            place = self.scratch[k]
            key = place >> width
            if <int64_t>(place & field) >= loop.least - 1:
                if have and key == last_key:
                    continue
                have, last_key = True, key
            self.scratch[kept] = place
            kept += 1
        if loop.shift:
            for k in range(first, kept):
                place = self.scratch[k]
                self.scratch[k] = ((place >> loop.bits << loop.bits) | ((place & field) << loop.shift)
                                   | ((place >> width) & low))
            self.sort_run(first, kept)
        return kept

    cdef void sort_run(self, int32_t first, int32_t last) noexcept:
        """Sort scratch[first:last]: by insertion where that is cheaper."""
        cdef int32_t k, j
        cdef uint64_t place
        if last - first > 24:
            qsort(self.scratch + first, last - first, sizeof(uint64_t), compare_places)
            return
        for k in range(first + 1, last):
            place = self.scratch[k]
            j = k
            while j > first and self.scratch[j - 1] > place:
                self.scratch[j] = self.scratch[j - 1]
                j -= 1
            self.scratch[j] = place

    cdef void sort(self) noexcept:
        """Sort the set being made and drop repetitions."""
        cdef int32_t k, kept = 0
        self.sort_run(0, self.n_scratch)
        for k in range(self.n_scratch):
            if kept == 0 or self.scratch[kept - 1] != self.scratch[k]:
                self.scratch[kept] = self.scratch[k]
                kept += 1
        self.n_scratch = kept

    cdef state_t intern(self) except? FAILED_STATE:
        """The state whose set of places is in `scratch` (not empty)."""
        cdef uint64_t hashed = 1469598103934665603ULL
        cdef int32_t k, slot, found
        cdef int64_t first
        cdef bint accepting = False
        self.tidy()
        for k in range(self.n_scratch):
            hashed = (hashed ^ self.scratch[k]) * 0x9E3779B97F4A7C15ULL
            hashed ^= hashed >> 29
        if 2 * (self.n_made + 1) > self.n_buckets:
            self.rehash()
        slot = <int32_t>(hashed & <uint64_t>(self.n_buckets - 1))
        while self.buckets[slot]:
            found = self.buckets[slot] - 1
            first = self.set_first[found]
            if (self.hashes[found] == <uint32_t>(hashed >> 32) and self.set_first[found + 1] - first == self.n_scratch
                    and memcmp(self.places + first, self.scratch, self.n_scratch * sizeof(uint64_t)) == 0):
                return found
            slot = (slot + 1) & (self.n_buckets - 1)
        if self.n_places + self.n_scratch > 4 * <int64_t>self.max_states:     # 32 bytes for each state allowed
            raise LimitExceeded("max_states", self.max_states, (self.n_places + self.n_scratch) // 4,
                                "the constraint, at this point of the text,")
        for k in range(self.n_scratch):
            if self.nfa.states[self.scratch[k] >> self.counter_bits].label >= 0:
                accepting = True
        found = self.add_state(accepting)
        self.set_first = <int64_t*>grow(self.set_first, found + 2, &self.set_capacity, sizeof(int64_t))
        self.hashes = <uint32_t*>grow(self.hashes, found + 1, &self.hash_capacity, sizeof(uint32_t))
        self.places = <uint64_t*>grow(self.places, self.n_places + self.n_scratch, &self.places_capacity, sizeof(uint64_t))
        memcpy(self.places + self.n_places, self.scratch, self.n_scratch * sizeof(uint64_t))
        self.set_first[found] = self.n_places
        self.n_places += self.n_scratch
        self.set_first[found + 1] = self.n_places
        self.hashes[found] = <uint32_t>(hashed >> 32)
        self.low_hashes = <uint32_t*>grow(self.low_hashes, found + 1, &self.low_capacity, sizeof(uint32_t))
        self.low_hashes[found] = <uint32_t>hashed
        self.buckets[slot] = found + 1
        return found

    cdef int rehash(self) except -1:
        """Twice as many buckets."""
        cdef int32_t size = max(64, self.n_buckets * 2), state, slot
        cdef int32_t* buckets = <int32_t*>calloc(size, sizeof(int32_t))
        if buckets == NULL:
            raise MemoryError()
        for state in range(self.n_made):
            slot = <int32_t>(self.low_hashes[state] & <uint32_t>(size - 1))
            while buckets[slot]:
                slot = (slot + 1) & (size - 1)
            buckets[slot] = state + 1
        free(self.buckets)
        self.buckets = buckets
        self.n_buckets = size
        return 0

    # ---- questions ----

    cpdef tuple labels(self, state_t state):
        """The alternatives that are complete in `state`, ascending; () if it is not accepting."""
        cdef int64_t k
        if state == DEAD_STATE:
            return ()
        self._check_state(state)
        while len(self._labels) < self.n_made:
            self._labels.append(None)
        found = self._labels[state]
        if found is None:
            found = tuple(sorted({
                self.nfa.states[self.places[k] >> self.counter_bits].label
                for k in range(self.set_first[state], self.set_first[state + 1])
                if self.nfa.states[self.places[k] >> self.counter_bits].label >= 0
            })) if self.accepting[state] else ()
            self._labels[state] = found
        return found

    cpdef state_t saturate(self, state_t state, Horizon horizon) except? FAILED_STATE:
        """A state that no text within `horizon` tells apart from `state`: the same one for all counts far from bounds."""
        cdef int64_t k, count
        cdef uint64_t place
        cdef int32_t level, rounds
        cdef NfaLoop* loop
        cdef bint changed = False
        if self.nfa.n_loops == 0:
            return state
        self.n_scratch = 0
        for k in range(self.set_first[state], self.set_first[state + 1]):
            place = self.places[k]
            level = self.nfa.states[place >> self.counter_bits].within
            while level >= 0:
                loop = &self.nfa.loops[level]
                count = <int64_t>((place >> loop.shift) & <uint64_t>loop.mask)
                place -= <uint64_t>count << loop.shift
                rounds = most_rounds(self.nfa, level, horizon) + 2
                if count + rounds < loop.least:               # the loop cannot be left within the horizon
                    count = 0
                elif loop.most >= 0 and count >= loop.least - 1 and count + rounds < loop.most:
                    count = max(loop.least - 1, 0)            # it can, and its upper bound is out of reach
                place += <uint64_t>count << loop.shift
                level = loop.parent
            changed |= place != self.places[k]
            self.put(place)
        return self.intern() if changed else state

    # ---- the way out ----

    cpdef bytes completion(self, state_t state):
        """A shortest text that makes a member of the language after `state`; None from DEAD.

        Found in the byte automaton: the states of the Dfa on the way are not made, repeats are not walked through.
        """
        cdef int64_t k, left, shortest = FAR
        cdef uint64_t best = 0
        if state == DEAD_STATE:
            return None
        self._check_state(state)
        if self.accepting[state]:
            return b""
        if self._finish is None:
            self._finish = Distances(self.nfa)
        cdef Distances distances = self._finish
        for k in range(self.set_first[state], self.set_first[state + 1]):
            left = distances.left(<int32_t>(self.places[k] >> self.counter_bits), self.places[k] & self.counter_mask)
            if left < shortest:
                shortest, best = left, self.places[k]
        return distances.way(<int32_t>(best >> self.counter_bits), best & self.counter_mask)

    cpdef int64_t distance(self, state_t state) except -1:
        """len(completion(state)), without making it; a very large number from DEAD."""
        cdef int64_t k, shortest = FAR
        if state == DEAD_STATE:
            return shortest
        if self.accepting[state]:
            return 0
        if self._finish is None:
            self._finish = Distances(self.nfa)
        cdef Distances distances = self._finish
        for k in range(self.set_first[state], self.set_first[state + 1]):
            shortest = min(shortest, distances.left(<int32_t>(self.places[k] >> self.counter_bits),
                                                    self.places[k] & self.counter_mask))
        return shortest

    @property
    def fingerprint(self):
        """Hex digits that tell this automaton by content: equal ones give equal masks."""
        if self._fingerprint is None:
            digest = hashlib.blake2b(self.nfa.packed(), digest_size=16)
            digest.update(bytes(<const uint8_t[:(self.set_first[1] - self.set_first[0]) * 8]>(<uint8_t*>self.places))
                          if self.start >= 0 else b"")
            self._fingerprint = digest.hexdigest()
        return self._fingerprint
