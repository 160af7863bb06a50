"""A Word document as an archive of XML parts that refer to each other. Nothing is inflated before its size is known.

It knows parts and references, and no text.
"""

import io
import posixpath
import zipfile
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote
from xml.parsers import expat

from lxml import etree  # type: ignore[import-untyped]
from msgspec import Struct

from lam.documents.limits import BROKEN, ENCRYPTED, INFLATED_BYTES, MOST_PARTS, TOO_LARGE, UNSUPPORTED, XML_BYTES, Refused

_RELATION: Final = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
_PREFIXES: Final = {
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main": "w",
    "http://purl.oclc.org/ooxml/wordprocessingml/main": "w",  # the standard's strict form
    "http://schemas.openxmlformats.org/officeDocument/2006/math": "m",
    "http://purl.oclc.org/ooxml/officeDocument/math": "m",
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships": "r",
    "http://purl.oclc.org/ooxml/officeDocument/relationships": "r",
    "http://schemas.openxmlformats.org/markup-compatibility/2006": "mc",
    "http://schemas.openxmlformats.org/drawingml/2006/main": "a",
    "http://purl.oclc.org/ooxml/drawingml/main": "a",
    "http://schemas.openxmlformats.org/drawingml/2006/picture": "pic",
    "http://purl.oclc.org/ooxml/drawingml/picture": "pic",
    "http://schemas.openxmlformats.org/drawingml/2006/chart": "c",
    "http://purl.oclc.org/ooxml/drawingml/chart": "c",
    "http://schemas.openxmlformats.org/drawingml/2006/diagram": "dgm",
    "http://purl.oclc.org/ooxml/drawingml/diagram": "dgm",
    "urn:schemas-microsoft-com:vml": "v",
    "urn:schemas-microsoft-com:office:office": "o",
    "http://schemas.microsoft.com/office/word/2010/wordml": "w14",
}


class Relation(Struct, frozen=True):
    """A reference to a part. `kind`: the last word of its type. `target`: the name of a part; empty when it is outside the file."""

    kind: str
    target: str


class Package:
    """The archive. Raises Refused for anything but a Word document of acceptable size; zipfile's and lxml's errors for a damaged
    one."""

    def __init__(self, data: bytes) -> None:
        self._archive = zipfile.ZipFile(io.BytesIO(data))
        self._names = {_key(entry.filename): entry for entry in self._archive.infolist()}
        _check_archive(self._archive, len(data))
        roots = [relation.target for relation in self.relations("").values() if relation.kind == "officeDocument"]
        self.main = next((name for name in (*roots, "word/document.xml") if _key(name) in self._names), "")
        if not self.main or name_of(self.xml(self.main)) != "w:document":
            raise Refused(UNSUPPORTED, "The file is an archive, but no Word document.")

    def data(self, part: str) -> bytes:
        """Returns the bytes of a part; empty when it does not exist."""
        entry = self._names.get(_key(part))
        return b"" if entry is None else self._archive.read(entry)

    def xml(self, part: str) -> Any:
        """Returns the root of a part; an empty element when it does not exist."""
        data = self.data(part)
        if not data:
            return etree.Element("missing")
        if len(data) > XML_BYTES:
            raise Refused(TOO_LARGE)
        _check_xml(data)
        return etree.fromstring(data, _parser())

    def relations(self, part: str) -> dict[str, Relation]:
        """Returns the references of a part by id. The package itself is the part without a name."""
        folder, name = posixpath.split(part)
        relations: dict[str, Relation] = {}
        for each in self.xml(posixpath.join(folder, "_rels", f"{name}.rels")).iter(_RELATION):
            inside = each.get("TargetMode", "Internal") != "External"
            target = posixpath.normpath(posixpath.join("/", folder, unquote(each.get("Target", "")))) if inside else ""
            relations[each.get("Id", "")] = Relation(each.get("Type", "").rpartition("/")[2], target.lstrip("/"))
        return relations


def name_of(element: Any) -> str:
    """Returns the name of an element with our prefix for its namespace, such as `w:p`; without a prefix for an unknown one."""
    tag: Any = element.tag
    return _short(tag) if isinstance(tag, str) else ""  # a comment or an instruction


@lru_cache(maxsize=4096)
def _short(tag: str) -> str:
    namespace, _, name = tag.removeprefix("{").rpartition("}")
    prefix = _PREFIXES.get(namespace)
    return f"{prefix}:{name}" if prefix else name


def attribute(element: Any, name: str) -> str | None:
    """Returns an attribute by its local name, in any namespace."""
    if name in element.attrib:
        return str(element.attrib[name])
    return next((str(value) for key, value in element.attrib.items() if key.rpartition("}")[2] == name), None)


def child(element: Any, *path: str) -> Any | None:
    """Returns the first element at a path of names; None when there is none."""
    for step in path:
        element = next((each for each in element if name_of(each) == step), None)
        if element is None:
            return None
    return element


def is_on(element: Any, *path: str) -> bool:
    """Returns whether a property is present and not switched off."""
    property_ = child(element, *path)
    return property_ is not None and attribute(property_, "val") not in ("0", "false", "off")


def _key(name: str) -> str:
    return name.lstrip("/").casefold()  # part names ignore case


def _parser() -> Any:
    return etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True)


def _check_archive(archive: zipfile.ZipFile, size: int) -> None:
    """Raises Refused unless the archive is a package of acceptable size whose parts do not overlap.

    The declared sizes are limits: no part is inflated beyond them.
    """
    entries = archive.infolist()
    names = {entry.filename for entry in entries}
    if not any(_key(name) == "[content_types].xml" for name in names):
        raise Refused(UNSUPPORTED, "The file is an archive, but no Word document.")
    if len(entries) > MOST_PARTS or len(names) < len(entries):
        raise Refused(BROKEN, "The Word document holds too many parts, or the same one twice.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise Refused(ENCRYPTED)
    if sum(entry.file_size for entry in entries) > INFLATED_BYTES:
        raise Refused(TOO_LARGE, f"Unpacked, the Word document would hold more than {INFLATED_BYTES >> 20} MiB.")
    ends = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < ends or entry.header_offset + entry.compress_size > size:
            raise Refused(BROKEN, "Parts of the Word document overlap.")
        ends = entry.header_offset + 30 + len(entry.orig_filename.encode("utf-8", "replace")) + entry.compress_size
    for entry in entries:
        if entry.filename.endswith((".xml", ".rels")):
            if entry.file_size > XML_BYTES:
                raise Refused(TOO_LARGE)
            _check_xml(archive.read(entry))


def _check_xml(data: bytes) -> None:
    """Raises Refused for XML with entities, which a Word document never declares (ECMA-376, part 2): they can be bombs."""

    def refuse(*_: object) -> None:
        raise Refused(BROKEN, "The Word document declares entities, which no Word document may.")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise Refused(BROKEN) from error
