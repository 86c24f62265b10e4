# Recognizer: a language read one byte at a time, with its transition table filled on demand.  Uses: types.
#
# Every kind of language (Dfa, Product, ...) is a subclass that answers two questions, once per state and byte class:
# `derive` (which state follows?) and, when it adds a state, whether that state accepts.  The table remembers.
# Invariant: a state that is not DEAD can reach an accepting state, except in a Product of two pushdown languages.



cdef enum:
    MAX_COMPLETIONS_STATES = 4_000
    ACCEPTS = 1                   # a member ends here; whether a byte may follow was not asked yet
    ACCEPTS_AND_ENDS = 2
    ACCEPTS_AND_GOES_ON = 3


cdef class Horizon:
    """How far ahead the states that share a mask must agree: by all texts of so many bytes."""
    cdef readonly int32_t n_bytes

    def __init__(self, int32_t n_bytes):
        self.n_bytes = n_bytes

    cdef int32_t most_turns(self, bytes ends, bytes begins) except -1:
        """The most bytes of one of the texts that are among `ends` and followed by one of `begins` (256 flags each)."""
        return self.n_bytes


cdef class Recognizer:
    """A language, a byte at a time.  States are interned integers; `start` is the first, DEAD is -1.

    Source: the lazy automaton of Aho, Sethi and Ullman (1986, 3.7), states made when first reached.
    """
    cdef uint8_t byte_class[256]   # byte -> column of the table; bytes of one class are never told apart
    cdef int32_t n_classes         # columns of the table
    cdef int32_t n_made            # states interned so far
    cdef int32_t capacity          # rows allocated
    cdef int32_t max_states        # Limits.max_states
    cdef state_t* table            # [capacity, n_classes]: the state that follows, DEAD or UNKNOWN
    cdef uint8_t* accepting        # [capacity]: not 0 if the text read so far is a member (ACCEPTS...)
    cdef int32_t* label_sets       # [n_label_sets]: the number of a state's labels (places.pyx), -1 before it was asked for
    cdef int32_t n_label_sets
    cdef bint is_narrow            # few tokens can be read from any state: not worth an entry of a LexerIndex
    cdef public Recognizer universe   # a language with all members of this one, for LexerIndex; None if none is known
    cdef object __weakref__
    cdef readonly state_t start    # the state of the empty text; DEAD if the language is empty

    def __cinit__(self):
        cdef int32_t byte
        for byte in range(256):
            self.byte_class[byte] = <uint8_t>byte
        self.n_classes = 256
        self.max_states = 1_000_000
        self.start = DEAD_STATE

    def __dealloc__(self):
        free(self.table)
        free(self.accepting)
        free(self.label_sets)

    cdef state_t derive(self, state_t state, uint8_t byte) except? FAILED_STATE:
        """The state after `byte`, computed; asked once per (state, byte class).  To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} does not derive")

    cdef state_t add_state(self, bint is_accepting) except? FAILED_STATE:
        """A new state with an empty row.  May move `table`: read it anew afterwards."""
        cdef int32_t rows, column
        cdef state_t* table
        cdef uint8_t* accepting
        if self.n_made >= self.max_states:
            raise LimitExceeded("max_states", self.max_states, self.n_made + 1, "the constraint, at this point of the text,")
        if self.n_made == self.capacity:
            rows = max(16, self.capacity * 2)
            table = <state_t*>realloc(self.table, <size_t>rows * self.n_classes * sizeof(state_t))
            if table == NULL:
                raise MemoryError()
            self.table = table
            accepting = <uint8_t*>realloc(self.accepting, <size_t>rows)
            if accepting == NULL:
                raise MemoryError()
            self.accepting = accepting
            self.capacity = rows
        table = self.table + <size_t>self.n_made * self.n_classes
        for column in range(self.n_classes):
            table[column] = UNKNOWN_STATE
        self.accepting[self.n_made] = is_accepting
        self.n_made += 1
        return self.n_made - 1

    cdef inline state_t after(self, state_t state, uint8_t byte) except? FAILED_STATE:
        """The state after `byte`: one load if it was asked before.  `state` must not be DEAD."""
        cdef size_t cell = <size_t>state * self.n_classes + self.byte_class[byte]
        cdef state_t found = self.table[cell]
        if found == UNKNOWN_STATE:
            found = self.derive(state, byte)
            self.table[cell] = found
        return found

    @property
    def n_states(self) -> int:
        """States interned so far (a lazy recogniser makes more as it reads)."""
        return self.n_made

    cdef int share_columns(self, list parts) except -1:
        """One column for bytes that no part tells apart."""
        cdef int32_t byte, n_old, n_columns, key
        cdef Recognizer part
        cdef int32_t* columns
        cdef uint8_t[256] shared
        memset(shared, 0, sizeof(shared))
        n_columns = 1
        for part in parts:
            n_old, n_columns = n_columns, 0
            columns = <int32_t*>calloc(<size_t>n_old * part.n_classes, sizeof(int32_t))      # number of the pair + 1, or 0
            if columns == NULL:
                raise MemoryError()
            for byte in range(256):
                key = shared[byte] * part.n_classes + part.byte_class[byte]
                if columns[key] == 0:
                    n_columns += 1
                    columns[key] = n_columns
                shared[byte] = <uint8_t>(columns[key] - 1)
            free(columns)
        memcpy(self.byte_class, shared, 256)
        self.n_classes = n_columns
        return 0

    cpdef bint is_worn(self) except -1:
        """Whether half of the states that it may ever make are made: who begins a new text had better take a new one."""
        return self.n_made > self.max_states // 2

    def _check_state(self, state_t state):
        if not 0 <= state < self.n_made:
            raise ValueError(f"state {state} is not a state of this recogniser (it has {self.n_made:,})")

    def step(self, state_t state, uint8_t byte) -> int:
        """The state after `byte`, or DEAD (-1)."""
        if state == DEAD_STATE:
            return DEAD_STATE
        self._check_state(state)
        return self.after(state, byte)

    def run(self, state_t state, const uint8_t[::1] text) -> int:
        """The state after all of `text`, or DEAD."""
        cdef Py_ssize_t position
        if state == DEAD_STATE:
            return DEAD_STATE
        self._check_state(state)
        for position in range(text.shape[0]):
            state = self.after(state, text[position])
            if state < 0:
                break
        return state

    def is_accepting(self, state_t state) -> bool:
        """Whether the text that led to `state` is a member of the language; False for DEAD."""
        if state == DEAD_STATE:
            return False
        self._check_state(state)
        return bool(self.accepting[state])

    def accepts(self, text) -> bool:
        """Whether `text` (bytes, or str in UTF-8) is a member of the language."""
        if isinstance(text, str):
            text = text.encode("utf-8", "surrogatepass")
        return self.is_accepting(self.run(self.start, text))

    def live_bytes(self, state_t state) -> bytes:
        """The bytes that may follow `state`, ascending."""
        cdef int32_t byte
        if state == DEAD_STATE:
            return b""
        self._check_state(state)
        return bytes([byte for byte in range(256) if self.after(state, <uint8_t>byte) != DEAD_STATE])

    cpdef state_t saturate(self, state_t state, Horizon horizon) except? FAILED_STATE:
        """A state that no text within `horizon` tells apart from `state`; states that share it share masks."""
        return state

    cpdef state_t anonymise(self, state_t state) except? FAILED_STATE:
        """`state` without the text that a Machine may keep in it: the same future, up to tokens in DOUBT."""
        return state

    cdef bint ends_in_doubt(self, state_t state) except -1:
        """Whether a state that masks are made from (saturate) cannot say if the text may end."""
        return False

    cpdef bytes completion(self, state_t state):
        """A shortest text that makes a member of the language after `state`; None if there is none.

        Breadth first over states, so the cost is one step per (state, byte) nearer than the nearest member.
        """
        cdef state_t here, there
        cdef int32_t byte
        if state == DEAD_STATE:
            return None
        self._check_state(state)
        came_from = {state: None}
        queue = [state]
        for here in queue:                       # grows while it is read
            if self.accepting[here]:
                return way_to(here, came_from)
            for byte in range(256):
                there = self.after(here, <uint8_t>byte)
                if there != DEAD_STATE and there not in came_from:
                    came_from[there] = (here, byte)
                    queue.append(there)
        return None

    cdef int32_t only_byte(self, state_t state) except -3:
        """The one byte that may follow `state` (which accepts nothing yet); -1 if there are several, or a member ends here."""
        cdef int32_t byte, only = -1
        if self.accepting[state]:
            return -1
        for byte in range(256):
            if self.after(state, <uint8_t>byte) != DEAD_STATE:
                if only >= 0:
                    return -1
                only = byte
        return only

    cpdef tuple labels(self, state_t state):
        """Which alternatives of a labelled language are complete in `state`; (0,) for a plain one that accepts."""
        return (0,) if self.accepting[state] else ()

    cdef inline int32_t label_set(self, state_t state) except -1:
        """The number of labels(state)."""
        if state < self.n_label_sets and self.label_sets[state] >= 0:
            return self.label_sets[state]
        return self.number_labels(state)

    cdef int32_t number_labels(self, state_t state) except -1:
        cdef int32_t length, number
        cdef int32_t* label_sets
        if state >= self.n_label_sets:
            length = self.capacity
            label_sets = <int32_t*>realloc(self.label_sets, <size_t>length * sizeof(int32_t))
            if label_sets == NULL:
                raise MemoryError()
            for number in range(self.n_label_sets, length):
                label_sets[number] = -1
            self.label_sets, self.n_label_sets = label_sets, length
        self.label_sets[state] = number_of_labels(self.labels(state))
        return self.label_sets[state]

    cdef inline bint ends_at(self, state_t state) except -1:
        """is_final, for a state that is one."""
        cdef uint8_t accepting = self.accepting[state]
        if accepting == ACCEPTS:
            return self.is_final(state)
        return accepting == ACCEPTS_AND_ENDS

    cpdef bint is_final(self, state_t state) except -1:
        """Whether a member ends in `state` and no byte may follow; looked up byte by byte once."""
        cdef int32_t byte
        self._check_state(state)
        if self.accepting[state] == ACCEPTS:
            self.accepting[state] = ACCEPTS_AND_ENDS
            for byte in range(256):
                if self.after(state, <uint8_t>byte) != DEAD_STATE:
                    self.accepting[state] = ACCEPTS_AND_GOES_ON
                    break
        return self.accepting[state] == ACCEPTS_AND_ENDS

    cpdef dict completions(self, state_t state):
        """For every set of labels that can be reached from `state`, a shortest text that reaches it.

        Breadth first over states.  After MAX_COMPLETIONS_STATES of them (a long counted string) the search ends: what was
        found until then, and completion(state), are the answer.
        """
        cdef state_t here, there
        cdef int32_t column
        cdef uint8_t[256] example                # a byte of every class
        found = {}
        if state == DEAD_STATE:
            return found
        self._check_state(state)
        for column in range(256):
            example[self.byte_class[255 - column]] = <uint8_t>(255 - column)
        came_from = {state: None}
        queue = [state]
        for here in queue:                       # grows while it is read
            labels = self.labels(here)
            if labels and labels not in found:
                found[labels] = way_to(here, came_from)
            for column in range(self.n_classes):
                there = self.after(here, example[column])
                if there >= 0 and there not in came_from:
                    if len(queue) >= MAX_COMPLETIONS_STATES:
                        rest = self.completion(state)
                        found.setdefault(self.labels(self.run(state, rest)), rest)
                        return found
                    came_from[there] = (here, example[column])
                    queue.append(there)
        return found


cdef bytes way_to(state_t state, dict came_from):
    """The bytes on the way to `state`; came_from : state -> (the state before, byte), or None at the start."""
    text = bytearray()
    step = came_from[state]
    while step is not None:
        text.append(step[1])
        step = came_from[step[0]]
    text.reverse()
    return bytes(text)
