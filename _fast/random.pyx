# Philox4x32-10: random numbers addressed by (seed, stream, position), so that no draw depends on how many came before
# it elsewhere.  Uses: types.
#
# Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).  Checked against the known
# answers of its authors in tests/engines/test_random.py.


cdef void philox(uint64_t block, uint64_t stream, uint32_t key0, uint32_t key1, uint32_t* out) noexcept nogil:
    """Four random words for counter (block, stream) and a key."""
    cdef uint32_t c0 = <uint32_t>block, c1 = <uint32_t>(block >> 32), c2 = <uint32_t>stream, c3 = <uint32_t>(stream >> 32)
    cdef uint64_t left, right
    cdef int32_t turn
    for turn in range(10):
        left, right = <uint64_t>0xD2511F53U * c0, <uint64_t>0xCD9E8D57U * c2
        c0, c2 = <uint32_t>(right >> 32) ^ c1 ^ key0, <uint32_t>(left >> 32) ^ c3 ^ key1
        c1, c3 = <uint32_t>right, <uint32_t>left
        key0, key1 = key0 + 0x9E3779B9U, key1 + 0xBB67AE85U
    out[0], out[1], out[2], out[3] = c0, c1, c2, c3


cdef class Stream:
    """Uniform numbers in (0, 1): number `position` of stream `number` under `seed`, whatever else was drawn.

    seed : an int >= 0 of any size; None takes entropy from the system.
    """
    cdef uint32_t key[2]               # of the seed
    cdef uint64_t number               # which stream
    cdef readonly uint64_t position    # numbers drawn so far
    cdef uint32_t words[4]             # the block that holds number `position` - 1
    cdef const double[::1] script      # numbers to give instead, for replays and tests

    def __cinit__(self, *given, **named):
        self.script = None

    def __init__(self, seed=None, uint64_t number=0):
        key = np.random.SeedSequence(seed).generate_state(2)
        self.key[0], self.key[1], self.number = key[0], key[1], number

    @staticmethod
    def replay(numbers) -> Stream:
        """A stream that gives these numbers, and then raises IndexError."""
        cdef Stream stream = Stream.__new__(Stream)
        stream.script = np.ascontiguousarray(numbers, np.float64)
        return stream

    def stream(self, uint64_t number) -> Stream:
        """Another stream of the same seed, at its beginning."""
        cdef Stream other = Stream.__new__(Stream)
        other.key[0], other.key[1], other.number = self.key[0], self.key[1], number
        return other

    cdef double next(self) except -1:
        """The next number."""
        cdef uint64_t position = self.position
        cdef int32_t half = 2 * <int32_t>(position & 1)
        self.position += 1
        if self.script is not None:
            if position >= <uint64_t>self.script.shape[0]:
                raise IndexError(f"the script has {self.script.shape[0]} numbers, more were asked for")
            return self.script[position]
        if half == 0:
            philox(position >> 1, self.number, self.key[0], self.key[1], self.words)
        # 53 bits, and half a unit so that 0 does not occur: its logarithm is taken.
        return ((self.words[half] >> 5) * 67108864.0 + (self.words[half + 1] >> 6) + 0.5) / 9007199254740992.0

    def uniform(self) -> float:
        """The next number, in (0, 1)."""
        return self.next()


def philox_words(uint64_t block, uint64_t stream, uint32_t key0, uint32_t key1) -> tuple:
    """The four words of one block; for comparing with the published answers."""
    cdef uint32_t words[4]
    philox(block, stream, key0, key1, words)
    return words[0], words[1], words[2], words[3]
