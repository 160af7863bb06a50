"""Word documents: whatever is on paper is in the text, once; what was deleted is not."""

import io
import zipfile

import docx as python_docx
import pytest

from lam.errors import DocumentError, DocumentUnsupported

from .hostile import WORD, docx
from .reading import read

NAMESPACES = (
    f'xmlns:w="{WORD}" xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:v="urn:schemas-microsoft-com:vml" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
    'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture" '
    'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml"'
)
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def part(root: str, inner: str) -> bytes:
    return f'<?xml version="1.0"?><w:{root} {NAMESPACES}>{inner}</w:{root}>'.encode()


def document(inner: str, *parts: tuple[str, str, str]) -> bytes:
    """A document; `parts`: the kind of each other part, its name and its content. They are related as r1, r2 …"""
    relations = "".join(
        f'<Relationship Id="r{number}" Type="{OFFICE}/{kind}" Target="{name}"/>' for number, (kind, name, _) in enumerate(parts, 1)
    )
    rels = f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{relations}</Relationships>'
    more = [(f"word/{name}", content.encode()) for _, name, content in parts]
    body = part("document", f"<w:body>{inner}</w:body>")
    return docx(body, [("word/_rels/document.xml.rels", rels.encode()), *more])


def run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(*pieces: str) -> str:
    return f"<w:p>{''.join(pieces)}</w:p>"


def field(kind: str) -> str:
    return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'


def code(text: str) -> str:
    return f'<w:r><w:instrText xml:space="preserve">{text}</w:instrText></w:r>'


def sdt(inner: str) -> str:
    return f'<w:sdt><w:sdtPr><w:alias w:val="secret name"/></w:sdtPr><w:sdtContent>{inner}</w:sdtContent></w:sdt>'


BOX = paragraph(run("in the box"))
SHAPE = f"<wps:wsp><wps:txbx><w:txbxContent>{BOX}</w:txbxContent></wps:txbx></wps:wsp>"
DRAWN = f"<w:drawing><wp:inline><a:graphic><a:graphicData>{SHAPE}</a:graphicData></a:graphic></wp:inline></w:drawing>"
VML = f"<w:pict><v:shape><v:textbox><w:txbxContent>{BOX}</w:txbxContent></v:textbox></v:shape></w:pict>"
CELL = "<w:tc>{}</w:tc>"
ONE, TWO = CELL.format(paragraph(run("one"))), CELL.format(paragraph(run("two")))


def math(inner: str) -> str:
    return f"<m:oMath>{inner}</m:oMath>"


