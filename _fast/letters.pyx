# Letters: which characters occur below each node of a trie, so that a walk need not look.  Uses: Trie.
#
# A state that every character of a set leads back to (the inside of a string, of a name) reads a whole subtree of the trie
# in one step if all that is below is in the set.  In a string body that leaves 1 node in 5 to be visited.


cdef enum:
    BROKEN = 2                    # bytes occur below that are not UTF-8
    UNFINISHED = 4                # the node itself is inside a character (of a token read from its first byte)
    KNOWN = 16                    # of a Loop: it was looked for
    LOOPS = 32                    # there is one
    INVALID_BYTES = 8             # states of utf8_after: 0 between characters, 1 to 3 bytes missing, 4 to 7 special seconds
    LETTERS_FROM_NODES = 32       # subtrees worth finding out how a state goes on
    LOOPS_FROM_NODES = 6          # the same where that is known: looking at the letters is a cache miss
    MAX_LED = 48                  # letters that a way of states is followed; deeper subtrees (128 spaces) are looked into
    MAX_WAYS = 8                  # different states that are told apart when the letters of a Loop are looked for
    FIRST_LEAD = 0xC0             # bytes from here on begin a character of several bytes


cdef struct Below:
    uint64_t low                  # ASCII characters, a bit each
    uint64_t high
    uint64_t leads                # other characters, by first bytes (see bit_of)
    int32_t depth                 # bytes of the longest text below
    uint8_t flags


cdef struct Loop:
    uint64_t low                  # characters that lead from a state to `next`
    uint64_t high
    uint64_t leads                # of several bytes: all that begin so do
    state_t next                  # the state itself, or the next one of a counted repeat
    state_t end                   # the state `span` letters on, every one on the way with these letters at least
    int32_t span
    uint8_t flags


cdef inline int32_t utf8_after(int32_t state, uint8_t byte) noexcept nogil:
    """One byte of UTF-8 (RFC 3629, section 4)."""
    if state == 0:
        if byte < 0x80:
            return 0
        if byte < 0xC2 or byte > 0xF4:
            return INVALID_BYTES
        if byte < 0xE0:
            return 1
        if byte < 0xF0:
            return 4 if byte == 0xE0 else 5 if byte == 0xED else 2
        return 6 if byte == 0xF0 else 7 if byte == 0xF4 else 3
    if state == INVALID_BYTES or byte & 0xC0 != 0x80:
        return INVALID_BYTES
    if state <= 3:
        return state - 1
    if state == 4:
        return 1 if byte >= 0xA0 else INVALID_BYTES
    if state == 5:
        return 1 if byte < 0xA0 else INVALID_BYTES
    if state == 6:
        return 2 if byte >= 0x90 else INVALID_BYTES
    return 2 if byte < 0x90 else INVALID_BYTES


cdef inline uint64_t bit_of(uint8_t lead, uint8_t second) noexcept nogil:
    """The bit of characters of several bytes by their first two.

    Each first byte has one; the six beginnings under which Unicode has white space have their own, so that what reads all
    but white space reads most of the others by their first byte.
    """
    if lead == 0xC2 and second <= 0xA0:
        return 1
    if lead == 0xE1 and second == 0x9A:
        return 2
    if lead == 0xE2 and second <= 0x81:
        return <uint64_t>1 << (53 + (second & 1))
    if lead == 0xE3 and second == 0x80:
        return <uint64_t>1 << 55
    if lead == 0xEF and second == 0xBB:
        return <uint64_t>1 << 56
    return <uint64_t>1 << (lead - FIRST_LEAD)


@cython.final
cdef class Letters:
    """The characters below each node of a trie, its own byte apart.  32 bytes a node."""
    cdef Below* below             # [n_nodes]

    def __dealloc__(self):
        free(self.below)

    def __init__(self, Trie trie):
        cdef int32_t node, child, end, second
        cdef int32_t* path = <int32_t*>calloc(trie.max_depth + 1, sizeof(int32_t))
        cdef uint8_t* states = <uint8_t*>calloc(trie.n_nodes, 1)
        cdef Below* below = <Below*>calloc(trie.n_nodes, sizeof(Below))
        cdef Below* here
        self.below = below
        if path == NULL or states == NULL or below == NULL:
            free(path); free(states)
            raise MemoryError()
        for node in range(1, trie.n_nodes):
            path[trie.depth[node]] = utf8_after(path[trie.depth[node] - 1], trie.byte[node])
            states[node] = <uint8_t>path[trie.depth[node]]
        for node in range(trie.n_nodes - 1, -1, -1):
            here = below + node
            child, end = node + 1, node + trie.subtree[node]
            while child < end:
                here.low |= below[child].low
                here.high |= below[child].high
                here.leads |= below[child].leads
                here.depth = max(here.depth, below[child].depth + 1)
                here.flags |= below[child].flags & BROKEN
                if trie.byte[child] < 64:
                    here.low |= <uint64_t>1 << trie.byte[child]
                elif trie.byte[child] < 128:
                    here.high |= <uint64_t>1 << (trie.byte[child] - 64)
                elif trie.byte[child] >= FIRST_LEAD:
                    second = child + 1
                    while second < child + trie.subtree[child]:
                        here.leads |= bit_of(trie.byte[child], trie.byte[second])
                        second += trie.subtree[second]
                    if trie.first[child] < trie.first[child + 1]:      # a token ends inside the character
                        here.leads |= bit_of(trie.byte[child], 0xBF)
                if states[child] == INVALID_BYTES:
                    here.flags |= BROKEN
                child += trie.subtree[child]
            if states[node]:
                here.flags |= UNFINISHED
        free(path); free(states)


