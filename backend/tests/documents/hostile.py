"""Files that mean harm, made on the spot, each with the code that it must be refused with."""

import functools
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable

from pypdf import PdfReader, PdfWriter

CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
RELS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def body(*paragraphs: str) -> str:
    inner = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    return f'<?xml version="1.0"?><w:document xmlns:w="{WORD}"><w:body>{inner}</w:body></w:document>'


def docx(document: str | bytes, more: Iterable[tuple[str, bytes]] = (), rels: str = RELS) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", CONTENT_TYPES)
        archive.writestr("_rels/.rels", rels)
        archive.writestr("word/document.xml", document)
        for name, data in more:
            archive.writestr(name, data)
    return out.getvalue()


def pdf(*objects: bytes, root: int = 1, trailer: bytes = b"") -> bytes:
    """A PDF of these objects, numbered from 1."""
    out, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    return out + b"trailer\n<< /Size %d /Root %d 0 R %s>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, root, trailer, start)


def stream(data: bytes, about: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), about, data)


CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def page(contents: bytes, resources: bytes = b"/Font << /F 5 0 R >>") -> tuple[bytes, ...]:
    """Catalog, pages, page, contents and font, for `pdf`."""
    kids = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
    one = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R /Resources << %s >> >>" % resources
    return CATALOG, kids, one, contents, FONT


def good_pdf(text: str = "Hello from a PDF") -> bytes:
    return pdf(*page(stream(b"BT /F 12 Tf 20 200 Td (%s) Tj ET" % text.encode())))


def good_docx(*paragraphs: str) -> bytes:
    return docx(body(*(paragraphs or ("Hello from Word",))))


def encrypted_pdf() -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(good_pdf())))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def zeros(size: int) -> bytes:
    """A deflated stream of that many spaces, made without holding them."""
    deflate = zlib.compressobj(9)
    block = b" " * (1 << 20)
    return b"".join(deflate.compress(block) for _ in range(size >> 20)) + deflate.flush()


def laughs(deep: int = 12) -> str:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, deep))
    return body(f"&l{deep - 1};").replace("<w:document", f'<!DOCTYPE w:document [<!ENTITY l0 "ha">{entities}]><w:document', 1)


def overlapping() -> bytes:
    """A Word document whose directory names the bytes of one part many times, as other parts (after D. Fifield, 2019)."""
    data = bytearray(good_docx())
    end = data.rfind(b"PK\x05\x06")
    size, start = struct.unpack("<II", data[end + 12 : end + 20])
    directory = bytes(data[start : start + size])
    last = directory.rfind(b"PK\x01\x02")
    directory += b"".join(directory[last:].replace(b"word/document.xml", b"word/docume%02d.xml" % n) for n in range(10))
    tail = struct.pack("<HHHHIIH", 0, 0, 13, 13, len(directory), start, 0)
    return bytes(data[:start]) + directory + b"PK\x05\x06" + tail


def with_declared(data: bytes, name: bytes, declared: int) -> bytes:
    """The archive with another size written for a part, in both places."""
    changed = bytearray(data)
    local, central = changed.find(name) - 30, changed.rfind(name) - 46
    struct.pack_into("<I", changed, local + 22, declared)
    struct.pack_into("<I", changed, central + 24, declared)
    return bytes(changed)


def encrypted_flag(data: bytes) -> bytes:
    changed = bytearray(data)
    place = changed.find(b"PK\x01\x02")
    while place >= 0:
        changed[place + 8] |= 1
        place = changed.find(b"PK\x01\x02", place + 4)
    return bytes(changed)


def archive(*parts: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in parts:
            made.writestr(name, data)
    return out.getvalue()


def nested_forms(deep: int = 40, wide: int = 10) -> bytes:
    """A page that draws a form, which draws the next one ten times, and so on."""
    objects = list(page(stream(b"/X6 Do"), b"/XObject << /X6 6 0 R >>"))
    for number in range(6, 6 + deep):
        following = b"/X%d Do " % (number + 1) * wide if number < 5 + deep else b"BT (ha) Tj ET"
        about = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X%d %d 0 R >> >>" % (
            number + 1,
            number + 1,
        )
        objects.append(stream(following, about))
    return pdf(*objects)


def laughing(root: str) -> str:
    """XML whose document type declares a billion laughs. `root`: it with `&l;` somewhere inside."""
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    return f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY l0 "ha">{entities}<!ENTITY l "&l11;">]>{root}'


