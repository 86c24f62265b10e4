"""The ten patterns whose compilation and first mask are timed: short, counted, a long choice, one beyond ASCII."""

OCTET = r"(25[0-5]|2[0-4]\d|1?\d?\d)"

PATTERNS = {
    "date": r"\d{4}-\d{2}-\d{2}",
    "email": r"[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}",
    "ipv4": rf"({OCTET}\.){{3}}{OCTET}",
    "uuid": "-".join(f"[0-9a-f]{{{length}}}" for length in (8, 4, 4, 4, 12)),
    "letters": "[a-z]{0,500}",
    "any": ".{0,1000}",
    "url": r"https?://[^\s/$.?#].[^\s]*",
    "phone": r"(\([0-9]{3}\) |[0-9]{3}-)[0-9]{3}-[0-9]{4}",
    "choice": "|".join(f"option number {number}" for number in range(500)),
    "cjk": "[\u4e00-\u9fff]{2,8}",
}
