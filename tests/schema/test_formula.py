"""Formulas against truth tables."""

from __future__ import annotations

import itertools
import random

import pytest

from guided.errors import LimitExceeded
from guided.schema.formula import FALSE, TRUE, Formulas

ATOMS = [("atom", number) for number in range(5)]


def random_formula(rng, formulas, depth):
    """(number, truth table as a function of the set of true atoms)"""
    if depth == 0 or rng.random() < 0.2:
        atom, positive = rng.choice(ATOMS), rng.random() < 0.8
        return formulas.literal(atom, positive), lambda true: (atom in true) == positive
    parts = [random_formula(rng, formulas, depth - 1) for _ in range(rng.randint(1, 3))]
    numbers = [number for number, _ in parts]
    if rng.random() < 0.5:
        return formulas.all_of(numbers), lambda true: all(table(true) for _, table in parts)
    return formulas.any_of(numbers), lambda true: any(table(true) for _, table in parts)


def worlds():
    return [set(chosen) for size in range(6) for chosen in itertools.combinations(ATOMS, size)]


def value(formulas, number, true):
    return formulas.substitute(number, {atom: TRUE if atom in true else FALSE for atom in ATOMS})


@pytest.mark.parametrize("seed", range(20))
def test_formulas_and_their_cubes_have_the_truth_table_they_were_built_for(seed):
    rng = random.Random(seed)
    for _ in range(20):
        formulas = Formulas()
        number, table = random_formula(rng, formulas, 4)
        cubes = list(formulas.cubes(number, 10_000))
        for true in worlds():
            assert (value(formulas, number, true) == TRUE) == table(true)
            assert any(all((atom in true) == positive for atom, positive in cube) for cube in cubes) == table(true)


@pytest.mark.parametrize("seed", range(10))
def test_a_cofactor_is_the_formula_with_some_atoms_known(seed):
    rng = random.Random(seed)
    formulas = Formulas()
    number, table = random_formula(rng, formulas, 4)
    for _ in range(10):
        known = {atom: rng.choice([TRUE, FALSE]) for atom in rng.sample(ATOMS, 2)}
        rest = formulas.substitute(number, known)
        assert formulas.atoms(rest).isdisjoint(known)
        for true in worlds():
            forced = {atom for atom in true if atom not in known} | {
                atom for atom, told in known.items() if told == TRUE
            }
            assert (value(formulas, rest, true) == TRUE) == table(forced)


def test_equal_formulas_are_one_number_and_contradictions_are_false():
    formulas = Formulas()
    a, b, c = (formulas.literal(atom) for atom in ATOMS[:3])
    assert formulas.all_of([a, formulas.all_of([c, b])]) == formulas.all_of([b, c, a, b, TRUE])
    assert formulas.all_of([a, formulas.literal(ATOMS[0], False)]) == FALSE
    assert formulas.any_of([b, formulas.negate(b)]) == TRUE
    assert formulas.all_of([]) == TRUE
    assert formulas.any_of([]) == FALSE


def test_exponential_work_is_stopped():
    formulas = Formulas()
    groups = [formulas.any_of(formulas.literal((group, n)) for n in range(3)) for group in range(20)]
    with pytest.raises(LimitExceeded, match="formula steps"):
        list(formulas.cubes(formulas.all_of(groups), 5_000))
