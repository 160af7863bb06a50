"""Characters that Word stores as positions in the fonts Symbol and Wingdings (`w:sym`, and F000 to F0FF).

Tables only.
"""

from typing import Final

# Greek letters and operators at their positions in the font Symbol (Adobe's Symbol encoding).
_SYMBOL: Final[dict[int, str]] = dict(
    zip(
        (*range(0x21, 0x7F), *range(0xA1, 0xFF)),
        "!∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼"
        "ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪�〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭",
        strict=True,
    )
)
_WINGDINGS: Final = {
    0x21: "✏", 0x22: "✂", 0x28: "☎", 0x29: "✆", 0x2A: "✉", 0x36: "⌛", 0x45: "☜", 0x46: "☞", 0x4A: "☺", 0x4B: "😐", 0x4C: "☹",
    0x52: "☼", 0x6C: "●", 0x6D: "❍", 0x6E: "■", 0x6F: "□", 0x71: "❑", 0x72: "❒", 0x73: "⬧", 0x74: "⧫", 0x75: "◆", 0x76: "❖",
    0x77: "⬥", 0x9E: "·", 0x9F: "•", 0xA1: "○", 0xA7: "▪", 0xA8: "☐", 0xAB: "★", 0xD8: "➢", 0xDF: "←", 0xE0: "→", 0xE1: "↑",
    0xE2: "↓", 0xE8: "➔", 0xEF: "⇦", 0xF0: "⇨", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑",
}  # fmt: skip
_WINGDINGS_2: Final = {0x4F: "✗", 0x50: "✓", 0x51: "☒", 0x52: "☑", 0x53: "☒", 0x54: "☒", 0xA3: "☐", 0x2A: "☐"}
_FONTS: Final[dict[str, dict[int, str]]] = {"symbol": _SYMBOL, "wingdings": _WINGDINGS, "wingdings 2": _WINGDINGS_2}
UNKNOWN: Final = "\N{REPLACEMENT CHARACTER}"


def symbol(font: str, code: int) -> str:
    """Returns the character at a position of a font, or U+FFFD for a picture font. Other fonts follow Unicode."""
    places = _FONTS.get(font.lower())
    place = code & 0xFF if 0xF000 <= code <= 0xF0FF else code
    if places is None:
        return chr(place) if 0x20 <= place < 0xD800 else UNKNOWN
    return places.get(place, " " if place == 0x20 else UNKNOWN)
