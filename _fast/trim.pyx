# Guarded automata (anchors inside a pattern) can hold states that lead nowhere; they are taken out here.  Uses: nfa.

def trim(Nfa nfa):
    """Take out all edges that lead to no accepting state; returns one byte per state: 1 if it can be completed.

    For guarded automata, the only ones that can have such edges.
    """
    cdef int32_t state, k, edge
    cdef NfaState* node
    alive = bytearray(nfa.n_states)
    sources = [[] for _ in range(nfa.n_states)]     # which states go on to this one
    closures = []
    nfa.forget()
    for state in range(nfa.n_states):
        node = &nfa.states[state]
        for k in range(node.n_edges):
            sources[nfa.edges[node.edge + k].target].append(state)
        if node.loop >= 0:
            sources[nfa.loops[node.loop].exit].append(state)
        if node.n_empty:
            for item in nfa.closure(state, False):
                if item != state:
                    sources[item].append(state)
    queue = list(nfa.accepts.values())
    for item in queue:
        if not alive[item]:
            alive[item] = 1
            queue.extend(sources[item])
    for state in range(nfa.n_states):
        node = &nfa.states[state]
        for k in range(node.n_edges):
            edge = node.edge + k
            if not alive[nfa.edges[edge].target]:
                nfa.edges[edge].low, nfa.edges[edge].high = 255, 0
        if not alive[state]:
            node.n_edges, node.loop = 0, -1
    nfa.forget()
    return bytes(alive)
