# Small tables of integers for Machine: interned places, texts and exits, in flat memory.  Uses: types.
#
# A long text passes thousands of places.  As tuples in dicts each would cost 200 bytes and be looked at by every run of
# Python's cyclic garbage collector; here it costs 20 bytes and none.


cdef struct Place:
    int32_t context
    state_t lexer_state   # of the context's lexer; NOT_ENTERED before that lexer was asked for
    state_t other         # of the fallback's lexer after the same bytes: DEAD if it cannot read them, or there is none
    int32_t text          # the lexeme so far, a number of Texts; NO_TEXT where it does not matter or stands for any
    int32_t mode          # REAL, FRESH or ANONYMOUS

cdef enum:
    NOT_ENTERED = -7
    NO_TEXT = -1
    EMPTY_TEXT = 0
    REAL = 0              # on the way of a text: captured lexemes are known
    FRESH = 1             # for masks: a captured lexeme that is running stands for any fresh one
    ANONYMOUS = 2         # the same, after one such lexeme has ended

cdef struct ContextFacts:
    void* lexer           # Recognizer, kept alive by Machine.kept; NULL where the text is finished
    void* other           # the fallback's Recognizer; NULL where there is none
    int32_t fallback      # the context that reads what the lexer cannot; DEAD if there is none
    uint8_t is_known      # whether the front end was asked
    uint8_t captures      # leaving the context needs the lexeme's text
    uint8_t may_end       # is_accepting of the front end, NOT_KNOWN before it was asked

cdef struct Pair:
    int64_t key
    int32_t more
    int32_t value         # NO_VALUE in a free slot

cdef enum:
    NO_VALUE = -9


cdef inline uint64_t scatter(int64_t key, int32_t more) noexcept nogil:
    cdef uint64_t hashed = (<uint64_t>key ^ (<uint64_t><uint32_t>more << 17)) * 0x9E3779B97F4A7C15ULL
    return hashed ^ (hashed >> 29)


@cython.final
cdef class PairMap:
    """(int64, int32) -> int32, open addressing; nothing is ever taken out."""
    cdef Pair* slots
    cdef int64_t n_slots, n_used     # n_slots is a power of two

    def __dealloc__(self):
        free(self.slots)

    cdef inline int32_t get(self, int64_t key, int32_t more) noexcept nogil:
        """The value, or NO_VALUE."""
        cdef int64_t slot
        if self.n_slots == 0:
            return NO_VALUE
        slot = <int64_t>(scatter(key, more) & <uint64_t>(self.n_slots - 1))
        while self.slots[slot].value != NO_VALUE:
            if self.slots[slot].key == key and self.slots[slot].more == more:
                return self.slots[slot].value
            slot = (slot + 1) & (self.n_slots - 1)
        return NO_VALUE

    cdef int put(self, int64_t key, int32_t more, int32_t value) except -1:
        """Add a pair that is not there yet."""
        cdef Pair* old = self.slots
        cdef int64_t n_old = self.n_slots, slot
        if 2 * (self.n_used + 1) > self.n_slots:
            self.n_slots = max(16, 2 * n_old)
            self.slots = <Pair*>malloc(<size_t>self.n_slots * sizeof(Pair))
            if self.slots == NULL:
                self.slots, self.n_slots = old, n_old
                raise MemoryError()
            for slot in range(self.n_slots):
                self.slots[slot].value = NO_VALUE
            for slot in range(n_old):
                if old[slot].value != NO_VALUE:
                    self.place(old[slot])
            free(old)
        self.place(Pair(key, more, value))
        self.n_used += 1
        return 0

    cdef inline void place(self, Pair pair) noexcept:
        cdef int64_t slot = <int64_t>(scatter(pair.key, pair.more) & <uint64_t>(self.n_slots - 1))
        while self.slots[slot].value != NO_VALUE:
            slot = (slot + 1) & (self.n_slots - 1)
        self.slots[slot] = pair


@cython.final
cdef class Texts:
    """Byte strings as numbers, each one byte longer than another; 0 is the empty one."""
    cdef PairMap numbers
    cdef int32_t* parent             # [n_texts]
    cdef uint8_t* last               # [n_texts]
    cdef int32_t n_texts, parent_capacity, last_capacity

    def __cinit__(self):
        self.numbers, self.n_texts = PairMap(), 1

    def __dealloc__(self):
        free(self.parent)
        free(self.last)

    cdef int32_t longer(self, int32_t text, uint8_t byte) except -1:
        """The number of `text` with one byte more."""
        cdef int32_t found = self.numbers.get(text, byte)
        if found == NO_VALUE:
            found = self.n_texts
            self.parent = <int32_t*>grow(self.parent, found + 1, &self.parent_capacity, sizeof(int32_t))
            self.last = <uint8_t*>grow(self.last, found + 1, &self.last_capacity, 1)
            self.parent[found], self.last[found] = text, byte
            self.numbers.put(text, byte, found)
            self.n_texts += 1
        return found

    cdef bytes spelled(self, int32_t text):
        """The bytes of a text."""
        letters = bytearray()
        while text > 0:
            letters.append(self.last[text])
            text = self.parent[text]
        letters.reverse()
        return bytes(letters)


# Sets of labels are numbered once for the whole process: lexers are shared, and so are the sets (a few hundred).
_LABEL_NUMBERS = {}
_LABEL_SETS = []


cdef int32_t number_of_labels(tuple labels) except -1:
    found = _LABEL_NUMBERS.get(labels)
    if found is None:
        found = _LABEL_NUMBERS[labels] = len(_LABEL_SETS)
        _LABEL_SETS.append(labels)
    return found
