"""Random small schemas of all keywords of 2020-12, and documents that are near them."""

from __future__ import annotations

KEYS = ["a", "b", "k", "aé", "a\n"]
STRINGS = ["", "a", "ab", "abc", "é", 'q"\\', "x\ny", "2020-02-29"]
NUMBERS = [0, 1, -1, 2, 3, 10, 12, 0.5, 1.5, -2.25, 2.5, 1e-7]
SCALARS = [None, True, False, *STRINGS, *NUMBERS]


def random_schema(rng, depth: int = 3):
    """A schema: nested at most `depth` deep, `$ref` to one of two shared definitions now and then."""
    definitions = {name: random_part(rng, depth - 1) for name in ("x", "y")}
    schema = random_part(rng, depth)
    return {**schema, "$defs": definitions} if isinstance(schema, dict) else schema


def random_part(rng, depth: int):
    if rng.random() < 0.06:
        return rng.choice([True, False, True])
    makers = [random_scalar, random_scalar, random_enum]
    if depth > 0:
        makers += [random_object, random_object, random_array, random_union, random_union, random_reference]
    return rng.choice(makers)(rng, depth)


def random_scalar(rng, depth):
    kind = rng.choice(["string", "number", "integer", "boolean", "null", None])
    schema = {} if kind is None else {"type": kind}
    if kind in ("string", None) and rng.random() < 0.7:
        schema |= rng.choice(
            [
                {"minLength": 1},
                {"maxLength": 2},
                {"pattern": "^a"},
                {"pattern": "b|\u00e9$"},
                {"pattern": "^[a-c]*$", "maxLength": 2},
            ]
        )
    if kind in ("number", "integer", None) and rng.random() < 0.7:
        low, high = sorted(rng.sample([-3, -1, -0.5, 0, 0.25, 1, 1.5, 2, 11], 2))
        schema |= rng.choice(
            [
                {"minimum": low},
                {"maximum": high},
                {"exclusiveMinimum": low},
                {"minimum": low, "exclusiveMaximum": high},
                {"multipleOf": rng.choice([0.25, 0.5, 2, 3])},
            ]
        )
    if kind is not None and rng.random() < 0.15:
        schema["type"] = [kind, "null"] if kind != "null" else ["null", "array"]
    return schema


def random_enum(rng, depth):
    values = rng.sample([*SCALARS, [], [1], {}, {"a": 1}, {"k": [None]}], rng.randint(1, 4))
    if rng.random() < 0.4:
        return {"const": values[0]}
    return {"enum": values}


def random_object(rng, depth):
    schema = {"type": "object"} if rng.random() < 0.8 else {}
    names = rng.sample(KEYS, rng.randint(0, 3))
    if names:
        schema["properties"] = {name: random_part(rng, depth - 1) for name in names}
    if rng.random() < 0.6:
        schema["required"] = rng.sample(KEYS, rng.randint(1, 2))
    if rng.random() < 0.5:
        schema["additionalProperties"] = rng.choice([False, False, random_part(rng, depth - 1)])
    if rng.random() < 0.2:
        schema["patternProperties"] = {
            pattern: random_part(rng, depth - 1) for pattern in rng.sample(["^a", "b$", "é", "^k"], rng.randint(1, 2))
        }
    if rng.random() < 0.15:
        schema["propertyNames"] = rng.choice(
            [{"maxLength": 1}, {"enum": ["a", "b", "k"]}, {"pattern": "^[^b]"}, {"not": {"const": "a"}}]
        )
    if rng.random() < 0.15:
        schema["minProperties"] = rng.randint(0, 3)
    if rng.random() < 0.15:
        schema["maxProperties"] = rng.randint(0, 3)
    if rng.random() < 0.1:
        schema["dependentRequired"] = {rng.choice(KEYS): rng.sample(KEYS, rng.randint(1, 2))}
    if rng.random() < 0.1:
        schema["dependentSchemas"] = {rng.choice(KEYS): random_part(rng, depth - 1)}
    if rng.random() < 0.15:
        schema["unevaluatedProperties"] = rng.choice([False, random_part(rng, depth - 1)])
    return schema


def random_array(rng, depth):
    schema = {"type": "array"} if rng.random() < 0.8 else {}
    if rng.random() < 0.7:
        schema["items"] = random_part(rng, depth - 1)
    if rng.random() < 0.4:
        schema["prefixItems"] = [random_part(rng, depth - 1) for _ in range(rng.randint(1, 2))]
    if rng.random() < 0.4:
        schema["minItems"] = rng.randint(0, 3)
    if rng.random() < 0.4:
        schema["maxItems"] = rng.randint(0, 3)
    if rng.random() < 0.25:
        schema["contains"] = random_part(rng, depth - 1)
        if rng.random() < 0.4:
            schema["minContains"] = rng.randint(0, 2)
        if rng.random() < 0.4:
            schema["maxContains"] = rng.randint(0, 2)
    if rng.random() < 0.15:
        schema["uniqueItems"] = True
    if rng.random() < 0.12:
        schema["unevaluatedItems"] = rng.choice([False, random_part(rng, depth - 1)])
    return schema


def random_union(rng, depth):
    word = rng.choice(["anyOf", "anyOf", "allOf", "oneOf", "not", "if"])
    if word == "not":
        schema = {"not": random_part(rng, depth - 1)}
    elif word == "if":
        schema = {key: random_part(rng, depth - 1) for key in ("if", *rng.sample(["then", "else"], rng.randint(0, 2)))}
    else:
        schema = {word: [random_part(rng, depth - 1) for _ in range(rng.randint(1, 3))]}
    if rng.random() < 0.15:
        schema |= random_object(rng, depth - 1)
    if rng.random() < 0.3:
        sibling = random_scalar(rng, 0)
        schema |= {key: value for key, value in sibling.items() if key != "type"}
    return schema


def random_reference(rng, depth):
    return {"$ref": f"#/$defs/{rng.choice('xy')}"}


def random_document(rng, depth: int = 3):
    choice = rng.random()
    if depth == 0 or choice < 0.4:
        return rng.choice(SCALARS)
    if choice < 0.6:
        return [random_document(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    return {key: random_document(rng, depth - 1) for key in rng.sample(KEYS, rng.randint(0, 3))}


def near(rng, document):
    """`document` with one thing changed somewhere."""
    if isinstance(document, dict) and document and rng.random() < 0.8:
        copy = dict(document)
        key = rng.choice(list(copy))
        change = rng.random()
        if change < 0.25:
            del copy[key]
        elif change < 0.4:
            copy[rng.choice(KEYS)] = rng.choice(SCALARS)
        else:
            copy[key] = near(rng, copy[key])
        return copy
    if isinstance(document, list) and rng.random() < 0.8:
        copy = list(document)
        if copy and rng.random() < 0.6:
            index = rng.randrange(len(copy))
            copy[index] = near(rng, copy[index])
        elif copy and rng.random() < 0.5:
            copy.pop()
        else:
            copy.append(rng.choice(SCALARS))
        return copy
    return rng.choice(SCALARS)
