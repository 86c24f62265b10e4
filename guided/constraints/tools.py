"""guided.tools: what a chat model writes when it may call tools, in the styles of current chat templates.

Also OpenAI's request dicts: `response_format`, and `tools` with `tool_choice`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from guided.constraints.base import Constraint
from guided.constraints.composition import Composition, many, optional, seq_of, text
from guided.constraints.json_schema import json_schema
from guided.constraints.regex import regex
from guided.errors import ConstraintError
from guided.limits import DEFAULT_LIMITS, Limits

ToolChoice = Literal["auto", "required", "none"] | str | Mapping[str, Any]
REQUEST_KEYS = {"tools", "tool_choice", "parallel_tool_calls", "response_format", "style"}


@dataclass(frozen=True)
class ToolCall:
    """One call.  arguments : the parsed JSON object; for a function or a type, as pydantic validated it."""

    name: str
    arguments: Any


@dataclass(frozen=True)
class Reply:
    """What the model wrote: text or a value of the response format, and calls.

    content : the text, or the value of the response format; "" where there are calls alone.
    """

    content: Any = ""
    calls: list[ToolCall] = field(default_factory=list)


@dataclass(frozen=True)
class ToolStyle:
    """How calls are spelled: begin, call, separator, call, .., end; `{name}` in `before` is the tool's name.

    begin, end     : around all calls.      separator : between two calls.
    before, after  : around the JSON object of the arguments.
    marker         : what tells a call from text; text in front of the first call does not hold it.  "" : the reply is
                     either text that does not begin with the first character of a call, or calls alone.
    """

    before: str
    after: str
    begin: str = ""
    end: str = ""
    separator: str = "\n"
    marker: str = ""


STYLES: dict[str, ToolStyle] = {
    # Qwen 2.5 and 3, Hermes 2 and 3: <tool_call>\n{"name": .., "arguments": {..}}\n</tool_call>
    "hermes": ToolStyle(
        '<tool_call>\n{"name": {name}, "arguments": ', "}\n</tool_call>", marker="<tool_call>", separator="\n"
    ),
    # Llama 3.1 and later, JSON based calls: {"name": .., "parameters": {..}}
    "llama3": ToolStyle('{"name": {name}, "parameters": ', "}", separator="; "),
    # Mistral: [TOOL_CALLS] [{"name": .., "arguments": {..}}, ..]
    "mistral": ToolStyle(
        '{"name": {name}, "arguments": ', "}", begin="[TOOL_CALLS] [", end="]", separator=", ", marker="[TOOL_CALLS]"
    ),
    # Llama 3.1 custom functions, Functionary: <function=name>{..}</function>
    "function": ToolStyle("<function={bare}>", "</function>", marker="<function=", separator="\n"),
}


@dataclass(frozen=True)
class Tool:
    """A tool's name, and the language of its arguments."""

    name: str
    arguments: Constraint


def tools(
    tools: Sequence[Any],
    *,
    style: str | ToolStyle = "hermes",
    tool_choice: ToolChoice = "auto",
    parallel: bool = True,
    content: Any = None,
    limits: Limits = DEFAULT_LIMITS,
    **options: Any,
) -> Constraint:
    """A reply that may call tools; its value is a Reply.

    tools       : OpenAI's dicts ({"type": "function", "function": {"name", "parameters"}}, or the inner dict alone),
                  Python functions, pydantic models and dataclasses (called by their names).
    style       : "hermes" (Qwen as well), "llama3", "mistral", "function", or a ToolStyle.
    tool_choice : "auto" text, calls, or text and then calls; "required" calls alone; "none" text alone; the name of a
                  tool, or OpenAI's {"type": "function", "function": {"name": ..}}: one call of that tool.
    parallel    : more than one call is allowed.
    content     : a constraint for the text where no tool is called (any text if None).
    options     : of json_schema(), for the arguments.

    Markers that are special tokens of a tokenizer never match text: where the template's `[TOOL_CALLS]` is one, put
    it into the prompt and pass a style without it.  Raises ConstraintError.
    """
    spelled = STYLES.get(style) if isinstance(style, str) else style
    if not isinstance(spelled, ToolStyle):
        raise ConstraintError(f"style={style!r} is not known; there are {', '.join(STYLES)}, or pass a ToolStyle")
    if isinstance(tools, (str, bytes, Mapping)) or not isinstance(tools, Sequence):
        raise ConstraintError(f"tools is a list of tools, not {type(tools).__name__}")
    known = [tool_of(given, number, options) for number, given in enumerate(tools)]
    names = [tool.name for tool in known]
    if len(set(names)) < len(names):
        raise ConstraintError(f"two tools are called {max(names, key=names.count)!r}")
    wanted = _wanted(tool_choice, names)
    if not known and wanted not in ("auto", "none"):
        raise ConstraintError("a call is required, and there are no tools")
    alone = seq_of([text() if content is None else content], lambda values: Reply(values[0]), limits)
    if wanted == "none" or not known:
        return alone
    if wanted not in ("auto", "required"):
        known, parallel = [tool for tool in known if tool.name == wanted], False
    calls = _calls(known, spelled, parallel, limits)
    only_calls = seq_of([calls], lambda values: Reply("", values[0]), limits)
    if wanted != "auto":
        return only_calls
    if content is not None:
        return alone | only_calls
    if spelled.marker:
        parts = [text(without=spelled.marker), optional(calls)]
        return seq_of(parts, lambda values: Reply(values[0], values[1] or []), limits)
    first = (spelled.begin + spelled.before)[:1]
    prose = seq_of([regex(rf"(?s:[^\U{ord(first):08X}].*)?")], lambda values: Reply(values[0]), limits)
    return prose | only_calls