def letters(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


CASES = {
    "a tracked insertion": (paragraph(run("a"), f"<w:ins>{run(' new')}</w:ins>", run(" b")), "a new b"),
    "an insertion within a hyperlink": (paragraph(f"<w:hyperlink><w:ins>{run('link')}</w:ins></w:hyperlink>"), "link"),
    "a tracked deletion": (paragraph(run("a"), "<w:del><w:r><w:delText> old</w:delText></w:r></w:del>", run(" b")), "a b"),
    "text that was deleted after it was inserted": (
        paragraph(run("a"), f"<w:ins><w:del>{run('x')}</w:del>{run('b')}</w:ins>"),
        "ab",
    ),
    "moved text, where it is now": (
        paragraph(f"<w:moveFrom>{run('m')}</w:moveFrom>", run("a"), f"<w:moveTo>{run('m')}</w:moveTo>"),
        "am",
    ),
    "paragraphs joined by a deletion": (
        paragraph("<w:pPr><w:rPr><w:del/></w:rPr></w:pPr>", run("first ")) + paragraph(run("second")),
        "first second",
    ),
    "inserted paragraphs in a wrapper": (
        f"<w:ins>{paragraph(run('a'))}</w:ins><w:customXml>{paragraph(run('b'))}</w:customXml>",
        "a\nb",
    ),
    "a deleted row": (
        f"<w:tbl><w:tr><w:trPr><w:del/></w:trPr>{ONE}</w:tr><w:tr><w:trPr><w:ins/></w:trPr>{TWO}</w:tr></w:tbl>",
        "two",
    ),
    "a content control around paragraphs": (sdt(paragraph(run("in control"))), "in control"),
    "a content control in a paragraph": (paragraph(run("a "), sdt(run("b")), run(" c")), "a b c"),
    "a content control in another": (sdt(sdt(paragraph(sdt(run("deep"))))), "deep"),
    "a content control around a row": (f"<w:tbl>{sdt(f'<w:tr>{ONE}{TWO}</w:tr>')}</w:tbl>", "one | two"),
    "a content control around a cell": (f"<w:tbl><w:tr>{ONE}{sdt(TWO)}</w:tr></w:tbl>", "one | two"),
    "a content control within a cell": (f"<w:tbl><w:tr>{CELL.format(sdt(paragraph(run('x'))))}{TWO}</w:tr></w:tbl>", "x | two"),
    "a text box of today": (paragraph(run("a"), f"<w:r>{DRAWN}</w:r>"), "a\nin the box"),
    "a text box of old": (paragraph(run("a"), f"<w:r>{VML}</w:r>"), "a\nin the box"),
    "a text box in both ways, once": (
        paragraph(
            run("a"),
            f'<w:r><mc:AlternateContent><mc:Choice Requires="wps">{DRAWN}</mc:Choice>'
            f"<mc:Fallback>{VML}</mc:Fallback></mc:AlternateContent></w:r>",
        ),
        "a\nin the box",
    ),
    "an alternative with an empty choice": (
        paragraph(
            f'<w:r><mc:AlternateContent><mc:Choice Requires="x"/><mc:Fallback>{VML}</mc:Fallback></mc:AlternateContent></w:r>'
        ),
        "\nin the box",
    ),
    "an alternative of paragraphs": (
        f"<mc:AlternateContent><mc:Choice>{paragraph(run('once'))}</mc:Choice><mc:Fallback>{paragraph(run('twice'))}</mc:Fallback></mc:AlternateContent>",
        "once",
    ),
    "word art": (paragraph('<w:r><w:pict><v:shape><v:textpath string="DRAFT"/></v:shape></w:pict></w:r>'), "\nDRAFT"),
    "a simple field": (paragraph(f'<w:fldSimple w:instr=" AUTHOR ">{run("Ann")}</w:fldSimple>'), "Ann"),
    "a field's result without its code": (
        paragraph(field("begin"), code(" DATE "), field("separate"), run("today"), field("end"), run("!")),
        "today!",
    ),
    "a field in a field": (
        paragraph(
            *(field("begin"), code(" IF "), field("begin"), code(" PAGE "), field("separate"), run("hidden"), field("end")),
            *(code(" = 1 "), field("separate"), run("shown"), field("end")),
        ),
        "shown",
    ),
    "a field over two paragraphs": (
        paragraph(field("begin"), code("TOC"), field("separate"), run("one"))
        + paragraph(run("two"), field("end"))
        + paragraph(run("x")),
        "one\ntwo\nx",
    ),
    "a field that never ends": (paragraph(field("begin"), code("X"), run("kept")) + paragraph(run("and this")), "kept\nand this"),
    "a field that ends in deleted text": (
        paragraph(field("begin"), code("X"), field("separate"), run("r"), f"<w:del>{field('end')}</w:del>", run(" after")),
        "r after",
    ),
    "an old tick box": (
        paragraph(
            '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:checkBox><w:checked/></w:checkBox></w:ffData></w:fldChar></w:r>',
            *(code(" FORMCHECKBOX "), field("end"), run(" yes")),
        ),
        "☒ yes",
    ),
    "an old list to choose from": (
        paragraph(
            '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:ddList><w:result w:val="1"/><w:listEntry w:val="red"/>'
            '<w:listEntry w:val="blue"/></w:ddList></w:ffData></w:fldChar></w:r>',
            *(code(" FORMDROPDOWN "), field("end")),
        ),
        "blue",
    ),
    "a button that says what to do": (
        paragraph(field("begin"), code(" MACROBUTTON NoMacro Click here "), field("end")),
        "Click here",
    ),
    "a reading above Japanese in the old way": (
        paragraph(
            field("begin"), code(r' EQ \* jc2 \* "Font:MS Mincho" \* hps10 \o\ad(\s\up 9(とう),東) '), field("end"), run("京")
        ),
        "((とう),東)京",
    ),
    "a hyperlink": (paragraph('<w:hyperlink r:id="none">', run("the link"), "</w:hyperlink>"), "the link"),
    "a smart tag": (paragraph('<w:smartTag w:element="place">', run("Paris"), "</w:smartTag>"), "Paris"),
    "text of another direction": (
        paragraph('<w:bdo w:val="rtl">', run("abc"), "</w:bdo>", '<w:dir w:val="rtl">', run("d"), "</w:dir>"),
        "abcd",
    ),
    "an element that nobody knows": (paragraph("<w:wrapper2031>", run("future"), "</w:wrapper2031>"), "future"),
    "a symbol": (paragraph('<w:r><w:sym w:font="Symbol" w:char="F061"/><w:sym w:font="Wingdings" w:char="F0FE"/></w:r>'), "α☑"),
    "symbols as characters of their font": (
        paragraph('<w:r><w:rPr><w:rFonts w:ascii="Wingdings"/></w:rPr><w:t>\uf0fc ok</w:t></w:r>'),
        "✓ ok",
    ),
    "hyphens": (paragraph("<w:r><w:t>a</w:t><w:noBreakHyphen/><w:t>b</w:t><w:softHyphen/><w:t>c</w:t></w:r>"), "a-bc"),
    "tabs and breaks": (
        paragraph("<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t><w:ptab/><w:t>d</w:t><w:cr/><w:t>e</w:t></w:r>"),
        "a\tb\nc\td\ne",
    ),
    "ruby": (
        paragraph(f"<w:r><w:ruby><w:rubyPr/><w:rt>{run('とう')}</w:rt><w:rubyBase>{run('東')}</w:rubyBase></w:ruby></w:r>"),
        "東(とう)",
    ),
    "a table in a table": (
        f"<w:tbl><w:tr>{CELL.format(f'<w:tbl><w:tr>{ONE}{TWO}</w:tr></w:tbl>' + paragraph())}{TWO}</w:tr></w:tbl>",
        "one | two | two",
    ),
    "cells merged downwards": (
        f"<w:tbl><w:tr>{ONE}{TWO}</w:tr><w:tr>{CELL.format('<w:tcPr><w:vMerge/></w:tcPr>' + paragraph())}{TWO}</w:tr></w:tbl>",
        "one | two\n | two",
    ),
    "a fraction": (
        paragraph(math(f"<m:f><m:num>{letters('a+b')}</m:num><m:den>{letters('2')}</m:den></m:f>")),
        "(a+b)/2",
    ),
    "powers, indices and roots": (
        paragraph(
            math(
                f"<m:sSup><m:e>{letters('x')}</m:e><m:sup>{letters('2')}</m:sup></m:sSup>{letters('+')}"
                f"<m:sSub><m:e>{letters('a')}</m:e><m:sub>{letters('ij')}</m:sub></m:sSub>{letters('=')}"
                f"<m:rad><m:radPr/><m:deg/><m:e>{letters('y')}</m:e></m:rad>"
            )
        ),
        "x^2+a_(ij)=√(y)",
    ),
    "a sum": (
        paragraph(
            math(
                f'<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub>{letters("i=1")}</m:sub><m:sup>{letters("n")}</m:sup>'
                f"<m:e>{letters('i')}</m:e></m:nary>"
            )
        ),
        "∑_(i=1)^n i",
    ),
    "a matrix in brackets": (
        paragraph(
            math(f"<m:d><m:e><m:m><m:mr><m:e>{letters('1')}</m:e><m:e>{letters('0')}</m:e></m:mr></m:m></m:e></m:d>{letters('x')}")
        ),
        "([1, 0])x",
    ),
    "an equation between text": (paragraph(run("so "), math(letters("E=mc")), run(" holds")), "so E=mc holds"),
    "an equation by itself": (f"<m:oMathPara>{math(letters('a=b'))}</m:oMathPara>", "a=b"),
    "inserted letters of an equation": (paragraph(math(f"<w:ins>{letters('x')}</w:ins><w:del>{letters('y')}</w:del>")), "x"),
}


@pytest.mark.parametrize("what", CASES)
def test_what_is_on_paper_is_in_the_text_once(what: str) -> None:
    inner, text = CASES[what]
    before, after = paragraph(run("Before")), paragraph(run("After"))
    assert read(document(before + inner + after)).text == f"Before\n{text}\nAfter"


def test_headers_and_footers_are_read_once_however_many_sections_refer_to_them() -> None:
    refers = '<w:headerReference w:type="default" r:id="r1"/><w:footerReference w:type="default" r:id="r3"/>'
    again = '<w:headerReference w:type="first" r:id="r2"/><w:headerReference w:type="default" r:id="r1"/>'
    inner = paragraph(f"<w:pPr><w:sectPr>{refers}</w:sectPr></w:pPr>", run("body")) + f"<w:sectPr>{again}</w:sectPr>"
    header = part("hdr", paragraph(run("Contract 17"))).decode()
    footer = part("ftr", sdt(paragraph(run("Page "), f'<w:fldSimple w:instr="PAGE">{run("1")}</w:fldSimple>'))).decode()
    parts = ("header", "header1.xml", header), ("header", "header2.xml", header), ("footer", "footer1.xml", footer)
    assert read(document(inner, *parts)).text == "Contract 17\nbody\nPage 1"


def test_notes_and_comments_are_read_with_their_marks() -> None:
    inner = paragraph(
        run("claim"),
        '<w:r><w:footnoteReference w:id="2"/></w:r>',
        run(" and"),
        '<w:r><w:endnoteReference w:id="2"/></w:r><w:r><w:commentReference w:id="0"/></w:r>',
    )
    separator = '<w:footnote w:type="separator" w:id="-1"><w:p><w:r><w:separator/></w:r></w:p></w:footnote>'
    foot = part(
        "footnotes", f'{separator}<w:footnote w:id="2">{paragraph("<w:r><w:footnoteRef/></w:r>", run(" source"))}</w:footnote>'
    )
    end = part("endnotes", f'<w:endnote w:id="2">{paragraph(run("later"))}</w:endnote>')
    said = part("comments", f'<w:comment w:id="0" w:author="Ann">{paragraph(run("sure?"))}</w:comment>')
    parts = [("footnotes", "footnotes.xml", foot), ("endnotes", "endnotes.xml", end), ("comments", "comments.xml", said)]
    text = read(document(inner, *((kind, name, data.decode()) for kind, name, data in parts))).text
    assert text == "claim[^1] and[^2]\n[^1]: source\n[^2]: later\n[Comment by Ann: sure?]"


def test_lists_keep_their_numbers() -> None:
    def level(depth: int, kind: str, text: str) -> str:
        return f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/><w:lvlText w:val="{text}"/></w:lvl>'

    numbering = part(
        "numbering",
        f'<w:abstractNum w:abstractNumId="0">{level(0, "decimal", "%1.")}{level(1, "lowerLetter", "%1.%2)")}</w:abstractNum>'
        f'<w:abstractNum w:abstractNumId="1">{level(0, "bullet", "-")}</w:abstractNum>'
        f'<w:abstractNum w:abstractNumId="2">{level(0, "upperRoman", "%1")}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>'
        '<w:num w:numId="3"><w:abstractNumId w:val="2"/></w:num>',
    ).decode()
    styles = part("styles", '<w:style w:styleId="Item"><w:pPr><w:numPr><w:numId w:val="3"/></w:numPr></w:pPr></w:style>').decode()

    def item(number: int, depth: int, text: str) -> str:
        place = f'<w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/>'
        return paragraph(f"<w:pPr><w:numPr>{place}</w:numPr></w:pPr>", run(text))

    styled = paragraph('<w:pPr><w:pStyle w:val="Item"/></w:pPr>', run("styled")) * 4
    inner = (
        item(1, 0, "one") + item(1, 1, "in") + item(1, 1, "in") + item(1, 0, "two") + item(1, 1, "in") + item(2, 0, "dot") + styled
    )
    data = document(inner, ("numbering", "numbering.xml", numbering), ("styles", "styles.xml", styles))
    text = read(data).text
    assert text == "1. one\n1.a) in\n1.b) in\n2. two\n2.a) in\n• dot\nI styled\nII styled\nIII styled\nIV styled"


def test_charts_and_diagrams_give_their_words() -> None:
    graphic = "<w:r><w:drawing><a:graphic><a:graphicData>{}</a:graphicData></a:graphic></w:drawing></w:r>"
    inner = paragraph(run("see"), graphic.format('<c:chart r:id="r1"/>'), graphic.format('<dgm:relIds r:dm="r2"/>'))
    title = "<c:title><a:p><a:r><a:t>Sales</a:t></a:r></a:p></c:title>"
    chart = f"<c:chartSpace {NAMESPACES}>{title}<c:cat><c:v>2024</c:v><c:v>2025</c:v></c:cat></c:chartSpace>"
    diagram = f"<dgm:dataModel {NAMESPACES}><dgm:t><a:p><a:r><a:t>Plan</a:t></a:r></a:p></dgm:t></dgm:dataModel>"
    text = read(document(inner, ("chart", "c.xml", chart), ("diagramData", "d.xml", diagram))).text
    assert text == "see\nSales\n2024, 2025\nPlan"


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        (
            "a.html",
            "<html><head><title>no</title></head><body><p>One &amp; <b>two</b></p><p>three</p></body></html>",
            "One & two\nthree",
        ),
        ("a.txt", "plain\ntext", "plain\ntext"),
    ],
)
def test_an_inserted_document_is_read_in_its_place(name: str, content: str, text: str) -> None:
    inner = paragraph(run("a")) + '<w:altChunk r:id="r1"/>' + paragraph(run("b"))
    assert read(document(inner, ("aFChunk", name, content))).text == f"a\n{text}\nb"