cdef Letters letters_of(Trie trie):
    """Made once for a trie."""
    if trie.letters is None:
        trie.letters = Letters(trie)
    return <Letters>trie.letters


cdef inline bint is_within(const Below* below, const Loop* loop) noexcept nogil:
    """Whether all characters below a node, which is between characters, are among those of `loop`."""
    return (not below.low & ~loop.low and not below.high & ~loop.high and not below.leads & ~loop.leads and not below.flags)


cdef int find_loop(Recognizer language, state_t state, Loop* loop) except -1:
    """The most characters that lead from `state` to one state, itself or another."""
    cdef int32_t byte, k, best = 0, last_column = -1
    cdef int32_t n_ways = 0
    cdef state_t after
    cdef state_t[MAX_WAYS] ways
    cdef int32_t[MAX_WAYS] counts
    cdef uint64_t found = 0
    cdef bint is_split
    cdef Seconds seconds
    loop.low = loop.high = loop.leads = 0
    loop.span, loop.end, loop.flags = 0, state, KNOWN
    for byte in range(128):
        after = language.after(state, <uint8_t>byte)
        if after < 0:
            continue
        for k in range(n_ways):
            if ways[k] == after:
                counts[k] += 1
                break
        else:
            if n_ways < MAX_WAYS:
                ways[n_ways], counts[n_ways] = after, 1
                n_ways += 1
    if n_ways == 0:
        return 0
    for k in range(n_ways):
        if counts[k] > counts[best] or (counts[k] == counts[best] and ways[k] == state):
            best = k
    loop.next = ways[best]
    loop.flags |= LOOPS
    for byte in range(128):
        if language.after(state, <uint8_t>byte) == loop.next:
            if byte < 64:
                loop.low |= <uint64_t>1 << byte
            else:
                loop.high |= <uint64_t>1 << (byte - 64)
    find_seconds(language, &seconds)
    for byte in range(0xC2, 0xF5):
        is_split = byte in (0xC2, 0xE1, 0xE2, 0xE3, 0xEF)
        if (is_split or language.byte_class[byte] != last_column
                or utf8_after(0, <uint8_t>byte) != utf8_after(0, <uint8_t>(byte - 1))):
            found = find_leads(language, state, loop.next, <uint8_t>byte, is_split, &seconds)
            loop.leads |= found
            last_column = -1 if is_split else language.byte_class[byte]
        elif found:                                    # as the byte before
            loop.leads |= bit_of(<uint8_t>byte, 0xBF)
    return 0


cdef struct Seconds:
    int32_t n
    uint8_t[64] first             # of each run of bytes of one class that UTF-8 does not tell apart after the first byte


cdef void find_seconds(Recognizer language, Seconds* seconds) noexcept:
    """The runs of bytes behind the first one of a character: three or four for most languages."""
    cdef int32_t byte
    seconds.n = 0
    for byte in range(0x80, 0xC0):
        if byte in (0x80, 0x90, 0xA0) or language.byte_class[byte] != language.byte_class[byte - 1]:
            seconds.first[seconds.n] = <uint8_t>byte
            seconds.n += 1


cdef uint64_t find_leads(Recognizer language, state_t state, state_t back, uint8_t lead, bint is_split,
                         const Seconds* seconds) except? 0:
    """The bits (bit_of) under a first byte all of whose characters lead from `state` to `back`.

    is_split : which bit it is depends on the second byte.
    """
    cdef state_t inside = language.after(state, lead), after
    cdef int32_t utf8 = utf8_after(0, lead), second, rest, k
    cdef uint64_t found = 0, refused = 0, bit
    cdef int32_t last_column = -1, last_rest = -1
    cdef bint returning = False
    if inside < 0 or language.accepting[inside]:
        return 0
    for k in range(0x40 if is_split else seconds.n):
        second = 0x80 + k if is_split else seconds.first[k]
        rest = utf8_after(utf8, <uint8_t>second)
        if rest == INVALID_BYTES:
            continue
        if language.byte_class[second] != last_column or rest != last_rest:    # else as the byte before
            last_column, last_rest = language.byte_class[second], rest
            after = language.after(inside, <uint8_t>second)
            if rest == 0:
                returning = after == back
            else:
                returning = after >= 0 and not language.accepting[after] and returns(language, after, back, rest, seconds)
        bit = bit_of(lead, <uint8_t>second)
        if returning:
            found |= bit
        else:
            refused |= bit
    return found & ~refused


cdef bint returns(Recognizer language, state_t state, state_t back, int32_t utf8, const Seconds* seconds) except -1:
    """Whether all characters of several bytes lead from `state`, after a part of one, to the state `back`."""
    cdef int32_t rest, k
    cdef state_t after
    for k in range(seconds.n):
        rest = utf8_after(utf8, seconds.first[k])
        if rest == INVALID_BYTES:
            continue
        after = language.after(state, seconds.first[k])
        if after < 0 or (rest == 0 and after != back):
            return False
        if rest and (language.accepting[after] or not returns(language, after, back, rest, seconds)):
            return False
    return True