def other_kinds() -> dict[str, tuple[str, bytes, set[str]]]:
    """The same for sheets, slides, OpenDocument files, books, rich text and web pages."""
    from .packages import ODF, epub, odf, pptx, shape, xlsx

    broken, large, locked = {"document_broken"}, {"document_too_large"}, {"document_encrypted"}
    unsupported, empty = {"document_unsupported"}, {"document_empty"}
    row = "<row><c><v>1</v></c></row>"
    outer = '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    deep_sheet = "<row>" + "<c>" * 100_000 + "</c>" * 100_000 + "</row>"
    nested = "<text:section>" * 100_000 + "</text:section>" * 100_000
    inner = "<office:body><office:text><text:p>{}</text:p></office:text></office:body>"
    content = f"<office:document-content {ODF}>{inner}</office:document-content>"
    away = '<item id="a" href="../../../etc/passwd" media-type="application/xhtml+xml"/>'
    leaving = (
        f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{away}</manifest><spine><itemref idref="a"/></spine></package>'
    )
    mimetype = ("mimetype", b"application/vnd.oasis.opendocument.text")
    return {
        "billion laughs in a workbook": ("a.xlsx", xlsx(row, more=(("xl/x.xml", laughing("<a>&l;</a>").encode()),)), broken),
        "outer entity in a workbook": ("a.xlsx", xlsx(row, more=(("xl/x.xml", f"{outer}<a>&x;</a>".encode()),)), broken),
        "deep XML in a sheet": ("a.xlsx", xlsx(deep_sheet), broken),
        "a million rows": ("a.xlsx", xlsx("<row><c><v>123456789012</v></c></row>" * 400_000), large),
        "a string used too often": ("a.xlsx", xlsx('<row><c t="s"><v>0</v></c></row>' * 2000, strings=("x" * 9999,)), large),
        "a sheet that is a bomb": ("a.xlsx", xlsx(" " * (80 << 20)), large),
        "zip bomb beside a sheet": ("a.xlsx", xlsx(row, more=(("xl/media/a.bin", b"\0" * (200 << 20)),)), large),
        "a cell that is no number": ("a.xlsx", xlsx('<row><c t="s"><v>x</v></c></row>'), broken),
        "locked parts of a workbook": ("a.xlsx", encrypted_flag(xlsx(row)), locked),
        "locked workbook": ("a.xlsx", bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600, locked),
        "old workbook": ("a.xls", bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600, unsupported),
        "truncated workbook": ("a.xlsx", xlsx(row)[:700], broken),
        "workbook without sheets": ("a.xlsx", xlsx(), empty),
        "zeros named xlsx": ("a.xlsx", b"\0" * (15 << 20), empty),
        "billion laughs in a slide": (
            "a.pptx",
            pptx(shape("x"), more=(("ppt/x.xml", laughing("<a>&l;</a>").encode()),)),
            broken,
        ),
        "deep XML in a slide": ("a.pptx", pptx("<p:grpSp>" * 100_000 + "</p:grpSp>" * 100_000), broken),
        "two thousand slides": ("a.pptx", pptx(*[shape("x")] * 1100), large),
        "a slide with too much": ("a.pptx", pptx(shape(*["x" * 1000] * 1100)), large),
        "billion laughs in an OpenDocument text": (
            "a.odt",
            archive(mimetype, ("content.xml", laughing(content.format("&l;")).encode())),
            broken,
        ),
        "outer entity in an OpenDocument text": (
            "a.odt",
            archive(mimetype, ("content.xml", f"{outer}{content.format('&x;')}".encode())),
            broken,
        ),
        "deep XML in an OpenDocument text": ("a.odt", odf("text", nested), broken),
        "repeated rows": (
            "a.ods",
            odf(
                "spreadsheet",
                "<table:table><table:table-row table:number-rows-repeated='9999999'><table:table-cell "
                "table:number-columns-repeated='9999999'><text:p>xxxxxxxxxxxxx</text:p></table:table-cell></table:table-row></table:table>",
            ),
            large,
        ),
        "locked OpenDocument text": ("a.odt", odf("text", "", manifest="<manifest:encryption-data/>"), locked),
        "OpenDocument text without a content": ("a.odt", archive(mimetype), unsupported),
        "billion laughs in a book": ("a.epub", epub("<p>x</p>", package=laughing("<package>&l;</package>")), broken),
        "book without pages": ("a.epub", epub(), broken),
        "book that leaves its archive": ("a.epub", epub(package=leaving), broken),
        "book of one long chapter": ("a.epub", epub("<p>" + "x" * 1_100_000), large),
        "rich text that is none": ("a.rtf", b"{\\rtf1", empty),
        "rich text of pictures": ("a.rtf", b"{\\rtf1{\\pict " + b"89" * 1_000_000 + b"}}", empty),
        "deeply nested page": ("a.html", b"<div>" * 500_000 + b"x", broken),
        "page of tables in tables": ("a.html", b"<table><tr><td>" * 100_000 + b"x", broken),
        "page of scripts": ("a.html", b"<script>x</script>" * 10_000, empty),
        "page without an end": ("a.html", b"<a href='" * 1_000_000, empty),
        "archive": ("a.zip", archive(("a", b"x")), unsupported),
        "picture": ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", unsupported),
    }


