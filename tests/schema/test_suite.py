"""The official test suite: what compiles accepts nothing invalid, and refuses a valid instance only over spelling."""

from __future__ import annotations

import json

import pytest

from guided.constraints.json_schema import json_schema
from guided.errors import ConstraintError, UnsupportedSchema
from tests.schema.writing import dumps

DRAFTS = {  # folder -> (metaschema, schemas that must compile, measured)
    "draft2020-12": ("https://json-schema.org/draft/2020-12/schema", 170),
    "draft2019-09": ("https://json-schema.org/draft/2019-09/schema", 170),
    "draft7": ("http://json-schema.org/draft-07/schema#", 150),
    "draft6": ("http://json-schema.org/draft-06/schema#", 140),
    "draft4": ("http://json-schema.org/draft-04/schema#", 100),
}


def is_spelled_otherwise(schema, instance) -> bool:
    """Whole floats where an integer, an enum or a const is asked for: 1.0 for 1."""
    return ".0" in dumps(instance) or ".0" in dumps(schema)


@pytest.mark.data
@pytest.mark.parametrize("draft", DRAFTS)
def test_the_suite(shared_data, draft):
    metaschema, least = DRAFTS[draft]
    folder = shared_data / "json-schema-test-suite"
    remotes = {}
    for path in sorted((folder / "remotes").rglob("*.json")):
        name = path.relative_to(folder / "remotes").as_posix()
        if not name.startswith(("draft", "v1")) or name.startswith(draft):
            remotes[f"http://localhost:1234/{name}"] = json.loads(path.read_text(encoding="utf-8"))
    n_compiled = 0
    for path in sorted((folder / "tests" / draft).glob("*.json")):
        for case in json.loads(path.read_text(encoding="utf-8")):
            schema, tests = case["schema"], case["tests"]
            if path.name == "vocabulary.json":  # custom metaschemas come with the rest of the standard
                continue
            if isinstance(schema, dict):
                schema = {"$schema": metaschema, **schema}
            try:
                machine = json_schema(schema, order="any", formats="annotate", registry=remotes).recognizer()
            except UnsupportedSchema as error:
                assert str(error)
                continue
            except ConstraintError:
                assert not any(test["valid"] for test in tests), (path.name, case["description"])
                continue
            n_compiled += 1
            for test in tests:
                accepted = machine.accepts(dumps(test["data"]))
                about = (path.name, case["description"], test["description"])
                if test["valid"] and is_spelled_otherwise(schema, test["data"]):
                    continue
                assert accepted == test["valid"], about
    assert n_compiled > least
