# Short texts that finish a JSON document from a plain place: needed members, then every bracket that is open.  Uses: plain.


cdef bytes complete(PlainContexts contexts, int32_t number):
    """A short text that finishes the document from a context, up through all that is open."""
    cdef Context context = (<Context*>contexts.contexts.at(number))[0]
    cdef int32_t link = DEAD_STATE, frame = DEAD_STATE, after
    parts = []
    if context.kind == VALUE_NEXT or context.kind == COLON_NEXT:
        if context.kind == COLON_NEXT:
            parts.append(contexts.front.colon_text)
        link = context.about
        parts.append(contexts.front.value_text(contexts.goals.nodes[(<Link*>contexts.links.at(link)).goal]))
    elif context.kind == WITHIN:
        parts.append(contexts.front.completion(context.about))
        link = context.link
    elif context.kind == AFTER_VALUE:
        frame = context.about
    elif context.kind == KEY_NEXT or context.kind == FREE_KEY_NEXT:
        parts.append(shortest_key(contexts, context.about, context.kind == FREE_KEY_NEXT, &frame))
    while link != DEAD_STATE or frame != DEAD_STATE:
        if frame != DEAD_STATE:
            parts.append(rest_of(contexts, frame))
            link, frame = (<Frame*>contexts.frames.at(frame)).link, DEAD_STATE
            continue
        after = contexts.after_value(link)
        context = (<Context*>contexts.contexts.at(after))[0]
        link = DEAD_STATE
        if context.kind == AFTER_VALUE:
            frame = context.about
        elif context.kind == WITHIN:
            parts.append(contexts.front.completion(context.about))
            link = context.link
    return b"".join(parts)


cdef bytes rest_of(PlainContexts contexts, int32_t number):
    """Needed members and the closing bracket, after a member."""
    cdef Frame frame = (<Frame*>contexts.frames.at(number))[0]
    cdef Shape shape = <Shape>contexts.shapes[frame.shape]
    cdef int32_t place, n_more = max(0, shape.at_least - frame.count)
    members = []
    if not shape.is_object:
        for place in range(n_more):
            members.append((None, contexts.goals.nodes[shape.child(min(frame.done + place, shape.n_places))]))
        return contexts.front.rest(members, False)
    n_more -= shape.n_missing(&frame)
    for place in range(frame.done if shape.in_order else 0, shape.n_places):
        if shape.is_written(&frame, place):
            continue
        if not has_number(shape.needed, place):
            if n_more <= 0 or shape.child(place) == DEAD_STATE:
                continue
            n_more -= 1
        members.append((shape.names[place], contexts.goals.nodes[shape.child(place)]))
    if n_more > 0:
        for name in contexts.front.fresh_names(contexts.free_sets[frame.free].union(shape.names), n_more):
            members.append((name, contexts.goals.nodes[shape.child(shape.n_places)]))
    return contexts.front.rest(members, True)


cdef bytes shortest_key(PlainContexts contexts, int32_t number, bint is_free, int32_t* after):
    """A key that may come, its value, and (after) the frame behind it: a needed one if there is one, else the shortest of few."""
    cdef Frame frame = (<Frame*>contexts.frames.at(number))[0], there
    cdef Shape shape = <Shape>contexts.shapes[frame.shape]
    cdef int32_t place, best_place = DEAD_STATE, n_tried = 0
    best = None
    for place in range(shape.n_places + 1):
        if (is_free and place < shape.n_places) or not shape.may_write(&frame, place):
            continue
        if n_tried >= 8 and place < shape.n_places and not has_number(shape.needed, place):
            continue
        n_tried += 1
        if place < shape.n_places:
            name = shape.names[place]
        else:
            name = contexts.front.fresh_names(contexts.free_sets[frame.free].union(shape.names), 1)[0]
        text = contexts.front.member_text(name, contexts.goals.nodes[shape.child(place)])
        if place < shape.n_places and has_number(shape.needed, place):
            best, best_place = text, place
            break
        if best is None or len(text) < len(best):
            best, best_place = text, place
    there = frame
    if best_place == shape.n_places:
        name = contexts.front.fresh_names(contexts.free_sets[frame.free].union(shape.names), 1)[0]
        there.free = contexts.with_name(frame.free, contexts.front.key_text(name))
    shape.pass_by(&there, best_place)
    after[0] = contexts.frame_of(there.shape, there.link, there.done, there.free, there.count)
    return best
