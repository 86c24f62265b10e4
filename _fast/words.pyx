# Many literal texts as one tree of states in a byte automaton.  Uses: nfa.

def add_words(Nfa nfa, list words, list follows):
    """Any of the sorted, distinct byte strings, word k followed by follows[k]; shared prefixes are shared states."""
    cdef Py_ssize_t n_words = len(words), index, depth, shared, longest = 0
    cdef bytes word, after
    cdef int32_t state
    cdef list pending = [[]]        # per depth of the current word: the edges found so far, (byte, state)
    cdef list ends = [NO_STATE]     # per depth: what follows if a word ends there
    for index in range(n_words):
        word = words[index]
        after = words[index + 1] if index + 1 < n_words else b""
        shared = common(word, after) if index + 1 < n_words else -1
        while len(pending) <= len(word):
            pending.append([])
            ends.append(NO_STATE)
        ends[len(word)] = follows[index]
        for depth in range(len(word), max(shared, 0), -1):     # nodes deeper than what the next word shares are done
            state = words_node(nfa, pending[depth], ends[depth])
            pending[depth], ends[depth] = [], NO_STATE
            (<list>pending[depth - 1]).append((word[depth - 1], state))
    return words_node(nfa, pending[0], ends[0]) if n_words else NO_STATE


cdef int32_t words_node(Nfa nfa, list edges, int32_t end) except? -2:
    """A state with these edges, (byte, state) each, and an empty edge to `end`."""
    cdef int32_t state, k, position
    if not edges:
        return end
    state = nfa.add(<int32_t>len(edges), end >= 0)
    position = nfa.states[state].edge
    for k in range(<int32_t>len(edges)):
        byte, target = edges[k]
        nfa.edges[position + k] = NfaEdge(target, byte, byte)
    if end >= 0:
        nfa.empties[nfa.states[state].empty] = end
    return state


cdef Py_ssize_t common(bytes left, bytes right):
    """Length of the longest common prefix."""
    cdef Py_ssize_t length = min(len(left), len(right)), k = 0
    cdef const uint8_t* a = left
    cdef const uint8_t* b = right
    while k < length and a[k] == b[k]:
        k += 1
    return k
