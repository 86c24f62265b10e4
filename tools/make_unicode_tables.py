"""Writes guided/automata/unicode_data.py: python tools/make_unicode_tables.py

Categories and case come from this Python (`unicodedata`, `str.lower`, re's own table of extra cases), scripts and
binary properties from the `regex` package.  Format: docstring of the file written..
"""

import re
import sys
import textwrap
import unicodedata
from pathlib import Path

import regex

try:
    from re import _casefix

    EXTRA_CASES = _casefix._EXTRA_CASES
except ImportError:  # Python 3.10
    import sre_compile

    EXTRA_CASES = sre_compile._ignorecase_fixes

TARGET = Path(__file__).resolve().parents[1] / "guided" / "automata" / "unicode_data.py"
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
EVERYTHING = "".join(map(chr, CODE_POINTS))
SCRIPTS = [
    "Adlam",
    "Ahom",
    "Anatolian_Hieroglyphs",
    "Arabic",
    "Armenian",
    "Avestan",
    "Balinese",
    "Bamum",
    "Bassa_Vah",
    "Batak",
    "Bengali",
    "Bhaiksuki",
    "Bopomofo",
    "Brahmi",
    "Braille",
    "Buginese",
    "Buhid",
    "Canadian_Aboriginal",
    "Carian",
    "Caucasian_Albanian",
    "Chakma",
    "Cham",
    "Cherokee",
    "Chorasmian",
    "Common",
    "Coptic",
    "Cuneiform",
    "Cypriot",
    "Cypro_Minoan",
    "Cyrillic",
    "Deseret",
    "Devanagari",
    "Dives_Akuru",
    "Dogra",
    "Duployan",
    "Egyptian_Hieroglyphs",
    "Elbasan",
    "Elymaic",
    "Ethiopic",
    "Georgian",
    "Glagolitic",
    "Gothic",
    "Grantha",
    "Greek",
    "Gujarati",
    "Gunjala_Gondi",
    "Gurmukhi",
    "Han",
    "Hangul",
    "Hanifi_Rohingya",
    "Hanunoo",
    "Hatran",
    "Hebrew",
    "Hiragana",
    "Imperial_Aramaic",
    "Inherited",
    "Inscriptional_Pahlavi",
    "Inscriptional_Parthian",
    "Javanese",
    "Kaithi",
    "Kannada",
    "Katakana",
    "Kayah_Li",
    "Kharoshthi",
    "Khitan_Small_Script",
    "Khmer",
    "Khojki",
    "Khudawadi",
    "Lao",
    "Latin",
    "Lepcha",
    "Limbu",
    "Linear_A",
    "Linear_B",
    "Lisu",
    "Lycian",
    "Lydian",
    "Mahajani",
    "Makasar",
    "Malayalam",
    "Mandaic",
    "Manichaean",
    "Marchen",
    "Masaram_Gondi",
    "Medefaidrin",
    "Meetei_Mayek",
    "Mende_Kikakui",
    "Meroitic_Cursive",
    "Meroitic_Hieroglyphs",
    "Miao",
    "Modi",
    "Mongolian",
    "Mro",
    "Multani",
    "Myanmar",
    "Nabataean",
    "Nandinagari",
    "New_Tai_Lue",
    "Newa",
    "Nko",
    "Nushu",
    "Nyiakeng_Puachue_Hmong",
    "Ogham",
    "Ol_Chiki",
    "Old_Hungarian",
    "Old_Italic",
    "Old_North_Arabian",
    "Old_Permic",
    "Old_Persian",
    "Old_Sogdian",
    "Old_South_Arabian",
    "Old_Turkic",
    "Old_Uyghur",
    "Oriya",
    "Osage",
    "Osmanya",
    "Pahawh_Hmong",
    "Palmyrene",
    "Pau_Cin_Hau",
    "Phags_Pa",
    "Phoenician",
    "Psalter_Pahlavi",
    "Rejang",
    "Runic",
    "Samaritan",
    "Saurashtra",
    "Sharada",
    "Shavian",
    "Siddham",
    "SignWriting",
    "Sinhala",
    "Sogdian",
    "Sora_Sompeng",
    "Soyombo",
    "Sundanese",
    "Syloti_Nagri",
    "Syriac",
    "Tagalog",
    "Tagbanwa",
    "Tai_Le",
    "Tai_Tham",
    "Tai_Viet",
    "Takri",
    "Tamil",
    "Tangsa",
    "Tangut",
    "Telugu",
    "Thaana",
    "Thai",
    "Tibetan",
    "Tifinagh",
    "Tirhuta",
    "Toto",
    "Ugaritic",
    "Vai",
    "Vithkuqi",
    "Wancho",
    "Warang_Citi",
    "Yezidi",
    "Yi",
    "Zanabazar_Square",
]
BINARIES = [
    "Alphabetic",
    "Emoji",
    "Emoji_Presentation",
    "Extended_Pictographic",
    "ID_Continue",
    "ID_Start",
    "Lowercase",
    "Math",
    "Uppercase",
]


