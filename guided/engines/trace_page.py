"""The page of a trace: particles over steps as one drawing, and a table of what was turned away.  HTML, SVG, no script.

Rows are places, columns are steps.  A line leads from a particle to its copies; its box says the token; the bar in the
box is its share of the weight.  Red boxes died, green boxes ended.
"""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

from guided.engines.resampling import log_sum

if TYPE_CHECKING:
    from guided.engines.trace import Move, Step, Trace

WIDTH, HEIGHT, GAP, TOP = 96, 26, 34, 46  # of a box, between columns, above the first row, in pixels
STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem; color: #1c2733; background: #fff; }
h1 { font-size: 1.3rem; margin-bottom: .2rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
.drawing { overflow-x: auto; border: 1px solid #d5dce3; border-radius: 6px; padding: .5rem; }
svg text { font: 12px ui-monospace, monospace; fill: #1c2733; }
svg .note { font-size: 11px; fill: #5b6b7a; } svg .box { fill: #f2f5f8; stroke: #b9c4cf; }
svg .ended { fill: #e3f4e6; stroke: #5aa469; } svg .died { fill: #fbe6e4; stroke: #cc5a4f; }
svg .share { fill: #4a7fb5; } svg .line { fill: none; stroke: #9fb0c0; }
svg .chosen { fill: none; stroke: #4a7fb5; stroke-width: 2; }
table { border-collapse: collapse; }
td, th { text-align: left; padding: .2rem .8rem; border-bottom: 1px solid #e3e8ed; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
code { background: #f2f5f8; padding: 0 .25rem; border-radius: 3px; white-space: pre-wrap; }
.legend { color: #5b6b7a; }
"""


def page(trace: Trace) -> str:
    """The whole page."""
    n_asked = trace.n_asked
    asked = f"{sum(n_asked):,} questions, {sum(n_asked) / len(n_asked):.2f} per token" if n_asked else "no questions"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(trace.title)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{html.escape(trace.title)}</h1>"
        f'<p class="legend">log Z = {number(trace.log_z)}; {len(trace.steps)} steps; {asked}. '
        "A box is one particle after one token; the bar is its share of the weight; green ended, red died. "
        "Lines lead from a particle to its copies. Point at a box to see its weight and what was turned away.</p>"
        f'<div class="drawing">{drawing(trace)}</div>{results(trace)}{rejections(trace)}</body></html>\n'
    )


def drawing(trace: Trace) -> str:
    """Particles over steps."""
    n_places = max([len(step.moves) for step in trace.steps], default=0)
    width, height = len(trace.steps) * (WIDTH + GAP) + 20, TOP + n_places * (HEIGHT + 8) + 24
    parts = [f'<svg width="{width}" height="{height}" role="img" aria-label="particles over steps">']
    for column, step in enumerate(trace.steps):
        x = 10 + column * (WIDTH + GAP)
        parts.append(f'<text class="note" x="{x}" y="16">step {column + 1}: {step.n_rows} rows</text>')
        mark = "; resampled" if step.ancestors is not None else ""
        parts.append(f'<text class="note" x="{x}" y="32">size {step.ess:.1f}{mark}</text>')
        total = log_sum([move.logw for move in step.moves])
        parts.extend(box(x, place, move, total) for place, move in enumerate(step.moves))
        if column + 1 < len(trace.steps):
            parts.extend(lines(x + WIDTH, step, trace.steps[column + 1]))
    return "".join([*parts, "</svg>"])


def middle(place: int) -> int:
    return TOP + place * (HEIGHT + 8) + HEIGHT // 2


def box(x: int, place: int, move: Move, total: float) -> str:
    """One particle after one token."""
    if move.token is None and not move.form and move.logw > -math.inf:
        return ""  # had ended before
    y = middle(place) - HEIGHT // 2
    kind = "died" if move.logw == -math.inf else "ended" if move.is_end else "box"
    share = 0.0 if move.logw == -math.inf else math.exp(move.logw - total)
    label = "×" if move.token is None else spelled(move.token) or "end"
    hint = [f"log weight {number(move.logw)}, share {share:.1%}"]
    if move.form:
        hint.append(f"{move.form}, {move.n_asked} questions")
    if move.rejected:
        hint.append("turned away: " + " ".join(spelled(token) or "end" for token in move.rejected[:20]))
    return (
        f'<g><title>{html.escape(chr(10).join(hint))}</title><rect class="{kind}" x="{x}" y="{y}" width="{WIDTH}" '
        f'height="{HEIGHT}" rx="4"/>'
        f'<rect class="share" x="{x}" y="{y + HEIGHT - 4}" width="{share * WIDTH:.1f}" height="4"/>'
        f'<text x="{x + 6}" y="{y + 16}">{html.escape(label[:12])}</text></g>'
    )


def lines(x: int, step: Step, following: Step) -> list[str]:
    """From every particle to what became of it."""
    found = []
    for place, move in enumerate(following.moves):
        before = place if step.ancestors is None else step.ancestors[place]
        if step.moves[before].logw == -math.inf or (not move.form and step.moves[before].is_end and before == place):
            continue
        kind = "line" if step.ancestors is None else "chosen"
        start, end, half = middle(before), middle(place), x + GAP // 2
        found.append(f'<path class="{kind}" d="M{x} {start} C{half} {start} {half} {end} {x + GAP} {end}"/>')
    return found


def results(trace: Trace) -> str:
    """The texts in the end, by weight."""
    total = log_sum(trace.logw)
    by_text: dict[str, float] = {}
    for text, logw in zip(trace.texts, trace.logw, strict=True):
        by_text[text] = by_text.get(text, 0.0) + (math.exp(logw - total) if logw > -math.inf else 0.0)
    rows = [
        f'<tr><td class="number">{share:.1%}</td><td><code>{html.escape(text)}</code></td></tr>'
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
            most = sorted(counts.items(), key=lambda item: -item[1])[:30]
            shown = " ".join(
                f"<code>{html.escape(spelled(token) or 'end')}</code>{f'×{count}' if count > 1 else ''}"
                for token, count in most
            )
            more = f" and {len(counts) - 30} more" if len(counts) > 30 else ""
            rows.append(f'<tr><td class="number">{column + 1}</td><td>{shown}{more}</td></tr>')
    if not rows:
        return "<h2>Turned away</h2><p>Nothing: every token was drawn from a mask, or accepted at once.</p>"
    return f"<h2>Turned away</h2><table><tr><th>step</th><th>tokens</th></tr>{''.join(rows)}</table>"


def spelled(token: bytes) -> str:
    """A token as people read it: spaces and line ends visible, bytes that are no text as hex."""
    text = token.decode("utf-8", "backslashreplace").replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)


def number(value: float) -> str:
    return "−∞" if value == -math.inf else f"{value:.3f}"
