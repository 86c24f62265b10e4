# Llama: one pass of a small Llama over a few tokens that grow as a tree; the loops are in llama.h.  Uses: types.
#
# Every token has one slot of the cache of keys and values, and sees the slots that it is given.  The weights are packed
# once, beside the model's own.  Checked against transformers: tests/models/test_llama_tree.py.

cdef extern from "llama.h":
    enum: HAS_LLAMA, LLAMA_ROWS
    ctypedef struct llama_layer:
        const float *before_attention
        const float *before_inner
        const void *query
        const void *key
        const void *value
        const void *joined
        const void *gate
        const void *up
        const void *down
    ctypedef struct llama:
        int32_t n_layers, n_width, n_heads, n_pairs, n_head, n_inner, n_tokens, halves
        float epsilon
        const float *embedding
        const float *norm
        const void *output
        const float *cosines
        const float *sines
        llama_layer *layers
    size_t llama_room(const llama *model, int32_t n, int32_t n_seen) noexcept nogil
    int llama_reads_halves() noexcept nogil
    void llama_read(const llama *model, float *keys, float *values, int32_t n_slots, const int32_t *tokens,
                    const int32_t *positions, int32_t first, int32_t n, const int32_t *seen, const int32_t *starts,
                    int32_t skipped, float *logits, float *room) noexcept nogil


