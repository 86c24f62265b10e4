"""`guided demo`: three JSON objects of a pydantic type, written by the built-in model, shown while they are written."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from guided.cli import options
from guided.cli.load import load_model

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PROMPTS = (
    "A new order of a returning customer, as JSON:\n",
    "An order with several items that has been paid, as JSON:\n",
    "The last order of the day, already shipped, as JSON:\n",
)
WIDEST = 100  # columns; lines of text are easier to read than on a screen's full width
LABEL = 7  # columns of the longest label
MAX_TOKENS = 240


def command(
    seed: Annotated[int, typer.Option("--seed", help="The same seed, the same objects.")] = 7,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0.0, help="0 takes the most probable token.")
    ] = 0.7,
    as_json: options.AsJson = False,
) -> None:
    """Write three orders with the built-in model: offline, on a CPU, in seconds."""
    from guided.cli.order import Order

    lm = load_model(None)
    if as_json:
        made = []
        for number, prompt in enumerate(PROMPTS):
            for event in stream(lm, prompt, Order, temperature, seed + number):
                if event.done is not None:
                    made.append(as_dict(event.done))
        options.print_json({"schema": Order.model_json_schema(), "objects": made})
        return

    from rich.console import Console

    console = Console(highlight=False)
    console.width = min(WIDEST, console.width)
    console.print(introduction(lm))
    for number, prompt in enumerate(PROMPTS):
        show(console, number + 1, prompt, stream(lm, prompt, Order, temperature, seed + number))


def stream(lm: Any, prompt: str, kind: type, temperature: float, seed: int) -> Any:
    """Events of one text."""
    import guided

    return guided.generate(lm, prompt, kind, max_tokens=MAX_TOKENS, temperature=temperature, seed=seed, stream=True)


def introduction(lm: Any) -> RenderableType:
    """What is about to happen, and with which model."""
    from rich.text import Text

    millions = sum(parameter.numel() for parameter in lm.model.parameters()) / 1e6
    return Text.assemble(
        ("guided demo", "bold"),
        f": three orders for a pydantic type, by the built-in model ({millions:.1f} M parameters, "
        f"{lm.vocab.size:,} tokens). The model is small and what it writes is invented; "
        "that it fits the type is not luck.\n",
    )


def show(console: Console, number: int, prompt: str, events: Any) -> None:
    """One text: the prompt, the text as it grows (in place on a terminal), the value, the figures."""
    from rich.live import Live
    from rich.pretty import Pretty

    console.rule(f"{number} of {len(PROMPTS)}", align="left", style="dim")
    console.print(labelled("prompt", prompt.strip()))
    done = None
    with Live(console=console, refresh_per_second=20) if console.is_terminal else nullcontext() as live:
        for event in events:
            if live is not None:
                live.update(growing(event.text, writing=event.done is None))
            done = event.done or done
    assert done is not None, "a stream ends with its finished text"
    if not console.is_terminal:
        console.print(growing(done.text, writing=False))
    console.print(labelled("value", Pretty(done.value, indent_guides=False)))
    figures = (
        f"{len(done.tokens)} tokens, {done.n_forced} of them forced; {done.tokens_per_second:,.0f} tokens/s; "
        f"the constraint removed {done.mass_removed:.1%} of the probability"
    )
    console.print(labelled("figures", figures))
    console.print()


def growing(text: str, writing: bool = True) -> RenderableType:
    """The text so far, with a cursor while it is written."""
    from rich.text import Text

    return labelled("text", Text.assemble((text, "green"), ("▌" if writing else "", "bold"), overflow="fold"))


def labelled(label: str, content: RenderableType) -> RenderableType:
    """A label, and beside it something that may take several lines."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=LABEL, style="cyan")
    grid.add_column(overflow="fold")
    grid.add_row(label, content)
    return grid


def as_dict(done: Any) -> dict[str, Any]:
    return {
        "prompt": done.prompt,
        "text": done.text,
        "value": done.value.model_dump(mode="json"),
        "tokens": len(done.tokens),
        "forced": done.n_forced,
        "tokens_per_second": done.tokens_per_second,
        "mass_removed": done.mass_removed,
        "finish_reason": done.finish_reason,
    }
