"""A pydantic type goes in, an instance of it comes out."""

from typing import Literal

from pydantic import BaseModel, Field

import guided


class Person(BaseModel):
    name: str = Field(max_length=20)
    age: int = Field(ge=0, le=120)
    role: Literal["engineer", "artist", "doctor"]
    languages: list[Literal["Python", "C", "SQL"]] = Field(max_length=3)


lm = guided.tiny()  # the built-in model; guided.load(model, tokenizer) takes any other from Hugging Face
out = guided.generate(lm, "A person, as JSON:\n", Person, max_tokens=100, seed=1)

print(out.text)
print(out.value)
assert isinstance(out.value, Person)
