"""Python types through pydantic: what is written parses into an instance, and what pydantic writes is accepted."""

from __future__ import annotations

import datetime
import decimal
import enum
import ipaddress
import json
import pathlib
import random
import re
import sys
import typing
import uuid
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypeVar, Union

import pytest
from pydantic import (
    UUID1,
    UUID4,
    AliasChoices,
    AnyUrl,
    Base64Bytes,
    BaseModel,
    ByteSize,
    ConfigDict,
    Discriminator,
    Field,
    HttpUrl,
    IPvAnyAddress,
    Json,
    RootModel,
    SecretStr,
    Tag,
    TypeAdapter,
    UrlConstraints,
)
from typing_extensions import Required, TypedDict

from guided.constraints.json_schema import json_schema
from guided.errors import ConstraintError, UnsupportedSchema
from tests.schema.writing import assert_every_prefix_lives, random_walk


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    street: str = Field(min_length=1, max_length=50)
    zip: Annotated[str, Field(pattern=r"^\d{5}$")]


class Tree(BaseModel):
    value: int
    kids: list[Tree] = []


class Person(BaseModel):
    name: str
    age: Annotated[int, Field(ge=0, le=150)]
    height: float
    nick: str | None = None
    color: Color = Color.RED
    address: Address
    others: list[Address] = []
    scores: dict[str, int] = {}
    born: datetime.date
    at: datetime.datetime | None = None
    id: uuid.UUID
    price: decimal.Decimal
    share: Annotated[decimal.Decimal, Field(ge=0, le=1)] = decimal.Decimal(0)
    cents: Annotated[decimal.Decimal, Field(max_digits=6, decimal_places=2)] = decimal.Decimal(0)
    kind: Literal["a", "b"] = "a"
    pair: tuple[int, str] | None = None
    ratio: Annotated[float, Field(gt=0, lt=1)] = 0.5
    unique: set[int] | None = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


class Zoo(BaseModel):
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]]


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int


@dataclass
class Point:
    x: float
    label: str = "here"


class Options(TypedDict, total=False):
    depth: int
    names: Required[list[str]]


def forecast(city: str, days: int = 3, units: Literal["c", "f"] = "c"):
    """Weather."""


Item = TypeVar("Item")


class Box(BaseModel, Generic[Item]):
    item: Item
    others: list[Item] = []


class Row(NamedTuple):
    name: str
    n: int = 1


class Numbers(RootModel[list[Annotated[int, Field(gt=0)]]]):
    pass


class Renamed(BaseModel):
    my_name: int = Field(alias="myName")
    either: int = Field(validation_alias=AliasChoices("x", "y"))


class Narrow(BaseModel):
    """Strings of which pydantic reads fewer than its own schema says."""

    four: UUID4
    one: UUID1 | None = None
    site: HttpUrl
    short: Annotated[AnyUrl, UrlConstraints(max_length=60)]
    address: IPvAnyAddress
    network: ipaddress.IPv4Network
    data: Base64Bytes
    z: complex
    at: datetime.time
    delta: datetime.timedelta
    path: pathlib.Path
    secret: SecretStr
    size: ByteSize


class OldDict(typing.TypedDict, total=False):
    depth: int
    names: typing.Required[list[str]] if sys.version_info >= (3, 11) else list[str]


def kind_of(value):
    return value.get("kind") if isinstance(value, dict) else value.kind


class Called(BaseModel):
    pet: Annotated[Annotated[Cat, Tag("cat")] | Annotated[Dog, Tag("dog")], Discriminator(kind_of)]
    more: list[Called] = []


