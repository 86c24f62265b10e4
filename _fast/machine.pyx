# Machine: a language whose state is (context, lexer state): JSON, SQL.  Uses: recognizer, places.
#
# The front end owns the contexts (interned ints, see guided/protocols.py); this file runs the lexer of the current
# context and asks the front end only where a lexeme ends:
#   (a) at once, when the lexer's state is final (accepting, no byte can follow), or
#   (b) when the next byte is dead in the lexer and its state accepts; the byte is then read by the next context's lexer.
#
# A context may name a *fallback*: where its lexer cannot go on, the lexeme was one of the fallback's from its first byte,
# so the fallback's lexer runs along.  (Known keys are read by a small automaton; every other key falls back to the one
# automaton of all keys, whose masks are shared: see MachineIndex.)
#
# Some contexts need the text of the lexeme (a free key must differ from the keys before it).  On the way of a real text it
# is known.  Masks are made from FRESH places, where the text stands for any fresh one; when such a lexeme has ended the
# place is ANONYMOUS, and if it would end a second one it is in DOUBT: those tokens are asked one by one.


cdef enum:
    DOUBT_STATE = -4
    MAX_EMPTY_LEXEMES = 10_000    # lexemes that may end between two bytes; more is a front end that runs in a circle
    MAX_CONTEXT = 1 << 26         # contexts are small numbers: what is known of them stands in one array


cdef enum:
    NOT_KNOWN = 2


