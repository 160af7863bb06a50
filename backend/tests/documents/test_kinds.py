"""Sheets, slides, OpenDocument files, books, rich text, web pages: what a reader sees is in the text, and what is not is named."""

import pytest

from lam.errors import DocumentDisguised, DocumentEmpty, DocumentEncrypted, DocumentTooLarge, DocumentUnsupported

from .hostile import good_docx, good_pdf
from .packages import epub, odf, pptx, relations, shape, xlsx
from .reading import read

CELLS = '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>'


def test_a_sheet_is_read_row_by_row_with_cells_in_their_columns() -> None:
    rich = "<r><t>wi</t></r><r><t>de</t></r><rPh><t>sound</t></rPh>"
    answer = read(
        xlsx(CELLS, '<row><c t="inlineStr"><is><t>in</t></is></c><c t="b"><v>1</v></c></row>', strings=("Name", rich)), "a.xlsx"
    )
    assert answer.text == "[Sheet 1: S1]\nName |  | wide\n[Sheet 2: S2]\nin | TRUE"


STYLES = (
    '<numFmts><numFmt numFmtId="164" formatCode="dd/mm/yyyy"/><numFmt numFmtId="165" formatCode="0.0%"/>'
    '<numFmt numFmtId="166" formatCode="[h]:mm"/><numFmt numFmtId="167" formatCode="#,##0.00 &quot;days&quot;"/>'
    '<numFmt numFmtId="168" formatCode="[Red]0"/></numFmts><cellXfs>'
    + "".join(f'<xf numFmtId="{number}"/>' for number in (0, 14, 164, 165, 166, 167, 168, 9, 22))
    + "</cellXfs>"
)


@pytest.mark.parametrize(
    ("style", "value", "text"),
    [
        (0, "0.30000000000000004", "0.3"),
        (0, "1234567890123", "1234567890123"),
        (0, "1E+3", "1000"),
        (1, "45351", "2024-02-29"),
        (2, "1", "1900-01-01"),
        (2, "60.5", "1900-02-28 12:00:00"),
        (8, "45351.5", "2024-02-29 12:00:00"),
        (3, "0.125", "12.5%"),
        (7, "0.5", "50%"),
        (4, "1.25", "30:00"),
        (5, "3", "3"),
        (6, "7", "7"),
        (1, "-5", "-5"),
        (1, "1e300", "1e+300"),
        (99, "5", "5"),
        (0, "no number", "no number"),
    ],
)
def test_a_number_is_written_as_its_format_shows_it(style: int, value: str, text: str) -> None:
    answer = read(xlsx(f'<row><c s="{style}"><v>{value}</v></c></row>', styles=STYLES), "a.xlsx")
    assert answer.text == f"[Sheet 1: S1]\n{text}"


def test_what_a_workbook_hides_is_left_out_and_named() -> None:
    answer = read(xlsx(CELLS, CELLS, strings=("a", "b"), states=("visible", "veryHidden")), "a.xlsx")
    assert (answer.text, answer.notices) == ("[Sheet 1: S1]\na |  | b", ["The hidden sheet “S2” is left out."])


def test_a_formula_without_a_result_is_named() -> None:
    answer = read(xlsx("<row><c><f>1+1</f></c><c><f>1+1</f><v>2</v></c></row>"), "a.xlsx")
    assert answer.text == "[Sheet 1: S1]\n | 2"
    assert "1 cell has a formula without a stored result" in answer.notices[0]


def test_a_cell_far_away_is_named_by_its_column() -> None:
    answer = read(xlsx('<row><c r="XFD1"><v>9</v></c></row><row r="1048576"><c r="A1048576"><v>1</v></c></row>'), "a.xlsx")
    assert answer.text == "[Sheet 1: S1]\nXFD: 9\n1"


def test_slides_are_read_with_their_notes_and_without_what_every_page_repeats() -> None:
    notes = f'<p:notes xmlns:p="{SLIDE_}" xmlns:a="{DRAWING_}">{shape("Speak up")}{shape("7", placeholder="sldNum")}</p:notes>'
    more = (
        ("ppt/slides/_rels/slide1.xml.rels", relations(n=("notesSlide", "../notesSlides/n1.xml"))),
        ("ppt/notesSlides/n1.xml", notes.encode()),
    )
    answer = read(pptx(shape("Title", "Text"), "hidden:" + shape("no"), shape("Last"), more=more), "a.pptx")
    assert answer.text == "[Slide 1]\nTitle\nText\nNotes: Speak up\n[Slide 3]\nLast"
    assert answer.notices == ["One hidden slide is left out."]


SLIDE_ = "http://schemas.openxmlformats.org/presentationml/2006/main"
DRAWING_ = "http://schemas.openxmlformats.org/drawingml/2006/main"


