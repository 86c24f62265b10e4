# Pairs: which two tokens may stand side by side inside one word of byte pair encoding?  Uses: types.
#
# Merges happen in the order of their ranks.  A pair (l, r) is what the encoder writes for l + r exactly if no merge joins
# a piece x at the right edge of l with a piece y at the left edge of r while both exist, that is before x and y are
# consumed by the merges that make l and r.  Each token's last merge is a tree; its edges are two short chains.
# Source: the validity test of arXiv:2506.14123, with one row at a time instead of one pair at a time.

ctypedef int64_t moment_t     # when a merge happens: (latest rank so far) << 32 | own rank

cdef enum:
    NO_TOKEN = -1
cdef moment_t NEVER = 1 << 62


cdef class Pairs:
    """Pieces of one byte pair encoding.

    n_tokens        : ids in all.
    lefts, rights, results : int32[n_merges] in the order of their ranks: lefts[k] and rights[k] become results[k].
    symbols, offsets: the pieces that merging begins with, token after token; offsets int32[n_tokens + 1].  A token
                      without symbols is no text.
    """
    cdef readonly int32_t n_tokens
    cdef readonly object is_reachable     # uint8[n_tokens]: merging the symbols of the token gives the token
    cdef uint8_t[::1] reachable
    cdef int32_t n_slots                  # a power of two
    cdef uint64_t[::1] keys               # open addressing: (left << 32 | right) + 1, 0 where free
    cdef int32_t[::1] ranks, products     # by slot
    cdef int32_t[::1] left_part, right_part   # of the token's last merge, NO_TOKEN for symbols
    cdef moment_t[::1] made               # when the token comes to be; -1 for symbols
    cdef int32_t[::1] first_merge, merge_right, merge_rank    # merges grouped by their left side, CSR
    cdef int32_t[::1] first_owner, owner  # y -> the reachable tokens with y on their left edge, CSR
    cdef moment_t[::1] owner_moment       # when the owner's tree consumes y; NEVER for the owner itself

    def __init__(self, int32_t n_tokens, const int32_t[::1] lefts, const int32_t[::1] rights,
                 const int32_t[::1] results, const int32_t[::1] symbols, const int32_t[::1] offsets):
        cdef int32_t n_merges = <int32_t>lefts.shape[0], k
        self.n_tokens = n_tokens
        self.n_slots = 16
        while self.n_slots < 2 * n_merges:
            self.n_slots *= 2
        self.keys = np.zeros(self.n_slots, np.uint64)
        self.ranks, self.products = np.zeros(self.n_slots, np.int32), np.zeros(self.n_slots, np.int32)
        for k in range(n_merges):
            self.put(lefts[k], rights[k], k, results[k])
        self.left_part = np.full(n_tokens, NO_TOKEN, np.int32)
        self.right_part = np.full(n_tokens, NO_TOKEN, np.int32)
        self.made = np.full(n_tokens, -1, np.int64)
        self.is_reachable = np.zeros(n_tokens, np.uint8)
        self.reachable = self.is_reachable
        self.grow(symbols, offsets)
        self.group_merges(n_merges)
        self.group_owners()

    cdef int32_t slot_of(self, uint64_t key) noexcept nogil:
        cdef uint64_t mixed = key * <uint64_t>0x9E3779B97F4A7C15U
        cdef int32_t slot = <int32_t>(mixed >> 33) & (self.n_slots - 1)
        while self.keys[slot] != 0 and self.keys[slot] != key:
            slot = (slot + 1) & (self.n_slots - 1)
        return slot

    cdef void put(self, int32_t left, int32_t right, int32_t rank, int32_t product) noexcept nogil:
        cdef uint64_t key = ((<uint64_t><uint32_t>left << 32) | <uint32_t>right) + 1
        cdef int32_t slot = self.slot_of(key)
        self.keys[slot], self.ranks[slot], self.products[slot] = key, rank, product

    cdef int32_t rank_of(self, int32_t left, int32_t right) noexcept nogil:
        """The rank of the merge of two pieces; -1 if there is none."""
        cdef int32_t slot = self.slot_of(((<uint64_t><uint32_t>left << 32) | <uint32_t>right) + 1)
        return self.ranks[slot] if self.keys[slot] != 0 else -1

    cdef int grow(self, const int32_t[::1] symbols, const int32_t[::1] offsets) except -1:
        """Merge every token's symbols; remember the last merge of those that come out as themselves."""
        cdef int32_t longest = 1, token, n, k, best, at, rank
        cdef list order = []
        for token in range(self.n_tokens):
            longest = max(longest, offsets[token + 1] - offsets[token])
        cdef int32_t[::1] pieces = np.zeros(longest + 1, np.int32)
        for token in range(self.n_tokens):
            n = offsets[token + 1] - offsets[token]
            if n == 0:
                continue
            for k in range(n):
                pieces[k] = symbols[offsets[token] + k]
            while n > 2:
                best, at = -1, -1
                for k in range(n - 1):
                    rank = self.rank_of(pieces[k], pieces[k + 1])
                    if rank >= 0 and (best < 0 or rank < best):
                        best, at = rank, k
                if best < 0:
                    break
                pieces[at] = self.products[self.slot_of(((<uint64_t><uint32_t>pieces[at] << 32) | <uint32_t>pieces[at + 1]) + 1)]
                for k in range(at + 1, n - 1):
                    pieces[k] = pieces[k + 1]
                n -= 1
            if n == 1:
                self.reachable[token] = pieces[0] == token
            elif n == 2 and self.rank_of(pieces[0], pieces[1]) >= 0:
                k = self.products[self.slot_of(((<uint64_t><uint32_t>pieces[0] << 32) | <uint32_t>pieces[1]) + 1)]
                if k == token:
                    self.reachable[token] = 1
                    self.left_part[token], self.right_part[token] = pieces[0], pieces[1]
                    order.append((offsets[token + 1] - offsets[token], token))
        order.sort()                                     # parts before what is made of them
        for _, token in order:
            self.made[token] = self.moment(self.left_part[token], self.right_part[token],
                                           self.rank_of(self.left_part[token], self.right_part[token]))
        return 0

    cdef moment_t moment(self, int32_t left, int32_t right, int32_t rank) noexcept nogil:
        """When the merge of two pieces happens: not before both exist."""
        cdef moment_t latest = rank
        if self.made[left] >> 32 > latest:
            latest = self.made[left] >> 32
        if self.made[right] >> 32 > latest:
            latest = self.made[right] >> 32
        return latest << 32 | rank

    cdef int group_merges(self, int32_t n_merges) except -1:
        cdef int32_t slot, left, n = self.n_tokens
        self.first_merge = np.zeros(n + 2, np.int32)
        self.merge_right, self.merge_rank = np.zeros(n_merges, np.int32), np.zeros(n_merges, np.int32)
        for slot in range(self.n_slots):
            if self.keys[slot]:
                self.first_merge[<int32_t>((self.keys[slot] - 1) >> 32) + 2] += 1
        for left in range(n):
            self.first_merge[left + 2] += self.first_merge[left + 1]
        for slot in range(self.n_slots):
            if self.keys[slot]:
                left = <int32_t>((self.keys[slot] - 1) >> 32)
                self.merge_right[self.first_merge[left + 1]] = <int32_t>((self.keys[slot] - 1) & 0xFFFFFFFF)
                self.merge_rank[self.first_merge[left + 1]] = self.ranks[slot]
                self.first_merge[left + 1] += 1
        return 0

    cdef int group_owners(self) except -1:
        cdef int32_t token, piece, total = 0, n = self.n_tokens
        cdef moment_t consumed
        self.first_owner = np.zeros(n + 2, np.int32)
        for token in range(n):
            piece = token if self.reachable[token] else NO_TOKEN
            while piece >= 0:
                self.first_owner[piece + 2] += 1
                total += 1
                piece = self.left_part[piece]
        for piece in range(n):
            self.first_owner[piece + 2] += self.first_owner[piece + 1]
        self.owner, self.owner_moment = np.zeros(total, np.int32), np.zeros(total, np.int64)
        for token in range(n):
            piece, consumed = token if self.reachable[token] else NO_TOKEN, NEVER
            while piece >= 0:
                self.owner[self.first_owner[piece + 1]] = token
                self.owner_moment[self.first_owner[piece + 1]] = consumed
                self.first_owner[piece + 1] += 1
                consumed = self.made[piece]
                piece = self.left_part[piece]
        return 0

    def row(self, int32_t left, uint8_t[::1] out) -> None:
        """Which tokens may follow `left` inside one word: out[r] is set to 1 or 0, uint8[n_tokens]; O(n_tokens) at most
        where merges are few, typically 20 to 300 us for 128,000 tokens."""
        if out.shape[0] != self.n_tokens or not 0 <= left < self.n_tokens:
            raise ValueError(f"token {left} or an array of {out.shape[0]:,} does not fit {self.n_tokens:,} tokens")
        with nogil:
            memcpy(&out[0], &self.reachable[0], self.n_tokens)
            self.clear(left, out)

    cdef void clear(self, int32_t left, uint8_t[::1] out) noexcept nogil:
        cdef int32_t piece = left, k, at, right
        cdef moment_t consumed = NEVER, joined
        if not self.reachable[left]:
            memset(&out[0], 0, self.n_tokens)
            return
        while piece >= 0:
            for k in range(self.first_merge[piece], self.first_merge[piece + 1]):
                right = self.merge_right[k]
                joined = self.moment(piece, right, self.merge_rank[k])
                if joined >= consumed:                   # the left one of two equal merges goes first
                    continue
                for at in range(self.first_owner[right], self.first_owner[right + 1]):
                    if joined <= self.owner_moment[at]:
                        out[self.owner[at]] = 0
            consumed = self.made[piece]
            piece = self.right_part[piece]

    def valid(self, int32_t left, int32_t right) -> bool:
        """Whether merging the symbols of both leaves (left, right): the same answer for one pair."""
        cdef int32_t x = left, y, rank
        cdef moment_t x_consumed = NEVER, y_consumed, joined
        if not (self.reachable[left] and self.reachable[right]):
            return False
        while x >= 0:
            y, y_consumed = right, NEVER
            while y >= 0:
                rank = self.rank_of(x, y)
                if rank >= 0:
                    joined = self.moment(x, y, rank)
                    if joined < x_consumed and joined <= y_consumed:
                        return False
                y_consumed = self.made[y]
                y = self.left_part[y]
            x_consumed = self.made[x]
            x = self.right_part[x]
        return True
