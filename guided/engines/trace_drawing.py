"""The drawing of a trace: particles over steps, as SVG.  Rows are places, columns are steps, the last the texts.

A box is one particle, or one of its branches, after one token, and the bar under it its share of the weight.  Lines
lead from a particle to what became of it.  What none of the final texts descends from is pale.  A particle that has
ended waits as a thin line.
"""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

from guided.engines.resampling import log_sum

if TYPE_CHECKING:
    from guided.engines.trace import Move, Trace

HEIGHT, PITCH, TOP, GAP = 24, 33, 92, 30  # of a box, of a row, above the first row, between columns, in pixels
LETTER, MOST_LETTERS, TEXT_LETTERS = 7.3, 12, 44  # width of a letter; letters of a box; of a text at the right
BAR_TOP, BAR_HEIGHT = 34, 30  # of the strip of effective sizes


def drawing(trace: Trace) -> str:
    """The whole drawing; empty for a run without steps."""
    if not trace.steps:
        return "<p>No step was made.</p>"
    n_places = max(len(step.moves) for step in trace.steps)
    n_particles = trace.n_particles or n_places
    survivors = {
        (column, place)
        for number, logw in enumerate(trace.logw)
        if logw > -math.inf
        for column, place in enumerate(trace.lineage(number))
    }
    parts, x = [], 14.0
    for column, step in enumerate(trace.steps):
        lengths = [len(label(move)) + 0.8 * len(count(move)) for move in step.moves if not waits(move)]
        width = 14 + LETTER * max(3.0, *lengths, 0)
        parts.append(heading(x, width, column, trace, n_particles))
        total = log_sum([move.logw for move in step.moves])
        for place, move in enumerate(step.moves):
            if not was_dead(trace, column, place):
                pale = bool(survivors) and (column, place) not in survivors
                parts.append(box(x, width, place, move, total, pale))
        parts += lines(x + width, column, trace, survivors)
        x += width + GAP
    total = log_sum(trace.logw)
    for place, (text, logw) in enumerate(zip(trace.texts, trace.logw, strict=True)):
        parts.append(final(x, place, text, logw, total))
    width, height = x + LETTER * (TEXT_LETTERS + 9), TOP + max(n_places, len(trace.texts)) * PITCH + 6
    return (
        f'<svg width="{width:.0f}" height="{height}" role="img" aria-label="particles over steps">'
        f'<text class="note" x="14" y="{BAR_TOP - 18}">effective sample size, of {n_particles}</text>'
        + "".join(parts)
        + "</svg>"
    )


def waits(move: Move) -> bool:
    """Whether the particle had ended before this step."""
    return move.token is None and not move.form and move.logw > -math.inf


def was_dead(trace: Trace, column: int, place: int) -> bool:
    """Whether the particle that made a move had died in an earlier step."""
    if column == 0 or trace.steps[column - 1].ancestors is not None:
        return False
    return trace.steps[column - 1].moves[trace.steps[column].came_from(place)].logw == -math.inf


def middle(place: int) -> float:
    return TOP + place * PITCH + HEIGHT / 2


def label(move: Move) -> str:
    """What a box says: at most MOST_LETTERS letters."""
    if move.token is None:
        return "×"
    text = spelled(move.token) or "end"
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1] + "…"


def count(move: Move) -> str:
    """How many tokens were turned away first."""
    return f"{len(move.rejected):,}" if move.rejected else ""


def heading(x: float, width: float, column: int, trace: Trace, n_particles: int) -> str:
    """Number of the step, effective sample size as a bar, a mark where particles were resampled."""
    step = trace.steps[column]
    height = BAR_HEIGHT * step.ess / max(n_particles, 1)
    resampled = step.ancestors is not None
    hint = f"step {column + 1}: effective sample size {step.ess:.1f} of {n_particles}; {step.n_rows} distinct texts"
    if resampled:
        hint += "; then resampled" if step.parents is None else "; some branches chosen"
    mark = f'<text class="mark" x="{x + width + GAP / 2:.1f}" y="{TOP - 14}">↻</text>' if resampled else ""
    return (
        f'<g><title>{hint}</title><rect class="slot" x="{x:.1f}" y="{BAR_TOP - 10}" width="{width:.1f}" '
        f'height="{BAR_HEIGHT}" rx="3"/><rect class="size" x="{x:.1f}" y="{BAR_TOP - 10 + BAR_HEIGHT - height:.1f}" '
        f'width="{width:.1f}" height="{height:.1f}" rx="3"/>'
        f'<text class="number" x="{x + width / 2:.1f}" y="{BAR_TOP + 10}">{step.ess:.1f}</text>'
        f'<text class="number faint" x="{x + width / 2:.1f}" y="{TOP - 14}">{column + 1}</text></g>{mark}'
    )


