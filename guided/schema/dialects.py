"""The five drafts, and what `$schema` says: which one, and whether its vocabularies assert anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from guided.errors import UnsupportedSchema


class Dialect(NamedTuple):
    """rank : 4, 6, 7, 8 (2019-09) or 9 (2020-12).    asserts : the validation vocabulary is in force.

    formats : `format` is an assertion by the metaschema itself.
    """

    rank: int
    asserts: bool = True
    formats: bool = False

    @property
    def id_keyword(self) -> str:
        """`$id`, or what it was called."""
        return "$id" if self.rank > 4 else "id"


NEWEST = Dialect(9)
_RANKS = {"draft-04": 4, "draft-06": 6, "draft-07": 7, "2019-09": 8, "2020-12": 9}
_NAMES = {4: "DRAFT4", 6: "DRAFT6", 7: "DRAFT7", 8: "DRAFT201909", 9: "DRAFT202012"}


def specification(dialect: Dialect) -> Any:
    """The dialect in `referencing`."""
    import attrs
    import referencing.jsonschema as specifications

    found = getattr(specifications, _NAMES[dialect.rank])
    if dialect.rank == 4:  # its booleans (additionalProperties: false) are asked for their id as well
        own = specifications.DRAFT4
        found = attrs.evolve(
            found,
            id_of=lambda raw: own.id_of(raw) if isinstance(raw, dict) else None,
            subresources_of=lambda raw: (part for part in own.subresources_of(raw) if isinstance(part, dict)),
        )
    return found


def dialect_of(raw: Any, default: Dialect, pointer: str, registry: Mapping[str, Any]) -> Dialect:
    """The dialect that `$schema` names; `default` if it is silent.  Custom metaschemas come from the registry."""
    address = raw.get("$schema") if isinstance(raw, dict) else None
    if address is None:
        return default
    if isinstance(address, str):
        if "json-schema.org/" in address:
            for part, rank in _RANKS.items():
                if part in address:
                    return Dialect(rank)
            if address.rstrip("#").endswith("json-schema.org/schema"):
                return default
        custom = registry.get(address, registry.get(address.rstrip("#")))
        if isinstance(custom, dict) and custom.get("$schema") != address:
            base = dialect_of(custom, default, f"{pointer}/$schema", registry)
            words = custom.get("$vocabulary")
            if not isinstance(words, dict) or base.rank < 8:
                return base
            asserts = any(word.endswith("/vocab/validation") for word in words)
            return base._replace(asserts=asserts, formats=any(word.endswith("/format-assertion") for word in words))
        for part, rank in _RANKS.items():
            if part in address:
                return Dialect(rank)
    text = repr(address)
    raise UnsupportedSchema(
        f"the dialect {text if len(text) <= 60 else text[:57] + '...'} is not known",
        f"{pointer}/$schema",
        "drafts 4, 6, 7, 2019-09 and 2020-12 are; give a metaschema of your own in registry={uri: schema}",
    )