TYPES: dict[str, Any] = {
    "generic": Box[Box[int]],
    "generic of a union": Box[Annotated[Cat | Dog, Field(discriminator="kind")]],
    "NamedTuple": Row,
    "RootModel": Numbers,
    "aliases": Renamed,
    "narrow strings": Narrow,
    "TypedDict of typing": OldDict,
    "discriminator in Python": Called,
    "constrained": Annotated[str, Field(min_length=2, max_length=5, pattern="^[a-z]+$")],
    "IntEnum": enum.IntEnum("Level", {"LOW": 1, "HIGH": 2}),
    "nested model": Person,
    "recursive model": Tree,
    "discriminated union": Zoo,
    "open model": Open,
    "dataclass": Point,
    "TypedDict": Options,
    "function": forecast,
    "Enum": Color,
    "Literal": Literal["x", 1, None],
    "Optional": Optional[int],  # noqa: UP045
    "Union": Union[int, Point, list[bool]],  # noqa: UP007
    "list of models": list[Address],
    "dict": dict[str, float],
    "adapter": TypeAdapter(list[int]),
}


@pytest.mark.parametrize("name", TYPES)
def test_what_is_written_is_an_instance(name):
    constraint = json_schema(TYPES[name], whitespace="compact")
    machine, rng = constraint.recognizer(), random.Random(name)
    known = name not in (
        "function",
        "TypedDict of typing",
    )  # of these pydantic alone knows no schema (before Python 3.12)
    adapter = None if not known else TYPES[name] if name == "adapter" else TypeAdapter(TYPES[name])
    for _ in range(15):
        text = random_walk(machine, rng, most=150).decode()
        value = constraint.parse(text)
        if adapter is not None:
            assert value == adapter.validate_json(text)
    assert_every_prefix_lives(machine, machine.completion(machine.start))


def test_what_pydantic_writes_is_accepted():
    person = Person(
        name="Ann",
        age=3,
        height=1.5,
        address=Address(street="x", zip="12345"),
        born=datetime.date(2020, 2, 29),
        id=uuid.UUID(int=5),
        price=decimal.Decimal("1.50"),
        at=datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc),
        scores={"math": 1, "art": 2},
        pair=(1, "x"),
    )
    constraint = json_schema(Person)
    for text in (
        person.model_dump_json(exclude={"share"}),
        person.model_dump_json(indent=2, exclude={"share"}),
        person.model_dump_json(exclude_defaults=True),
    ):
        assert constraint.accepts(text)
        assert constraint.parse(text) == person
        assert not constraint.accepts(text.replace('"x"', '""'))


def test_objects_of_types_are_closed_unless_the_type_is_open():
    assert not json_schema(Point).accepts('{"x":1.0,"y":2}')
    assert json_schema(Open).accepts('{"a":1,"b":[2]}')


def test_a_function_gives_its_arguments():
    constraint = json_schema(forecast)
    assert constraint.parse('{"city": "Oslo", "units": "f"}') == {"city": "Oslo", "units": "f"}
    assert not constraint.accepts('{"days": 3}')
    assert "forecast" in repr(constraint)


def test_json_schemas_parse_to_json_values():
    text = '{"a":[1,2.5,null]}'
    assert json_schema({}).parse(text) == json.loads(text)


def test_types_without_a_schema_are_named():
    def anything(*values: int):
        return values

    class Opaque:
        pass

    for given in (anything, Opaque, lambda x: x, 42, object()):
        if callable(given) and getattr(given, "__name__", "") == "<lambda>":
            assert json_schema(given).accepts('{"x":[]}')
            continue
        with pytest.raises((ConstraintError, UnsupportedSchema)):
            json_schema(given)


def test_json_inside_a_string_is_refused_by_name():
    class Holder(BaseModel):
        inner: Json[int]

    with pytest.raises(ConstraintError, match="JSON text inside a string"):
        json_schema(Holder)


def test_keys_that_are_integers_are_spelled_as_integers():
    from guided.constraints.types import schema_of

    schema = schema_of(dict[int, str]).schema
    assert schema["additionalProperties"] is False
    (pattern,) = schema["patternProperties"]
    for key in ("0", "-12", "123456789"):
        assert (
            re.search(pattern, key) and int(key) == TypeAdapter(dict[int, str]).validate_python({key: ""}).popitem()[0]
        )
    assert not re.search(pattern, "1.5")
