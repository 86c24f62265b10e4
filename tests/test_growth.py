"""The growth benchmark: its exponents, and that every document it writes is a member of its schema."""

import json

import pytest

import guided
from benchmarks.growth import AXES, exponent


def test_exponents_are_slopes_on_logarithmic_axes():
    assert exponent([1, 2, 4, 8], [3, 6, 12, 24]) == pytest.approx(1)
    assert exponent([10, 20, 40, 80], [5, 5, 5, 5]) == pytest.approx(0)
    assert exponent([1, 2, 4, 8], [1, 4, 16, 64]) == pytest.approx(2)


@pytest.mark.parametrize("axis", AXES)
def test_documents_are_members_of_their_schemas(axis):
    make, smallest = AXES[axis]
    for size in (smallest, 2 * smallest):
        point = make(size)
        assert guided.json_schema(point.schema, order="any").accepts(json.dumps(point.document))