@functools.cache
def hostile() -> dict[str, tuple[str, bytes, set[str]]]:
    """By what it is: the name it comes with, its bytes, and the codes that say so."""
    bomb = zeros(300 << 20)
    flate = b"/Filter /FlateDecode"
    twice = zlib.compress(bomb, 9)
    broken, large = {"document_broken"}, {"document_too_large"}
    disguised, locked = {"document_disguised"}, {"document_encrypted"}
    unsupported, empty = {"document_unsupported"}, {"document_empty"}
    word = good_docx("text " * 400)
    many = [(f"word/media/{n}.xml", b"<a/>") for n in range(3000)]
    kids = b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"
    parent = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 1 >>"
    lots = b"<< /Type /Pages /Kids [%s] /Count 5000 >>" % (b"3 0 R " * 5000)
    deep = b"<< /Type /Catalog /Pages 2 0 R /A " + b"[" * 100_000 + b"]" * 100_000 + b" >>"
    return other_kinds() | {
        "zip of a zip of zeros": ("a.docx", archive(("a.zip", archive(("b", b"\0" * (100 << 20))))), unsupported),
        "plain zip named docx": ("a.docx", archive(("hello.txt", b"hello")), unsupported),
        "overlapping parts": ("a.docx", overlapping(), broken),
        "billion laughs": ("a.docx", docx(laughs()), broken),
        "billion laughs in the relations": ("a.docx", docx(body("x"), rels=laughs()), broken),
        "billion laughs in UTF-16": ("a.docx", docx(laughs().replace('"1.0"', '"1.0" encoding="UTF-16"').encode("utf-16")), broken),
        "outer entity": (
            "a.docx",
            docx(body("&x;").replace("<w:document", '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><w:document', 1)),
            broken,
        ),
        "zip bomb in the text": ("a.docx", docx(body("x" * (80 << 20))), large),
        "zip bomb in a picture": ("a.docx", docx(body("x"), [("word/media/a.bin", b"\0" * (200 << 20))]), large),
        "long text without end of words": ("a.docx", docx(body("x" * 2_000_000)), large),
        "small size declared for a large part": ("a.docx", with_declared(word, b"word/document.xml", 20), broken),
        "huge size declared": ("a.docx", with_declared(word, b"word/document.xml", 0xFFFFFFF0), large),
        "thousands of parts": ("a.docx", docx(body("x"), many), broken),
        "deeply nested XML": (
            "a.docx",
            docx(body("x").replace("<w:p>", "<w:p>" * 200_000).replace("</w:p>", "</w:p>" * 200_000)),
            broken,
        ),
        "encrypted parts": ("a.docx", encrypted_flag(word), locked),
        "truncated docx": ("a.docx", word[: len(word) // 2], broken),
        "docx without text": ("a.docx", good_docx(""), empty),
        "old Word document": ("a.doc.docx", bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600, locked),
        "program named docx": ("a.docx", b"MZ\x90\0" + b"\0" * 500, unsupported),
        "flate bomb": ("a.pdf", pdf(*page(stream(bomb, flate))), large),
        "flate bomb in a flate bomb": ("a.pdf", pdf(*page(stream(twice, b"/Filter [/FlateDecode /FlateDecode]"))), large),
        "page tree that bites its tail": ("a.pdf", pdf(CATALOG, kids), broken),
        "page tree in a circle": ("a.pdf", pdf(CATALOG, *parent), broken),
        "five thousand pages": ("a.pdf", pdf(CATALOG, lots, b"<< /Type /Page /Parent 2 0 R >>"), large),
        "forms that draw forms": ("a.pdf", nested_forms(), large),
        "deeply nested arrays": ("a.pdf", pdf(deep, *page(stream(b""))[1:]), broken),
        "encrypted PDF": ("a.pdf", encrypted_pdf(), locked),
        "truncated PDF": ("a.pdf", good_pdf()[:200], broken),
        "PDF without text": ("a.pdf", pdf(*page(stream(b"0 0 m 9 9 l S"))), empty),
        "polyglot of PDF and zip": ("a.pdf", good_pdf() + archive(("evil.txt", b"x")), disguised),
        "PDF named txt": ("a.txt", good_pdf(), disguised),
        "text named pdf": ("a.pdf", b"just text", disguised),
        "PDF after other things": ("a.txt", b"GIF89a " + good_pdf(), disguised),
        "picture named txt": ("a.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", unsupported),
        "bytes of no encoding": ("a.md", b"caf\xe9 \xff", broken),
        "nothing at all": ("a.txt", b"", empty),
        "only white space": ("a.md", b" \n\t" * 100, empty),
        "a kind that is not read": ("a.exe", b"MZ", unsupported),
    }
