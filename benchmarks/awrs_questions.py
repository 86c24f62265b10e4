"""Questions a step at |V| = 128,000: counted here and in genlm-control, and computed; nothing is timed.

    python -m benchmarks.awrs_questions [--steps 2000]      in an environment with genlm-control

The expected number has a closed form (docs/theory/awrs.md, section 3): tokens drawn without replacement arrive like
clocks that ring after an exponential time of rate p, so a rejected token is asked about with probability p / (p + Z)
before the first accept, whose time has rate Z.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Collection
from typing import Any

import numpy as np

from benchmarks.awrs import cases, our_step, rival_step, table, write

OURS_PER_RIVAL = 10  # ours cost so much less that more of them are free


def expected_questions(probs: Any, accepted: Collection[int], form: str = "recursive") -> float:
    """Of a step over float[V] probabilities, some of the tokens accepted; more accepted tokens than one."""
    is_accepted = np.zeros(len(probs), bool)
    is_accepted[list(accepted)] = True
    z, rejected = probs[is_accepted].sum(), probs[~is_accepted]
    if form == "recursive":  # one accept, and one more question
        return float(2 + (rejected / (rejected + z)).sum())
    if form in ("two-loop", "geometric"):  # until the second accept, which may be of the same token
        return float(2 - ((probs[is_accepted] / z) ** 2).sum() + (1 - (z / (rejected + z)) ** 2).sum())
    raise ValueError(f"no such form: {form!r}")


def interval(counts: list[int]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % interval."""
    return float(np.mean(counts)), float(1.96 * np.std(counts, ddof=1) / math.sqrt(len(counts)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000, help=f"of the rival; ours {OURS_PER_RIVAL} times as many")
    n_steps = parser.parse_args().steps
    rows = []
    for name, logprobs, accepted in cases():
        probs = np.exp(logprobs.astype(np.float64))
        ours, rival = our_step(logprobs, accepted), rival_step(logprobs, accepted, autobatch=False)
        mine, mine_half = interval([ours() for _ in range(n_steps * OURS_PER_RIVAL)])
        its, its_half = interval([rival() for _ in range(n_steps)])
        row = [name, *(expected_questions(probs, accepted, form) for form in ("recursive", "two-loop"))]
        row += [f"{mine:.2f} ± {mine_half:.2f}", f"{its:.2f} ± {its_half:.2f}"]
        row.append(f"{mine - its:+.2f} ± {math.hypot(mine_half, its_half):.2f}")
        print(row, flush=True)
        rows.append(row)
    table(["case", "recursive, computed", "two loops, computed", "ours", "genlm-control 0.4.1", "difference"], rows)
    write({"questions": rows, "steps": n_steps})


if __name__ == "__main__":
    main()
