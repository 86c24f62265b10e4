# The number types of the compiled core; nothing else declares any.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

ctypedef int32_t state_t      # a state of a recogniser, >= 0
ctypedef int32_t token_t      # a token id, >= 0
ctypedef uint32_t word_t      # 32 bits of a token mask

cdef extern from *:
    int __builtin_popcount(unsigned int) nogil

cdef enum:
    DEAD_STATE = -1           # no member of the language continues this way
    UNKNOWN_STATE = -2        # a transition that nobody has asked for yet
    FAILED_STATE = -3         # a Python exception is set

DEAD = DEAD_STATE
