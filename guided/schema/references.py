"""`$ref`, `$dynamicRef`, `$recursiveRef`: which sub-schema a reference means, seen from a place.

A dynamic reference means the outermost resource on the way here that has its anchor.  All of the way that can be
observed is kept with every place, as `scope`: dynamic anchor -> resource.  So dynamic references are settled while a
schema is read; a sub-schema that is reached in two scopes is two nodes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from guided.errors import UnsupportedSchema
from guided.schema.dialects import Dialect, dialect_of, specification

if TYPE_CHECKING:
    from guided.schema.document import Place

RECURSIVE = ""  # the name in a scope of `$recursiveAnchor: true`
Scope = tuple[tuple[str, str], ...]  # (dynamic anchor, address of its resource), sorted


class References:
    """The resources of one document and of its registry."""

    def __init__(self, raw: Any, dialect: Dialect, registry: dict[str, Any], *, has_ids: bool) -> None:
        """has_ids : some sub-schema may have an `$id` or an anchor; else pointers are followed without a registry."""
        self.raw, self.dialect, self.has_ids = raw, dialect, has_ids
        self._others = registry
        self._root: Any = None
        self._anchors: dict[str, tuple[str, ...]] = {}
        self._resolvers: dict[str, Any] = {}

    @property
    def root(self) -> Any:
        """The resolver at the root, made when first needed."""
        if self._root is None:
            from jsonschema_specifications import REGISTRY

            own = specification(self.dialect)
            resources: Any = REGISTRY
            for uri, contents in self._others.items():
                try:
                    other = specification(dialect_of(contents, self.dialect, uri, self._others))
                except UnsupportedSchema:  # an error only where a reference leads into it
                    other = own
                resources = resources.with_resource(uri, other.create_resource(contents))
            base = own.id_of(self.raw) or ""
            resources = resources.with_resource(base, own.create_resource(self.raw)).crawl()
            self._root = resources.resolver(base_uri=base)
        return self._root

    def entered(self, place: Place) -> Place:
        """`place` with the resolver and scope that hold inside it, should it have an `$id` of its own."""
        resolver = place.resolver
        if resolver is None:
            if not self.has_ids:
                return place
            resolver = self.root
        elif not place.is_entered and isinstance(place.raw.get(place.dialect.id_keyword), str):
            resolver = resolver.in_subresource(specification(place.dialect).create_resource(place.raw))
        return replace(place, resolver=resolver, scope=self._within(place.scope, resolver), is_entered=True)

    def _within(self, scope: Scope, resolver: Any) -> Scope:
        """`scope` after entering the resource of `resolver`; what it has already is further out and stays."""
        uri = resolver._base_uri
        names = self._anchors.get(uri)
        if names is None:
            names = self._anchors[uri] = dynamic_anchors(resolver.lookup("").contents)
            self._resolvers[uri] = resolver
        fresh = [name for name in names if all(name != known for known, _ in scope)]
        return tuple(sorted([*scope, *((name, uri) for name in fresh)])) if fresh else scope

    def follow(self, place: Place, keyword: str, target: str) -> tuple[Any, Any, Scope, Dialect]:
        """(raw schema, resolver, scope, dialect) that the reference means.  Raises LookupError if it leads nowhere."""
        if place.resolver is None:
            if target == "#":
                return self.raw, None, place.scope, place.dialect
            if target.startswith("#/") and "%" not in target:
                return point(self.raw, target[1:]), None, place.scope, place.dialect
        import referencing.exceptions

        resolver = self.root if place.resolver is None else place.resolver
        fresh = resolver._registry.resolver(base_uri=resolver._base_uri)  # without the way here: plain references
        try:
            found = fresh.lookup(target)
            if keyword == "$dynamicRef":
                found = self._dynamic(place, target, found)
            elif keyword == "$recursiveRef" and isinstance(found.contents, dict):
                home = dict(place.scope).get(RECURSIVE)
                if found.contents.get("$recursiveAnchor") is True and home is not None:
                    found = self._resolvers[home].lookup("")
        except (referencing.exceptions.Unresolvable, ValueError, AttributeError, TypeError) as error:
            raise LookupError(type(error).__name__) from None  # the last three: no URI, or a value that is no schema
        return found.contents, found.resolver, self._within(place.scope, found.resolver), place.dialect

    def _dynamic(self, place: Place, target: str, found: Any) -> Any:
        """`found`, or what stands for it in the outermost resource, if it was found through a dynamic anchor."""
        name = target.partition("#")[2]
        if not isinstance(found.contents, dict) or found.contents.get("$dynamicAnchor") != name or not name:
            return found
        home = dict(place.scope).get(name)
        if home is None:
            return found
        resolver = self._resolvers[home]
        return resolver._registry.resolver(base_uri=home).lookup(f"#{name}")


def point(raw: Any, pointer: str) -> Any:
    """What a JSON pointer leads to.  Raises LookupError."""
    here = raw
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(here, dict) and key in here:
            here = here[key]
        elif isinstance(here, list) and key.isascii() and key.isdigit() and int(key) < len(here):
            here = here[int(key)]
        else:
            raise LookupError("no such place")
    return here


def dynamic_anchors(resource: Any) -> tuple[str, ...]:
    """The dynamic anchors of a resource, those of resources inside it left out."""
    if not isinstance(resource, dict):
        return ()
    found: dict[str, None] = {}
    if resource.get("$recursiveAnchor") is True:
        found[RECURSIVE] = None
    waiting: list[Any] = [resource]
    while waiting:
        here = waiting.pop()
        if isinstance(here, list):
            waiting.extend(here)
        elif isinstance(here, dict):
            if here is not resource and isinstance(here.get("$id"), str):
                continue
            if isinstance(here.get("$dynamicAnchor"), str):
                found[here["$dynamicAnchor"]] = None
            waiting.extend(value for key, value in here.items() if key not in ("enum", "const", "default", "examples"))
    return tuple(found)
