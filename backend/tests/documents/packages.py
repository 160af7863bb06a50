"""Office files, OpenDocument files and books, made on the spot from their parts."""

from .hostile import archive

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SLIDE = "http://schemas.openxmlformats.org/presentationml/2006/main"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
ODF = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in {
        "office": "office",
        "text": "text",
        "table": "table",
        "draw": "drawing",
        "style": "style",
        "presentation": "presentation",
        "manifest": "manifest",
    }.items()
)


def relations(**parts: tuple[str, str]) -> bytes:
    """Relations by id: kind and target."""
    inner = "".join(f'<Relationship Id="{key}" Type="{OFFICE}/{kind}" Target="{target}"/>' for key, (kind, target) in parts.items())
    return f'<Relationships xmlns="{PACKAGE}">{inner}</Relationships>'.encode()


def xlsx(
    *sheets: str,
    strings: tuple[str, ...] = (),
    styles: str = "",
    states: tuple[str, ...] = (),
    more: tuple[tuple[str, bytes], ...] = (),
) -> bytes:
    """A workbook. `sheets`: the rows of each, as XML."""
    shown = dict(enumerate(states, 1))
    listed = "".join(
        f'<sheet name="S{n}" sheetId="{n}" r:id="r{n}" state="{shown.get(n, "visible")}"/>' for n in range(1, len(sheets) + 1)
    )
    book = f'<workbook xmlns="{SHEET}" xmlns:r="{OFFICE}"><sheets>{listed}</sheets></workbook>'
    links = {f"r{n}": ("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(sheets) + 1)}
    shared = "".join(f"<si>{text if text.startswith('<') else f'<t>{text}</t>'}</si>" for text in strings)
    return archive(
        ("[Content_Types].xml", b"<Types/>"),
        ("_rels/.rels", relations(a=("officeDocument", "xl/workbook.xml"))),
        ("xl/workbook.xml", book.encode()),
        ("xl/_rels/workbook.xml.rels", relations(**links, s=("sharedStrings", "sharedStrings.xml"), t=("styles", "styles.xml"))),
        ("xl/sharedStrings.xml", f'<sst xmlns="{SHEET}">{shared}</sst>'.encode()),
        ("xl/styles.xml", f'<styleSheet xmlns="{SHEET}">{styles}</styleSheet>'.encode()),
        *(
            (f"xl/worksheets/sheet{n}.xml", f'<worksheet xmlns="{SHEET}"><sheetData>{rows}</sheetData></worksheet>'.encode())
            for n, rows in enumerate(sheets, 1)
        ),
        *more,
    )


def pptx(*slides: str, more: tuple[tuple[str, bytes], ...] = ()) -> bytes:
    """A presentation. `slides`: the shapes of each, as XML; one that begins with `hidden:` is hidden."""
    listed = "".join(f'<p:sldId id="{255 + n}" r:id="r{n}"/>' for n in range(1, len(slides) + 1))
    deck = f'<p:presentation xmlns:p="{SLIDE}" xmlns:r="{OFFICE}"><p:sldIdLst>{listed}</p:sldIdLst></p:presentation>'
    links = {f"r{n}": ("slide", f"slides/slide{n}.xml") for n in range(1, len(slides) + 1)}
    bodies = []
    for n, shapes in enumerate(slides, 1):
        shown = ' show="0"' if shapes.startswith("hidden:") else ""
        tree = f"<p:cSld><p:spTree>{shapes.removeprefix('hidden:')}</p:spTree></p:cSld>"
        body = f'<p:sld xmlns:p="{SLIDE}" xmlns:a="{DRAWING}" xmlns:r="{OFFICE}"{shown}>{tree}</p:sld>'
        bodies.append((f"ppt/slides/slide{n}.xml", body.encode()))
    return archive(
        ("[Content_Types].xml", b"<Types/>"),
        ("_rels/.rels", relations(a=("officeDocument", "ppt/presentation.xml"))),
        ("ppt/presentation.xml", deck.encode()),
        ("ppt/_rels/presentation.xml.rels", relations(**links)),
        *bodies,
        *more,
    )


def shape(*paragraphs: str, placeholder: str = "") -> str:
    kind = f'<p:nvSpPr><p:nvPr><p:ph type="{placeholder}"/></p:nvPr></p:nvSpPr>' if placeholder else ""
    inner = "".join(f"<a:p><a:r><a:t>{text}</a:t></a:r></a:p>" for text in paragraphs)
    return f"<p:sp>{kind}<p:txBody>{inner}</p:txBody></p:sp>"


def odf(kind: str, content: str, *, styles: str = "", automatic: str = "", manifest: str = "") -> bytes:
    """An OpenDocument file. `kind`: text, spreadsheet or presentation."""
    body = f"<office:body><office:{kind}>{content}</office:{kind}></office:body>"
    styles_within = f"<office:automatic-styles>{automatic}</office:automatic-styles>"
    root = f"<office:document-content {ODF}>{styles_within}{body}</office:document-content>"
    return archive(
        ("mimetype", f"application/vnd.oasis.opendocument.{kind}".encode()),
        ("META-INF/manifest.xml", f"<manifest:manifest {ODF}>{manifest}</manifest:manifest>".encode()),
        ("content.xml", root.encode()),
        ("styles.xml", f"<office:document-styles {ODF}>{styles}</office:document-styles>".encode()),
    )


def epub(*pages: str, package: str = "", encryption: str = "") -> bytes:
    """A book. `pages`: the XHTML of its chapters."""
    items = "".join(f'<item id="i{n}" href="c%20{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(len(pages)))
    order = "".join(f'<itemref idref="i{n}"/>' for n in range(len(pages)))
    book = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        f"<dc:title>A book</dc:title></metadata><manifest>{items}</manifest><spine>{order}</spine></package>"
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="in/book.opf"/></rootfiles></container>'
    )
    locks = [("META-INF/encryption.xml", encryption.encode())] if encryption else []
    return archive(
        ("mimetype", b"application/epub+zip"),
        ("META-INF/container.xml", container.encode()),
        ("in/book.opf", (package or book).encode()),
        *((f"in/c {n}.xhtml", page.encode()) for n, page in enumerate(pages)),
        *locks,
    )
