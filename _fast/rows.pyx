# RowStore: the finished masks of one index, one row a state, equal rows stored once.  Uses: types.
#
# Rows of few tokens (inside a key, behind a value) are lists of their words that are not 0: 16 KB of zeros, to be written,
# hashed, compared and read again, cost more than to find out which tokens they are.  All others are *long*.
# Long rows live in blocks that never move, so that a batch can be copied without the GIL.  When the byte limit is reached,
# all rows are dropped and made anew when asked for (the policy of RE2's automaton cache: no bookkeeping on a hit);
# `pins` holds that off while a copy without the GIL is under way.


cdef enum:
    NO_ROW = -1
    ROWS_PER_BLOCK = 16


cdef extern from "rows.h" nogil:
    enum:
        ROW_LANES                 # words that next_words looks at together
    int32_t next_words(const word_t* words, int32_t at, int32_t n_words)
    uint64_t digest_of(const word_t* words, int32_t n_words)


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


cdef enum:
    MAX_LISTED = 96               # words of a row that is listed


cdef struct Row:
    int32_t slot                  # where a long row lies, or NO_ROW
    int32_t first                 # else: its words are listed[first .. first + n_listed)
    int32_t n_listed


cdef struct ListedWord:
    int32_t place                 # in the row
    word_t word


cdef inline int32_t list_words(const word_t* content, int32_t n_words, ListedWord* found) noexcept nogil:
    """The words that are not 0, into found[MAX_LISTED]; returns how many, or MAX_LISTED + 1 if they are too many."""
    cdef int32_t first = next_words(content, 0, n_words), number, n_found = 0
    while first < n_words:
        for number in range(first, min(first + ROW_LANES, n_words)):
            if content[number] != 0:
                if n_found == MAX_LISTED:
                    return MAX_LISTED + 1
                found[n_found] = ListedWord(number, content[number])
                n_found += 1
        first = next_words(content, first + ROW_LANES, n_words)
    return n_found


