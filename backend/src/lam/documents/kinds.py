"""The kinds of files whose text can be read: one table, for the reader, the API, the page's file picker and the documentation.

It knows names and endings, and no format.
"""

from pathlib import PurePath
from typing import Final, Literal

from msgspec import Struct

Family = Literal["pdf", "docx", "xlsx", "pptx", "odf", "epub", "rtf", "html", "text"]


class Kind(Struct, frozen=True):
    """A kind of file. `name`: for people. `family`: its reader. `endings`: of file names, without the dot, the usual one first."""

    name: str
    family: Family
    endings: tuple[str, ...]


KINDS: Final = (
    Kind("PDF", "pdf", ("pdf",)),
    Kind("Word", "docx", ("docx", "docm", "dotx", "dotm")),
    Kind("Excel", "xlsx", ("xlsx", "xlsm", "xltx", "xltm")),
    Kind("PowerPoint", "pptx", ("pptx", "pptm", "ppsx", "ppsm", "potx", "potm")),
    Kind("OpenDocument", "odf", ("odt", "ods", "odp", "ott", "ots", "otp")),
    Kind("EPUB", "epub", ("epub",)),
    Kind("Rich Text", "rtf", ("rtf",)),
    Kind("HTML", "html", ("html", "htm", "xhtml")),
    Kind("plain text and Markdown", "text", ("txt", "text", "md", "markdown", "mdx", "log", "rst", "org", "adoc", "asc", "nfo")),
    Kind("tables as text", "text", ("csv", "tsv", "tab", "psv")),
    Kind(
        "data and settings",
        "text",
        (
            *(
                "json",
                "jsonl",
                "ndjson",
                "json5",
                "geojson",
                "ipynb",
                "yaml",
                "yml",
                "toml",
                "xml",
                "xsd",
                "xsl",
                "xslt",
                "svg",
                "rss",
            ),
            *("atom", "kml", "gpx", "ini", "cfg", "conf", "properties", "env", "plist", "po", "ics", "vcf", "eml", "bib", "ris"),
        ),
    ),
    Kind("subtitles", "text", ("srt", "vtt", "ass", "ssa", "sub", "lrc")),
    Kind("TeX", "text", ("tex", "latex", "sty", "cls")),
    Kind(
        "source code",
        "text",
        (
            *(
                "py",
                "pyi",
                "js",
                "mjs",
                "cjs",
                "jsx",
                "ts",
                "tsx",
                "vue",
                "svelte",
                "css",
                "scss",
                "less",
                "java",
                "kt",
                "kts",
                "c",
            ),
            *(
                "h",
                "cc",
                "cpp",
                "cxx",
                "hpp",
                "cs",
                "fs",
                "vb",
                "go",
                "rs",
                "swift",
                "m",
                "mm",
                "rb",
                "php",
                "pl",
                "pm",
                "lua",
                "r",
            ),
            *("rmd", "jl", "scala", "clj", "hs", "ml", "ex", "exs", "erl", "dart", "zig", "nim", "f90", "for", "pas", "asm", "s"),
            *("sh", "bash", "zsh", "fish", "ps1", "psm1", "bat", "cmd", "sql", "graphql", "proto", "tf", "hcl", "cmake", "mk"),
            *("gradle", "groovy", "dockerfile", "diff", "patch", "v", "sv", "vhd", "vhdl", "sol", "el", "lisp", "scm", "vim"),
        ),
    ),
)
_FAMILIES: Final[dict[str, str]] = {ending: kind.family for kind in KINDS for ending in kind.endings}
_SAVE: Final = "Open it in Word or LibreOffice, save it as {}, and send that."
ADVICE: Final[dict[str, str]] = {
    **dict.fromkeys(("doc", "dot", "wps"), "Old Word files cannot be read. " + _SAVE.format(".docx")),
    **dict.fromkeys(
        ("xls", "xlt", "xlsb"),
        "Old and binary Excel files cannot be read. Open it in Excel or LibreOffice, save it as .xlsx, and send that.",
    ),
    **dict.fromkeys(
        ("ppt", "pps", "pot"),
        "Old PowerPoint files cannot be read. Open it in PowerPoint or LibreOffice, save it as .pptx, and send that.",
    ),
    **dict.fromkeys(
        ("pages", "numbers", "key"), "Files of Apple programs cannot be read. Export it as Word, Excel or PDF, and send that."
    ),
    **dict.fromkeys(("mobi", "azw", "azw3"), "Kindle books cannot be read. Send the book as EPUB or PDF."),
    **dict.fromkeys(("djvu", "ps", "xps"), "Convert it to PDF and send that."),
    **dict.fromkeys(
        ("png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "heic", "avif", "ico", "psd"),
        "Pictures cannot be read: they hold no text.",
    ),
    **dict.fromkeys(
        ("mp3", "wav", "m4a", "ogg", "flac", "mp4", "mov", "mkv", "avi", "webm"),
        "Sound and film cannot be read: send a transcript.",
    ),
    **dict.fromkeys(("zip", "rar", "7z", "tar", "gz", "tgz", "bz2", "xz"), "Unpack the archive and send the files in it."),
    **dict.fromkeys(
        ("exe", "dll", "so", "bin", "app", "msi", "iso", "dmg", "jar", "apk", "class", "pyc", "o"), "Programs hold no text to read."
    ),
    **dict.fromkeys(("db", "sqlite", "sqlite3", "mdb", "accdb", "parquet", "pkl", "npy"), "Export the data as CSV and send that."),
    **dict.fromkeys(("msg", "pst"), "Save the mail as text or PDF and send that."),
}
"""What to do about a kind that is not read, by ending."""


def ending_of(filename: str) -> str:
    """Returns the ending of a file name in lower case, without the dot; empty when it has none."""
    return PurePath(filename.replace("\\", "/")).suffix.removeprefix(".").lower()


def family_named(ending: str) -> str:
    """Returns the family of an ending; `any` for a name without one, and `other` for an ending that is not in the table."""
    return _FAMILIES.get(ending, "other") if ending else "any"


def all_endings() -> list[str]:
    """Returns every ending in the table, in its order."""
    return list(_FAMILIES)
