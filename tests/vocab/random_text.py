"""Random texts that tokenizers find hard: many scripts, emoji, combining marks, digits, all kinds of white space."""

import random

PIECES = [
    *"abcxyzABCXYZ", *"0123456789", *"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    " ", "  ", "     ", "\n", "\r\n", "\r", "\t", "\n\n\n", "\x00", "\x07", "\x1b", "\x7f", "\x85", "\xa0", "\xad",
    "\u200b", "\u200d", "\u2028", "\u3000", "\ufeff", "\ufffd", "\uffff", "é", "e\u0301", "ß", "ﬁ", "Å", "A\u030a", "ǅ",
    "İ", "ı", "a\u0300\u0301\u0302\u0303", "\u0301", "½", "²", "Ⅷ", "…", "“", "’", "¿", "¼", "Ω", "ж", "Щ", "א", "שָׁ",
    "ع", "لا", "अ", "क्षि", "த", "ก็", "ༀ", "한", "\u1112\u1161\u11ab", "漢", "字", "かな", "カ", "ｶﾞ", "𠀀", "ᚠ", "𝔸",
    "𓀀", "😀", "👩\u200d👩\u200d👧", "👍🏽", "🇩🇪", "❤️", "1️⃣", "\U0001f9ff", "\U000e0041", "\U0010fffd", "'s", "'re",
    "'LL", "don't", "the", " the", "The ", "http://", "</", "<0x41>", "##ing", "Ġ", "Ċ", "<|", "|>", " ,", " .",
]  # fmt: skip


def random_text(rng: random.Random) -> str:
    """Up to 40 pieces, some repeated; now and then any characters at all.  No "▁" and no surrogates."""
    parts: list[str] = []
    for _ in range(rng.choice([0, 1, 2, 5, 12, 40])):
        if rng.random() < 0.1:
            first, end = rng.choice([(0x20, 0x250), (0x250, 0xD800), (0xE000, 0x110000)])
            parts.append(chr(rng.randrange(first, end)).replace("▁", ""))
        else:
            parts.append(rng.choice(PIECES) * rng.choice([1, 1, 1, 1, 2, 7]))
    return "".join(parts)
