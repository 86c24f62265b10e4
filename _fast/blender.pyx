# Blender: weighted sums of embeddings, written where a model reads them.  Uses: superpose.h.

cdef extern from "superpose.h" nogil:
    int32_t largest(
        const float* logits, int32_t n_logits, const word_t* allowed, int32_t m, token_t* tokens, float* values
    )
    void weighted_sum(
        const float* table, int64_t size, const token_t* ids, const float* weights, int32_t n, float* out
    )


@cython.final
cdef class Blender:
    """A table of embeddings, and the vectors that the model reads next, one for each row of its batch.

    table   : float32[V, d].      vectors : float32[R, d], written by Drafts.blend.
    The views are kept: taking one anew costs more than the sum itself.
    """
    cdef const float[:, ::1] table
    cdef float[:, ::1] vectors

    def __init__(self, const float[:, ::1] table, float[:, ::1] vectors):
        if table.shape[1] != vectors.shape[1]:
            raise ValueError(f"embeddings of {table.shape[1]} numbers do not fit vectors of {vectors.shape[1]}")
        self.table, self.vectors = table, vectors

    cdef int write(self, Py_ssize_t row, const token_t* ids, const float* weights, int32_t n) except -1:
        cdef int32_t place
        if not 0 <= row < self.vectors.shape[0]:
            raise IndexError(f"row {row} of {self.vectors.shape[0]}")
        for place in range(n):
            if not 0 <= ids[place] < self.table.shape[0]:
                raise IndexError(f"token {ids[place]} is beyond the {self.table.shape[0]} embeddings")
        weighted_sum(&self.table[0, 0], self.table.shape[1], ids, weights, n, &self.vectors[row, 0])
        return 0
