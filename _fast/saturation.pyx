# Saturation: what becomes of a state of an LALR table under a lookahead, until it is popped.  Uses: places, outcomes.
#
# The least fixed point of guided/context_free/liveness.py, which says what is asked of it; there are some 10^5 cells for the
# grammar of a programming language, each asked some ten times.  Sets of lookaheads are rows of 64-bit words.

cdef enum:
    CELL_DROPPED = 0      # the parser does not see the lexeme: the state stays
    CELL_PUSHES = 1       # another state is pushed
    CELL_FINISHED = 2     # the text is over

cdef struct Cell:
    int32_t state, kind, pushed, next                 # next: of the same state
    Sets sets
    uint64_t* asked       # [2][width]: lookaheads that it stands for; what is fed

cdef struct Feed:         # a state under one of several lookaheads
    int32_t state, next, reader
    Sets sets
    uint64_t* bits        # [width]


@cython.final
cdef class Saturation:
    """Cells are added, saturate() is called once, then it answers.

    end      : the state of the table in which a text may end.
    less     : outcome -> the outcome with one state less to pop, or -1 if its goto is next.  Outcome 0: the text is over.
    origin   : outcome -> its nonterminal.
    gotos    : state -> [(nonterminal, state), ...].
    reduced  : state -> [(outcome, lookaheads), ...]: what is popped at once.
    """
    cdef int32_t n_states, n_outcomes, n_nonterminals, width, end
    cdef int32_t* less
    cdef int32_t* origin
    cdef int32_t* goto_of             # scratch [nonterminal]: gotos of one state
    cdef int32_t* goto_first          # state -> its first pair in goto_pairs
    cdef int32_t* goto_pairs          # nonterminal, state
    cdef Sets* reduced                # [state]
    cdef uint64_t* relevant           # [state][width]: lookaheads under which anything becomes of it
    cdef Cell* cells
    cdef int32_t n_cells, cell_capacity
    cdef int32_t* cell_of             # state -> its first cell, or -1
    cdef Feed* feeds
    cdef int32_t n_feeds, feed_capacity
    cdef int32_t* feed_of             # state -> its first feed, or -1
    cdef int32_t* feed_slots          # hash table
    cdef int64_t n_feed_slots
    cdef PairMap asked                # (feed, cell): the cell is to be done again if the feed grows
    cdef int32_t* reader_cell
    cdef int32_t* reader_next
    cdef int32_t n_readers, reader_capacity, reader_capacity_2
    cdef uint64_t* done               # scratch [state][width]
    cdef int32_t* touched             # scratch: states in `done`
    cdef int32_t* todo                # scratch: states to look at
    cdef uint64_t* todo_bits
    cdef int32_t todo_capacity, todo_bits_capacity
    cdef Gathered found, fresh

    def __init__(self, int32_t n_lookaheads, int32_t end, less, origin, gotos, reduced):
        cdef int32_t k, state
        self.n_states, self.n_outcomes, self.end = <int32_t>len(gotos), <int32_t>len(less), end
        self.width = (n_lookaheads + 63) // 64
        self.n_nonterminals = 1 + max([-1] + list(origin))
        for row in gotos:
            for name, _ in row:
                self.n_nonterminals = max(self.n_nonterminals, <int32_t>name + 1)
        self.goto_first = <int32_t*>calloc(self.n_states + 1, sizeof(int32_t))
        self.goto_pairs = <int32_t*>calloc(2 * sum([len(row) for row in gotos]) + 1, sizeof(int32_t))
        self.less = <int32_t*>calloc(self.n_outcomes + 1, sizeof(int32_t))
        self.origin = <int32_t*>calloc(self.n_outcomes + 1, sizeof(int32_t))
        self.goto_of = <int32_t*>malloc(<size_t>(self.n_nonterminals + 1) * sizeof(int32_t))
        self.reduced = <Sets*>calloc(self.n_states + 1, sizeof(Sets))
        self.relevant = <uint64_t*>calloc(<size_t>(self.n_states + 1) * self.width, 8)
        self.done = <uint64_t*>calloc(<size_t>(self.n_states + 1) * self.width, 8)
        self.touched = <int32_t*>calloc(self.n_states + 1, sizeof(int32_t))
        self.cell_of = <int32_t*>calloc(self.n_states + 1, sizeof(int32_t))
        self.feed_of = <int32_t*>calloc(self.n_states + 1, sizeof(int32_t))
        if (self.less == NULL or self.origin == NULL or self.goto_of == NULL or self.reduced == NULL or self.relevant == NULL
                or self.done == NULL or self.touched == NULL or self.cell_of == NULL or self.feed_of == NULL
                or self.goto_first == NULL or self.goto_pairs == NULL):
            raise MemoryError()
        for state in range(self.n_states):
            k = self.goto_first[state]
            for name, target in gotos[state]:
                self.goto_pairs[2 * k], self.goto_pairs[2 * k + 1] = name, target
                k += 1
            self.goto_first[state + 1] = k
        for k in range(self.n_outcomes):
            self.less[k], self.origin[k] = less[k], origin[k]
        for k in range(self.n_nonterminals):
            self.goto_of[k] = -1
        self.found, self.fresh = Gathered(self.n_outcomes, self.width), Gathered(self.n_outcomes, self.width)
        self.asked = PairMap()
        for state in range(self.n_states):
            self.cell_of[state] = self.feed_of[state] = -1
            for outcome, lookaheads in reduced[state]:
                k = add_outcome(&self.reduced[state], outcome, self.width)
                self.words_of(lookaheads, self.reduced[state].bits + <size_t>k * self.width)
                self.make_relevant(state, self.reduced[state].bits + <size_t>k * self.width)

    def __dealloc__(self):
        cdef int32_t k
        for k in range(self.n_states):
            if self.reduced != NULL:
                free_sets(&self.reduced[k])
        for k in range(self.n_cells):
            free_sets(&self.cells[k].sets)
            free(self.cells[k].asked)
        for k in range(self.n_feeds):
            free_sets(&self.feeds[k].sets)
            free(self.feeds[k].bits)
        free(self.less)
        free(self.origin)
        free(self.goto_of)
        free(self.goto_first)
        free(self.goto_pairs)
        free(self.reduced)
        free(self.relevant)
        free(self.done)
        free(self.touched)
        free(self.cell_of)
        free(self.feed_of)
        free(self.cells)
        free(self.feeds)
        free(self.feed_slots)
        free(self.reader_cell)
        free(self.reader_next)
        free(self.todo)
        free(self.todo_bits)

    cdef int words_of(self, number, uint64_t* words) except -1:
        """A set of lookaheads that Python holds as an int."""
        cdef bytes raw = number.to_bytes(8 * self.width, "little")
        memcpy(words, PyBytes_AS_STRING(raw), 8 * <size_t>self.width)
        return 0

    cdef object number_of(self, const uint64_t* words):
        return int.from_bytes(PyBytes_FromStringAndSize(<const char*>words, 8 * self.width), "little")

    cdef void make_relevant(self, int32_t state, const uint64_t* bits) noexcept:
        cdef int32_t k
        for k in range(self.width):
            self.relevant[<size_t>state * self.width + k] |= bits[k]

    def add(self, int32_t state, int32_t kind, lookaheads, feed, int32_t pushed):
        """A cell: what becomes of `state` under each of `lookaheads`, which is the same for all of them.

        kind : DROPPED, `state` is fed `feed`; PUSHES, `pushed` is put on it and fed; FINISHED.
        """
        cdef Cell* cell
        self.cells = <Cell*>grow(self.cells, self.n_cells + 1, &self.cell_capacity, sizeof(Cell))
        cell = &self.cells[self.n_cells]
        memset(cell, 0, sizeof(Cell))
        cell.asked = <uint64_t*>malloc(16 * <size_t>self.width)
        if cell.asked == NULL:
            raise MemoryError()
        self.n_cells += 1
        cell.state, cell.kind, cell.pushed = state, kind, pushed
        self.words_of(lookaheads, cell.asked)
        self.words_of(feed, cell.asked + self.width)
        cell.next, self.cell_of[state] = self.cell_of[state], self.n_cells - 1
        self.make_relevant(state, cell.asked)

    def saturate(self):
        """Do cells again until no cell that they asked grows."""
        cdef int32_t* queue = <int32_t*>malloc(<size_t>(self.n_cells + 1) * sizeof(int32_t))
        cdef uint8_t* waiting = <uint8_t*>malloc(self.n_cells + 1)
        cdef int32_t head = 0, n_waiting = self.n_cells, k, number, feed, reader
        try:
            if queue == NULL or waiting == NULL:
                raise MemoryError()
            for k in range(self.n_cells):
                queue[k], waiting[k] = self.n_cells - 1 - k, 1
            while n_waiting:
                number = queue[head]
                head = head + 1 if head + 1 < self.n_cells else 0
                n_waiting -= 1
                waiting[number] = 0
                self.do_cell(number)
                if not self.found.put_into(&self.cells[number].sets):
                    continue
                feed = self.feed_of[self.cells[number].state]
                while feed >= 0:
                    if self.meet(self.feeds[feed].bits, self.cells[number].asked) and self.found.put_into(&self.feeds[feed].sets):
                        reader = self.feeds[feed].reader
                        while reader >= 0:
                            k = self.reader_cell[reader]
                            if not waiting[k]:
                                waiting[k] = 1
                                queue[(head + n_waiting) % self.n_cells] = k
                                n_waiting += 1
                            reader = self.reader_next[reader]
                    feed = self.feeds[feed].next
        finally:
            free(queue)
            free(waiting)

    cdef int do_cell(self, int32_t number) except -1:
        """Gather in `found` what is known now of one cell."""
        cdef Cell cell = self.cells[number]
        cdef int32_t feed
        self.found.clear()
        if cell.kind == CELL_DROPPED:
            feed = self.feed_number(cell.state, cell.asked + self.width, number)
            if feed >= 0:
                self.found.add_all(&self.feeds[feed].sets)
        elif cell.kind == CELL_PUSHES:
            self.gather_over(cell.state, cell.pushed, cell.asked + self.width, number)
        else:
            self.found.finish()
        return 0

    cdef bint meet(self, const uint64_t* first, const uint64_t* second) noexcept:
        cdef int32_t k
        for k in range(self.width):
            if first[k] & second[k]:
                return True
        return False

    cdef int32_t feed_number(self, int32_t state, const uint64_t* bits, int32_t reader) except -2:
        """The feed of a state and lookaheads; -1 if nothing becomes of it.  `reader`: a cell that depends on it, or -1."""
        cdef uint64_t hashed = <uint64_t>state * 0x9E3779B97F4A7C15ULL, any_bit = 0
        cdef const uint64_t* relevant = self.relevant + <size_t>state * self.width
        cdef int32_t k, number, cell
        cdef int64_t slot
        cdef Feed* feed
        for k in range(self.width):
            any_bit |= bits[k] & relevant[k]
            hashed = (hashed ^ (bits[k] & relevant[k])) * 0xD6E8FEB86659FD93ULL
            hashed ^= hashed >> 32
        if any_bit == 0:
            return -1
        if 2 * (<int64_t>self.n_feeds + 1) > self.n_feed_slots:
            self.make_slots()
        slot = <int64_t>(hashed & <uint64_t>(self.n_feed_slots - 1))
        while self.feed_slots[slot] >= 0:
            feed = &self.feeds[self.feed_slots[slot]]
            if feed.state == state:
                for k in range(self.width):
                    if feed.bits[k] != bits[k] & relevant[k]:
                        break
                else:
                    break
            slot = (slot + 1) & (self.n_feed_slots - 1)
        number = self.feed_slots[slot]
        if number < 0:
            self.feeds = <Feed*>grow(self.feeds, self.n_feeds + 1, &self.feed_capacity, sizeof(Feed))
            number = self.n_feeds
            feed = &self.feeds[number]
            memset(feed, 0, sizeof(Feed))
            feed.bits = <uint64_t*>malloc(8 * <size_t>self.width)
            if feed.bits == NULL:
                raise MemoryError()
            self.n_feeds += 1
            self.feed_slots[slot] = number
            feed.state, feed.reader = state, -1
            feed.next, self.feed_of[state] = self.feed_of[state], number
            for k in range(self.width):
                feed.bits[k] = bits[k] & relevant[k]
            self.fresh.clear()
            for k in range(self.reduced[state].n):
                self.fresh.add(self.reduced[state].outcome[k], self.reduced[state].bits + <size_t>k * self.width, feed.bits)
            cell = self.cell_of[state]
            while cell >= 0:
                if self.meet(self.cells[cell].asked, feed.bits):
                    self.fresh.add_all(&self.cells[cell].sets)
                cell = self.cells[cell].next
            self.fresh.put_into(&feed.sets)
        if reader >= 0 and self.asked.get(number, reader) == NO_VALUE:
            self.asked.put(number, reader, 1)
            self.reader_cell = <int32_t*>grow(self.reader_cell, self.n_readers + 1, &self.reader_capacity, sizeof(int32_t))
            self.reader_next = <int32_t*>grow(self.reader_next, self.n_readers + 1, &self.reader_capacity_2, sizeof(int32_t))
            self.reader_cell[self.n_readers], self.reader_next[self.n_readers] = reader, self.feeds[number].reader
            self.feeds[number].reader = self.n_readers
            self.n_readers += 1
        return number

    cdef int make_slots(self) except -1:
        """A hash table twice as large."""
        cdef int64_t n = max(1024, 2 * self.n_feed_slots), slot
        cdef int32_t number, k
        cdef uint64_t hashed
        cdef int32_t* slots = <int32_t*>malloc(<size_t>n * sizeof(int32_t))
        if slots == NULL:
            raise MemoryError()
        for slot in range(n):
            slots[slot] = -1
        for number in range(self.n_feeds):
            hashed = <uint64_t>self.feeds[number].state * 0x9E3779B97F4A7C15ULL
            for k in range(self.width):
                hashed = (hashed ^ self.feeds[number].bits[k]) * 0xD6E8FEB86659FD93ULL
                hashed ^= hashed >> 32
            slot = <int64_t>(hashed & <uint64_t>(n - 1))
            while slots[slot] >= 0:
                slot = (slot + 1) & (n - 1)
            slots[slot] = number
        free(self.feed_slots)
        self.feed_slots, self.n_feed_slots = slots, n
        return 0

    cdef int gather_over(self, int32_t state, int32_t pushed, const uint64_t* bits, int32_t reader) except -1:
        """Add to `found` what becomes of `state` after `pushed` was put on it and fed, until `state` is popped."""
        cdef int32_t first = self.goto_first[state], last = self.goto_first[state + 1]
        cdef int32_t n_todo = 0, n_touched = 0, k, j, top, feed, outcome, target
        cdef uint64_t more, after
        cdef uint64_t one = 1
        cdef uint64_t* row
        cdef const uint64_t* fed
        for k in range(first, last):
            self.goto_of[self.goto_pairs[2 * k]] = self.goto_pairs[2 * k + 1]
        try:
            n_todo = self.push_todo(n_todo, pushed, bits, False)
            while n_todo:
                n_todo -= 1
                top = self.todo[n_todo]
                row, more, after = self.done + <size_t>top * self.width, 0, 0
                for k in range(self.width):
                    after |= row[k]
                    more |= self.todo_bits[<size_t>n_todo * self.width + k] & ~row[k]
                if more == 0:
                    continue
                if after == 0:
                    self.touched[n_touched] = top
                    n_touched += 1
                for k in range(self.width):
                    row[k] |= self.todo_bits[<size_t>n_todo * self.width + k]
                feed = self.feed_number(top, self.todo_bits + <size_t>n_todo * self.width, reader)
                if feed < 0:
                    continue
                for j in range(self.feeds[feed].sets.n):
                    outcome = self.feeds[feed].sets.outcome[j]
                    fed = self.feeds[feed].sets.bits + <size_t>j * self.width
                    if outcome == FINISHED_OUTCOME:
                        self.found.add(FINISHED_OUTCOME, fed, NULL)
                    elif self.less[outcome] >= 0:
                        self.found.add(self.less[outcome], fed, NULL)
                    else:
                        target = self.goto_of[self.origin[outcome]]
                        if target < 0:
                            continue
                        if target == self.end and fed[0] & one:
                            self.found.finish()
                        n_todo = self.push_todo(n_todo, target, fed, target == self.end)
        finally:
            for k in range(n_touched):
                memset(self.done + <size_t>self.touched[k] * self.width, 0, 8 * <size_t>self.width)
            for k in range(first, last):
                self.goto_of[self.goto_pairs[2 * k]] = -1
        return 0

    cdef int32_t push_todo(self, int32_t n, int32_t top, const uint64_t* bits, bint without_end) except -1:
        self.todo = <int32_t*>grow(self.todo, n + 1, &self.todo_capacity, sizeof(int32_t))
        self.todo_bits = <uint64_t*>grow(self.todo_bits, n + 1, &self.todo_bits_capacity, 8 * <size_t>self.width)
        self.todo[n] = top
        memcpy(self.todo_bits + <size_t>n * self.width, bits, 8 * <size_t>self.width)
        if without_end:
            self.todo_bits[<size_t>n * self.width] &= ~<uint64_t>1
        return n + 1

    # ---- questions ----

    cdef dict as_dict(self, const Sets* sets):
        cdef int32_t k
        return {sets.outcome[k]: self.number_of(sets.bits + <size_t>k * self.width) for k in range(sets.n)}

    def popped(self, int32_t state) -> list:
        """[(lookaheads, {outcome: lookaheads after it}), ...], what is popped at once left out."""
        cdef int32_t cell = self.cell_of[state]
        found = []
        while cell >= 0:
            if self.cells[cell].sets.n:
                found.append((self.number_of(self.cells[cell].asked), self.as_dict(&self.cells[cell].sets)))
            cell = self.cells[cell].next
        return found

    def over(self, int32_t state, int32_t pushed, lookaheads) -> dict:
        """{outcome: lookaheads after it}: what becomes of `state` with `pushed` on it, until `state` is popped."""
        cdef uint64_t* bits = <uint64_t*>malloc(8 * <size_t>self.width)
        if bits == NULL:
            raise MemoryError()
        try:
            self.words_of(lookaheads, bits)
            self.found.clear()
            self.gather_over(state, pushed, bits, -1)
            return self.as_dict(&self.found.sets)
        finally:
            free(bits)

    @property
    def sizes(self) -> tuple:
        """(cells, feeds, readers)."""
        return self.n_cells, self.n_feeds, self.n_readers
