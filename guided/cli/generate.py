"""`guided generate`: texts from a model under a constraint, or under none."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from guided.cli import options
from guided.cli.load import load_model


def command(
    prompt: Annotated[str, typer.Argument(help="The text to go on from; - reads stdin.")],
    regex: options.Regex = None,
    choice: options.Choice = None,
    schema: options.Schema = None,
    grammar: options.Grammar = None,
    model: options.Model = None,
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1, help="Most tokens to write.")] = 200,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0.0, help="0 takes the most probable token.")
    ] = 1.0,
    top_p: Annotated[float, typer.Option("--top-p", min=0.001, max=1.0, help="Sample from the top mass only.")] = 1.0,
    seed: options.Seed = None,
    n: Annotated[int, typer.Option("-n", min=1, help="How many texts.")] = 1,
    as_json: options.AsJson = False,
) -> None:
    """Write texts that match a constraint; no text is cut off by --max-tokens.  Exit 1 if nothing could be written."""
    import guided
    from guided.errors import DeadEnd

    options.one_stdin(prompt, schema)
    constraint = options.constraint_from(regex, choice, schema, grammar, optional=True)
    text = options.text_from(prompt).decode()
    lm = load_model(model)
    try:
        outs = guided.generate(
            lm, text, constraint, max_tokens=max_tokens, temperature=temperature, top_p=top_p, seed=seed, n=n
        )
    except DeadEnd as error:
        print(f"guided: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    if as_json:
        options.print_json({"prompt": text, "outputs": [as_dict(out) for out in outs]})
    else:
        for out in outs:
            print(out.text)


def as_dict(out: Any) -> dict[str, Any]:
    return {
        "text": out.text,
        "value": out.value,
        "tokens": len(out.tokens),
        "finish_reason": out.finish_reason,
        "logp": out.logp,
        "logw": out.logw,
    }
