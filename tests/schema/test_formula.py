"""Formulas against truth tables."""

from __future__ import annotations

import itertools
import random

import pytest

from guided.schema.formula import FALSE, TRUE, Formulas

ATOMS = [("atom", number) for number in range(5)]


def random_formula(rng, formulas, depth):
    """(formula, truth table as a function of the set of true atoms)"""
    if depth == 0 or rng.random() < 0.2:
        atom, positive = rng.choice(ATOMS), rng.random() < 0.6
        literal = formulas.literal(atom)
        return (literal if positive else -literal), lambda true: (atom in true) == positive
    parts = [random_formula(rng, formulas, depth - 1) for _ in range(rng.randint(1, 3))]
    numbers, tables = [number for number, _ in parts], [table for _, table in parts]
    choice = rng.random()
    if choice < 0.35:
        return formulas.all_of(numbers), lambda true: all(table(true) for table in tables)
    if choice < 0.7:
        return formulas.any_of(numbers), lambda true: any(table(true) for table in tables)
    if choice < 0.9:
        return formulas.one_of(numbers), lambda true: sum(table(true) for table in tables) == 1
    return -numbers[0], lambda true: not tables[0](true)


def worlds():
    return [set(chosen) for size in range(6) for chosen in itertools.combinations(ATOMS, size)]


def value(formulas, number, true):
    return formulas.substitute(number, {formulas.literal(atom): TRUE if atom in true else FALSE for atom in ATOMS})


def spend(n):
    pass


@pytest.mark.parametrize("seed", range(20))
def test_formulas_and_their_cubes_have_the_truth_table_they_were_built_for(seed):
    rng = random.Random(seed)
    for _ in range(30):
        formulas = Formulas()
        number, table = random_formula(rng, formulas, 4)
        cubes = list(formulas.cubes(number, spend))
        for true in worlds():
            assert value(formulas, number, true) == (TRUE if table(true) else FALSE)
            holds = any(all((formulas.payload(literal) in true) == (literal > 0) for literal in cube) for cube in cubes)
            assert holds == table(true), (cubes, true)


@pytest.mark.parametrize("seed", range(10))
def test_substitution_by_formulas_is_composition(seed):
    rng = random.Random(100 + seed)
    for _ in range(20):
        formulas = Formulas()
        number, table = random_formula(rng, formulas, 3)
        other, other_table = random_formula(rng, formulas, 2)
        after = formulas.substitute(number, {formulas.literal(ATOMS[0]): other})
        for true in worlds():
            inner = true - {ATOMS[0]} | ({ATOMS[0]} if other_table(true) else set())
            assert value(formulas, after, true) == (TRUE if table(inner) else FALSE)


@pytest.mark.parametrize("seed", range(10))
def test_units_must_hold_and_polarity_tells_what_can_but_help(seed):
    rng = random.Random(200 + seed)
    for _ in range(30):
        formulas = Formulas()
        number, table = random_formula(rng, formulas, 4)
        positive, negative = formulas.polarity(number)
        for true in worlds():
            if table(true):
                for unit in formulas.units(number):
                    assert (formulas.payload(unit) in true) == (unit > 0)
                for atom in positive - negative:
                    assert table(true | {formulas.payload(atom)})


def test_equal_formulas_are_the_same_number():
    formulas = Formulas()
    a, b, c = (formulas.literal(atom) for atom in ATOMS[:3])
    assert formulas.all_of([a, b, c]) == formulas.all_of([c, formulas.all_of([b, a]), a, TRUE])
    assert formulas.any_of([a, -a]) == TRUE
    assert formulas.all_of([b, -b]) == FALSE
    assert formulas.one_of([a, FALSE]) == a
    assert formulas.one_of([a, TRUE]) == -a
    assert formulas.one_of([a, a]) == FALSE


def test_thirty_exclusive_branches_stay_small():
    formulas = Formulas()
    branches = [formulas.all_of([formulas.literal(("props", n)), formulas.literal(("has", "k"))]) for n in range(30)]
    number = formulas.one_of(branches)
    size = len(formulas)
    settled = formulas.substitute(number, {formulas.literal(("props", n)): FALSE for n in range(30) if n != 7})
    assert settled == branches[7]
    assert len(formulas) - size < 40
