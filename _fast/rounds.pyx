# How many rounds of a counted loop can a text hold?  Uses: Nfa, Horizon.


cdef enum:
    MAX_SHORTEST = 16   # bytes of a round that are counted
    FEW_ROUNDS = 8      # more of them within the horizon, and
    MANY_ROUNDS = 24    # more of them in all, are worth a look at the vocabulary
    MAX_BODY = 2_000    # places of a body that are looked at for that


cdef int32_t most_rounds(Nfa nfa, int32_t index, Horizon horizon) except -1:
    """Rounds of a loop, the first apart, that end within a text of the horizon.

    They take the bytes of the shortest; and where one ends and the next begins, the last byte of a round is followed by
    the first of a round, which no token may hold more than a few times: 30 words of 128 bytes are not one token.
    """
    cdef int32_t shortest = shortest_round(nfa, index), rounds = horizon.n_bytes // shortest
    if shortest > 1 and rounds > FEW_ROUNDS and max(nfa.loops[index].least, nfa.loops[index].most) > MANY_ROUNDS:
        found = nfa.round_bytes.get(index)
        if found is None:
            found = nfa.round_bytes[index] = ends_and_begins(nfa, index)
        if found:
            rounds = min(rounds, horizon.most_turns(found[0], found[1]))
    return rounds


cdef tuple ends_and_begins(Nfa nfa, int32_t index):
    """The bytes with which rounds of a loop end, and those with which they begin: 256 flags each; () if not known."""
    cdef int32_t state, item, k, byte
    cdef NfaEdge* edge
    begins, ends = bytearray(256), bytearray(256)
    first = without_a_byte(nfa, index, [nfa.loops[index].entry])
    if is_round(nfa, index, first):                    # of no bytes
        return ()
    body, ways_on = [nfa.loops[index].entry], {nfa.loops[index].entry: first}
    for state in body:                                 # grows while it is read
        if len(body) > MAX_BODY:
            return ()
        for item in ways_on[state]:
            for k in range(nfa.states[item].n_edges):
                edge = nfa.edges + nfa.states[item].edge + k
                if edge.low > edge.high or edge.target < 0:
                    continue
                if edge.target not in ways_on:
                    ways_on[edge.target] = without_a_byte(nfa, index, [edge.target])
                    body.append(edge.target)
                is_end = is_round(nfa, index, ways_on[edge.target])
                for byte in range(edge.low, edge.high + 1):
                    begins[byte] |= item in first
                    ends[byte] |= is_end
    return bytes(ends), bytes(begins)


cdef bint is_round(Nfa nfa, int32_t index, items):
    """Whether the end of a round of a loop is among some states."""
    return any([nfa.states[item].loop == index for item in items])


cdef set without_a_byte(Nfa nfa, int32_t index, list waiting):
    """The states that some inside a loop reach without a byte: through inner loops, and to the end of a round."""
    cdef int32_t state, k, item
    found = set()
    for state in waiting:                              # grows while it is read
        if state < 0:
            continue
        if nfa.states[state].closure < 0:
            nfa.close(state)
        for k in range(nfa.states[state].closure, nfa.states[state].closure + nfa.states[state].n_closure):
            item = nfa.closures[k]
            if item not in found:
                found.add(item)
                if nfa.states[item].loop > index:      # an inner loop may go on, or be left
                    waiting += [nfa.loops[nfa.states[item].loop].entry, nfa.loops[nfa.states[item].loop].exit]
    return found


cdef int32_t shortest_round(Nfa nfa, int32_t index) except -1:
    """Bytes that every round of a loop takes at least, as far as they are counted.  Breadth first through its body."""
    cdef NfaLoop* loop = &nfa.loops[index]
    cdef NfaState* node
    cdef int32_t n_bytes, state, k
    if loop.shortest:
        return loop.shortest
    loop.shortest = 1
    if loop.entry == NO_STATE:
        return 1
    layer = [loop.entry]
    for n_bytes in range(MAX_SHORTEST + 1):
        reached = without_a_byte(nfa, index, layer)
        if n_bytes and is_round(nfa, index, reached):
            return loop.shortest
        if len(reached) > MAX_BODY or n_bytes == MAX_SHORTEST:
            break
        loop.shortest = n_bytes + 1
        targets = set()
        for state in reached:
            node = &nfa.states[state]
            for k in range(node.n_edges):
                if nfa.edges[node.edge + k].low <= nfa.edges[node.edge + k].high:
                    targets.add(nfa.edges[node.edge + k].target)
        layer = list(targets)
    return loop.shortest