def box(x: float, width: float, place: int, move: Move, total: float, pale: bool) -> str:
    """One particle after one token."""
    share = 0.0 if move.logw == -math.inf else math.exp(move.logw - total)
    faded = " pale" if pale else ""
    if waits(move):
        y = middle(place)
        return f'<line class="waiting{faded}" x1="{x:.1f}" x2="{x + width:.1f}" y1="{y}" y2="{y}"/>'
    kind = "died" if move.logw == -math.inf else "ended" if move.is_end else "going"
    hint = [f"log weight {number(move.logw)}, share {share:.1%}"]
    if move.form:
        hint.append(f"{move.form}, {move.n_asked} question{'' if move.n_asked == 1 else 's'}")
    if move.rejected:
        more = f" and {len(move.rejected) - 20} more" if len(move.rejected) > 20 else ""
        hint.append("turned away: " + " ".join(spelled(token) or "end" for token in move.rejected[:20]) + more)
    y = middle(place) - HEIGHT / 2
    turned = f'<text class="count" x="{x + width - 4:.1f}" y="{y + 10}">{count(move)}</text>' if move.rejected else ""
    return (
        f'<g class="{kind}{faded}"><title>{html.escape(chr(10).join(hint))}</title>'
        f'<rect class="box" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{HEIGHT}" rx="5"/>'
        f'<rect class="share" x="{x:.1f}" y="{y + HEIGHT + 1}" width="{share * width:.1f}" height="3" rx="1.5"/>'
        f'<text x="{x + 7:.1f}" y="{y + 16}">{html.escape(label(move))}</text>{turned}</g>'
    )


def lines(x: float, column: int, trace: Trace, survivors: set[tuple[int, int]]) -> list[str]:
    """From every particle of a step to what became of it."""
    step, found = trace.steps[column], []
    following = trace.steps[column + 1] if column + 1 < len(trace.steps) else None
    for place in range(len(trace.texts) if following is None else len(following.moves)):
        was = place if following is None else following.came_from(place)
        before = was if step.ancestors is None else step.ancestors[was]
        if step.moves[before].logw == -math.inf:
            continue
        lives = trace.logw[place] > -math.inf if following is None else (column + 1, place) in survivors
        kind = "kept" if lives else "lost"
        start, end, half = middle(before), middle(place), x + GAP / 2
        found.append(
            f'<path class="{kind}" d="M{x:.1f} {start}C{half:.1f} {start} {half:.1f} {end} {x + GAP:.1f} {end}"/>'
        )
    return found


def final(x: float, place: int, text: str, logw: float, total: float) -> str:
    """A text in the end, with its share."""
    if logw == -math.inf:
        return ""
    shown = spelled(text.encode()).replace("␣", " ")
    shown = shown if len(shown) <= TEXT_LETTERS else "…" + shown[1 - TEXT_LETTERS :]
    y = middle(place) + 4
    return (
        f"<g><title>{html.escape(text)}</title>"
        f'<text class="percent" x="{x + 44:.1f}" y="{y}">{math.exp(logw - total):.1%}</text>'
        f'<text class="text" x="{x + 54:.1f}" y="{y}">{html.escape(shown)}</text></g>'
    )


def spelled(token: bytes) -> str:
    """A token as people read it: spaces and line ends visible, bytes that are no text as hex."""
    text = token.decode("utf-8", "backslashreplace").replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)


def number(value: float) -> str:
    return "−∞" if value == -math.inf else f"{value:.3f}".replace("-", "−")