def runs(members):
    """'gap length gap length ..' of the sorted code points."""
    numbers, end = [], 0
    start = previous = None
    for c in [*members, None]:
        if previous is not None and c == previous + 1:
            previous = c
            continue
        if start is not None:
            numbers += [start - end, previous - start + 1]
            end = previous + 1
        start = previous = c
    return " ".join(map(str, numbers))


def categories():
    found = {}
    for c in CODE_POINTS:
        found.setdefault(unicodedata.category(chr(c)), []).append(c)
    return {name: runs(found[name]) for name in sorted(found) if name != "Cn"}


def by_regex(pattern):
    return runs([ord(c) for c in regex.findall(pattern, EVERYTHING)])


def folds():
    """Groups of characters that (?i) does not tell apart: equal lower case, or lower cases that re holds to be one."""
    lower = {c: ord(chr(c).lower()[0]) for c in CODE_POINTS}
    groups = {}
    for c, low in lower.items():
        groups.setdefault(min([low, *EXTRA_CASES.get(low, ())]), []).append(c)
    return "".join(sorted("".join(map(chr, group)) + " " for group in groups.values() if len(group) > 1)).rstrip()


def literal(name, text, indent="    "):
    lines = textwrap.wrap(text, 108 - len(indent), break_on_hyphens=False) or [""]
    body = "\n".join(f'{indent}    "{line}{" " if k < len(lines) - 1 else ""}"' for k, line in enumerate(lines))
    return f'{indent}"{name}": (\n{body}\n{indent}),\n'


def main():
    out = [
        '"""Unicode tables, written by tools/make_unicode_tables.py; do not edit.\n\n'
        "Sets are 'gap length gap length ..' in code points: skip `gap`, take `length`.  FOLDS: groups of characters\n"
        "that (?i) does not tell apart, separated by spaces, in escapes.  Unassigned (Cn) is what no category holds.\n"
        'Source: the Unicode Character Database, under the Unicode License v3.\n"""\n\n'
        f'VERSION = "{unicodedata.unidata_version}"\n\n'
    ]
    out.append("CATEGORIES = {\n" + "".join(literal(k, v) for k, v in categories().items()) + "}\n\n")
    out.append("SCRIPTS = {\n")
    out += [literal(k, by_regex(rf"\p{{Script={k}}}")) for k in SCRIPTS]
    out.append("}\n\nBINARIES = {\n")
    out += [literal(k, by_regex(rf"\p{{{k}}}")) for k in BINARIES]
    escaped = folds().encode("unicode_escape").decode()
    parts = textwrap.wrap(escaped, 108, break_on_hyphens=False, break_long_words=False)
    body = "\n".join(f'    "{part}{" " if k < len(parts) - 1 else ""}"' for k, part in enumerate(parts))
    out.append(f"}}\n\nFOLDS = (\n{body}\n)\n")
    TARGET.write_text("".join(out), encoding="utf-8")
    print(f"{TARGET.name}: Unicode {unicodedata.unidata_version}, Python {sys.version.split()[0]}, re {re.__name__}")


if __name__ == "__main__":
    main()
