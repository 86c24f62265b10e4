"""The official test suite, required tests: every schema compiles, every verdict is right.

Instances are written by json.dumps, which spells some integers as floats (1.0).
"""

from __future__ import annotations

import json

import pytest

from guided.constraints.json_schema import json_schema
from guided.errors import ConstraintError, UnsupportedSchema
from tests.schema.writing import dumps

DRAFTS = {  # folder -> (metaschema, tests)
    "draft2020-12": ("https://json-schema.org/draft/2020-12/schema", 1299),
    "draft2019-09": ("https://json-schema.org/draft/2019-09/schema", 1259),
    "draft7": ("http://json-schema.org/draft-07/schema#", 927),
    "draft6": ("http://json-schema.org/draft-06/schema#", 839),
    "draft4": ("http://json-schema.org/draft-04/schema#", 618),
}


def remotes_of(folder):
    """The documents that the suite serves at http://localhost:1234/."""
    return {
        f"http://localhost:1234/{path.relative_to(folder).as_posix()}": json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.json"))
    }


def check_suite(shared_data, draft, wanted):
    """(tests, wrong verdicts) of the cases for which wanted(number of the case)."""
    metaschema, _ = DRAFTS[draft]
    folder = shared_data / "json-schema-test-suite"
    remotes, n_tests, wrong, number = remotes_of(folder / "remotes"), 0, [], 0
    for path in sorted((folder / "tests" / draft).glob("*.json")):
        for case in json.loads(path.read_text(encoding="utf-8")):
            schema, tests, number = case["schema"], case["tests"], number + 1
            if not wanted(number):
                continue
            if isinstance(schema, dict):
                schema = {"$schema": metaschema, **schema}
            n_tests += len(tests)
            about = (path.name, case["description"])
            try:
                machine = json_schema(schema, order="any", formats="annotate", registry=remotes).recognizer()
            except UnsupportedSchema as error:
                wrong.append((*about, str(error)))
                continue
            except ConstraintError:  # no value fits
                wrong += [(*about, test["description"]) for test in tests if test["valid"]]
                continue
            for test in tests:
                if machine.accepts(dumps(test["data"])) != test["valid"]:
                    wrong.append((*about, test["description"]))
    return n_tests, wrong


@pytest.mark.data
@pytest.mark.parametrize("draft", DRAFTS)
def test_a_sample_of_the_suite(shared_data, draft):
    n_tests, wrong = check_suite(shared_data, draft, lambda number: number % 12 == 5)
    assert n_tests > 40
    assert not wrong


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("draft", DRAFTS)
def test_the_suite(shared_data, draft):
    n_tests, wrong = check_suite(shared_data, draft, lambda number: True)
    assert n_tests == DRAFTS[draft][1]
    assert not wrong