def _calls(known: list[Tool], style: ToolStyle, parallel: bool, limits: Limits) -> Composition:
    """The calls of a reply; their value is the list of them."""
    one: Constraint | None = None
    for tool in known:
        before = style.before.replace("{name}", json.dumps(tool.name, ensure_ascii=False)).replace("{bare}", tool.name)
        call = seq_of([before, tool.arguments, style.after], partial(_call, tool.name), limits)
        one = call if one is None else one | call
    every = many(one, least=1, most=None if parallel else 1, separator=style.separator, limits=limits)
    return seq_of([style.begin, every, style.end], lambda values: values[0], limits)


def _call(name: str, values: tuple[Any, ...]) -> ToolCall:
    return ToolCall(name, values[0])


def _wanted(choice: ToolChoice, names: list[str]) -> str:
    """ "auto", "required", "none", or the name of a tool."""
    name: Any = choice
    if isinstance(choice, Mapping):
        inner = choice.get("function", choice)
        name = inner.get("name") if isinstance(inner, Mapping) else None
    elif choice in ("auto", "required", "none"):
        return str(choice)
    if name not in names:
        raise ConstraintError(
            f"tool_choice={choice!r} is none of auto, required, none and the tools "
            f"{', '.join(names) or '(there are none)'}"
        )
    return str(name)


def tool_of(given: Any, number: int, options: Mapping[str, Any]) -> Tool:
    """A tool as a caller gives it: OpenAI's dict, a function, or a type."""
    if isinstance(given, Tool):
        return given
    if not isinstance(given, Mapping):
        name = getattr(given, "__name__", None)
        if not isinstance(name, str) or isinstance(given, (str, bytes)):
            raise ConstraintError(f"tool {number} is no dict, function or type: {given!r:.60}")
        return Tool(name, json_schema(given, **options))
    function = given.get("function", given)
    if given.get("type", "function") != "function" or not isinstance(function, Mapping):
        raise ConstraintError(f"tool {number} is not of the type function: {dict(given)!r:.80}")
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise ConstraintError(f"tool {number} has no name")
    parameters = function.get("parameters")
    if parameters is None:
        parameters = {"type": "object", "properties": {}, "additionalProperties": False}
    if not isinstance(parameters, Mapping):
        raise ConstraintError(f"the parameters of the tool {name!r} are no JSON Schema object: {parameters!r:.60}")
    return Tool(name, json_schema({"type": "object", **parameters}, **options))


# ---- OpenAI's dicts ----


def is_request(given: Any) -> bool:
    """Whether something is OpenAI's `response_format` or `tools`, or a dict of them, rather than a JSON Schema."""
    if isinstance(given, list):
        return bool(given) and all(is_tool(tool) for tool in given)
    if not isinstance(given, Mapping):
        return False
    if is_tool(given) or given.get("type") in ("json_schema", "json_object", "text"):
        return True
    return bool(given) and given.keys() <= REQUEST_KEYS and bool(given.keys() & {"tools", "response_format"})


def is_tool(given: Any) -> bool:
    return isinstance(given, Mapping) and given.get("type") == "function" and isinstance(given.get("function"), Mapping)


def from_request(given: Any) -> Constraint:
    """The constraint of what is_request() knows.  Raises ConstraintError."""
    if isinstance(given, list):
        return tools(given)
    if is_tool(given):
        return tools([given], tool_choice="required")
    if "type" in given:
        return response_format(given)
    content = given.get("response_format")
    content = None if content is None or content.get("type") == "text" else response_format(content)
    if not given.get("tools"):
        return text() if content is None else content
    return tools(
        given["tools"],
        style=given.get("style", "hermes"),
        tool_choice=given.get("tool_choice") or "auto",
        parallel=given.get("parallel_tool_calls") is not False,
        content=content,
    )


def response_format(given: Mapping[str, Any]) -> Constraint:
    """OpenAI's response_format: {"type": "text" | "json_object" | "json_schema", "json_schema": {"schema": ..}}."""
    kind = given.get("type")
    if kind == "text":
        return text()
    if kind == "json_object":
        return json_schema({"type": "object"})
    described = given.get("json_schema")
    if not isinstance(described, Mapping) or "schema" not in described:
        raise ConstraintError('a response_format of the type json_schema needs {"json_schema": {"schema": ..}}')
    return json_schema(described["schema"])