cdef class Machine(Recognizer):
    """Lexers and contexts.

    contexts : the front end's `Contexts` (guided/protocols.py).
    """
    cdef readonly object contexts
    cdef readonly int64_t n_questions   # calls of the front end's lexer() and exit() so far
    cdef ContextFacts* facts         # by context
    cdef int32_t n_facts
    cdef dict kept                   # id -> the lexers in use
    cdef bint falls_back             # whether the front end knows fallbacks
    cdef PlainContexts plain         # the front end, where it is compiled
    cdef PairMap exits               # (context << 32 | label set, text) -> context, DEAD if nothing can follow
    cdef Texts texts
    cdef Place* places               # state -> place
    cdef int32_t places_capacity
    cdef int32_t* buckets            # open addressing: state + 1, or 0
    cdef int32_t n_buckets           # a power of two

    cpdef bint is_worn(self) except -1:
        return Recognizer.is_worn(self) or (hasattr(self.contexts, "is_worn") and self.contexts.is_worn())

    def __init__(self, contexts, int32_t max_states=1_000_000):
        cdef Place place
        self.contexts = contexts
        self.max_states, self.falls_back = max_states, hasattr(contexts, "fallback")
        self.plain = contexts if isinstance(contexts, PlainContexts) else None
        self.kept, self.exits, self.texts = {}, PairMap(), Texts()
        if contexts.start >= 0:
            place = Place(contexts.start, NOT_ENTERED, DEAD_STATE, NO_TEXT, REAL)
            self.start = self.intern(&place)

    def __dealloc__(self):
        free(self.facts)
        free(self.places)
        free(self.buckets)

    # --- what the front end says, asked once ---------------------------------------------------------------------------

    cdef inline ContextFacts* about(self, int32_t context) except NULL:
        """What is known of a context.  The pointer holds until another context is asked about."""
        if context >= self.n_facts or not self.facts[context].is_known:
            self.ask(context)
        return self.facts + context

    cdef int ask(self, int32_t context) except -1:
        cdef ContextFacts* facts
        cdef ContextFacts found
        cdef int32_t length
        if not 0 <= context < MAX_CONTEXT:
            raise LimitExceeded("max_states", MAX_CONTEXT, context, "the number of a context")
        if context >= self.n_facts:
            length = max(64, 2 * (context + 1))
            facts = <ContextFacts*>realloc(self.facts, <size_t>length * sizeof(ContextFacts))
            if facts == NULL:
                raise MemoryError()
            self.facts = facts
            memset(facts + self.n_facts, 0, <size_t>(length - self.n_facts) * sizeof(ContextFacts))
            self.n_facts = length
        found.lexer, found.other, found.fallback = NULL, NULL, DEAD_STATE
        found.captures, found.may_end = 0, NOT_KNOWN
        found.is_known = 1
        self.n_questions += 1
        if self.plain is not None:
            self.plain.tell(context, &found)
        else:
            lexer = self.contexts.lexer(context)
            if lexer is not None:
                self.kept[id(lexer)] = <Recognizer?>lexer
                found.lexer = <void*>lexer
                found.captures = bool(self.contexts.captures(context))
                if self.falls_back:
                    found.fallback = self.contexts.fallback(context)
        if found.fallback != DEAD_STATE:
            found.other = self.about(found.fallback).lexer
        self.facts[context] = found
        return 0

    cdef bint may_end_at(self, int32_t context) except -1:
        """Whether the text may end in a context that has a lexer, nothing of its lexeme being written."""
        cdef ContextFacts* facts = self.about(context)
        if facts.may_end == NOT_KNOWN:
            may_end = bool(self.contexts.is_accepting(context))
            facts = self.about(context)
            facts.may_end = may_end
        return facts.may_end

    cdef int32_t exit(self, int32_t context, int32_t labels, int32_t text) except -3:
        """The context after a lexeme that ended with a set of labels; DEAD if nothing can follow it."""
        cdef int64_t key = (<int64_t>context << 32) | labels
        cdef int32_t found = self.exits.get(key, text)
        if found == NO_VALUE:
            self.n_questions += 1
            spelled = None if text == NO_TEXT else self.texts.spelled(text)
            if self.plain is not None:
                found = self.plain.follow(context, labels, spelled)
            else:
                found = self.contexts.exit(context, _LABEL_SETS[labels], spelled)
            if self.exits.get(key, text) == NO_VALUE:
                self.exits.put(key, text, found)
        return found

    # --- places --------------------------------------------------------------------------------------------------------

    cdef ContextFacts* enter(self, Place* place) except NULL:
        """Ask for the lexer of the place's context, if it was not asked for yet."""
        cdef ContextFacts* facts = self.about(place.context)
        if place.lexer_state == NOT_ENTERED:
            place.lexer_state = 0 if facts.lexer == NULL else (<Recognizer>facts.lexer).start
            place.other = DEAD_STATE if facts.other == NULL else (<Recognizer>facts.other).start
            if place.mode == REAL and facts.lexer != NULL and (facts.captures or facts.fallback != DEAD_STATE):
                place.text = EMPTY_TEXT
        return facts

    cdef int fall_back(self, Place* place) except -1:
        """Take the fallback's place for a lexeme that the context's own lexer cannot read; 0 if it cannot either."""
        cdef int32_t fallback = self.about(place.context).fallback
        if fallback == DEAD_STATE or place.other == DEAD_STATE:
            return 0
        place.context, place.lexer_state, place.other = fallback, place.other, DEAD_STATE
        if not self.about(fallback).captures:
            place.text = NO_TEXT
        return 1

    cdef int leave(self, Place* place) except -1:
        """End the lexeme here: 1 in the next context, 0 if nothing can follow, DOUBT_STATE."""
        return self.leave_with(place, (<Recognizer>self.about(place.context).lexer).label_set(place.lexer_state))

    cdef int leave_with(self, Place* place, int32_t labels) except -1:
        """The same where the lexeme ends with this set of labels."""
        cdef ContextFacts* facts = self.about(place.context)
        cdef int32_t text = NO_TEXT
        if facts.captures:
            if place.mode == ANONYMOUS:
                return DOUBT_STATE
            text = place.text
            if place.mode == FRESH:
                place.mode = ANONYMOUS
        place.context = self.exit(place.context, labels, text)
        place.lexer_state, place.other, place.text = NOT_ENTERED, DEAD_STATE, NO_TEXT
        return place.context != DEAD_STATE

    cdef int move(self, Place* place, uint8_t byte) except -1:
        """Read one byte: 1, 0 if no member goes on so, DOUBT_STATE."""
        cdef ContextFacts* facts
        cdef Recognizer lexer
        cdef state_t after
        cdef int32_t n_ended
        cdef int left
        for n_ended in range(MAX_EMPTY_LEXEMES):
            facts = self.enter(place)
            if facts.lexer == NULL:
                return 0
            lexer = <Recognizer>facts.lexer
            after = lexer.after(place.lexer_state, byte)
            if after >= 0:
                place.lexer_state = after
                if place.other >= 0:
                    place.other = (<Recognizer>facts.other).after(place.other, byte)
                if place.text != NO_TEXT:
                    place.text = self.texts.longer(place.text, byte)
                return self.leave(place) if lexer.ends_at(after) else 1
            if lexer.accepting[place.lexer_state]:
                left = self.leave(place)
                if left != 1:
                    return left
            elif not self.fall_back(place):
                return 0
        raise LimitExceeded("max_states", MAX_EMPTY_LEXEMES, n_ended + 1, "one byte")

    cdef bint may_end(self, Place place) except -1:
        """Whether the text may end here: a context that may end, or a lexeme whose end leads to one."""
        cdef ContextFacts* facts
        cdef Recognizer lexer
        cdef int32_t n_ended
        for n_ended in range(MAX_EMPTY_LEXEMES):
            facts = self.enter(&place)
            if facts.lexer == NULL:
                return True
            lexer = <Recognizer>facts.lexer
            if place.lexer_state == lexer.start and self.may_end_at(place.context):
                return True
            if lexer.accepting[place.lexer_state]:
                if self.leave(&place) != 1:
                    return False
            elif not self.fall_back(&place):
                return False
        raise LimitExceeded("max_states", MAX_EMPTY_LEXEMES, n_ended + 1, "the end of the text")

    # --- states --------------------------------------------------------------------------------------------------------

    cdef state_t intern(self, Place* place) except? FAILED_STATE:
        """The state of a place; enters it."""
        cdef uint64_t hashed
        cdef int32_t slot, found
        self.enter(place)
        hashed = scatter((<int64_t>place.context << 32) | <uint32_t>place.lexer_state, place.text)
        hashed = scatter(<int64_t>hashed, 4 * place.other + place.mode)
        if 2 * (self.n_made + 1) > self.n_buckets:
            self.rehash()
        slot = <int32_t>(hashed & <uint64_t>(self.n_buckets - 1))
        while self.buckets[slot]:
            found = self.buckets[slot] - 1
            if memcmp(self.places + found, place, sizeof(Place)) == 0:
                return found
            slot = (slot + 1) & (self.n_buckets - 1)
        found = self.may_end(place[0])                     # asks the front end, but makes no state
        found = self.add_state(found)
        self.places = <Place*>grow(self.places, found + 1, &self.places_capacity, sizeof(Place))
        self.places[found] = place[0]
        self.buckets[slot] = found + 1
        return found

    cdef int rehash(self) except -1:
        """Twice as many buckets."""
        cdef int32_t size = max(64, self.n_buckets * 2), state, slot
        cdef uint64_t hashed
        cdef Place* place
        cdef int32_t* buckets = <int32_t*>calloc(size, sizeof(int32_t))
        if buckets == NULL:
            raise MemoryError()
        for state in range(self.n_made):
            place = self.places + state
            hashed = scatter((<int64_t>place.context << 32) | <uint32_t>place.lexer_state, place.text)
            hashed = scatter(<int64_t>hashed, 4 * place.other + place.mode)
            slot = <int32_t>(hashed & <uint64_t>(size - 1))
            while buckets[slot]:
                slot = (slot + 1) & (size - 1)
            buckets[slot] = state + 1
        free(self.buckets)
        self.buckets, self.n_buckets = buckets, size
        return 0

    cdef state_t derive(self, state_t state, uint8_t byte) except? FAILED_STATE:
        cdef Place place = self.places[state]
        cdef int moved = self.move(&place, byte)
        if moved != 1:
            return DEAD_STATE if moved == 0 else DOUBT_STATE
        return self.intern(&place)

    cpdef state_t anonymise(self, state_t state) except? FAILED_STATE:
        """`state` with any fresh text in the place of its own."""
        cdef Place place = self.places[state]
        if place.mode != REAL:
            return state
        place.mode, place.text = FRESH, NO_TEXT
        return self.intern(&place)

    cpdef state_t saturate(self, state_t state, Horizon horizon) except? FAILED_STATE:
        """The anonymous state with the lexers' states saturated: what masks are made from.

        Tokens in DOUBT there depend on the text of `state`.
        """
        cdef Place place = self.places[state]
        cdef ContextFacts* facts = self.about(place.context)
        if place.mode == REAL:
            place.mode, place.text = FRESH, NO_TEXT
        if facts.lexer != NULL:
            place.lexer_state = (<Recognizer>facts.lexer).saturate(place.lexer_state, horizon)
        if place.other >= 0:
            place.other = (<Recognizer>facts.other).saturate(place.other, horizon)
        return self.intern(&place)

    # --- the way out ---------------------------------------------------------------------------------------------------

    cpdef bytes completion(self, state_t state):
        """A text that finishes the document: the rest of the lexeme, then the context's own completion; the shortest of those."""
        cdef Recognizer lexer
        cdef Place place, there
        cdef ContextFacts* facts
        cdef uint8_t byte
        if state == DEAD_STATE:
            return None
        self._check_state(state)
        if self.accepting[state]:
            return b""
        place = self.places[state]
        facts = self.about(place.context)
        lexer = <Recognizer>facts.lexer
        if place.lexer_state == lexer.start and place.text <= EMPTY_TEXT:
            return self.contexts.completion(place.context)
        best = None if facts.fallback == DEAD_STATE else self.diverge(place)
        for rest in lexer.completions(place.lexer_state).values():
            there = place
            there.lexer_state = lexer.run(place.lexer_state, rest)
            if there.text != NO_TEXT:
                for byte in <bytes>rest:
                    there.text = self.texts.longer(there.text, byte)
            if there.mode == ANONYMOUS:
                there.mode = FRESH                     # a second free text: any will do
            if self.leave(&there) == 1:
                whole = rest + self.contexts.completion(there.context)
                if best is None or len(whole) < len(best):
                    best = whole
        return best

    cdef object diverge(self, Place place):
        """A short completion that leaves the lexer of a context with a fallback; None if its lexer reads all there is.

        Breadth first over the lexer's states, as all bytes that the fallback can read here may begin an exception.
        """
        cdef ContextFacts* facts = self.about(place.context)
        cdef Recognizer lexer = <Recognizer>facts.lexer, other = <Recognizer>facts.other
        cdef Place there
        cdef state_t lexer_state, other_state, lexer_after, after
        cdef int32_t byte, text
        best, queue, tried = None, [(place.lexer_state, place.other, place.text, b"")], set()
        for lexer_state, other_state, text, rest in queue:                # grows while it is read
            if best is not None and len(rest) >= len(best):
                break
            if other_state == DEAD_STATE:
                continue
            for byte in range(256):
                there = place
                there.lexer_state, there.other, there.text = lexer_state, other_state, text
                lexer_after = lexer.after(lexer_state, <uint8_t>byte)
                if lexer_after != DEAD_STATE:
                    if not lexer.ends_at(lexer_after):
                        text_after = text if text == NO_TEXT else self.texts.longer(text, <uint8_t>byte)
                        queue.append((lexer_after, other.after(other_state, <uint8_t>byte), text_after,
                                      rest + bytes((byte,))))
                    continue
                if not self.fall_back(&there) or self.move(&there, <uint8_t>byte) != 1:
                    continue
                after = self.intern(&there)
                if self.anonymise(after) not in tried:
                    tried.add(self.anonymise(after))
                    whole = rest + bytes((byte,)) + self.completion(after)
                    if best is None or len(whole) < len(best):
                        best = whole
        return best

    def key(self, state_t state) -> tuple:
        """(context, lexer state, text of the lexeme if kept, anonymous) of a state."""
        self._check_state(state)
        cdef Place place = self.places[state]
        return (place.context, place.lexer_state, None if place.text == NO_TEXT else self.texts.spelled(place.text),
                place.mode == ANONYMOUS)