def test_what_is_left_out_is_said() -> None:
    picture = "<w:r><w:drawing><a:graphic><a:graphicData><pic:pic/></a:graphicData></a:graphic></w:drawing></w:r>"
    inner = paragraph(run("see"), picture, picture) + '<w:altChunk r:id="r1"/>'
    answer = read(document(inner, ("aFChunk", "a.rtf", "{\\rtf1 text}")))
    assert answer.text.strip() == "see"
    assert answer.notices == [
        "A document that was inserted into this one is left out.",
        "2 pictures are left out: only text is read.",
    ]


def test_the_strict_form_of_the_standard_is_read() -> None:
    strict = document(paragraph(run("a"), f"<w:ins>{run('b')}</w:ins>", math(letters("c"))))
    names = {
        WORD: "http://purl.oclc.org/ooxml/wordprocessingml/main",
        "http://schemas.openxmlformats.org/officeDocument/2006/": "http://purl.oclc.org/ooxml/officeDocument/",
    }
    assert read(changed(strict, names)).text == "abc"


def test_a_document_whose_main_part_has_another_name_is_read() -> None:
    data = document(paragraph(run("from the web")))
    assert read(changed(data, {"word/document.xml": "word/document2.xml"})).text == "from the web"


@pytest.mark.parametrize("name", ["a.docx", "a.docm", "a.dotx", "A.DOTM"])
@pytest.mark.parametrize(
    "kind", ["ms-word.document.macroEnabled.main", "openxmlformats-officedocument.wordprocessingml.template.main"]
)
def test_templates_and_documents_with_macros_are_read(name: str, kind: str) -> None:
    names = {"openxmlformats-officedocument.wordprocessingml.document.main": kind}
    assert read(changed(document(paragraph(run("text"))), names), name).text == "text"


