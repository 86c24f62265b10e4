"""Tool calls in the styles of chat models, and OpenAI's dicts as constraints."""

from __future__ import annotations

import json
import random
import re
from typing import Literal

import pytest
from pydantic import BaseModel

import guided
from guided import Reply, ToolCall, ToolStyle
from guided.constraints.coerce import as_constraint
from guided.errors import ConstraintError

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"$ref": "#/$defs/city"}, "unit": {"enum": ["c", "f"]}},
            "required": ["city"],
            "additionalProperties": False,
            "$defs": {"city": {"type": "string", "maxLength": 8}},
        },
    },
}
NOTHING = {"type": "function", "function": {"name": "ping"}}


def add(a: int, b: int = 2, mode: Literal["x", "y"] = "x"):
    """Adds."""


class Booking(BaseModel):
    nights: int
    city: str


TOOLS = [WEATHER, NOTHING, add, Booking]
CALLS = [ToolCall("get_weather", {"city": "Bern"}), ToolCall("add", {"a": 1})]
SPELLED = {
    "hermes": '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Bern"}}\n</tool_call>\n'
    '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>',
    "llama3": '{"name": "get_weather", "parameters": {"city": "Bern"}}; {"name": "add", "parameters": {"a": 1}}',
    "mistral": '[TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Bern"}}, '
    '{"name": "add", "arguments": {"a": 1}}]',
    "function": '<function=get_weather>{"city": "Bern"}</function>\n<function=add>{"a": 1}</function>',
}


def written(recognizer, rng, most=60):
    """A random text of a language: printable bytes, then the completion."""
    state, text = recognizer.start, bytearray()
    for _ in range(most):
        following = [byte for byte in recognizer.live_bytes(state) if byte in b"\n" or 32 <= byte < 127]
        if not following or (recognizer.is_accepting(state) and rng.random() < 0.3):
            break
        text.append(rng.choice(following))
        state = recognizer.step(state, text[-1])
    return (bytes(text) + recognizer.completion(state)).decode()


@pytest.mark.parametrize("style", SPELLED)
def test_calls_are_read_back_in_every_style(style):
    constraint = guided.tools(TOOLS, style=style)
    assert constraint.parse(SPELLED[style]) == Reply("", CALLS)
    assert constraint.parse("No tools < needed.") == Reply("No tools < needed.", [])
    after_text = constraint.parse("I call.\n" + SPELLED[style])
    if style == "llama3":  # calls without a mark: in the middle of a text they are text
        assert after_text == Reply("I call.\n" + SPELLED[style], [])
    else:
        assert after_text == Reply("I call.\n", CALLS)
    assert not constraint.accepts(SPELLED[style].replace("Bern", "La Chaux-de-Fonds"))  # too long
    assert not constraint.accepts(SPELLED[style].replace("get_weather", "rm"))
    assert not constraint.accepts(SPELLED[style][:-1])


@pytest.mark.parametrize("style", SPELLED)
def test_what_is_written_parses_as_chat_templates_expect(style):
    """Random texts: the JSON between the tags is JSON, with a known name and valid arguments."""
    recognizer = guided.tools(TOOLS, style=style, tool_choice="required").recognizer()
    rng = random.Random(style)
    for _ in range(30):
        text = written(recognizer, rng)
        if style == "hermes":
            found = [json.loads(part) for part in re.findall(r"<tool_call>\n(.*?)\n</tool_call>", text, re.DOTALL)]
        elif style == "function":
            pairs = re.findall(r"<function=(\w+)>(.*?)</function>", text, re.DOTALL)
            found = [{"name": name, "arguments": json.loads(part)} for name, part in pairs]
        elif style == "mistral":
            found = json.loads(text.removeprefix("[TOOL_CALLS] "))
        else:
            found = [json.loads(part) for part in [text] if "; {" not in part]
        for call in found:
            assert call["name"] in {"get_weather", "ping", "add", "Booking"}
            assert isinstance(call.get("arguments", call.get("parameters")), dict)


def test_choice_of_tools():
    required = guided.tools(TOOLS, tool_choice="required")
    assert not required.accepts("text") and required.accepts(SPELLED["hermes"])
    one = guided.tools(TOOLS, tool_choice={"type": "function", "function": {"name": "ping"}})
    assert one.parse('<tool_call>\n{"name": "ping", "arguments": {}}\n</tool_call>').calls == [ToolCall("ping", {})]
    assert not one.accepts(SPELLED["hermes"])
    assert guided.tools(TOOLS, tool_choice="none").parse(SPELLED["hermes"]).calls == []
    assert not guided.tools(TOOLS, parallel=False).accepts(SPELLED["hermes"])
    typed = guided.tools([Booking], tool_choice="required", style="llama3")
    (call,) = typed.parse('{"name": "Booking", "parameters": {"nights": 2, "city": "Bern"}}').calls
    assert call.arguments == Booking(nights=2, city="Bern")
    own = ToolStyle("CALL {bare} ", ".", marker="CALL", separator=" ")
    assert guided.tools([add], style=own).parse('ok CALL add {"a": 3}.') == Reply("ok ", [ToolCall("add", {"a": 3})])


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ([WEATHER, WEATHER], {}, "two tools"),
        ([WEATHER], {"style": "xml"}, "style"),
        ([WEATHER], {"tool_choice": "other"}, "none of auto"),
        ([], {"tool_choice": "required"}, "no tools"),
        ([{"type": "function", "function": {}}], {}, "no name"),
        ([{"type": "retrieval"}], {}, "not of the type function"),
        ([{"name": "f", "parameters": 3}], {}, "no JSON Schema"),
        (["f"], {}, "no dict, function or type"),
        ("f", {}, "list of tools"),
    ],
)
def test_wrong_tools_are_named(arguments, options, message):
    with pytest.raises(ConstraintError, match=message):
        guided.tools(arguments, **options)


def test_openai_dicts_are_constraints():
    schema = {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": {"type": "integer"}}}
    assert as_constraint(schema).parse("12") == 12
    assert as_constraint({"type": "json_object"}).accepts('{"a": 1}') and not as_constraint(
        {"type": "json_object"}
    ).accepts("[]")
    assert as_constraint({"type": "text"}).accepts("anything")
    assert as_constraint([WEATHER, NOTHING]).parse("hello") == Reply("hello")
    assert not as_constraint(WEATHER).accepts("hello")
    request = {"tools": [WEATHER], "tool_choice": "auto", "response_format": schema, "style": "llama3"}
    both = as_constraint(request)
    assert both.parse("12") == Reply(12)
    assert both.parse('{"name": "get_weather", "parameters": {"city": "B"}}').calls[0].arguments == {"city": "B"}
    assert not both.accepts("twelve")
    assert as_constraint({"tools": [], "response_format": schema}).parse("3") == 3
    with pytest.raises(ConstraintError, match="json_schema"):
        as_constraint({"type": "json_schema"})
    assert as_constraint({"type": "object", "properties": {"tools": {"type": "array"}}}).accepts('{"tools": []}')
