"""apply_mask: the compiled loop and torch's way give what bit by bit gives, at any width."""

import numpy as np
import pytest
import torch

from guided.integrations.masks import apply_mask


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
@pytest.mark.parametrize(("n_columns", "n_words"), [(64, 2), (70, 3), (31, 1), (33, 2), (100, 2), (1, 1)])
def test_masked_logits_are_those_of_a_loop_over_bits(dtype, n_columns, n_words):
    rng = np.random.default_rng(n_columns)
    masks = rng.integers(0, 2**32, (5, n_words), dtype=np.uint32)
    masks[0], masks[1] = 0, 0xFFFFFFFF
    logits = torch.randn(5, n_columns, dtype=dtype)
    wanted = logits.clone()
    for row in range(5):
        for column in range(n_columns):
            word = int(masks[row, column // 32]) if column < 32 * n_words else 0
            if not word >> column % 32 & 1:
                wanted[row, column] = float("-inf")
    assert torch.equal(apply_mask(logits, masks), wanted)


def test_one_mask_serves_all_rows_and_other_numbers_of_rows_are_refused():
    logits = torch.zeros(3, 40)
    apply_mask(logits, np.array([[1, 0]], np.uint32))
    assert torch.isfinite(logits).sum(1).tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="do not fit"):
        apply_mask(logits, np.zeros((2, 2), np.uint32))
