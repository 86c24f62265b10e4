"""Trace: what happened to the particles of a run, step by step, and a page that shows it (trace_page.py)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Move:
    """What one particle did in one step.

    token    : bytes of the token drawn; None if it had ended before, or nothing was accepted.
    is_end   : the text ended here.
    logw     : natural log of its weight after the step, before resampling; -inf if it died.
    form     : the estimator, see samplers.Draw.      n_asked : questions.
    rejected : bytes of tokens that were turned away, in order; b"" is EOS.
    """

    token: bytes | None
    is_end: bool
    logw: float
    form: str = ""
    n_asked: int = 0
    rejected: tuple[bytes, ...] = ()

    def weighing(self, logw: float) -> Move:
        """The same with another weight."""
        return replace(self, logw=logw)


@dataclass(frozen=True)
class Step:
    """All particles in one step.

    moves     : one per particle, or per branch.     ess : effective sample size after the step.
    ancestors : for each particle that goes on, which move it was; None if all go on as they are.
    n_rows    : distinct texts, which is what the model was asked about.
    parents   : for each move, which particle made it; None if each made the one at its own place.
    """

    moves: tuple[Move, ...]
    ess: float
    ancestors: tuple[int, ...] | None
    n_rows: int
    parents: tuple[int, ...] | None = None

    def came_from(self, place: int) -> int:
        """The particle, before the step, that made a move."""
        return place if self.parents is None else self.parents[place]


@dataclass
class Trace:
    """A whole run.      steps : in order.      texts, logw : of the particles in the end.

    n_particles : at most so many go on after a step; 0: as many as it has moves.
    """

    title: str
    steps: list[Step] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    logw: list[float] = field(default_factory=list)
    log_z: float = float("-inf")
    n_particles: int = 0

    @property
    def n_asked(self) -> list[int]:
        """Questions, for every token that was drawn by asking or from a mask."""
        return [move.n_asked for step in self.steps for move in step.moves if move.form]

    def lineage(self, particle: int) -> list[int]:
        """Which place the history of a particle of the last step had in every step."""
        place, places = particle, []
        for step in reversed(self.steps):
            if step.ancestors is not None:
                place = step.ancestors[place]
            places.append(place)
            place = step.came_from(place)
        return places[::-1]

    def to_html(self) -> str:
        """One self-contained page: particles over steps, weights, resampling, tokens turned away."""
        from guided.engines.trace_page import page

        return page(self)
