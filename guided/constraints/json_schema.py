"""guided.json_schema: texts that are JSON and fit a schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

from guided import _fast
from guided.automata.compile import compile_dfa
from guided.constraints.base import Constraint
from guided.errors import ConstraintError
from guided.limits import DEFAULT_LIMITS, Limits
from guided.schema.contexts import JsonContexts
from guided.schema.document import Document, Options, load
from guided.schema.plain import Front
from guided.schema.trees import looks_around


def json_schema(
    schema: Any,
    *,
    order: Literal["schema", "any"] = "schema",
    whitespace: str = "flexible",
    on_unsupported: Literal["error", "ignore"] = "error",
    formats: Literal["assert", "annotate"] = "assert",
    numbers: Literal["json", "any"] = "json",
    escapes: Literal["shortest", "any"] = "shortest",
    registry: Mapping[str, Any] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Constraint:
    """JSON texts that are valid under `schema`: a dict, a boolean, JSON text, or a Python type.

    A type (pydantic model, dataclass, TypedDict, Literal, Enum, Union, list[...], function) becomes its schema through
    pydantic, and `parse` then returns an instance (see constraints/types.py).

    order          : "schema": declared properties in the order of the schema, then others; "any": in any order.
    whitespace     : "flexible": up to 32 JSON white space characters between lexemes; "compact": none; else a regular
                     expression of what may stand there.  None before and after the document.
    on_unsupported : "error": UnsupportedSchema, with a pointer; "ignore": enforce the rest, and list it in explain().
    formats        : "assert": `format` is enforced; "annotate": it is not.
    numbers        : "json": numbers as json.dumps writes them (see schema/numbers.py).
    escapes        : "shortest": keys, enums and patterned strings in their shortest spelling; free strings in any.
    registry       : documents for remote references, by URI; nothing is fetched.

    Raises UnsupportedSchema for what is malformed or not supported (docs/json_schema.md), ConstraintError if no value
    fits, LimitExceeded for what is too large; all here, not while writing.
    """
    _check("order", order, ("schema", "any"))
    _check("on_unsupported", on_unsupported, ("error", "ignore"))
    _check("formats", formats, ("assert", "annotate"))
    _check("numbers", numbers, ("json", "any"))
    _check("escapes", escapes, ("shortest", "any"))
    if not isinstance(whitespace, str):
        raise ConstraintError("whitespace is 'flexible', 'compact' or a regular expression")
    parse: Callable[[str], Any] = json.loads
    name = "json_schema(...)"
    if schema is not None and not isinstance(schema, (dict, bool, str, bytes)):
        from guided.constraints.types import schema_of

        described = schema_of(schema)
        name, schema, parse = f"json_schema({described.name})", described.schema, described.parse
    bare = parse is not json.loads and numbers == "json"  # a reader of ints may not take 1.0 for one
    options = Options(ignore=on_unsupported == "ignore", assert_formats=formats == "assert", limits=limits)
    document = load(schema, options, registry)
    in_order = order == "schema"

    def begin() -> tuple[JsonContexts, _fast.PlainContexts]:
        contexts = JsonContexts(
            document, in_order=in_order, whitespace=whitespace, numbers=numbers, bare=bare, escapes=escapes
        )
        return contexts, _fast.PlainContexts(Front(contexts), limits.max_states)

    contexts, plain = begin()
    check(document, contexts)

    def build() -> _fast.Machine:
        nonlocal contexts, plain
        if contexts.is_worn():
            contexts, plain = begin()
        return _fast.Machine(plain, limits.max_states)

    settings = {"order": order, "whitespace": whitespace, "formats": formats, "numbers": numbers, "escapes": escapes}
    return Constraint(
        name,
        build,
        parse=parse,
        value_kind="json",
        explain=lambda: report(document, contexts, plain, settings),
        limits=limits,
        approximate=lambda: contexts.is_approximate,
    )


def _check(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConstraintError(f"{name}={value!r} is not supported; it is one of {', '.join(map(repr, allowed))}")


def check(document: Document, contexts: JsonContexts) -> None:
    """Find now what would else be found while writing: patterns that look around and take too large an automaton."""
    for number, node in enumerate(document.nodes):
        if any(looks_around(tree) for _, tree in node.texts):
            contexts.prepare(number)
    for tree in document.patterns.values():
        if looks_around(tree):
            compile_dfa(contexts.scalars.spelling.quoted(tree), limits=contexts.limits)


def report(
    document: Document, contexts: JsonContexts, plain: _fast.PlainContexts, settings: dict[str, str]
) -> dict[str, Any]:
    """What explain() says: where each keyword is enforced, what is not, and how large the machine is so far."""
    return {
        "settings": settings,
        "enforced": {node.pointer or "/": words for node in document.nodes if (words := node.keywords())},
        "ignored": [{"pointer": pointer, "reason": reason} for pointer, reason in document.ignored],
        "annotations": [{"pointer": pointer, "what": what} for pointer, what in document.annotations],
        "approximations": [
            "numbers have at most 20 digits before and 20 after the point",
            *(
                [
                    "exponents only where repr(float) has them",
                    *(["integers are written as 1, not as 1.0"] if contexts.scalars.numbers.integers_are_bare else []),
                ]
                if settings["numbers"] == "json"
                else ["exponents from -10 to 10"]
            ),
            *(
                ["enum, const, keys and patterned strings are written in their shortest spelling"]
                if settings["escapes"] == "shortest"
                else []
            ),
        ],
        "approximate": contexts.is_approximate,
        "sub_schemas": len(document.nodes),
        "contexts_so_far": plain.n_contexts,
        "frames_so_far": plain.n_frames + len(contexts.frames.frames),
    }
