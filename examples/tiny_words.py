"""Words, numbers and dates to make documents of: lists of words, and makers that draw one value from a seed.

Names, cities and prices are invented or common knowledge; nothing is read from disk.  Not here: which values make an
object (tiny_entities.py).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

Value = Any
Maker = Callable[[random.Random], Value]


def each(text: str) -> list[str]:
    """The words between commas; line ends inside the text count for nothing."""
    return text.replace("\n", "").split(",")


FIRST_NAMES = each("""
Anna,Ben,Clara,David,Emma,Felix,Grace,Henry,Ivy,Jack,Kira,Leo,Maria,Noah,Olivia,Peter,Quinn,Rosa,Samuel,Tara,
Umar,Vera,William,Xenia,Yusuf,Zoe,Ada,Alan,Alice,Amir,Aisha,Bruno,Carlos,Chen,Daniel,Diana,Elena,Erik,Fatima,
Giulia,Hana,Hugo,Ines,Ingrid,Isabel,Jonas,Julia,Kenji,Lars,Laura,Li,Lucas,Lucy,Marta,Mei,Michael,Nina,Nora,Omar,
Paul,Priya,Ravi,Robert,Sara,Sofia,Stefan,Thomas,Tomas,Victor,Wei,Yuki""")
LAST_NAMES = each("""
Smith,Johnson,Brown,Garcia,Miller,Davis,Martinez,Lopez,Wilson,Anderson,Taylor,Moore,Martin,Lee,Thompson,White,
Harris,Clark,Lewis,Walker,Young,King,Wright,Scott,Green,Baker,Adams,Nelson,Hill,Carter,Mitchell,Roberts,Turner,
Phillips,Campbell,Parker,Evans,Edwards,Collins,Stewart,Morris,Rossi,Ferrari,Schmidt,Fischer,Weber,Wagner,Becker,
Novak,Kowalski,Nielsen,Hansen,Larsen,Berg,Lindqvist,Virtanen,Dubois,Laurent,Moreau,Silva,Santos,Costa,Tanaka,
Sato,Suzuki,Kim,Park,Wang,Zhang,Liu,Singh,Patel,Kumar,Khan,Ali,Hassan,Okafor,Mensah,Cohen,Levi""")
CITIES = [
    ("Oslo", "Norway"),
    ("Paris", "France"),
    ("Berlin", "Germany"),
    ("Madrid", "Spain"),
    ("Rome", "Italy"),
    ("Vienna", "Austria"),
    ("London", "United Kingdom"),
    ("Lisbon", "Portugal"),
    ("Dublin", "Ireland"),
    ("Prague", "Czech Republic"),
    ("Warsaw", "Poland"),
    ("Helsinki", "Finland"),
    ("Stockholm", "Sweden"),
    ("Copenhagen", "Denmark"),
    ("Athens", "Greece"),
    ("Tokyo", "Japan"),
    ("Osaka", "Japan"),
    ("Seoul", "South Korea"),
    ("Beijing", "China"),
    ("Mumbai", "India"),
    ("Delhi", "India"),
    ("Cairo", "Egypt"),
    ("Nairobi", "Kenya"),
    ("Lagos", "Nigeria"),
    ("Sydney", "Australia"),
    ("Toronto", "Canada"),
    ("Montreal", "Canada"),
    ("New York", "United States"),
    ("Chicago", "United States"),
    ("Boston", "United States"),
    ("Seattle", "United States"),
    ("Austin", "United States"),
    ("Lima", "Peru"),
    ("Mexico City", "Mexico"),
    ("Buenos Aires", "Argentina"),
    ("Santiago", "Chile"),
    ("Zurich", "Switzerland"),
    ("Brussels", "Belgium"),
]
STREETS = each("""
Main Street,Oak Avenue,Park Road,High Street,Maple Drive,Church Lane,Station Road,River Street,Hill Road""")
MAIL_HOSTS = each("example.com,mail.com,example.org,company.com,post.net")
PRODUCTS = each("""
Laptop,Keyboard,Mouse,Monitor,Desk Lamp,Notebook,Backpack,Water Bottle,Headphones,Coffee Mug,Office Chair,
Phone Case,USB Cable,Tablet,Camera,Printer,Running Shoes,T-Shirt,Rain Jacket,Wool Socks,Garden Hose,Tea Kettle,
Toaster,Blender,Bicycle,Tent,Sunglasses,Watch,Guitar,Chess Set,Puzzle,Green Tea,Olive Oil,Dark Chocolate""")
ADJECTIVES = each("small,large,red,blue,green,wireless,portable,classic,modern,compact,light,heavy,premium,basic")
CATEGORIES = each("electronics,books,clothing,home,garden,sports,toys,food,music,office,travel,health")
TITLES = each("""
The Long Road,A Quiet Sea,Night Garden,The Last Letter,Stone and Water,Winter Light,The Blue House,Open Sky,
The Clockmaker,Paper Moon,River of Glass,The Silent Forest,Seven Doors,Golden Hour,Broken Compass,
The Hidden Valley""")
GENRES = each("drama,comedy,fantasy,mystery,history,poetry,thriller,romance,science,fiction")
COMPANIES = each("""
Acme,Northwind,Globex,Initech,Umbrella,Stark Labs,Blue River,Sunrise Foods,Delta Systems,Green Leaf""")
JOBS = each("""
engineer,teacher,nurse,designer,manager,analyst,doctor,chef,writer,developer,accountant,architect""")
DEPARTMENTS = each("Sales,Engineering,Marketing,Finance,Support,Research,Human Resources,Operations")
FOODS = each("""
tomato,rice,potato,onion,carrot,bean,lentil,chicken,fish,mushroom,apple,lemon,cheese,egg,spinach,pumpkin,pepper""")
STEPS = each("""
Boil the water.,Chop the onion.,Fry for five minutes.,Add salt and pepper.,Stir well.,Bake for 30 minutes.,
Serve hot.,Mix the flour and the butter.,Let it rest for an hour.,Wash the vegetables.,Heat the oil in a pan.,
Add the rice.,Serve with bread.""")
TAGS = each("""
new,sale,urgent,python,data,travel,family,work,health,garden,music,draft,public,private,beta,stable""")
LANGUAGES = each("English,French,German,Spanish,Italian,Japanese,Chinese,Arabic,Hindi,Portuguese,Swedish")
SKILLS = each("Python,SQL,writing,design,testing,Java,cooking,planning,statistics,Linux,teaching,drawing")
SENTENCES = each("""
Works as expected.,Very good value for the price.,Arrived late but well packed.,Please call before delivery.,
The screen is bright and clear.,Not what I ordered.,Great for small rooms.,Needs a new battery.,
A short walk from the station.,The meeting was moved to Monday.,Easy to use and quick to clean.,
I would buy it again.,Could not connect to the server.,The file was not found.,Thank you for your help.,
The room was clean and quiet.""")
CONDITIONS = each("sunny,cloudy,rainy,windy,snowy,foggy,clear")
COLORS = each("red,blue,green,black,white,silver,grey,yellow,orange,purple")
BRANDS = each("Toyota,Volvo,Ford,Honda,Fiat,Renault,Tesla,Kia,Mazda,Skoda")


def pick(options: Sequence[Value]) -> Maker:
    """A maker that draws one of `options` evenly."""
    return lambda rng: rng.choice(options)


def whole(low: int, high: int) -> Maker:
    """A maker of whole numbers, both ends included."""
    return lambda rng: rng.randint(low, high)


def decimal(low: float, high: float, digits: int = 2) -> Maker:
    """A maker of decimal numbers; prices mostly end in .99, .95, .50 or .00 as they do in shops."""

    def make(rng: random.Random) -> float:
        number = rng.uniform(low, high)
        if digits == 2 and rng.random() < 0.5:
            return round(int(number) + rng.choice([0.99, 0.95, 0.5, 0.0]), 2)
        return round(number, digits)

    return make


def flag(rng: random.Random) -> bool:
    return rng.random() < 0.6


def date(rng: random.Random) -> str:
    return f"{rng.randint(2015, 2026)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def moment(rng: random.Random) -> str:
    return f"{date(rng)}T{rng.randint(0, 23):02d}:{rng.choice([0, 15, 30, 45, rng.randint(0, 59)]):02d}:00Z"


def clock(rng: random.Random) -> str:
    return f"{rng.randint(6, 22):02d}:{rng.choice(['00', '15', '30', '45'])}"


def code(prefix: str, digits: int = 4) -> Maker:
    """Identifiers such as "ORD-1042"."""
    return lambda rng: f"{prefix}-{rng.randint(10 ** (digits - 1), 10**digits - 1)}"


def phone(rng: random.Random) -> str:
    country = rng.choice([1, 33, 44, 46, 47, 49])
    return f"+{country} {rng.randint(200, 999)} {rng.randint(100, 999)} {rng.randint(1000, 9999)}"


def full_name(rng: random.Random) -> str:
    return f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"


def email(rng: random.Random) -> str:
    return mail_for(full_name(rng), rng)


def mail_for(name: str, rng: random.Random) -> str:
    """An address for `name`, so that a model can learn that the two belong together."""
    parts = name.lower().split()
    local = rng.choice([".".join(parts), parts[0], parts[0][0] + parts[-1], "_".join(parts)])
    return f"{local}@{rng.choice(MAIL_HOSTS)}"


def words(options: list[str], low: int = 1, high: int = 4) -> Maker:
    """A list of `low` to `high` different entries of `options`."""
    return lambda rng: rng.sample(options, rng.randint(low, high))


def city(rng: random.Random) -> str:
    return rng.choice(CITIES)[0]


def product_name(rng: random.Random) -> str:
    name = rng.choice(PRODUCTS)
    return name if rng.random() < 0.7 else f"{rng.choice(ADJECTIVES).title()} {name}"
