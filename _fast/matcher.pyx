# Matcher: one text in the making.  Uses: Index.
#
# Everything that changes is a stack of states and tokens: rollback pops, fork copies.

cdef word_t* mask_words(const Py_buffer* view, int32_t n_words) except NULL:
    """The words of a buffer that a mask is to be written to."""
    if view.ndim != 1 or view.itemsize != sizeof(word_t) or view.format == NULL or view.format[0] not in b"IL":
        raise ValueError("`out` must be uint32 of one dimension, contiguous in memory")
    if view.shape[0] != n_words:
        raise ValueError(wrong_length(n_words, view.shape[0]))
    return <word_t*>view.buf


cdef class Matcher:
    """A position in a text, over an Index.

    index : from index_of.      Laws (tests/laws): mask()[t] == allows(t) == (advance(t) succeeds); rollback(n) undoes n
    advances exactly; forks are independent; two token paths with the same bytes reach the same state.
    """
    cdef readonly Index index
    cdef readonly list tokens            # the tokens read, EOS included
    cdef list states                     # len(tokens) + 1 states; states[0] is the index's start
    cdef state_t here                    # states[-1]

    def __init__(self, Index index):
        self.index = index
        self.here = index.start
        self.states, self.tokens = [self.here], []

    def mask(self, out=None):
        """The tokens that may come next.

        out : uint32[n_words], written in place and returned; a new array if None.  Bit t % 32 of word t // 32 is token
        t; all zeros once the text is finished by EOS.
        """
        cdef Py_buffer view
        if out is None:
            out = np.empty(self.index.n_words, np.uint32)
        PyObject_GetBuffer(out, &view, PyBUF_WRITABLE | PyBUF_FORMAT | PyBUF_C_CONTIGUOUS)  # a memoryview costs 0.2 us more
        try:
            self.index.write(self.here, mask_words(&view, self.index.n_words))
        finally:
            PyBuffer_Release(&view)
        return out

    def mask_within(self, int32_t budget, out=None):
        """mask(), less the tokens after which the text could not be finished within `budget` tokens from here.

        EOS is not counted.  If tokens_to_finish() <= budget, some token (or EOS) is always left.
        """
        if out is None:
            out = np.empty(self.index.n_words, np.uint32)
        self.index.mask_within(self.here, budget, out)
        return out

    def tokens_to_finish(self) -> int:
        """Tokens that surely suffice to finish the text from here, EOS not counted; >= 2**30 if none can."""
        return self.index.finish_of(self.here)

    def allows(self, token_t token) -> bool:
        """Whether the token may come next."""
        return self.index.after_token(self.here, token) != DEAD_STATE

    def advance(self, token_t token) -> None:
        """Read one token.  Raises TokenRejected, and changes nothing, if it is not allowed."""
        cdef state_t after = self.index.after_token(self.here, token)
        if after == DEAD_STATE:
            raise self._rejection(token)
        self.tokens.append(token)
        self.states.append(after)
        self.here = after

    def _rejection(self, token):
        vocab = self.index.vocab
        if not 0 <= token < vocab.size:
            return TokenRejected(f"token {token} is not in this vocabulary of {vocab.size:,} ids", token)
        spelled = vocab.trie.token_bytes(token)
        if self.here == FINISHED_STATE:
            return TokenRejected(f"token {token} {spelled!r} comes after the end: EOS has been read", token, spelled)
        n_allowed = sum(int(word).bit_count() for word in self.mask())
        tail = self.text[max(0, len(self.text) - 40):]
        what = f"token {token} {spelled!r}" if spelled else f"token {token} (never text{', EOS' if token in vocab.eos_ids else ''})"
        return TokenRejected(
            f"{what} cannot follow {tail!r}; allowed here: {n_allowed:,} of {vocab.size:,} tokens", token, spelled
        )

    def begin_after(self, prompt, const uint8_t[::1] text=b"") -> None:
        """Say what is before the tokens to come: the prompt, and a beginning of the text; before advance.

        prompt : tokens, for constraints that look at tokens (guided.canonical).
        text   : bytes of the text that are written already.
        Raises ValueError if tokens were written, TokenRejected (and changes nothing) if no text begins so.
        """
        cdef state_t state
        if self.tokens:
            raise ValueError(f"{len(self.tokens)} tokens are written already: what is before them cannot change")
        state = self.index.skip(self.index.start_after(prompt), text)
        if state < 0:
            raise TokenRejected(f"no text of this constraint begins with {bytes(text)[:40]!r}", -1, bytes(text))
        self.here = self.states[0] = state

    def rollback(self, int32_t n) -> None:
        """Take back the last n tokens.  Raises ValueError if there are fewer, or n is negative."""
        if not 0 <= n <= len(self.tokens):
            raise ValueError(f"cannot roll back {n} tokens of {len(self.tokens)}")
        if n:
            del self.tokens[len(self.tokens) - n:]
            del self.states[len(self.states) - n:]
            self.here = self.states[len(self.states) - 1]

    def forced(self) -> bytes:
        """The longest text that every way to finish starts with; b"" where there is a choice, or the text may end."""
        cdef state_t state = self.index.language_state(self.here)
        cdef int32_t byte
        text = bytearray()
        while state >= 0:
            byte = self.index.recognizer.only_byte(state)
            if byte < 0:
                break
            text.append(byte)
            state = self.index.recognizer.after(state, <uint8_t>byte)
        return bytes(text)

    def fork(self) -> Matcher:
        """An independent matcher at the same position."""
        cdef Matcher other = Matcher.__new__(type(self))
        other.index, other.here = self.index, self.here
        other.states, other.tokens = self.states.copy(), self.tokens.copy()
        return other

    @property
    def state(self) -> int:
        """The state: two matchers of one index with the same state have the same future."""
        return self.here

    @property
    def n_tokens(self) -> int:
        """Tokens read, EOS included."""
        return len(self.tokens)

    @property
    def text(self) -> bytes:
        """The bytes read."""
        trie = self.index.vocab.trie
        return b"".join([trie.token_bytes(token) for token in self.tokens])

    @property
    def is_accepting(self) -> bool:
        """Whether the text may end here, or has ended."""
        return self.index.is_accepting(self.here)

    @property
    def is_finished(self) -> bool:
        """EOS was read, or the text is complete and nothing can follow it."""
        return self.index.is_final(self.here)


