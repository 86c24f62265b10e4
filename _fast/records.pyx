# Records: rows of small integers as numbers, equal rows as equal numbers.  Uses: types.
#
# What a Machine's contexts are made of; flat memory, as in places.pyx, and for the same reason.


@cython.final
cdef class Records:
    """Interned rows of `width` int32."""
    cdef int32_t width
    cdef int32_t n_records
    cdef int32_t* rows               # [n_records, width]
    cdef int32_t* buckets            # open addressing: record + 1, or 0
    cdef int32_t rows_capacity, n_buckets   # n_buckets is a power of two

    def __cinit__(self, int32_t width):
        self.width = width

    def __dealloc__(self):
        free(self.rows)
        free(self.buckets)

    cdef inline const int32_t* at(self, int32_t record) noexcept:
        """The row of a record.  The pointer holds until another record is made."""
        return self.rows + <size_t>record * self.width

    cdef inline uint32_t slot_of(self, const int32_t* row) noexcept:
        cdef uint64_t hashed = 0
        cdef int32_t k
        for k in range(self.width):
            hashed = (hashed ^ <uint32_t>row[k]) * 0x9E3779B97F4A7C15ULL
            hashed ^= hashed >> 32
        return <uint32_t>(hashed & <uint64_t>(self.n_buckets - 1))

    cdef int32_t number(self, const int32_t* row) except -1:
        """The number of a row, which is copied if it is new."""
        cdef uint32_t slot
        cdef int32_t found
        if 2 * (self.n_records + 1) > self.n_buckets:
            self.rehash()
        slot = self.slot_of(row)
        while self.buckets[slot]:
            found = self.buckets[slot] - 1
            if memcmp(self.at(found), row, <size_t>self.width * sizeof(int32_t)) == 0:
                return found
            slot = (slot + 1) & <uint32_t>(self.n_buckets - 1)
        found = self.n_records
        self.rows = <int32_t*>grow(self.rows, found + 1, &self.rows_capacity, <size_t>max(self.width, 1) * sizeof(int32_t))
        memcpy(self.rows + <size_t>found * self.width, row, <size_t>self.width * sizeof(int32_t))
        self.buckets[slot] = found + 1
        self.n_records += 1
        return found

    cdef int rehash(self) except -1:
        cdef int32_t size = max(16, self.n_buckets * 2), record
        cdef uint32_t slot
        cdef int32_t* buckets = <int32_t*>calloc(size, sizeof(int32_t))
        if buckets == NULL:
            raise MemoryError()
        free(self.buckets)
        self.buckets, self.n_buckets = buckets, size
        for record in range(self.n_records):
            slot = self.slot_of(self.at(record))
            while buckets[slot]:
                slot = (slot + 1) & <uint32_t>(size - 1)
            buckets[slot] = record + 1
        return 0