def test_other_packages_of_office_are_no_word_documents() -> None:
    data = changed(document(paragraph(run("text"))), {"<w:document ": "<w:workbook ", "</w:document>": "</w:workbook>"})
    with pytest.raises(DocumentUnsupported, match="no Word document"):
        read(data)


def test_entities_in_a_part_of_another_name_are_refused() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "ha">]><w:hdr xmlns:w="x">&a;</w:hdr>'
    inner = paragraph(run("a")) + '<w:sectPr><w:headerReference r:id="r1"/></w:sectPr>'
    with pytest.raises(DocumentError) as refused:
        read(document(inner, ("header", "header.bin", bomb)))
    assert refused.value.code == "document_broken"


def test_documents_within_documents_within_documents_end_somewhere() -> None:
    data = document(paragraph(run("innermost")))
    for _ in range(6):
        data = with_inserted(data)
    answer = read(data)
    assert answer.text.count("outer") == 3
    assert answer.notices == ["A document that was inserted into this one is left out."]


def test_a_document_that_is_inserted_a_thousand_times_is_not_read_a_thousand_times() -> None:
    once = paragraph(run("again"))
    data = with_inserted(document(once), 1000)
    answer = read(data)
    assert answer.text.count("again") == 100
    assert answer.notices == ["A document that was inserted into this one is left out."]


