"""What JSON documents are about: the fields of some twenty kinds of objects, and how an object is filled.

Not here: words and values (tiny_words.py), requests and layout (tiny_json.py).
"""

from __future__ import annotations

import random

from tiny_words import (
    BRANDS,
    CATEGORIES,
    CITIES,
    COLORS,
    COMPANIES,
    CONDITIONS,
    DEPARTMENTS,
    FIRST_NAMES,
    FOODS,
    GENRES,
    JOBS,
    LANGUAGES,
    SENTENCES,
    SKILLS,
    STEPS,
    STREETS,
    TAGS,
    TITLES,
    Maker,
    Value,
    city,
    clock,
    code,
    date,
    decimal,
    email,
    flag,
    full_name,
    mail_for,
    moment,
    phone,
    pick,
    product_name,
    whole,
    words,
)

# One entity is a table: field name -> (the type as Python writes it, how to make a value).
Fields = dict[str, tuple[str, Maker]]


def fill(rng: random.Random, fields: Fields) -> tuple[dict[str, Value], Fields]:
    """One object with a random part of `fields` in their order (one time in four shuffled), and the fields used."""
    chosen = set(rng.sample(list(fields), min(len(fields), rng.randint(2, 7))))
    names = [name for name in fields if name in chosen]
    if rng.random() < 0.25:
        rng.shuffle(names)
    if rng.random() < 0.5:  # what people ask for first: these names lead half of the time
        names = list(
            dict.fromkeys([name for name in ("id", "name", "title", "age", "email") if name in fields][:3] + names)
        )
    used = {name: fields[name] for name in names}
    return make(rng, used), used


def make(rng: random.Random, used: Fields) -> dict[str, Value]:
    """One object with exactly the fields `used`; an e-mail belongs to the name beside it."""
    made = {name: maker(rng) for name, (_, maker) in used.items()}
    if "email" in made and "name" in made:
        made["email"] = mail_for(made["name"], rng)
    return made


def leading(rng: random.Random, fields: Fields) -> dict[str, Value]:
    """One object with the first two to all of `fields`, in their order."""
    n_fields = rng.randint(2, len(fields))
    return make(rng, dict(list(fields.items())[:n_fields]))


def many(rng: random.Random, fields: Fields, low: int, high: int) -> list[Value]:
    """Between `low` and `high` objects that share their fields."""
    _, used = fill(rng, fields)
    return [make(rng, used) for _ in range(rng.randint(low, high))]


