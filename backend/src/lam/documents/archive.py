"""A document that is an archive of parts, most of them XML. Nothing is inflated before its size is known, and no entity is read.

It knows parts and references between them, and no format.
"""

import io
import posixpath
import zipfile
import zlib
from typing import Any, Final
from urllib.parse import unquote
from xml.parsers import expat

from lxml import etree
from msgspec import Struct

from lam.documents.limits import BROKEN, ENCRYPTED, INFLATED_BYTES, MOST_PARTS, TOO_LARGE, XML_BYTES, Refused

_RELATION: Final = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
DAMAGE: Final = (
    etree.LxmlError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    OSError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    TypeError,
)
"""What reading a damaged archive raises, beside Refused."""


class Relation(Struct, frozen=True):
    """A reference to a part. `kind`: the last word of its type. `target`: the name of a part; empty when it is outside the file."""

    kind: str
    target: str


class Archive:
    """The parts of an archive whose size is acceptable and whose parts do not overlap. Raises Refused otherwise."""

    def __init__(self, data: bytes) -> None:
        self._archive = zipfile.ZipFile(io.BytesIO(data))
        _check(self._archive, len(data))
        self._names = {_key(entry.filename): entry for entry in self._archive.infolist()}

    def __contains__(self, part: str) -> bool:
        return _key(part) in self._names

    @property
    def names(self) -> list[str]:
        """The names of all parts."""
        return [entry.filename for entry in self._names.values()]

    def data(self, part: str) -> bytes:
        """Returns the bytes of a part; empty when it does not exist."""
        entry = self._names.get(_key(part))
        return b"" if entry is None else self._archive.read(entry)

    def xml(self, part: str, *, doctype: bool = False) -> Any:
        """Returns the root of a part; an empty element when it does not exist. `doctype`: the format's files may name theirs."""
        data = self.data(part)
        if not data:
            return etree.Element("missing")
        check_xml(data, doctype=doctype)
        return etree.fromstring(data, xml_parser())

    def relations(self, part: str) -> dict[str, Relation]:
        """Returns the references of a part by id, as Office writes them. The package itself is the part without a name."""
        folder, name = posixpath.split(part)
        relations: dict[str, Relation] = {}
        for each in self.xml(posixpath.join(folder, "_rels", f"{name}.rels")).iter(_RELATION):
            inside = each.get("TargetMode", "Internal") != "External"
            target = posixpath.normpath(posixpath.join("/", folder, unquote(each.get("Target", "")))) if inside else ""
            relations[each.get("Id", "")] = Relation(each.get("Type", "").rpartition("/")[2], target.lstrip("/"))
        return relations

    def require_plain_xml(self) -> None:
        """Raises Refused for XML with a document type or entities, which no Office file declares (ECMA-376, part 2): they can be
        bombs."""
        for entry in self._archive.infolist():
            if entry.filename.endswith((".xml", ".rels")):
                check_xml(self._archive.read(entry))


def xml_parser() -> Any:
    return etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True)


def check_xml(data: bytes, *, doctype: bool = False) -> None:
    """Raises Refused for XML that is too large, damaged, or declares entities. `doctype`: whether it may name a document type."""
    if len(data) > XML_BYTES:
        raise Refused(TOO_LARGE, f"A part of the document holds more than {XML_BYTES >> 20} MiB; send a smaller one.")

    def refuse(*_: object) -> None:
        raise Refused(BROKEN, "The document declares entities, which no such document may.")

    parser = expat.ParserCreate()
    if not doctype:
        parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise Refused(BROKEN) from error


def _key(name: str) -> str:
    return name.lstrip("/").casefold()  # part names ignore case


def _check(archive: zipfile.ZipFile, size: int) -> None:
    """Raises Refused unless the archive has an acceptable size and its parts do not overlap.

    The declared sizes are limits: no part is inflated beyond them.
    """
    entries = archive.infolist()
    if len(entries) > MOST_PARTS or len({entry.filename for entry in entries}) < len(entries):
        raise Refused(BROKEN, "The document holds too many parts, or the same one twice.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise Refused(ENCRYPTED)
    if sum(entry.file_size for entry in entries) > INFLATED_BYTES:
        raise Refused(TOO_LARGE, f"Unpacked, the document would hold more than {INFLATED_BYTES >> 20} MiB.")
    ends = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < ends or entry.header_offset + entry.compress_size > size:
            raise Refused(BROKEN, "Parts of the document overlap.")
        ends = entry.header_offset + 30 + len(entry.orig_filename.encode("utf-8", "replace")) + entry.compress_size
    if any(entry.file_size > XML_BYTES for entry in entries if entry.filename.endswith((".xml", ".rels"))):
        raise Refused(TOO_LARGE, f"A part of the document holds more than {XML_BYTES >> 20} MiB; send a smaller one.")
