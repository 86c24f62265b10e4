"""The page of a trace: figures of the run, the drawing (trace_drawing.py), the texts, what was turned away.

HTML and SVG in one file, without script; light or dark as the reader's system is.
"""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

from guided.engines.resampling import effective_size, log_sum
from guided.engines.trace_drawing import drawing, number, spelled

if TYPE_CHECKING:
    from guided.engines.trace import Trace

MOST_TURNED_AWAY = 30  # tokens shown for a step
STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --soft: #5b6b7a; --line: #d8dfe6; --page: #fff; --card: #f6f8fa;
  --going: #eef3f8; --going-edge: #b3c2d1; --ended: #e2f4e6; --ended-edge: #57a468; --died: #fbe7e4;
  --died-edge: #cc5a4f; --share: #3f7ab8; --kept: #3f7ab8; --lost: #c3ccd5; --size: #c9dcf0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4eaf0; --soft: #93a3b3; --line: #313c47; --page: #12171d;
  --card: #1a2129; --going: #202a35; --going-edge: #46586a; --ended: #17341f; --ended-edge: #4f9a60; --died: #3c1d1b;
  --died-edge: #c0594f; --share: #6aa7e6; --kept: #6aa7e6; --lost: #3b4753; --size: #27435f; } }
* { box-sizing: border-box; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1.6rem 2rem 3rem; color: var(--ink);
  background: var(--page); }
