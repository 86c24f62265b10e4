# Automata of patterns that look around can hold states that lead nowhere; they are taken out here.  Uses: nfa.

def trim(Nfa nfa):
    """Take out all edges that lead to no accepting state; returns one byte per state: 1 if it can be completed."""
    cdef int32_t n = nfa.n_states, state, k, depth = 0, edge
    cdef int64_t n_links = <int64_t>nfa.n_edges + nfa.n_empties + n, link
    cdef NfaState* node
    cdef int64_t* first = <int64_t*>calloc(n + 2, sizeof(int64_t))     # sources[first[s] : first[s + 1]] go on to state s
    cdef int32_t* sources = <int32_t*>calloc(n_links + 1, sizeof(int32_t))
    cdef int32_t* stack = <int32_t*>calloc(n + 1, sizeof(int32_t))
    alive = bytearray(n)
    cdef uint8_t[::1] marks = alive
    try:
        if first == NULL or sources == NULL or stack == NULL:
            raise MemoryError()
        for state in range(n):                      # how many go on to each
            node = &nfa.states[state]
            for k in range(node.n_edges):
                first[nfa.edges[node.edge + k].target + 2] += 1
            for k in range(node.n_empty):
                first[nfa.empties[node.empty + k] + 2] += 1
            if node.loop >= 0:
                first[nfa.loops[node.loop].exit + 2] += 1
        for state in range(n):
            first[state + 2] += first[state + 1] if state else 0
        for state in range(n):
            node = &nfa.states[state]
            for k in range(node.n_edges):
                put_source(first, sources, nfa.edges[node.edge + k].target, state)
            for k in range(node.n_empty):
                put_source(first, sources, nfa.empties[node.empty + k], state)
            if node.loop >= 0:
                put_source(first, sources, nfa.loops[node.loop].exit, state)
        for state in nfa.accepts.values():
            marks[state] = 1
            stack[depth] = state
            depth += 1
        while depth:
            depth -= 1
            state = stack[depth]
            for link in range(first[state], first[state + 1]):
                if not marks[sources[link]]:
                    marks[sources[link]] = 1
                    stack[depth] = sources[link]
                    depth += 1
        for state in range(n):
            node = &nfa.states[state]
            for k in range(node.n_edges):
                edge = node.edge + k
                if not marks[nfa.edges[edge].target]:
                    nfa.edges[edge].low, nfa.edges[edge].high = 255, 0
            if not marks[state]:
                node.n_edges, node.loop, node.n_empty = 0, -1, 0
    finally:
        free(first); free(sources); free(stack)
    nfa.forget()
    return bytes(alive)


cdef inline void put_source(int64_t* first, int32_t* sources, int32_t target, int32_t source) noexcept:
    sources[first[target + 1]] = source
    first[target + 1] += 1