cdef class Llama:
    """The weights of a Llama, float32.

    tables : name -> float32 array: "embedding" [V, width], "norm" [width], "output" [V, width], "cosines" and "sines"
             [positions, head].
    layers : one dict each: "before_attention", "before_inner" [width]; "query" [heads * head, width]; "key", "value"
             [pairs * head, width]; "joined" [width, heads * head]; "gate", "up" [inner, width]; "down" [width, inner].
    n_heads, n_pairs : heads of queries, and of keys and values.      epsilon : of the norms.
    Raises ValueError for shapes that do not fit, or are no multiples of 16 (of head: of 16, too).
    """
    cdef llama model
    cdef list held                       # arrays whose memory the model points to
    cdef readonly int32_t n_row          # floats of a slot, per layer: of keys, and of values
    cdef readonly int32_t n_layers, n_tokens, n_positions
    cdef readonly bint keeps_halves      # all weights are float16 numbers, and are kept as such
    is_built = bool(HAS_LLAMA)           # False where the compiler has no vector types

    def __cinit__(self):
        self.model.layers = NULL

    def __init__(self, dict tables, list layers, int32_t n_heads, int32_t n_pairs, float epsilon):
        cdef int32_t width, head, inner, number
        cdef llama_layer *one
        if self.model.layers != NULL:
            raise ValueError("a Llama is made once")
        self.held = []
        width, head = tables["norm"].shape[0], tables["cosines"].shape[1]
        inner = layers[0]["gate"].shape[0]
        self.n_layers, self.n_tokens = <int32_t>len(layers), tables["embedding"].shape[0]
        self.n_row, self.n_positions = n_pairs * head, tables["cosines"].shape[0]
        if n_pairs < 1 or n_heads % n_pairs or any(size % LLAMA_ROWS for size in (width, head, inner, self.n_tokens)):
            raise ValueError(
                f"sizes must be multiples of {LLAMA_ROWS}: width {width}, head {head}, inner {inner}, tokens {self.n_tokens}"
            )
        self.model.n_layers, self.model.n_width, self.model.n_inner = self.n_layers, width, inner
        self.model.n_heads, self.model.n_pairs, self.model.n_head = n_heads, n_pairs, head
        self.model.n_tokens, self.model.epsilon = self.n_tokens, epsilon
        matrices = [tables["output"], *(one for layer in layers for one in layer.values() if one.ndim == 2)]
        self.keeps_halves = bool(llama_reads_halves()) and all(is_half(one) for one in matrices)
        self.model.halves = self.keeps_halves
        self.model.embedding = self.hold(tables["embedding"], (self.n_tokens, width))
        self.model.norm = self.hold(tables["norm"], (width,))
        self.model.output = self.pack(tables["output"], self.n_tokens, width)
        self.model.cosines = self.hold(tables["cosines"], (self.n_positions, head))
        self.model.sines = self.hold(tables["sines"], (self.n_positions, head))
        self.model.layers = <llama_layer*>calloc(self.n_layers, sizeof(llama_layer))
        if self.model.layers == NULL:
            raise MemoryError()
        for number in range(self.n_layers):
            one, layer = &self.model.layers[number], layers[number]
            one.before_attention = self.hold(layer["before_attention"], (width,))
            one.query = self.pack(layer["query"], n_heads * head, width)
            one.key = self.pack(layer["key"], self.n_row, width)
            one.value = self.pack(layer["value"], self.n_row, width)
            one.joined = self.pack(layer["joined"], width, n_heads * head)
            one.before_inner = self.hold(layer["before_inner"], (width,))
            one.gate = self.pack(layer["gate"], inner, width)
            one.up = self.pack(layer["up"], inner, width)
            one.down = self.pack(layer["down"], width, inner)

    def __dealloc__(self):
        free(self.model.layers)

    cdef const float* hold(self, array, tuple shape) except NULL:
        """A pointer to an array that is kept as long as this."""
        if array.shape != shape:
            raise ValueError(f"an array of shape {shape} is needed, not {array.shape}")
        cdef const float[::1] flat = np.ascontiguousarray(array, np.float32).reshape(-1)
        self.held.append(flat)
        return &flat[0]

    cdef const void* pack(self, array, int32_t n_out, int32_t n_in) except NULL:
        """The same for a matrix, packed."""
        if array.shape != (n_out, n_in):
            raise ValueError(f"an array of shape {(n_out, n_in)} is needed, not {array.shape}")
        if n_out % LLAMA_ROWS:
            raise ValueError(f"{n_out} outputs are no multiple of {LLAMA_ROWS}")
        array = np.asarray(array, np.float16 if self.keeps_halves else np.float32)
        array = np.ascontiguousarray(array.reshape(-1, LLAMA_ROWS, n_in).transpose(0, 2, 1))
        cdef const uint8_t[::1] packed = array.reshape(-1).view(np.uint8)
        self.held.append(packed)
        return &packed[0]

    def read(self, float[:, :, ::1] keys, float[:, :, ::1] values, const int32_t[::1] tokens,
             const int32_t[::1] positions, int32_t first, const int32_t[::1] seen, const int32_t[::1] starts,
             int32_t n_wanted):
        """Read n tokens into the slots from `first` on; the logits after the last n_wanted, float32[n_wanted, V].

        keys, values : float32[layers, slots, pairs * head], written to.      tokens, positions : int32[n].
        seen, starts : int32; the slots that token t sees, itself included, are seen[starts[t] : starts[t + 1]].
        """
        cdef int32_t n = <int32_t>tokens.shape[0], n_slots = <int32_t>keys.shape[1], t, most = 1
        if (keys.shape[0] != self.n_layers or keys.shape[2] != self.n_row or values.shape[0] != self.n_layers
                or values.shape[1] != n_slots or values.shape[2] != self.n_row):
            raise ValueError(f"keys and values are [{self.n_layers}, slots, {self.n_row}]")
        if not 1 <= n_wanted <= n or positions.shape[0] != n or starts.shape[0] != n + 1 or first < 0:
            raise ValueError(f"{n} tokens need as many positions, {n + 1} starts, and 1 to {n} wanted rows")
        if first + n > n_slots or starts[n] > seen.shape[0]:
            raise ValueError(f"slots {first} to {first + n} do not fit into {n_slots}")
        for t in range(n):
            if not 0 <= tokens[t] < self.n_tokens or not 0 <= positions[t] < self.n_positions:
                raise ValueError(f"token {tokens[t]} at position {positions[t]} is outside the model")
            if not 0 <= starts[t] < starts[t + 1]:
                raise ValueError(f"token {t} sees nothing")
            most = max(most, starts[t + 1] - starts[t])
        for t in range(starts[n]):
            if not 0 <= seen[t] < first + n:
                raise ValueError(f"slot {seen[t]} holds nothing")
        logits = np.empty((n_wanted, self.n_tokens), np.float32)
        cdef float[:, ::1] out = logits
        cdef float[::1] room = np.empty(llama_room(&self.model, n, most), np.float32)
        with nogil:
            llama_read(&self.model, &keys[0, 0, 0], &values[0, 0, 0], n_slots, &tokens[0], &positions[0], first, n,
                       &seen[0], &starts[0], n - n_wanted, &out[0, 0], &room[0])
        return logits


def is_half(array):
    """Whether float16 holds every number of an array exactly."""
    with np.errstate(over="ignore"):
        return np.array_equal(array.astype(np.float16).astype(np.float32), array)
