"""The readable text of HTML: what a browser would show, as lines, with marks for headings, lists and tables.

It runs no script and fetches nothing.
"""

import codecs
import re
from typing import Any, Final

from lxml import etree

from lam.documents.limits import BROKEN, MOST_CHARACTERS, TOO_LARGE, Notices, Refused
from lam.documents.plain import plain_text

_HIDDEN: Final = frozenset(
    {"script", "style", "template", "noscript", "head", "iframe", "object", "svg", "canvas", "audio", "video", "select", "datalist"}
)
_BLOCKS: Final = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "caption", "dd", "details", "dialog", "div", "dl", "dt", "fieldset"),
        *("figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "legend", "li"),
        *("main", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead", "title", "tr", "ul"),
    }
)
_HEADINGS: Final = {f"h{level}": "#" * level + " " for level in range(1, 7)}
_DECLARED: Final = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{1,40})|<\?xml[^>]{0,100}?encoding=["']([A-Za-z0-9_.:-]{1,40})""",
    re.IGNORECASE,
)
_NOT_SHOWN: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SPACE: Final = re.compile(r"[ \t\r\n\f]+")


def html_text(data: bytes, notices: Notices) -> str:
    """Returns the readable text of an HTML file. Raises Refused."""
    markup = markup_of(data, notices)
    lines = html_lines(markup)
    title = html_title(markup)
    return "\n".join([title, "", *lines] if title and title not in lines[:3] and f"# {title}" not in lines[:3] else lines)


def markup_of(data: bytes, notices: Notices) -> str:
    """Returns the characters of an HTML or XHTML file, by the encoding that it declares where that fits."""
    declared = _DECLARED.search(data[:4096])
    if declared is not None and not data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        name = (declared[1] or declared[2]).decode("ascii")
        try:
            codec = codecs.lookup({"iso-8859-1": "cp1252", "latin1": "cp1252", "gb2312": "gb18030"}.get(name.lower(), name))
            return data.decode(codec.name)
        except (LookupError, ValueError):  # unknown, or not what it declares
            pass
    return plain_text(data, notices)


def html_title(markup: str) -> str:
    """Returns the title of a page; empty when it has none."""
    found = re.search(r"<title[^>]{0,100}>([^<]{1,300})</title", markup[:100_000], re.IGNORECASE)
    if found is None:
        return ""
    root = _tree(f"<p>{found[1]}</p>")
    return "" if root is None else _SPACE.sub(" ", "".join(root.itertext())).strip()


def html_lines(markup: str) -> list[str]:
    """Returns the lines of a page or a piece of one, without empty ones at the ends and never two of them in a row. Raises
    Refused."""
    root = _tree(markup)
    if root is None:
        return []
    lines = _Lines()
    for event, element in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        if event == "start":
            lines.open(element)
        elif event == "end":
            lines.close(element)
        elif element.getparent() is not None:  # a comment hides its text, not what follows it
            lines.add(element.tail)
    return lines.done()


def _tree(markup: str) -> Any:
    """Returns the root, None for nothing. Raises Refused for elements nested too deeply: the parser leaves out what is inside."""
    parser = etree.HTMLParser(no_network=True, huge_tree=True, encoding="utf-8")
    try:
        root = etree.fromstring(markup.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError as error:
        if any("depth" in entry.message for entry in parser.error_log):
            raise Refused(BROKEN, "The elements of the page are nested too deeply.") from error
        return None  # nothing but spaces or comments
    if any("depth" in entry.message for entry in parser.error_log):
        raise Refused(BROKEN, "The elements of the page are nested too deeply.")
    return root


class _Lines:
    """Collects lines while elements open and close."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._pieces: list[str] = []
        self._hidden = 0
        self._pre = 0
        self._lists: list[int] = []  # the number of the next item of each list around; 0 when it has no numbers
        self._cells: list[list[str]] = []  # of each row around
        self._mark = ""  # in front of the next line
        self._size = 0

    def open(self, element: Any) -> None:
        name = _name(element)
        if name in _HIDDEN or _is_hidden(element):
            self._hidden += 1
            return
        if self._hidden:
            return
        if name in _BLOCKS or name == "br":
            self._end_line(blank=name in _HEADINGS or name in ("p", "table", "ul", "ol", "blockquote", "pre"))
        if name in ("ul", "ol"):
            self._lists.append(_number(element.get("start")) if name == "ol" else 0)
        elif name == "li":
            number = self._lists[-1] if self._lists else 0
            indent = "  " * (len(self._lists) - 1)
            self._mark = f"{indent}{number}. " if number else f"{indent}- "
            if number:
                self._lists[-1] += 1
        elif name == "tr":
            self._cells.append([])
        elif name in ("td", "th"):
            self._pieces.append("")
        elif name in _HEADINGS:
            self._mark = _HEADINGS[name]
        elif name == "img" and (element.get("alt") or "").strip():
            self._pieces.append(f"[Picture: {_SPACE.sub(' ', element.get('alt')).strip()}]")
        elif name == "input" and element.get("type", "text") in ("text", "email", "number", "date") and element.get("value"):
            self._pieces.append(element.get("value"))
        self._pre += name == "pre"
        self.add(element.text)

    def close(self, element: Any) -> None:
        name = _name(element)
        if name in _HIDDEN or _is_hidden(element):
            self._hidden -= 1
            self.add(element.tail)
            return
        if self._hidden:
            return
        if name in ("td", "th") and self._cells:
            self._cells[-1].append(_SPACE.sub(" ", "".join(self._pieces)).strip())
            self._pieces = []
        elif name == "tr" and self._cells:
            row = self._cells.pop()
            text = " | ".join(row)
            if self._cells:  # a table within a cell
                self._pieces.append(f" {text} ")
            elif any(row):
                self._append(text)
        elif name in _BLOCKS:
            self._end_line(blank=name in _HEADINGS or name in ("p", "table", "blockquote", "pre"))
            if name in ("ul", "ol") and self._lists:
                self._lists.pop()
        self._pre -= name == "pre"
        self.add(element.tail)

    def add(self, text: str | None) -> None:
        if not text or self._hidden:
            return
        if self._pre and not self._cells:
            first, *rest = text.split("\n")
            self._pieces.append(first)
            for line in rest:
                self._end_line(always=True)
                self._pieces.append(line)
        else:
            self._pieces.append(text)

    def done(self) -> list[str]:
        self._end_line()
        while self._lines and not self._lines[-1]:
            self._lines.pop()
        return self._lines

    def _end_line(self, *, blank: bool = False, always: bool = False) -> None:
        if self._cells:
            self._pieces.append(" ")
            return
        text = "".join(self._pieces)
        text = text.rstrip() if self._pre else _SPACE.sub(" ", text).strip()
        self._pieces = []
        if text or always:
            self._append(self._mark + text)
            self._mark = ""
        if blank and self._lines and self._lines[-1]:
            self._lines.append("")

    def _append(self, line: str) -> None:
        self._size += len(line)
        if self._size > MOST_CHARACTERS:
            raise Refused(TOO_LARGE, f"The text has more than {MOST_CHARACTERS} characters.")
        self._lines.append(line)


def _name(element: Any) -> str:
    tag = element.tag
    return tag.rpartition("}")[2].rpartition(":")[2].lower() if isinstance(tag, str) else ""


def _is_hidden(element: Any) -> bool:
    return element.get("hidden") is not None or bool(_NOT_SHOWN.search(element.get("style", "")))


def _number(text: str | None) -> int:
    return int(text) if text is not None and re.fullmatch(r"\d{1,6}", text) and int(text) else 1
