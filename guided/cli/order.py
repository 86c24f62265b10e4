"""The types that `guided demo` fills in: an order, the person who made it, and what was bought."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class Person(BaseModel):
    """Who ordered."""

    name: str = Field(min_length=3, max_length=24, pattern=r"^[A-Z][a-z]+ [A-Z][a-z]+$")
    age: int = Field(ge=18, le=99)
    email: str = Field(max_length=32, pattern=r"^[a-z]+(\.[a-z]+)?@[a-z]+\.(com|org|net)$")


class Item(BaseModel):
    """What was bought."""

    product: str = Field(min_length=3, max_length=20, pattern=r"^[a-z]+( [a-z]+)?$")
    quantity: int = Field(ge=1, le=12)
    price: float = Field(gt=0, lt=500)


class Order(BaseModel):
    """One order."""

    customer: Person
    items: list[Item] = Field(min_length=1, max_length=3)
    status: Literal["new", "paid", "shipped"]
