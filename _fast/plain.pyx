# PlainContexts: the contexts of JSON documents, compiled where a schema asks plainly.  Uses: recognizer, places, records.
#
# Nine arrays and objects in ten ask plainly: these keys with these values, those keys needed, at least and at most so
# many members.  Where such a one stands and what came before is a few integers, and what may follow needs no formula.  For
# all others this file asks the *front* (guided/schema/plain.py), which knows every schema: a value that the front reads is
# a call of it (a WITHIN context: the front's own context, and the link to return to), and a plain value inside such a one
# is a call back.  What the front says is asked once, wherever in the document its value stands.


cdef enum:
    MAX_REMEMBERED = 20_000       # completions kept


@cython.final
cdef class PlainContexts:
    """Contexts of one schema (guided.protocols.Contexts).

    front : guided.schema.plain.Front.     max_states : Limits.max_states, for arrays and objects on the way.
    """
    cdef readonly object front
    cdef readonly int32_t start      # the context of the whole document
    cdef int32_t max_states
    cdef Records contexts, links, frames
    cdef Goals goals
    cdef list shapes                 # of Shape
    cdef FrontContext* told          # [n_told] what is known of the front's contexts
    cdef int32_t n_told
    cdef PairMap front_exits         # (front's context << 32 | label set, text's number) -> front's context
    cdef list free_sets              # frozenset[str]
    cdef dict free_numbers           # frozenset[str] -> number
    cdef dict text_numbers           # text -> number, of texts that the front was told
    cdef dict kept                   # id -> lexer in use
    cdef object colon, free_keys
    cdef void* behind[8]               # lexers behind a value: is_object, may go on, may close as bits; NULL before they were made
    cdef dict remembered             # completions by context

    def is_worn(self) -> bool:
        """Whether half of what may ever be interned is."""
        return self.front.is_worn()

    def __init__(self, front, int32_t max_states):
        cdef Link link
        self.front, self.max_states = front, max_states
        self.contexts, self.links, self.frames = Records(3), Records(4), Records(5)
        self.goals, self.shapes = Goals(front), []
        self.front_exits = PairMap()
        self.free_sets, self.free_numbers, self.text_numbers = [frozenset()], {frozenset(): 0}, {}
        self.kept, self.remembered = {}, {}
        self.colon, self.free_keys = front.colon, front.free_keys
        link = Link(self.goals.number_of(front.goal), TO_END, 0, 0)
        self.start = self.context(VALUE_NEXT, self.links.number(<int32_t*>&link), 0)

    def __dealloc__(self):
        free(self.told)

    @property
    def n_contexts(self) -> int:
        return self.contexts.n_records

    @property
    def n_frames(self) -> int:
        return self.frames.n_records

    # --- guided.protocols.Contexts ----------------------------------------------------------------------------------------

    def lexer(self, int32_t context):
        """The automaton of what may be written in `context`; None after the document."""
        return self.facts(context)[0]

    def captures(self, int32_t context) -> bool:
        """Whether exit() needs the text."""
        return self.facts(context)[1]

    def fallback(self, int32_t context) -> int:
        """Before a key that may be a known one or a free one: the context of free keys."""
        return self.facts(context)[2]

    def is_accepting(self, int32_t context) -> bool:
        """Whether the document is complete."""
        return self.facts(context)[3]

    def facts(self, int32_t context) -> tuple:
        """(lexer, captures, fallback, is_accepting) of a context."""
        cdef ContextFacts facts
        self.tell(context, &facts)
        return (None if facts.lexer == NULL else <object>facts.lexer, bool(facts.captures), facts.fallback,
                bool(facts.may_end))

    def exit(self, int32_t context, tuple labels, text) -> int:
        """The context after a lexeme with these labels; DEAD if nothing can follow."""
        return self.follow(context, number_of_labels(labels), text)

    def completion(self, int32_t context) -> bytes:
        """A short text that finishes the document: needed members only, then every bracket that is open."""
        found = self.remembered.get(context)
        if found is None:
            if len(self.remembered) >= MAX_REMEMBERED:
                self.remembered.clear()
            found = self.remembered[context] = complete(self, context)
        return found

    # --- interning --------------------------------------------------------------------------------------------------------

    cdef int32_t context(self, int32_t kind, int32_t about, int32_t link) except -1:
        cdef Context made = Context(kind, about, link)
        return self.contexts.number(<int32_t*>&made)

    cdef int32_t link_of(self, int32_t goal, int32_t way, int32_t back, int32_t outer) except -1:
        cdef Link made = Link(goal, way, back, outer)
        return self.links.number(<int32_t*>&made)

    cdef int32_t frame_of(self, int32_t shape, int32_t link, int32_t done, int32_t free, int32_t count) except -1:
        cdef Frame made = Frame(shape, link, done, free, count)
        cdef int32_t number = self.frames.number(<int32_t*>&made)
        if number >= self.max_states:
            raise LimitExceeded("max_states", self.max_states, number + 1, "the JSON text")
        return number

    cdef void* keep(self, lexer):
        self.kept[id(lexer)] = lexer
        return <void*>lexer

    # --- what the front says, asked once ----------------------------------------------------------------------------------

    cdef void* lexer_of(self, int32_t goal) except NULL:
        """The automaton of the values of a goal; arrays and objects only as far as their opening bracket."""
        if self.goals.goal[goal].lexer == NULL:
            lexer, is_direct = self.front.lexer(self.goals.nodes[goal], self.opening(goal, False), self.opening(goal, True))
            self.goals.goal[goal].is_direct = bool(is_direct)
            self.goals.goal[goal].lexer = self.keep(<Recognizer?>lexer)
        return self.goals.goal[goal].lexer

    cdef object opening(self, int32_t goal, bint is_object):
        """(whether it may be empty, whether it may have members) of a goal's arrays or objects; None if it is not plain."""
        cdef int32_t number = self.shape_of(goal, is_object)
        cdef Frame frame = Frame(number, 0, 0, 0, 0)
        if number == NOT_PLAIN:
            return None
        if number == DEAD_STATE:
            return False, False
        shape = <Shape>self.shapes[number]
        return bool(shape.may_close(&frame)), bool(shape.may_go_on(&frame))

    cdef int32_t shape_of(self, int32_t goal, bint is_object) except -4:
        """The number of the shape of a goal's arrays or objects; DEAD, NOT_PLAIN."""
        cdef int32_t found = self.goals.goal[goal].shapes[is_object], number
        cdef Shape shape
        if found == NOT_ASKED_YET:
            told = self.front.shape(self.goals.nodes[goal], is_object)
            found = DEAD_STATE
            if told is None:
                found = NOT_PLAIN
            elif told:
                shape = Shape(self.goals, self.goals.nodes[goal], is_object, told)
                found = <int32_t>len(self.shapes)
                self.shapes.append(shape)
                if not shape.can_be_finished():
                    found = DEAD_STATE
            self.goals.goal[goal].shapes[is_object] = found
        return found

    cdef FrontContext* front_context(self, int32_t context) except NULL:
        """What is known of a context of the front's.  The pointer holds until another is asked about."""
        cdef FrontContext* told
        cdef int32_t size
        if context >= self.n_told:
            size = max(64, 2 * (context + 1))
            told = <FrontContext*>realloc(self.told, <size_t>size * sizeof(FrontContext))
            if told == NULL:
                raise MemoryError()
            memset(told + self.n_told, 0, <size_t>(size - self.n_told) * sizeof(FrontContext))
            self.told, self.n_told = told, size
        told = self.told + context
        if not told.is_known:
            goal = self.front.goal_at(context)
            is_end = goal is None and self.front.is_end(context)
            size = DEAD_STATE if goal is None else self.goals.number_of(goal)
            told = self.told + context
            told.goal, told.is_end, told.finished, told.is_known = size, bool(is_end), NOT_ASKED_YET, 1
        return told

    cdef int32_t front_exit(self, int32_t context, int32_t labels, text) except -3:
        """The front's context after a lexeme in one of its own."""
        cdef int64_t key = (<int64_t>context << 32) | labels
        cdef int32_t number = NO_TEXT, found
        if text is not None:
            told = self.text_numbers.get(text)
            if told is None:
                told = self.text_numbers[text] = len(self.text_numbers)
            number = told
        found = self.front_exits.get(key, number)
        if found == NO_VALUE:
            found = self.front.exit(context, _LABEL_SETS[labels], text)
            self.front_exits.put(key, number, found)
        return found

    cdef int32_t front_of(self, int32_t goal) except -3:
        """The front's context of a value of a goal."""
        if self.goals.goal[goal].front == NOT_ASKED_YET:
            self.goals.goal[goal].front = self.front.value(self.goals.nodes[goal])
        return self.goals.goal[goal].front

    # --- what may be written ----------------------------------------------------------------------------------------------

    cdef int tell(self, int32_t number, ContextFacts* facts) except -1:
        """Facts of a context."""
        cdef Context context = (<Context*>self.contexts.at(number))[0]
        cdef Frame frame
        cdef FrontContext* told
        cdef Shape shape
        cdef int32_t which
        facts.lexer, facts.other, facts.fallback, facts.captures, facts.may_end = NULL, NULL, DEAD_STATE, 0, 0
        facts.is_known = 1
        if context.kind == VALUE_NEXT:
            facts.lexer = self.lexer_of((<Link*>self.links.at(context.about)).goal)
        elif context.kind == COLON_NEXT:
            facts.lexer = <void*>self.colon
        elif context.kind == FREE_KEY_NEXT:
            facts.lexer, facts.captures = <void*>self.free_keys, 1
        elif context.kind == AFTER_VALUE:
            frame = (<Frame*>self.frames.at(context.about))[0]
            shape = <Shape>self.shapes[frame.shape]
            which = 4 * shape.is_object + 2 * shape.may_go_on(&frame) + shape.may_close(&frame)
            if self.behind[which] == NULL:
                self.behind[which] = self.keep(self.front.after(bool(which & 4), bool(which & 2), bool(which & 1)))
            facts.lexer = self.behind[which]
        elif context.kind == KEY_NEXT:
            frame = (<Frame*>self.frames.at(context.about))[0]
            shape = <Shape>self.shapes[frame.shape]
            if not shape.may_write(&frame, shape.n_places):
                facts.lexer = self.only_keys(shape, &frame)
            elif shape.n_places or frame.free:
                facts.lexer = self.known_keys(shape, frame.free)
                facts.fallback = self.context(FREE_KEY_NEXT, context.about, 0)
            else:
                facts.lexer, facts.captures = <void*>self.free_keys, 1
        elif context.kind == WITHIN:
            told = self.front_context(context.about)
            if not told.has_facts:
                lexer, captures, which, _ = self.front.facts(context.about)
                told = self.told + context.about
                told.lexer, told.captures = self.keep(<Recognizer?>lexer), bool(captures)
                told.fallback, told.has_facts = which, 1
            facts.lexer, facts.captures = told.lexer, told.captures
            if told.fallback != DEAD_STATE:
                facts.fallback = self.context(WITHIN, told.fallback, context.link)
        else:
            facts.may_end = 1
        return 0

    cdef void* only_keys(self, Shape shape, const Frame* frame) except NULL:
        """The automaton of those declared names that may come, where no others may."""
        numbers = [place for place in range(shape.n_places) if shape.may_write(frame, place)]
        key = tuple(numbers)
        found = shape.lexers.get(key)
        if found is None:
            found = shape.lexers[key] = self.front.only_keys(shape.names, numbers)
            self.keep(found)
        return <void*>found

    cdef void* known_keys(self, Shape shape, int32_t free) except NULL:
        """The automaton of the names that a free key must differ from."""
        found = shape.lexers.get(free)
        if found is None:
            found = shape.lexers[free] = self.front.known_keys(shape.names, self.free_sets[free])
            self.keep(found)
        return <void*>found

    # --- what follows -----------------------------------------------------------------------------------------------------

    cdef int32_t follow(self, int32_t number, int32_t labels, text) except -3:
        """The context after a lexeme that ended with a set of labels; DEAD if nothing can follow."""
        cdef Context context = (<Context*>self.contexts.at(number))[0]
        cdef LabelSet read
        cdef Frame frame
        cdef Shape shape
        cdef int32_t place
        if context.kind == COLON_NEXT:
            return self.context(VALUE_NEXT, context.about, 0)
        if context.kind == WITHIN:
            return self.within(self.front_exit(context.about, labels, text), context.link)
        read = read_labels(labels)
        if read.n == 0:
            return DEAD_STATE
        if context.kind == VALUE_NEXT:
            return self.after_value_lexeme(context.about, labels, read)
        frame = (<Frame*>self.frames.at(context.about))[0]
        shape = <Shape>self.shapes[frame.shape]
        if context.kind == AFTER_VALUE:
            if read.first == LABEL_CLOSE:
                return self.after_value(frame.link)
            return self.context(KEY_NEXT, context.about, 0) if shape.is_object else self.next_item(shape, &frame)
        if read.name >= 0:
            place = read.name
            if not shape.may_write(&frame, place):
                return DEAD_STATE                          # a key that was there before, or whose turn is over
        elif read.first == LABEL_NEW_KEY:
            place = shape.n_places
            if text is not None:
                frame.free = self.with_name(frame.free, text)
        else:
            return DEAD_STATE
        shape.pass_by(&frame, place)
        place = self.link_of(shape.child(place), TO_FRAME,
                             self.frame_of(frame.shape, frame.link, frame.done, frame.free, frame.count), 0)
        return self.context(COLON_NEXT, place, 0)

    cdef int32_t after_value_lexeme(self, int32_t link, int32_t labels, LabelSet read) except -3:
        cdef int32_t goal = (<Link*>self.links.at(link)).goal, found
        cdef bint is_object
        cdef Shape shape
        cdef Frame frame
        self.lexer_of(goal)
        if 0 <= read.last <= LABEL_FALSE or (read.n == 1 and self.goals.goal[goal].is_direct and read.first >= LABEL_STRING):
            return self.after_value(link)
        if read.last >= LABEL_STRING:
            return self.within(self.front_exit(self.front_of(goal), labels, None), link)
        is_object = read.last == LABEL_OPEN_OBJECT or read.last == LABEL_EMPTY_OBJECT
        found = self.shape_of(goal, is_object)
        if found == NOT_PLAIN:
            return self.within(self.front_exit(self.front_of(goal), labels, None), link)
        if found == DEAD_STATE:
            return DEAD_STATE
        shape = <Shape>self.shapes[found]
        frame = Frame(found, link, 0, 0, 0)
        if read.last == LABEL_EMPTY_OBJECT or read.last == LABEL_EMPTY_ARRAY:
            return self.after_value(link) if shape.may_close(&frame) else DEAD_STATE
        if not is_object:
            return self.next_item(shape, &frame)
        if not shape.may_go_on(&frame):
            return DEAD_STATE
        return self.context(KEY_NEXT, self.frame_of(found, link, 0, 0, 0), 0)

    cdef int32_t after_value(self, int32_t link) except -3:
        """The context after a whole value that is what its link asks for."""
        cdef Link of = (<Link*>self.links.at(link))[0]
        cdef FrontContext* told
        cdef int32_t after
        if of.way == TO_FRAME:
            return self.context(AFTER_VALUE, of.back, 0)
        if of.way == TO_END:
            return self.context(NOTHING_NEXT, 0, 0)
        told = self.front_context(of.back)
        after = told.finished
        if after == NOT_ASKED_YET:
            after = self.front.finish(of.back)
            self.front_context(of.back).finished = after
        return self.within(after, of.outer)

    cdef int32_t within(self, int32_t front, int32_t link) except -3:
        """The context for one of the front's, which reads the value of `link`."""
        cdef FrontContext* told
        if front == DEAD_STATE:
            return DEAD_STATE
        told = self.front_context(front)
        if told.is_end:
            return self.after_value(link)
        if told.goal != DEAD_STATE:
            return self.context(VALUE_NEXT, self.link_of(told.goal, TO_FRONT, front, link), 0)
        return self.context(WITHIN, front, link)

    cdef int32_t next_item(self, Shape shape, const Frame* frame) except -3:
        cdef Frame after = frame[0]
        cdef int32_t goal
        if not shape.may_go_on(frame):
            return DEAD_STATE
        goal = shape.child(frame.done)
        shape.pass_by(&after, frame.done)
        goal = self.link_of(goal, TO_FRAME, self.frame_of(after.shape, after.link, after.done, 0, after.count), 0)
        return self.context(VALUE_NEXT, goal, 0)

    cdef int32_t with_name(self, int32_t names, bytes text) except -1:
        """The number of a set of free names with one name more.  text : the key with its quotes."""
        wider = self.free_sets[names] | {self.front.name_of(text)}
        found = self.free_numbers.get(wider)
        if found is None:
            found = self.free_numbers[wider] = len(self.free_sets)
            self.free_sets.append(wider)
        return found