def test_many_notes_and_text_boxes_in_text_boxes_are_read() -> None:
    box = paragraph(run("innermost"))
    for _ in range(40):
        box = paragraph(f"<w:r><w:pict><v:textbox><w:txbxContent>{box}</w:txbxContent></v:textbox></w:pict></w:r>")
    mark = paragraph(*(f'<w:r><w:footnoteReference w:id="{number}"/></w:r>' for number in range(2000)))
    notes = part("footnotes", "".join(f'<w:footnote w:id="{number}">{paragraph(run("n"))}</w:footnote>' for number in range(2000)))
    text = read(document(box + mark, ("footnotes", "f.xml", notes.decode()))).text
    assert text.count("innermost") == 1
    assert text.endswith("[^2000]: n")


def with_inserted(inner: bytes, times: int = 1) -> bytes:
    data = document(paragraph(run("outer")) + '<w:altChunk r:id="r1"/>' * times, ("aFChunk", "inner.docx", ""))
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            new.writestr(entry.filename, inner if entry.filename.endswith("inner.docx") else old.read(entry))
    return out.getvalue()


def changed(data: bytes, names: dict[str, str]) -> bytes:
    """The same archive with these strings replaced in its parts and their names."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            name, content = entry.filename, old.read(entry).decode()
            for before, after in names.items():
                name, content = name.replace(before, after), content.replace(before, after)
            new.writestr(name, content)
    return out.getvalue()


def test_what_python_docx_writes_is_read() -> None:
    made = python_docx.Document()
    made.add_heading("Title", 0)
    made.add_paragraph("Text with ").add_run("bold").bold = True
    made.add_paragraph("first", style="List Number")
    made.add_paragraph("point", style="List Bullet")
    table = made.add_table(2, 2)
    table.cell(0, 0).text, table.cell(1, 1).text = "a", "d"
    made.sections[0].header.paragraphs[0].text = "the header"
    out = io.BytesIO()
    made.save(out)
    answer = read(out.getvalue())
    assert answer.text == "the header\nTitle\nText with bold\n1. first\n• point\na | \n | d"
