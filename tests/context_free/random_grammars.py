"""Random small Lark grammars that are hard for a lexer: overlapping terminals, priorities, ignores, nullable and
recursive rules.
"""

from __future__ import annotations

import random

PATTERNS = [
    '"a"', '"b"', '"ab"', '"aa"', '"ba"', '"aab"', '"A"', '"a"i', '"ab"i', '"c"',
    "/a+/", "/b+/", "/[ab]+/", "/a+b/", "/ab*/", "/a|ab/", "/ab|a/", "/a(b*c)?/", "/a*?b/", "/a+?/", "/(a|b)*c/",
    "/[a-c]+/i",
    "/a{2,3}/", "/(ab)+/", "/a(ba)*/", "/[^a]/", "/[^c]+/", "/b?a/", "/a?b?c/", "/(?<!a)b/", "/(?<=b)a/",
    "/(?<!b)a+/", "/^a+/",
    "/a+(?=b)/", "/a(?!b)/", "/(?!ab)[ab]+/", "/[ab]+?(?=c)/", "/a\\b/", "/[ab](?!.*c)/", "/b$/", "/a(?=b|$)b?/",
    "/(?=a)[ab]{2}/", "/\\B[ab]+/", "/a(?:(?=b)b+|c)/", "/(?!a|b)./", "/ab?(?!a)b?/", "/(a(?!b)|b)+/", "/c\\Z/",
    "/a.b/", "/a.?/", '"a" | "ab"', '"ab" "c"?', '("a" | "b")+', "/a(?:b|bc)/", "/(a|b){1,2}?c/", "/aa|b|ab/",
]  # fmt: skip
ATOMS = ["T0", "T1", "T2", "T3", "x1", "x2", "start"]


def random_grammar(seed: int) -> str:
    """A grammar over the letters a, b, c; it may well be one that Lark refuses."""
    rng = random.Random(seed)
    n_terminals, n_rules = rng.randint(2, 4), rng.randint(0, 2)
    atoms = [f"T{k}" for k in range(n_terminals)] + [f"x{k + 1}" for k in range(n_rules)]
    lines = []
    for k in range(n_rules + 1):
        name = "start" if k == 0 else f"x{k}"
        priority = f".{rng.randint(1, 3)}" if rng.random() < 0.1 and k else ""
        alternatives = []
        for _ in range(rng.randint(1, 3)):
            parts = [
                rng.choice(atoms) + rng.choice(["", "", "", "", "?", "*", "+"])
                for _ in range(rng.choice([0, 1, 1, 2, 2, 3]))
            ]
            alternatives.append(" ".join(parts))
        lines.append(f"{name}{priority}: {' | '.join(alternatives)}")
    for k in range(n_terminals):
        priority = f".{rng.randint(1, 2)}" if rng.random() < 0.2 else ""
        lines.append(f"T{k}{priority}: {rng.choice(PATTERNS)}")
    if rng.random() < 0.3:
        lines.append(f"%ignore {rng.choice(['/c/', '/ +/', '/[ab]/', chr(34) + 'c' + chr(34), '/ca?/'])}")
    return "\n".join(lines)
