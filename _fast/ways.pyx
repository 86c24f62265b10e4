# A shortest text for every set of labels, by breadth-first search over the states of a Dfa.  Uses: dfa.

MAX_COMPLETIONS_STATES = 50_000


cdef dict ways_to_labels(Dfa dfa, state_t state):
    """See Dfa.completions."""
    cdef state_t here, there
    cdef int32_t column
    cdef uint8_t[256] example
    found = {}
    if state == DEAD_STATE:
        return found
    dfa._check_state(state)
    for column in range(256):
        example[dfa.byte_class[255 - column]] = <uint8_t>(255 - column)
    came_from = {state: None}
    queue = [state]
    for here in queue:                       # grows while it is read
        labels = dfa.labels(here)
        if labels and labels not in found:
            text = bytearray()
            step = came_from[here]
            while step is not None:
                text.append(step[1])
                step = came_from[step[0]]
            text.reverse()
            found[labels] = bytes(text)
        for column in range(dfa.n_classes):
            there = dfa.after(here, example[column])
            if there != DEAD_STATE and there not in came_from:
                if len(queue) >= MAX_COMPLETIONS_STATES:
                    rest = dfa.completion(state)
                    found.setdefault(dfa.labels(dfa.run(state, rest)), rest)
                    return found
                came_from[there] = (here, example[column])
                queue.append(there)
    return found
