# RowStore: the finished masks of one index, one row a state, equal rows stored once.  Uses: types.
#
# Rows live in blocks that never move, so that a batch can be copied without the GIL.  When the byte limit is reached,
# all rows are dropped and made anew when asked for (the policy of RE2's automaton cache: no bookkeeping on a hit);
# `pins` holds that off while a copy without the GIL is under way.


cdef enum:
    NO_ROW = -1
    ROWS_PER_BLOCK = 16


cdef uint64_t digest_of(const word_t* content, int32_t n_words) noexcept nogil:
    """A hash of a row: sums of rotated words, in sixteen lanes that a compiler makes vectors of, then mixed."""
    cdef uint32_t[16] lanes
    cdef uint64_t digest = 0xCBF29CE484222325U
    cdef int32_t number, lane
    for lane in range(16):
        lanes[lane] = lane
    for number in range(0, n_words - 15, 16):
        for lane in range(16):
            lanes[lane] = ((lanes[lane] << 5) | (lanes[lane] >> 27)) + content[number + lane]
    for number in range(n_words - n_words % 16, n_words):
        lanes[number % 16] = ((lanes[number % 16] << 5) | (lanes[number % 16] >> 27)) + content[number]
    for lane in range(16):
        digest = (digest ^ lanes[lane]) * 0x100000001B3U
        digest ^= digest >> 32
    return digest


cdef enum:
    MAX_SPARE_BLOCKS = 128        # of 256 KB for 128,000 tokens: 32 MB

cdef word_t* spare_blocks[MAX_SPARE_BLOCKS]      # of stores that are gone; memory fresh from the system costs 4 us a row
cdef int32_t n_spare_blocks = 0, spare_words = 0


cdef word_t* take_block(int32_t n_words) noexcept:
    """Memory for ROWS_PER_BLOCK rows, or NULL."""
    global n_spare_blocks
    if n_spare_blocks and spare_words == n_words:
        n_spare_blocks -= 1
        return spare_blocks[n_spare_blocks]
    return <word_t*>malloc(<size_t>ROWS_PER_BLOCK * max(n_words, 1) * sizeof(word_t))


cdef void give_block(word_t* block, int32_t n_words) noexcept:
    """Keep the memory for the next store of such rows, or free it."""
    global n_spare_blocks, spare_words
    if n_words != spare_words:
        while n_spare_blocks:
            n_spare_blocks -= 1
            free(spare_blocks[n_spare_blocks])
        spare_words = n_words
    if n_spare_blocks == MAX_SPARE_BLOCKS:
        free(block)
        return
    spare_blocks[n_spare_blocks] = block
    n_spare_blocks += 1


cdef class RowStore:
    """Mask rows by state."""
    cdef int32_t n_words         # words a row
    cdef int32_t n_rows          # rows in use
    cdef int32_t max_rows        # rows that fit the byte limit, at least 4
    cdef int32_t n_blocks        # blocks allocated
    cdef int32_t n_numbered      # length of row_of
    cdef int32_t pins            # copies without the GIL, and rows begun, that are under way
    cdef word_t** blocks         # [n_blocks][ROWS_PER_BLOCK, n_words]
    cdef int32_t* row_of         # state -> row, NO_ROW where none is made
    cdef dict by_hash            # content hash -> row numbers
    cdef list unused             # rows that were begun for nothing

    def __cinit__(self, int32_t n_words, int64_t max_bytes):
        self.n_words = n_words
        self.max_rows = <int32_t>max(4, min(max_bytes // (4 * max(n_words, 1)), 2**30))
        self.by_hash, self.unused = {}, []

    def __dealloc__(self):
        cdef int32_t block
        for block in range(self.n_blocks):
            give_block(self.blocks[block], self.n_words)
        free(self.blocks)
        free(self.row_of)

    cdef inline word_t* at(self, int32_t row) noexcept nogil:
        return self.blocks[row // ROWS_PER_BLOCK] + <size_t>(row % ROWS_PER_BLOCK) * self.n_words

    cdef inline int32_t find(self, state_t state) noexcept nogil:
        """The row of `state`, or NO_ROW."""
        return self.row_of[state] if state < self.n_numbered else NO_ROW

    cdef int32_t share(self, state_t state, int32_t row) except -2:
        """Give `state` a row that exists."""
        cdef int32_t length, number
        cdef int32_t* row_of
        if state >= self.n_numbered:
            length = max(64, 2 * (state + 1))
            row_of = <int32_t*>realloc(self.row_of, <size_t>length * sizeof(int32_t))
            if row_of == NULL:
                raise MemoryError()
            for number in range(self.n_numbered, length):
                row_of[number] = NO_ROW
            self.row_of, self.n_numbered = row_of, length
        self.row_of[state] = row
        return row

    cdef int32_t begin(self) except -2:
        """A row of zeros to be filled, then given to `keep` or `abandon`; until then no row is dropped."""
        cdef word_t** blocks
        cdef int32_t row
        if self.n_rows - <int32_t>len(self.unused) >= self.max_rows and self.pins == 0:
            self.drop()
        if self.unused:
            row = self.unused.pop()
        else:
            row = self.n_rows
            if row == self.n_blocks * ROWS_PER_BLOCK:
                blocks = <word_t**>realloc(self.blocks, <size_t>(self.n_blocks + 1) * sizeof(word_t*))
                if blocks == NULL:
                    raise MemoryError()
                self.blocks = blocks
                blocks[self.n_blocks] = take_block(self.n_words)
                if blocks[self.n_blocks] == NULL:
                    raise MemoryError()
                self.n_blocks += 1
            self.n_rows += 1
        self.pins += 1
        memset(self.at(row), 0, <size_t>self.n_words * sizeof(word_t))
        return row

    cdef int32_t keep(self, state_t state, int32_t row) except -2:
        """Give `state` the row that was begun, or an equal one."""
        cdef int32_t other
        same = self.by_hash.setdefault(digest_of(self.at(row), self.n_words), [])
        for other in same:
            if memcmp(self.at(other), self.at(row), <size_t>self.n_words * sizeof(word_t)) == 0:
                self.abandon(row)
                return self.share(state, other)
        self.pins -= 1
        same.append(row)
        return self.share(state, row)

    cdef void abandon(self, int32_t row):
        """Use a row that was begun for something else."""
        self.pins -= 1
        self.unused.append(row)

    cdef int32_t add(self, state_t state, const word_t* content) except -2:
        """Store a mask for `state`; an equal one is shared."""
        cdef int32_t row = self.begin()
        memcpy(self.at(row), content, <size_t>self.n_words * sizeof(word_t))
        return self.keep(state, row)

    cdef void drop(self):
        """Forget all rows; their memory is used again."""
        cdef int32_t number
        for number in range(self.n_numbered):
            self.row_of[number] = NO_ROW
        self.n_rows = 0
        self.by_hash.clear()
        self.unused.clear()
