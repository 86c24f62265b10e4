"""Schemas from the field with instances that are known to be valid or not: no verdict may be wrong."""

from __future__ import annotations

import json

import pytest

from guided.constraints.json_schema import json_schema
from guided.errors import LimitExceeded, UnsupportedSchema
from tests.schema.writing import assert_every_prefix_lives, dumps


def cases(folder, start, step):
    for path in sorted((folder / "maskbench-dev").glob("*.json"))[start::step]:
        yield path.name, json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.data
@pytest.mark.parametrize("part", range(6))
def test_no_wrong_verdict_in_any_order(shared_data, part):
    n_compiled = n_files = 0
    for name, case in cases(shared_data, part, 6):
        n_files += 1
        try:
            machine = json_schema(case["schema"], order="any").recognizer()
        except (UnsupportedSchema, LimitExceeded):
            continue
        n_compiled += 1
        for test in case["tests"]:
            assert machine.accepts(dumps(test["data"])) == test["valid"], (name, test)
    assert n_compiled > 0.7 * n_files


@pytest.mark.data
def test_in_schema_order_nothing_invalid_is_accepted_and_no_prefix_is_a_dead_end(shared_data):
    n_accepted = 0
    for name, case in cases(shared_data, 0, 8):
        try:
            machine = json_schema(case["schema"]).recognizer()
        except (UnsupportedSchema, LimitExceeded):
            continue
        for test in case["tests"]:
            text = dumps(test["data"])
            if machine.accepts(text):
                assert test["valid"], (name, test)
                n_accepted += 1
                if len(text) < 300:
                    assert_every_prefix_lives(machine, text.encode())
    assert n_accepted > 20
