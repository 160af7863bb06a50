"""Where a text may be cut so that its beginning is spoken early. Pure."""

import re
from typing import Final

LONG: Final = 60  # characters; what is shorter is spoken in a moment
SHORTEST: Final = 16  # a beginning that is shorter would end before the rest is ready
_PAUSE: Final = re.compile(r"[,;:](?=\s)|\s[–—-](?=\s)|[，、；：]")
_END: Final = re.compile(r"[.!?…](?=\s)|[。！？]")


def beginning(text: str) -> tuple[str, str]:
    """Returns the text in two parts, which together are the text. The second is empty if the first sentence is short, or has no
    place to pause."""
    end = _END.search(text)
    first = end.end() if end else len(text)
    if first <= LONG:
        return text, ""
    pause = next((found.end() for found in _PAUSE.finditer(text, SHORTEST, first)), None)
    return (text, "") if pause is None or pause == len(text) else (text[:pause], text[pause:])


def is_one(text: str) -> bool:
    """Returns whether the text is spoken in one piece."""
    return not beginning(text)[1] and _END.search(text.strip()[:-1]) is None