cdef class RowStore:
    """Mask rows by state."""
    cdef int32_t n_words         # words a row
    cdef int32_t n_rows          # rows in use
    cdef int32_t n_slots         # places for long rows in use
    cdef int64_t max_words       # words of memory that the rows may take, of at least 4 long ones
    cdef int32_t n_blocks        # blocks allocated
    cdef int32_t n_numbered      # length of row_of
    cdef int32_t pins            # copies without the GIL, and rows begun, that are under way
    cdef word_t** blocks         # [n_blocks][ROWS_PER_BLOCK, n_words]
    cdef Row* rows               # [n_rows]
    cdef int32_t rows_capacity
    cdef ListedWord* listed      # [n_listed]
    cdef int32_t n_listed, listed_capacity
    cdef int32_t* row_of         # state -> row, NO_ROW where none is made
    cdef dict by_hash            # content hash -> row numbers
    cdef list unused             # slots that are free
    cdef list clean              # slots that are free and hold zeros

    def __cinit__(self, int32_t n_words, int64_t max_bytes):
        self.n_words = n_words
        self.max_words = max(4 * <int64_t>n_words, max_bytes // 4)
        self.by_hash, self.unused, self.clean = {}, [], []

    def __dealloc__(self):
        cdef int32_t block
        for block in range(self.n_blocks):
            give_block(self.blocks[block], self.n_words)
        free(self.blocks)
        free(self.row_of)
        free(self.rows)
        free(self.listed)

    cdef int64_t n_bytes(self) noexcept:
        """Memory of the rows."""
        return (<int64_t>self.n_slots * self.n_words + 2 * <int64_t>self.n_listed) * <int64_t>sizeof(word_t)

    cdef inline word_t* slot_at(self, int32_t slot) noexcept nogil:
        return self.blocks[slot // ROWS_PER_BLOCK] + <size_t>(slot % ROWS_PER_BLOCK) * self.n_words

    cdef inline bint is_listed(self, int32_t row) noexcept nogil:
        """Whether a row is a list of a few words."""
        return self.rows[row].slot == NO_ROW

    cdef word_t* at(self, int32_t row) except NULL:
        """The words of a row, which is long from now on."""
        cdef Row about = self.rows[row]
        cdef int32_t number
        cdef word_t* words
        if about.slot == NO_ROW:
            about.slot = self.rows[row].slot = self.free_slot(True)
            words = self.slot_at(about.slot)
            for number in range(about.first, about.first + about.n_listed):
                words[self.listed[number].place] = self.listed[number].word
        return self.slot_at(about.slot)

    cdef void copy_to(self, int32_t row, word_t* out) noexcept nogil:
        """Write a row to memory of n_words words."""
        cdef Row about = self.rows[row]
        cdef int32_t number
        if about.slot != NO_ROW:
            memcpy(out, self.slot_at(about.slot), <size_t>self.n_words * sizeof(word_t))
            return
        memset(out, 0, <size_t>self.n_words * sizeof(word_t))
        for number in range(about.first, about.first + about.n_listed):
            out[self.listed[number].place] = self.listed[number].word

    cdef void add_to(self, int32_t row, word_t* mask) noexcept nogil:
        """Set the bits of a row in a mask."""
        cdef Row about = self.rows[row]
        cdef const word_t* words
        cdef int32_t number
        if about.slot == NO_ROW:
            for number in range(about.first, about.first + about.n_listed):
                mask[self.listed[number].place] |= self.listed[number].word
            return
        words = self.slot_at(about.slot)
        for number in range(self.n_words):
            mask[number] |= words[number]

    cdef bint has(self, int32_t row, token_t token) noexcept nogil:
        """Whether a token's bit is set."""
        cdef Row about = self.rows[row]
        cdef int32_t number
        if about.slot != NO_ROW:
            return (self.slot_at(about.slot)[token >> 5] >> (token & 31)) & 1
        for number in range(about.first, about.first + about.n_listed):
            if self.listed[number].place == token >> 5:
                return (self.listed[number].word >> (token & 31)) & 1
        return False

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

    cdef int32_t free_slot(self, bint zeros) except -2:
        """The number of a slot, of zeros if that is asked for."""
        cdef word_t** blocks
        cdef int32_t slot
        if self.clean and (zeros or not self.unused):
            return self.clean.pop()
        if self.unused:
            slot = self.unused.pop()
        else:
            slot = self.n_slots
            if slot == self.n_blocks * ROWS_PER_BLOCK:
                blocks = <word_t**>realloc(self.blocks, <size_t>(self.n_blocks + 1) * sizeof(word_t*))
                if blocks == NULL:
                    raise MemoryError()
                self.blocks = blocks
                blocks[self.n_blocks] = take_block(self.n_words)
                if blocks[self.n_blocks] == NULL:
                    raise MemoryError()
                self.n_blocks += 1
            self.n_slots += 1
        if zeros:
            memset(self.slot_at(slot), 0, <size_t>self.n_words * sizeof(word_t))
        return slot

    cdef int32_t begin(self, bint zeros) except -2:
        """A slot to be filled, then given to `keep` or `abandon`; until then no row is dropped."""
        cdef int64_t n_long = self.n_slots - <int64_t>len(self.unused) - <int64_t>len(self.clean)
        cdef int32_t slot
        if self.pins == 0 and (n_long + 1) * self.n_words + 2 * <int64_t>self.n_listed > self.max_words:
            self.drop()
        slot = self.free_slot(zeros)
        self.pins += 1
        return slot

    cdef int32_t keep(self, state_t state, int32_t slot) except -2:
        """Give `state` the row that was begun, or an equal one."""
        cdef ListedWord[MAX_LISTED] found
        cdef word_t* words = self.slot_at(slot)
        cdef int32_t n_found = list_words(words, self.n_words, found), other, number
        cdef uint64_t digest = 0xCBF29CE484222325U
        if n_found <= MAX_LISTED:
            for number in range(n_found):
                words[found[number].place] = 0
                digest = (digest ^ (<uint64_t>found[number].place << 32 | found[number].word)) * 0x9E3779B97F4A7C15U
                digest ^= digest >> 29
            self.pins -= 1
            self.clean.append(slot)
            slot = NO_ROW
        else:
            digest = digest_of(words, self.n_words)
        same = self.by_hash.setdefault(digest, [])
        for other in same:
            if self.is_equal(other, words if slot != NO_ROW else NULL, found, n_found):
                if slot != NO_ROW:
                    self.abandon(slot)
                return self.share(state, other)
        self.rows = <Row*>grow(self.rows, self.n_rows + 1, &self.rows_capacity, sizeof(Row))
        self.rows[self.n_rows] = Row(slot, self.n_listed, n_found if slot == NO_ROW else 0)
        if slot == NO_ROW:
            self.listed = <ListedWord*>grow(self.listed, self.n_listed + n_found, &self.listed_capacity, sizeof(ListedWord))
            memcpy(self.listed + self.n_listed, found, <size_t>n_found * sizeof(ListedWord))
            self.n_listed += n_found
        else:
            self.pins -= 1
        same.append(self.n_rows)
        self.n_rows += 1
        return self.share(state, self.n_rows - 1)

    cdef bint is_equal(self, int32_t row, const word_t* words, const ListedWord* found, int32_t n_found) noexcept:
        """Whether a row holds these words: `words`, or those listed where that is NULL."""
        cdef Row about = self.rows[row]
        if words != NULL:
            return about.n_listed == 0 and about.slot != NO_ROW and memcmp(
                self.slot_at(about.slot), words, <size_t>self.n_words * sizeof(word_t)) == 0
        return about.n_listed == n_found and (n_found > 0 or about.slot == NO_ROW) and memcmp(
            self.listed + about.first, found, <size_t>n_found * sizeof(ListedWord)) == 0

    cdef void abandon(self, int32_t slot):
        """Use a slot that was begun for something else."""
        self.pins -= 1
        self.unused.append(slot)

    cdef int32_t add(self, state_t state, const word_t* content) except -2:
        """Store a mask for `state`; an equal one is shared."""
        cdef int32_t slot = self.begin(False)
        memcpy(self.slot_at(slot), content, <size_t>self.n_words * sizeof(word_t))
        return self.keep(state, slot)

    cdef void drop(self):
        """Forget all rows; their memory is used again."""
        cdef int32_t number
        for number in range(self.n_numbered):
            self.row_of[number] = NO_ROW
        self.n_rows = self.n_listed = self.n_slots = 0
        self.by_hash.clear()
        self.unused.clear()
        self.clean.clear()
