"""The Lark cases of the corpus of bad input: each ends as expected within 10 s and 4 GB, in a child process of its
own.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys

import pytest

import guided

ALLOWED_SECONDS = 10


def outcome(text: str, case: dict) -> str:
    """accept, error, or what went wrong."""
    try:
        constraint = guided.cfg(text)
        wrong = [t for t in case.get("must_accept", ()) if not constraint.accepts(t)]
        wrong += [t for t in case.get("must_reject", ()) if constraint.accepts(t)]
        return f"wrong about {wrong}" if wrong else "accept"
    except guided.GuidedError:
        return "error"


def in_a_child(text: str, case: dict) -> str:
    """outcome() under limits of CPU time and memory."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (ALLOWED_SECONDS, ALLOWED_SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        signal.alarm(20 * ALLOWED_SECONDS)
        try:
            os.write(writing, outcome(text, case).encode()[:1000])
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    answer = os.read(reading, 1000).decode()
    os.close(reading)
    return answer or "died"


@pytest.mark.data
def test_every_lark_case_of_the_corpus_ends_as_it_should(shared_data, monkeypatch):
    folder = shared_data.parent / "reliability"
    if not (folder / "corpus.jsonl").is_file():
        pytest.skip(f"there is no corpus in {folder}")
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    from expand import expand

    guided.cfg('start: "a"')  # Lark is loaded once, before the children are
    allowed = {"accept": {"accept"}, "error": {"error"}, "bounded": {"accept", "error"}}
    failures = []
    cases = [json.loads(line) for line in (folder / "corpus.jsonl").read_text(encoding="utf-8").splitlines()]
    cases = [case for case in cases if case["kind"] == "lark"]
    for case in cases:
        found = in_a_child(expand(case["input"]), case)
        if found not in allowed[case["expect"]]:
            failures.append((case["id"], case["expect"], found))
    assert len(cases) > 30
    assert failures == []