def test_an_opendocument_text_is_read_with_notes_lists_and_tables_and_without_what_was_deleted() -> None:
    content = (
        "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes><text:h text:outline-level='2'>Head</text:h>"
        "<text:p>a<text:s text:c='2'/>b<text:note><text:note-body><text:p>foot</text:p></text:note-body></text:note></text:p>"
        "<text:list><text:list-item><text:p>one</text:p><text:list><text:list-item><text:p>deep</text:p></text:list-item></text:list>"
        "</text:list-item></text:list><text:section text:display='none'><text:p>hidden</text:p></text:section>"
        "<table:table><table:table-row><table:table-cell><text:p>c</text:p></table:table-cell><table:table-cell><text:p>d</text:p>"
        "</table:table-cell></table:table-row></table:table><text:p><draw:frame><draw:image/></draw:frame></text:p>"
    )
    answer = read(odf("text", content), "a.odt")
    assert [line for line in answer.text.split("\n") if line] == ["## Head", "a  b[^1]", "- one", "  - deep", "c | d", "[^1]: foot"]
    assert answer.notices == ["One picture is left out: only text is read."]


def test_opendocument_sheets_and_slides_are_read() -> None:
    cell = "<table:table-cell table:number-columns-repeated='2'><text:p>x</text:p></table:table-cell>"
    row = f"<table:table-row>{cell}</table:table-row>"
    wide = "<table:table-cell table:number-columns-repeated='16384'/>"
    empty = f"<table:table-row table:number-rows-repeated='1048576'>{wide}</table:table-row>"
    hides = "<style:style style:name='off'><style:table-properties table:display='false'/></style:style>"
    tables = f"<table:table table:name='A'>{row}{empty}</table:table>"
    tables += f"<table:table table:name='B' table:style-name='off'>{row}</table:table>"
    answer = read(odf("spreadsheet", tables, automatic=hides), "a.ods")
    assert (answer.text, answer.notices) == ("[Sheet 1: A]\nx | x", ["One hidden sheet is left out."])
    page = "<draw:page><draw:frame><draw:text-box><text:p>Hi</text:p></draw:text-box></draw:frame><presentation:notes><draw:frame>"
    page += "<draw:text-box><text:p>Aside</text:p></draw:text-box></draw:frame></presentation:notes></draw:page>"
    assert read(odf("presentation", page), "a.odp").text == "[Slide 1]\nHi\nNotes: Aside"


def test_a_book_is_read_chapter_by_chapter() -> None:
    doctype = (
        '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">'
    )
    page = doctype + "<html><head><title>t</title></head><body><h1>{}</h1><p>a&nbsp;b&eacute;</p></body></html>"
    assert read(epub(page.format("One"), page.format("Two")), "a.epub").text == (
        "A book\n[Chapter 1]\n# One\n\na\u00a0bé\n[Chapter 2]\n# Two\n\na\u00a0bé"
    )


def test_a_book_with_locked_fonts_is_read_and_one_with_locked_pages_is_not() -> None:
    lock = '<encryption><CipherReference URI="{}"/></encryption>'
    assert "word" in read(epub("<p>word</p>", encryption=lock.format("in/font.otf")), "a.epub").text
    with pytest.raises(DocumentEncrypted, match="DRM"):
        read(epub("<p>word</p>", encryption=lock.format("in/c%200.xhtml")), "a.epub")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (rb"{\rtf1\ansi\ansicpg1252 Gr\'fc\'dfe\par \u8364?}", "Grüße\n€"),
        (rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset134 SimSun;}}\f0 \'c4\'e3\'ba\'c3}", "你好"),
        (rb"{\rtf1\ansi \u-10179?\u-8694? {\*\unknown no}}", "😊 "),
        (rb"{\rtf1\ansi \trowd\cellx1\cellx2 a\cell b\cell\row c\par}", "a | b\nc\n"),
    ],
)
def test_rich_text_is_read_in_its_alphabets(source: bytes, text: str) -> None:
    assert read(source, "a.rtf").text.strip() == text.strip()


def test_rich_text_names_what_is_left_out() -> None:
    answer = read(rb"{\rtf1 a{\footnote no}{\pict\pngblip 8950}{\header no}}", "a.rtf")
    assert answer.text == "a"
    assert len(answer.notices) == 3


def test_a_web_page_is_read_as_a_browser_shows_it() -> None:
    page = (
        "<!doctype html><title>A &amp; B</title><style>p{}</style><script>evil()</script><h1>Head</h1><p>One<br>two</p>"
        "<ol start=3><li>c<li>d</ol><table><tr><th>x<td>y</table><pre>  kept\n\n as is</pre><p hidden>no</p>"
        "<p style='display: none'>no</p><!-- no -->after<img alt='A cat'><noscript>no</noscript>"
    )
    assert read(page.encode(), "a.html").text == (
        "A & B\n\n# Head\n\nOne\ntwo\n\n3. c\n4. d\n\nx | y\n\n  kept\n\n as is\n\nafter[Picture: A cat]"
    )


