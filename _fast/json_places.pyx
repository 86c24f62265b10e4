# Places in a JSON document as small numbers, and the labels of its lexemes: what PlainContexts is made of.  Uses: places.


cdef enum:                        # kinds of contexts
    VALUE_NEXT = 0                # about: a link
    KEY_NEXT = 1                  # about: a frame
    FREE_KEY_NEXT = 2             # about: a frame
    COLON_NEXT = 3                # about: a link
    AFTER_VALUE = 4               # about: a frame
    NOTHING_NEXT = 5
    WITHIN = 6                    # about: a context of the front's; link: that of the value which the front reads

cdef enum:                        # where a link returns to after its value
    TO_END = 0
    TO_FRAME = 1                  # back: a frame
    TO_FRONT = 2                  # back: a context of the front's, a value's place; outer: the link around it

cdef struct Context:
    int32_t kind
    int32_t about
    int32_t link

cdef struct Link:                 # what is asked of a value, and what comes after it
    int32_t goal
    int32_t way
    int32_t back
    int32_t outer

cdef struct FrontContext:
    uint8_t is_known
    int32_t goal                  # of a value's place that asks for this goal and nothing else; DEAD for other contexts
    uint8_t is_end                # after the value
    uint8_t has_facts
    void* lexer
    uint8_t captures
    int32_t fallback
    int32_t finished              # a value's place: the front's context after it, NOT_ASKED_YET

cdef enum:                        # labels of lexemes, as in guided/schema/lexers.py (a test holds that they agree)
    LABEL_TRUE = 1
    LABEL_FALSE = 2
    LABEL_OPEN_OBJECT = 3
    LABEL_EMPTY_OBJECT = 4
    LABEL_OPEN_ARRAY = 5
    LABEL_EMPTY_ARRAY = 6
    LABEL_CLOSE = 8
    LABEL_NEW_KEY = 10
    LABEL_STRING = 1_000_000
    LABEL_NUMBER = 2_000_000
    LABEL_KEY = 3_000_000
    LABEL_TEST = 4_000_000


cdef struct LabelSet:
    int32_t first, last              # the least and the greatest label; DEAD for none
    int32_t n
    int32_t name                     # the number of a declared name, -1 if there is none

cdef LabelSet* _LABELS_READ = NULL
cdef int32_t _n_labels_read = 0, _labels_capacity = 0


cdef LabelSet read_labels(int32_t number) except *:
    """What the contexts want to know of a set of labels (places.pyx)."""
    global _LABELS_READ, _n_labels_read
    cdef LabelSet found
    while _n_labels_read <= number:
        labels = _LABEL_SETS[_n_labels_read]
        found.n, found.name = <int32_t>len(labels), -1
        found.first, found.last = (labels[0], labels[found.n - 1]) if labels else (DEAD_STATE, DEAD_STATE)
        for label in reversed(labels):
            if LABEL_KEY <= label < LABEL_TEST:
                found.name = label - LABEL_KEY
        _LABELS_READ = <LabelSet*>grow(_LABELS_READ, _n_labels_read + 1, &_labels_capacity, sizeof(LabelSet))
        _LABELS_READ[_n_labels_read] = found
        _n_labels_read += 1
    return _LABELS_READ[number]