STR, INT, FLOAT, BOOL, STRINGS = "str", "int", "float", "bool", "list[str]"
ADDRESS: Fields = {
    "street": (STR, lambda rng: f"{rng.randint(1, 199)} {rng.choice(STREETS)}"),
    "city": (STR, city),
    "zip": (STR, lambda rng: str(rng.randint(10000, 99999))),
    "country": (STR, lambda rng: rng.choice(CITIES)[1]),
}
ITEM: Fields = {
    "name": (STR, product_name),
    "quantity": (INT, whole(1, 9)),
    "price": (FLOAT, decimal(1, 300)),
    "sku": (STR, code("SKU")),
}
PERSON: Fields = {
    "id": (INT, whole(1, 9999)),
    "name": (STR, full_name),
    "age": (INT, whole(18, 90)),
    "email": (STR, email),
    "phone": (STR, phone),
    "city": (STR, city),
    "country": (STR, lambda rng: rng.choice(CITIES)[1]),
    "job": (STR, pick(JOBS)),
    "married": (BOOL, flag),
    "is_active": (BOOL, flag),
    "birth_date": (STR, lambda rng: f"{rng.randint(1940, 2005)}{date(rng)[4:]}"),
    "languages": (STRINGS, words(LANGUAGES, 1, 3)),
    "skills": (STRINGS, words(SKILLS)),
    "hobbies": (STRINGS, words(TAGS, 1, 3)),
    "height": (FLOAT, decimal(1.5, 2.0)),
    "address": ("Address", lambda rng: fill(rng, ADDRESS)[0]),
}
ORDER: Fields = {
    "id": (INT, whole(1, 99999)),
    "order_id": (STR, code("ORD")),
    "customer": (STR, full_name),
    "product": (STR, product_name),
    "quantity": (INT, whole(1, 20)),
    "price": (FLOAT, decimal(2, 900)),
    "total": (FLOAT, decimal(5, 2000)),
    "currency": (STR, pick(["USD", "EUR", "GBP", "NOK", "JPY"])),
    "date": (STR, date),
    "paid": (BOOL, flag),
    "shipped": (BOOL, flag),
    "status": (STR, pick(["pending", "paid", "shipped", "delivered", "cancelled"])),
    "email": (STR, email),
    "items": ("list[Item]", lambda rng: many(rng, ITEM, 1, 3)),
    "notes": (STR, pick(SENTENCES)),
    "shipping_address": ("Address", lambda rng: fill(rng, ADDRESS)[0]),
    "created_at": (STR, moment),
}
LINE: Fields = {  # an item of a nested order, as shops list them: in lower case
    "product": (STR, lambda rng: product_name(rng).lower()),
    "quantity": (INT, whole(1, 12)),
    "price": (FLOAT, decimal(1, 400)),
}
BUYER: Fields = {name: PERSON[name] for name in ("name", "age", "email", "phone", "city")}
NESTED_ORDER: Fields = {
    "order_id": (STR, code("ORD")),
    "customer": ("Person", lambda rng: leading(rng, BUYER)),
    "items": ("list[Item]", lambda rng: [make(rng, LINE) for _ in range(rng.choice([1, 1, 2, 2, 3]))]),
    "status": (STR, pick(["new", "paid", "shipped", "delivered", "cancelled"])),
    "total": (FLOAT, decimal(5, 2000)),
    "date": (STR, date),
}
DISHES = ["soup", "salad", "pie", "with rice", "pasta", "curry", "stew"]
RECIPE: Fields = {
    "title": (
        STR,
        lambda rng: f"{rng.choice(FOODS)} {rng.choice(DISHES)}".capitalize(),
    ),
    "name": (STR, lambda rng: f"{rng.choice(FOODS)} {rng.choice(['soup', 'salad', 'cake', 'bread'])}".title()),
    "minutes": (INT, lambda rng: rng.randint(1, 24) * 5),
    "servings": (INT, whole(1, 8)),
    "vegetarian": (BOOL, flag),
    "ingredients": (STRINGS, words(FOODS, 2, 5)),
    "steps": (STRINGS, words(STEPS, 1, 4)),
    "difficulty": (STR, pick(["easy", "medium", "hard"])),
    "calories": (INT, whole(150, 900)),
}
ENTITIES: dict[str, Fields] = {
    "Person": PERSON,
    "Order": ORDER,
    "User": {
        "username": (STR, lambda rng: rng.choice(FIRST_NAMES).lower() + str(rng.randint(1, 99))),
        "role": (STR, pick(["admin", "user", "editor", "guest"])),
        "score": (FLOAT, decimal(0, 100, 1)),
        "created_at": (STR, moment),
        **PERSON,
    },
    "Customer": {"customer_id": (STR, code("CUS")), "balance": (FLOAT, decimal(0, 5000)), **PERSON},
    "Employee": {
        "employee_id": (INT, whole(100, 999)),
        "department": (STR, pick(DEPARTMENTS)),
        "salary": (INT, lambda rng: rng.randint(25, 150) * 1000),
        "hired": (STR, date),
        "manager": (STR, full_name),
        **PERSON,
    },
    "Address": ADDRESS,
    "Item": ITEM,
    "Recipe": RECIPE,
    "Invoice": {
        "invoice_number": (STR, code("INV", 5)),
        "due_date": (STR, date),
        "amount": (FLOAT, decimal(10, 5000)),
        "tax": (FLOAT, decimal(1, 500)),
        **ORDER,
    },
    "Product": {
        "id": (INT, whole(1, 9999)),
        "name": (STR, product_name),
        "price": (FLOAT, decimal(1, 900)),
        "category": (STR, pick(CATEGORIES)),
        "in_stock": (BOOL, flag),
        "stock": (INT, whole(0, 500)),
        "rating": (FLOAT, decimal(1, 5, 1)),
        "color": (STR, pick(COLORS)),
        "tags": (STRINGS, words(TAGS)),
        "weight": (FLOAT, decimal(0.1, 20, 1)),
        "description": (STR, pick(SENTENCES)),
        "sku": (STR, code("SKU")),
    },
    "Book": {
        "title": (STR, pick(TITLES)),
        "author": (STR, full_name),
        "year": (INT, whole(1900, 2025)),
        "pages": (INT, whole(80, 900)),
        "isbn": (
            STR,
            lambda rng: (
                f"978-{rng.randint(0, 9)}-{rng.randint(100, 999)}-{rng.randint(10000, 99999)}-{rng.randint(0, 9)}"
            ),
        ),
        "genre": (STR, pick(GENRES)),
        "price": (FLOAT, decimal(5, 60)),
        "available": (BOOL, flag),
        "publisher": (STR, pick(COMPANIES)),
    },
    "Movie": {
        "title": (STR, pick(TITLES)),
        "director": (STR, full_name),
        "year": (INT, whole(1950, 2025)),
        "rating": (FLOAT, decimal(1, 10, 1)),
        "genres": (STRINGS, words(GENRES, 1, 3)),
        "duration_minutes": (INT, whole(70, 200)),
        "cast": (STRINGS, lambda rng: [full_name(rng) for _ in range(3)]),
    },
    "Event": {
        "title": (
            STR,
            pick(["Team meeting", "Book club", "Concert", "Workshop", "Birthday party", "Dentist", "Project review"]),
        ),
        "date": (STR, date),
        "time": (STR, clock),
        "location": (STR, city),
        "attendees": (STRINGS, lambda rng: [rng.choice(FIRST_NAMES) for _ in range(rng.randint(1, 4))]),
        "capacity": (INT, whole(5, 500)),
        "free": (BOOL, flag),
        "notes": (STR, pick(SENTENCES)),
    },
    "Flight": {
        "flight_number": (STR, lambda rng: f"{rng.choice(['SK', 'LH', 'BA', 'AF', 'UA'])}{rng.randint(100, 999)}"),
        "origin": (STR, city),
        "destination": (STR, city),
        "departure": (STR, moment),
        "gate": (STR, lambda rng: f"{rng.choice('ABCDE')}{rng.randint(1, 40)}"),
        "price": (FLOAT, decimal(40, 1200)),
        "seats_left": (INT, whole(0, 180)),
        "delayed": (BOOL, flag),
    },
    "Weather": {
        "city": (STR, city),
        "date": (STR, date),
        "temperature": (FLOAT, decimal(-15, 38, 1)),
        "humidity": (INT, whole(10, 100)),
        "condition": (STR, pick(CONDITIONS)),
        "wind_speed": (FLOAT, decimal(0, 30, 1)),
    },
    "Car": {
        "brand": (STR, pick(BRANDS)),
        "year": (INT, whole(1995, 2025)),
        "color": (STR, pick(COLORS)),
        "price": (INT, lambda rng: rng.randint(10, 600) * 100),
        "electric": (BOOL, flag),
        "mileage": (INT, whole(0, 200000)),
        "owner": (STR, full_name),
    },
    "Student": {
        "student_id": (STR, code("STU")),
        "grade": (STR, pick(["A", "B", "C", "D"])),
        "gpa": (FLOAT, decimal(2, 4, 1)),
        "courses": (STRINGS, words(["Math", "Physics", "History", "Biology", "Art", "Music", "Chemistry"], 1, 4)),
        **PERSON,
    },
    "Ticket": {
        "ticket_id": (STR, code("TCK")),
        "title": (STR, pick(SENTENCES)),
        "priority": (STR, pick(["low", "medium", "high", "critical"])),
        "status": (STR, pick(["open", "closed", "in_progress"])),
        "assignee": (STR, full_name),
        "created_at": (STR, moment),
        "labels": (STRINGS, words(TAGS)),
    },
    "Review": {
        "product": (STR, product_name),
        "author": (STR, full_name),
        "rating": (INT, whole(1, 5)),
        "text": (STR, pick(SENTENCES)),
        "verified": (BOOL, flag),
        "date": (STR, date),
    },
    "Company": {
        "name": (STR, pick(COMPANIES)),
        "founded": (INT, whole(1900, 2022)),
        "employees": (INT, whole(3, 50000)),
        "city": (STR, city),
        "website": (STR, lambda rng: f"https://www.{rng.choice(COMPANIES).lower().replace(' ', '')}.com"),
        "public": (BOOL, flag),
        "industry": (STR, pick(CATEGORIES)),
    },
    "Config": {
        "host": (STR, pick(["localhost", "127.0.0.1", "db.example.com", "0.0.0.0"])),
        "port": (INT, pick([80, 443, 5432, 8000, 8080, 3000])),
        "debug": (BOOL, flag),
        "timeout": (FLOAT, decimal(1, 60, 1)),
        "retries": (INT, whole(0, 10)),
        "log_level": (STR, pick(["debug", "info", "warning", "error"])),
        "version": (STR, lambda rng: f"{rng.randint(0, 5)}.{rng.randint(0, 20)}.{rng.randint(0, 9)}"),
        "features": (STRINGS, words(TAGS)),
    },
}
# What the library's own examples ask for most: drawn for two documents in five.
FAVOURITES = [("Person", PERSON), ("Order", ORDER), ("Order", NESTED_ORDER), ("Order", NESTED_ORDER)]