@pytest.mark.parametrize(
    ("start", "encoding"),
    [
        ('<meta charset="windows-1251">', "cp1251"),
        ('<meta http-equiv=Content-Type content="text/html; charset=gb2312">', "gbk"),
        ('<?xml version="1.0" encoding="Shift_JIS"?>', "shift_jis"),
        ("", "utf-16"),
        ('<meta charset="utf-8">', "utf-8-sig"),
        ('<meta charset="iso-8859-1">', "utf-8"),
    ],
)
def test_the_encoding_that_a_page_declares_holds_where_it_fits(start: str, encoding: str) -> None:
    word = {"cp1251": "Привет", "gbk": "你好", "shift_jis": "こんにちは"}.get(encoding, "Ünï")
    text = read(f"{start}<p>{word}</p>".encode(encoding), "a.htm").text
    assert text == (word if "8859" not in start else "Ünï".encode().decode("cp1252"))


@pytest.mark.parametrize(
    "name",
    ["a.csv", "a.tsv", "a.json", "a.py", "a.log", "a.yaml", "a.toml", "a.xml", "a.srt", "a.vtt", "a.tex", "a.odd", "Makefile"],
)
@pytest.mark.parametrize(
    ("encoding", "text"), [("utf-8-sig", "a,ü\n"), ("utf-16", "a,ü\n"), ("gb18030", "使用模型,训练结果很好。\n")]
)
def test_text_is_read_whatever_its_ending(name: str, encoding: str, text: str) -> None:
    assert read(text.encode(encoding), name).text == text


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.doc", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), r"\.docx"),
        ("a.xls", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), r"\.xlsx"),
        ("a.ppt", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), r"\.pptx"),
        ("a.pages", b"PK\x03\x04", "Apple"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "Pictures"),
        ("a.mp3", b"ID3\x04", "transcript"),
        ("a.bin", b"text", "Programs"),
        ("a.odd", b"\x00\x01\x02", "Files of this kind"),
    ],
)
def test_what_cannot_be_read_comes_with_advice(name: str, data: bytes, words: str) -> None:
    with pytest.raises(DocumentUnsupported, match=words):
        read(data, name)


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.doc", rb"{\rtf1 rich}", "rich"),
        ("a.doc", good_docx("new"), "new"),
        ("a.xls", b"<html><table><tr><td>1<td>2</table>", "1 | 2"),
        ("a.xls", xlsx("<row><c><v>1</v></c></row>"), "[Sheet 1: S1]\n1"),
        ("a.txt", rb"{\rtf1 source}", r"{\rtf1 source}"),
    ],
)
def test_a_newer_kind_under_an_older_name_is_read(name: str, data: bytes, text: str) -> None:
    assert read(data, name).text == text


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.docx", xlsx(CELLS), "an Excel workbook"),
        ("a.xlsx", pptx(shape("x")), "a PowerPoint"),
        ("a.epub", odf("text", "<text:p>x</text:p>"), "an OpenDocument"),
        ("a.odt", epub("<p>x</p>"), "a book"),
        ("a.rtf", b"plain", "plain text"),
        ("a.html", good_pdf(), "a PDF"),
    ],
)
def test_a_wrong_ending_is_named(name: str, data: bytes, words: str) -> None:
    with pytest.raises(DocumentDisguised, match=words):
        read(data, name)


def test_a_locked_opendocument_file_says_so() -> None:
    with pytest.raises(DocumentEncrypted):
        read(odf("text", "", manifest="<manifest:encryption-data/>"), "a.odt")


def test_empty_files_of_every_kind_say_so() -> None:
    for name, data in (
        ("a.pptx", pptx(shape())),
        ("a.odt", odf("text", "")),
        ("a.html", b"<p></p>"),
        ("a.xlsx", xlsx("", "")),
        ("a.ods", odf("spreadsheet", "<table:table/>")),
    ):
        with pytest.raises(DocumentEmpty):
            read(data, name)


def test_repeated_cells_do_not_fill_the_memory() -> None:
    cell = "<table:table-cell table:number-columns-repeated='999999'><text:p>xxxxxxxxxx</text:p></table:table-cell>"
    row = f"<table:table-row table:number-rows-repeated='999999'>{cell}</table:table-row>"
    with pytest.raises(DocumentTooLarge):
        read(odf("spreadsheet", f"<table:table>{row}</table:table>"), "a.ods")
