# The indexes of composed languages, and which index a recogniser gets.  Uses: Index, Product.
#
# ProductIndex makes masks from two rows; MachineIndex is in machine_index.pyx, GrammarIndex in grammar.pyx.

cdef class ProductIndex(Index):
    """`&` and `|`: a token is read by the product iff both sides (one side) read it, so masks are ANDed (ORed)."""
    cdef Index left, right

    def __init__(self, Product recognizer, vocab, int64_t max_mask_bytes):
        Index.__init__(self, recognizer, vocab, max_mask_bytes)
        self.left = make_index(recognizer.left, vocab, max_mask_bytes)
        self.right = make_index(recognizer.right, vocab, max_mask_bytes)

    cdef int fill(self, state_t state, word_t* mask) except -1:
        cdef state_t left, right
        cdef int32_t word
        cdef const word_t* row
        cdef bint both = (<Product>self.recognizer).both
        left, right = (<Product>self.recognizer).pairs[state]
        if left >= 0:
            self.left.rows.copy_to(self.left.row(left), mask)
        if right >= 0:
            row = self.right.rows.at(self.right.row(right))
            for word in range(self.n_words):
                mask[word] = mask[word] & row[word] if both else mask[word] | row[word]
        for token in self.eos_ids:                # EOS is decided by the product
            clear_bit(mask, token)
        return 0


cdef Index make_index(Recognizer recognizer, vocab, int64_t max_mask_bytes):
    """The index that suits a recogniser."""
    if isinstance(recognizer, Grammar):
        return GrammarIndex(recognizer, vocab, max_mask_bytes)
    if isinstance(recognizer, Earley):
        return EarleyIndex(recognizer, vocab, max_mask_bytes)
    if isinstance(recognizer, Machine):
        return MachineIndex(recognizer, vocab, max_mask_bytes)
    if isinstance(recognizer, Product):
        return ProductIndex(recognizer, vocab, max_mask_bytes)
    if isinstance(recognizer, Network):
        return NetworkIndex(recognizer, vocab, max_mask_bytes)
    return Index(recognizer, vocab, max_mask_bytes)


def index_of(Recognizer recognizer not None, vocab, int64_t max_mask_bytes) -> Index:
    """Masks and steps of `recognizer` over `vocab`, with at most `max_mask_bytes` of finished masks."""
    return make_index(recognizer, vocab, max_mask_bytes)
