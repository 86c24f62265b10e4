# The trie walk: which tokens may a language read next?  Uses: Trie, Recognizer.
#
# Preorder, no recursion: path[d] is the state after d bytes, so going back up is only a smaller index.  A dead byte skips
# its whole subtree.  A table look-up per reached node; a state not asked before is derived on the way.
# Derivation from the naive loop over all tokens: docs/theory/masks.md.

cdef inline void set_bit(word_t* mask, token_t token) noexcept nogil:
    mask[token >> 5] |= <word_t>1 << (token & 31)


cdef inline bint has_bit(const word_t* mask, token_t token) noexcept nogil:
    return (mask[token >> 5] >> (token & 31)) & 1


cdef int walk(Trie trie, Recognizer language, state_t state, state_t* path, word_t* mask, int32_t first_node,
              int32_t end_node, list doubtful) except -1:
    """Set the bit of every token below a trie node that `language` can read.

    state      : the state at the parent of `first_node`, not DEAD.
    path       : scratch, trie.max_depth + 1 states.
    mask       : bits to add to.
    first_node, end_node : the nodes to look at, a run of siblings with all that is below them.
    doubtful   : receives the tokens that only the real text can decide (Machine's DOUBT); may be None if there are none.
    """
    cdef int32_t node = first_node, depth, k
    cdef state_t after
    cdef size_t cell
    cdef state_t* table = language.table
    cdef int32_t n_classes = language.n_classes
    if node >= end_node:
        return 0
    path[trie.depth[node] - 1] = state
    while node < end_node:
        depth = trie.depth[node]
        cell = <size_t>path[depth - 1] * n_classes + language.byte_class[trie.byte[node]]
        after = table[cell]
        if after < 0:
            if after == UNKNOWN_STATE:
                after = language.after(path[depth - 1], trie.byte[node])
                table = language.table                 # derive may have moved it
            if after < 0:
                if after == DOUBT_STATE:
                    for k in range(trie.first[node], trie.first[node + trie.subtree[node]]):
                        doubtful.append(trie.order[k])
                node += trie.subtree[node]
                continue
        path[depth] = after
        for k in range(trie.first[node], trie.first[node + 1]):
            set_bit(mask, trie.order[k])               # several ids may share the same bytes
        node += 1
    return 0
