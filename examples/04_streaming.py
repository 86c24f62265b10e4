"""Text and typed partial values while they are written."""

from pydantic import BaseModel, Field

import guided


class Recipe(BaseModel):
    title: str = Field(max_length=30)
    minutes: int = Field(ge=5, le=120)
    steps: list[str] = Field(min_length=1, max_length=3)


lm = guided.tiny()
for event in guided.generate(lm, "A recipe, as JSON:\n", Recipe, max_tokens=120, seed=5, stream=True):
    print(repr(event.delta), event.value)  # event.value is what is known so far, unfinished strings included
    if event.done is not None:
        print(event.done.value)
        assert isinstance(event.done.value, Recipe)