def fill_masks(list matchers, word_t[:, ::1] out) -> None:
    """The masks of many matchers; masks that exist already are copied without the GIL.

    out : uint32[len(matchers), n_words], written in place.      Raises ValueError if the shape does not fit.
    """
    cdef Matcher matcher
    cdef Index index
    cdef int32_t row, number, n_rows = <int32_t>len(matchers), n_words
    cdef size_t row_bytes
    cdef const word_t** sources
    if out.shape[0] != n_rows:
        raise ValueError(f"{n_rows} matchers need {n_rows} rows, `out` has {out.shape[0]}")
    if n_rows == 0:
        return
    n_words = <int32_t>out.shape[1]
    row_bytes = <size_t>n_words * sizeof(word_t)
    sources = <const word_t**>malloc(<size_t>n_rows * sizeof(word_t*))
    if sources == NULL:
        raise MemoryError()
    pinned = []
    try:
        for row in range(n_rows):
            matcher = matchers[row]
            index = matcher.index
            if index.n_words != n_words:
                raise ValueError(f"the masks of matcher {row} have {index.n_words:,} words, `out` has {n_words:,}")
            index.rows.pins += 1                   # rows made for later matchers must not drop this one
            pinned.append(index)
            sources[row] = NULL                    # for what is written at once: few words, or none
            number = NO_ROW if matcher.here < 0 else index.row(matcher.here)
            if number == NO_ROW:
                memset(&out[row, 0], 0, row_bytes)
            elif index.rows.is_listed(number):
                index.rows.copy_to(number, &out[row, 0])
            else:
                sources[row] = index.rows.at(number)
        with nogil:
            for row in range(n_rows):
                if sources[row] != NULL:
                    memcpy(&out[row, 0], sources[row], row_bytes)
    finally:
        for index in pinned:
            index.rows.pins -= 1
        free(sources)


def mask_logits(float[:, ::1] logits, const word_t[:, ::1] masks) -> None:
    """Set logits[i, t] to -inf wherever bit t of masks[i] is 0, and in the columns beyond the mask.

    logits : float32[B, V'], in place.      masks : uint32[B, n_words]; V' may exceed 32 * n_words.
    """
    cdef Py_ssize_t row, word, bit, first, n_columns = logits.shape[1], n_words = masks.shape[1]
    cdef word_t bits
    cdef word_t[32] places                # 1 << bit: a shift by a variable keeps compilers from taking several at once
    cdef float* line
    for bit in range(32):
        places[bit] = <word_t>1 << bit
    if masks.shape[0] != logits.shape[0]:
        raise ValueError(f"{logits.shape[0]} rows of logits, {masks.shape[0]} masks")
    with nogil:
        for row in range(logits.shape[0]):
            line = &logits[row, 0]
            for word in range((n_columns + 31) // 32):
                bits = masks[row, word] if word < n_words else 0
                if <word_t>~bits == 0:
                    continue
                first = word * 32
                if first + 32 <= n_columns:
                    for bit in range(32):
                        line[first + bit] = line[first + bit] if bits & places[bit] else <float>-INFINITY
                    continue
                for bit in range(n_columns - first):
                    if not bits & places[bit]:
                        line[first + bit] = -INFINITY
