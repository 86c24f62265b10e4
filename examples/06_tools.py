"""Tools, called in a chat model's own style; free text and then JSON; JSON inside a grammar."""

from typing import Literal

import guided


def get_weather(city: Literal["Bern", "Basel", "Biel"], days: int = 1) -> str:
    return f"Rain in {city} for {days} days"


lm = guided.tiny()

# One call is required; its arguments come back validated.
call_weather = guided.tools([get_weather], style="hermes", tool_choice="required", parallel=False)
out = guided.generate(lm, "What is the weather in Bern?\n", call_weather, max_tokens=80, seed=2)
print(out.text)
for call in out.value.calls:
    print("->", call.name, call.arguments)

# Reason freely, then answer: the value is a tuple of the parts that are not plain strings.
answer = guided.seq(guided.text(until="</think>", max_characters=60), "\n", guided.json_schema({"enum": ["yes", "no"]}))
out = guided.generate(lm, "Is the sky blue? <think>", answer, max_tokens=80, seed=3)
thought, verdict = out.value
print(repr(thought), verdict)

# JSON that fits a schema, as an argument of a small language.
program = guided.cfg(
    'start: command (";" command)~0..2\ncommand: "call" NAME args\nNAME: /[a-z]{1,8}/\n%ignore " "',
    embed={"args": {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}},
)
print(program.accepts('call save {"n": 3}; call quit {}'))
assert not program.accepts('call save {"m": 3}')
