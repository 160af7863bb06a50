"""Documents: the good ones give their text, the hostile ones an error of their own."""

import io
import tempfile
from pathlib import Path

import pytest

from lam.documents.kinds import ADVICE, KINDS, all_endings, ending_of, family_named
from lam.documents.reader import DocumentReader
from lam.errors import DocumentError, DocumentTooLarge, DocumentUnsupported

from .hostile import body, docx, good_docx, good_pdf, hostile, page, pdf, stream

HOSTILE = hostile()


async def read(name: str, data: bytes, folder: Path) -> str:
    path = folder / "file"
    path.write_bytes(data)
    with path.open("rb") as file:
        return await DocumentReader().text(name, file)


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.pdf", good_pdf(), "Hello from a PDF"),
        ("A.PDF", good_pdf(), "Hello from a PDF"),
        ("a.docx", good_docx("One", "Two &amp; drei"), "One\nTwo & drei"),
        ("a.txt", "Grüße\r\nзwei\n".encode(), "Grüße\nзwei\n"),
        ("a.md", b"\xef\xbb\xbf# Title", "# Title"),
        ("a.markdown", "# T".encode("utf-16"), "# T"),
        ("README", b"no ending", "no ending"),
        ("a", good_pdf(), "Hello from a PDF"),
    ],
)
async def test_a_good_document_gives_its_text(name: str, data: bytes, text: str, tmp_path: Path) -> None:
    assert (await read(name, data, tmp_path)).strip("\n") == text.strip("\n")


async def test_tables_are_read_in_their_place(tmp_path: Path) -> None:
    cell = "<w:tc><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:tc>"
    table = f"<w:tbl><w:tblGrid><w:gridCol/><w:gridCol/></w:tblGrid><w:tr>{cell.format('a')}{cell.format('b')}</w:tr></w:tbl>"
    start, end = paragraph("Before"), paragraph("After")
    document = (
        '<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        f"<w:body>{start}{table}{end}</w:body></w:document>"
    )
    assert await read("a.docx", docx(document), tmp_path) == "Before\na | b\nAfter"


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


async def test_half_a_character_becomes_a_replacement(tmp_path: Path) -> None:
    cmap = (
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange "
        b"1 beginbfchar <0001> <D800> endbfchar endcmap end end"
    )
    font = (
        b"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /ToUnicode 6 0 R /DescendantFonts [<< /Type /Font "
        b"/Subtype /CIDFontType2 /BaseFont /X /CIDSystemInfo << /Registry (A) /Ordering (I) /Supplement 0 >> >>] >>"
    )
    objects = [*page(stream(b"BT /F 12 Tf 20 200 Td <0001> Tj ET"))[:4], font, stream(cmap)]
    assert "\ufffd" in await read("a.pdf", pdf(*objects), tmp_path)


async def test_a_text_about_pdf_is_text(tmp_path: Path) -> None:
    assert await read("a.md", b"A file begins with %PDF-1.7.", tmp_path) == "A file begins with %PDF-1.7."


async def test_merged_cells_are_read_once(tmp_path: Path) -> None:
    wide = '<w:tc><w:tcPr><w:gridSpan w:val="2"/></w:tcPr><w:p><w:r><w:t>Head</w:t></w:r></w:p></w:tc>'
    table = f"<w:tbl><w:tblGrid><w:gridCol/><w:gridCol/></w:tblGrid><w:tr>{wide}</w:tr></w:tbl>"
    document = body("After").replace("<w:body>", f"<w:body>{table}")
    assert await read("a.docx", docx(document), tmp_path) == "Head\nAfter"


def test_there_are_enough_hostile_files() -> None:
    assert len(HOSTILE) >= 30


@pytest.mark.parametrize("what", HOSTILE)
async def test_a_hostile_file_is_refused_with_its_own_code(what: str, tmp_path: Path) -> None:
    name, data, codes = HOSTILE[what]
    with pytest.raises(DocumentError) as refused:
        await read(name, data, tmp_path)
    assert refused.value.code in codes
    assert refused.value.message


async def test_a_child_that_hangs_is_ended() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(good_pdf())
        file.seek(0)
        with pytest.raises(DocumentTooLarge, match="too long"):
            await DocumentReader(seconds=0.01).text("a.pdf", file)


@pytest.mark.parametrize(
    ("name", "family"),
    [("x.Text", "text"), ("..\\x.PDF", "pdf"), ("/etc/x.md", "text"), (".docx", "any"), ("", "any"), ("a.tar.gz", "other")],
)
def test_the_name_says_a_kind(name: str, family: str) -> None:
    assert family_named(ending_of(name)) == family


def test_every_ending_stands_for_one_kind_and_none_is_both_read_and_refused() -> None:
    listed = [ending for kind in KINDS for ending in kind.endings]
    assert len(listed) == len(set(listed)) == len(all_endings())
    assert not set(listed) & set(ADVICE)


async def test_a_name_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentUnsupported, match="Programs"):
        await read("a.pdf.exe", b"text", tmp_path)


async def test_a_pdf_without_pages_is_empty(tmp_path: Path) -> None:
    with pytest.raises(DocumentError):
        await read("a.pdf", pdf(b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 0 >>"), tmp_path)


async def test_files_in_memory_that_have_a_number_can_be_read() -> None:
    with pytest.raises(io.UnsupportedOperation):
        await DocumentReader().text("a.txt", io.BytesIO(b"no file number"))