h1 { font-size: 1.15rem; margin: 0 0 1rem; overflow-wrap: anywhere; font-weight: 600; }
h2 { font-size: 1rem; margin: 2rem 0 .6rem; font-weight: 600; }
.tiles { display: flex; flex-wrap: wrap; gap: .6rem; margin-bottom: 1rem; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .45rem .9rem; }
.tile b { display: block; font-size: 1.15rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile span, .legend { color: var(--soft); font-size: 12.5px; } .legend { max-width: 62rem; }
.warning { border-left: 4px solid var(--died-edge); background: var(--died); padding: .5rem .9rem; border-radius: 4px; }
.drawing { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; background: var(--card); }
svg { display: block; }
svg text { font: 12px ui-monospace, "DejaVu Sans Mono", monospace; fill: var(--ink); }
svg .note, svg .faint { font: 11px system-ui, sans-serif; fill: var(--soft); }
svg .number, svg .mark { font: 11px system-ui, sans-serif; text-anchor: middle; }
svg .mark { fill: var(--kept); font-size: 15px; } svg .number.faint { fill: var(--soft); }
svg .percent { text-anchor: end; font: 11px system-ui, sans-serif; fill: var(--soft); }
svg .count { font: 9px system-ui, sans-serif; text-anchor: end; fill: var(--died-edge); }
svg .slot { fill: var(--going); } svg .size { fill: var(--size); }
svg .going .box { fill: var(--going); stroke: var(--going-edge); }
svg .ended .box { fill: var(--ended); stroke: var(--ended-edge); }
svg .died .box { fill: var(--died); stroke: var(--died-edge); }
svg .share { fill: var(--share); } svg .pale { opacity: .5; }
svg .waiting { stroke: var(--ended-edge); stroke-width: 1.5; stroke-dasharray: 2 3; }
svg path { fill: none; } svg .kept { stroke: var(--kept); stroke-width: 1.6; } svg .lost { stroke: var(--lost); }
table { border-collapse: collapse; width: 100%; max-width: 72rem; }
td, th { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 500; font-size: 12.5px; }
td.figure { white-space: nowrap; font-variant-numeric: tabular-nums; width: 1%; }
.meter { display: inline-block; width: 90px; height: 7px; background: var(--going); border-radius: 4px;
  margin-right: .6rem; overflow: hidden; vertical-align: middle; }
.meter i { display: block; height: 100%; background: var(--share); }
code { font: 12.5px ui-monospace, "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.token { background: var(--died); border-radius: 4px; padding: 0 .3rem; margin: 0 .15rem .15rem 0;
  display: inline-block; }
.token small { color: var(--soft); margin-left: .25rem; }
"""


def page(trace: Trace) -> str:
    """The whole page."""
    title = html.escape(trace.title if len(trace.title) <= 200 else trace.title[:199] + "…")
    dead = trace.log_z == -math.inf
    warning = '<p class="warning">No text that fits was found: every particle died. log Z is −∞.</p>' if dead else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><h1>{title}</h1>{tiles(trace)}{warning}"
        f'<div class="drawing">{drawing(trace)}</div>'
        '<p class="legend">A column is a step, a box one particle after one token; the bar under a box is its share of '
        "the weight, the red figure in it how many tokens were turned away first. Green ended, red died, dashed waits. "
        "↻ marks resampling: lines lead from a particle to its copies, or to its branches that were chosen. What no "
        "final text descends from is pale. Point "
        f"at a box for its weight, and for what was turned away.</p>{results(trace)}{rejections(trace)}</body></html>\n"
    )


def tiles(trace: Trace) -> str:
    """The run in figures."""
    asked, alive = trace.n_asked, sum(logw > -math.inf for logw in trace.logw)
    forms = sorted({move.form for step in trace.steps for move in step.moves if move.form})
    probability = "0" if trace.log_z == -math.inf else f"{math.exp(trace.log_z):.3g}"
    shown = [
        (number(trace.log_z), f"log Z: the constraint has probability {probability}"),
        (f"{alive} of {len(trace.logw)}", "particles found a text"),
        (f"{effective_size(trace.logw):.1f}", "effective sample size in the end"),
        (f"{len(trace.steps)}", f"steps, {sum(step.ancestors is not None for step in trace.steps)} resamplings"),
        (f"{sum(asked) / max(len(asked), 1):.2f}", f"questions a token, {sum(asked):,} in all"),
        (f"{sum(len(move.rejected) for step in trace.steps for move in step.moves):,}", "tokens turned away"),
        (", ".join(forms) or "none", "samplers used"),
    ]
    return (
        '<div class="tiles">'
        + "".join(f'<div class="tile"><b>{html.escape(value)}</b><span>{text}</span></div>' for value, text in shown)
        + "</div>"
    )


def results(trace: Trace) -> str:
    """The texts in the end, by weight."""
    total = log_sum(trace.logw)
    by_text: dict[str, float] = {}
    for text, logw in zip(trace.texts, trace.logw, strict=True):
        if logw > -math.inf:
            by_text[text] = by_text.get(text, 0.0) + math.exp(logw - total)
    if not by_text:
        return ""
    rows = [
        f'<tr><td class="figure"><span class="meter"><i style="width:{share:.1%}"></i></span>{share:.1%}</td>'
        f"<td><code>{html.escape(text) or '<i>the empty text</i>'}</code></td></tr>"
        for text, share in sorted(by_text.items(), key=lambda item: -item[1])
    ]
    return f"<h2>Texts</h2><table><tr><th>share</th><th>text</th></tr>{''.join(rows)}</table>"


def rejections(trace: Trace) -> str:
    """The tokens that were turned away, step by step."""
    rows = []
    for column, step in enumerate(trace.steps):
        counts: dict[bytes, int] = {}
        for move in step.moves:
            for token in move.rejected:
                counts[token] = counts.get(token, 0) + 1
        if counts:
            most = sorted(counts.items(), key=lambda item: -item[1])[:MOST_TURNED_AWAY]
            shown = "".join(
                f'<code class="token">{html.escape(spelled(token) or "end")}'
                f"{f'<small>{count}</small>' if count > 1 else ''}</code>"
                for token, count in most
            )
            left_out = len(counts) - len(most)
            more = f" and {left_out:,} more" if left_out else ""
            rows.append(f'<tr><td class="figure">{column + 1}</td><td>{shown}{more}</td></tr>')
    if not rows:
        return "<h2>Turned away</h2><p>Nothing: every token was drawn from a mask, or accepted at once.</p>"
    head = "<tr><th>step</th><th>tokens, the most frequent first</th></tr>"
    return f"<h2>Turned away</h2><table>{head}{''.join(rows)}</table>"
