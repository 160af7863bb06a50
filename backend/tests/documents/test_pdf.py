"""PDFs: forms, notes, passwords, and pages without text."""

import io

import pytest
from pypdf import PdfReader, PdfWriter

from lam.errors import DocumentBroken, DocumentEmpty, DocumentEncrypted

from .hostile import CATALOG, good_pdf, page, pdf, stream
from .reading import read

TEXT = b"BT /F 12 Tf 20 200 Td (Page text) Tj ET"


def form(*fields: bytes, contents: bytes = TEXT, more: tuple[bytes, ...] = (), about: bytes = b"") -> bytes:
    """A page with these annotations, which are objects 6, 7 … and the fields of a form."""
    numbers = b" ".join(b"%d 0 R" % (6 + at) for at in range(len(fields)))
    catalog = b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [%s] %s >> >>" % (numbers, about)
    _, kids, one, drawn, font = page(stream(contents))
    return pdf(catalog, kids, one.removesuffix(b">>") + b"/Annots [%s] >>" % numbers, drawn, font, *fields, *more)


def widget(kind: bytes, name: bytes, rest: bytes) -> bytes:
    return b"<< /Type /Annot /Subtype /Widget /FT /%s /T (%s) /Rect [0 0 9 9] %s >>" % (kind, name, rest)


def annotation(kind: bytes, rest: bytes) -> bytes:
    return b"<< /Type /Annot /Subtype /%s /Rect [0 0 9 9] %s >>" % (kind, rest)


ON = b"/AP << /N << /Yes 5 0 R /Off 5 0 R >> >> "
FIELDS = {
    "a text": (widget(b"Tx", b"name", b"/V (Ann)"), "name: Ann"),
    "a text in UTF-16": (widget(b"Tx", b"name", b"/V <FEFF4F60597D>"), "name: 你好"),
    "a text with a label": (widget(b"Tx", b"f1", b"/TU (Your name) /V (Ann)"), "Your name: Ann"),
    "a choice": (widget(b"Ch", b"colour", b"/V (b) /Opt [[(r) (red)] [(b) (blue)]]"), "colour: blue"),
    "several choices": (widget(b"Ch", b"colour", b"/V [(r) (b)] /Opt [[(r) (red)] [(b) (blue)]]"), "colour: red, blue"),
    "a choice of plain values": (widget(b"Ch", b"size", b"/V (XL) /Opt [(S) (XL)]"), "size: XL"),
    "a ticked box": (widget(b"Btn", b"agree", ON + b"/AS /Yes /V /Yes"), "[x] agree"),
    "an empty box": (widget(b"Btn", b"agree", ON + b"/AS /Off"), "[ ] agree"),
    "a box with a label": (widget(b"Btn", b"b1", ON + b"/TU (I agree) /AS /Yes"), "[x] I agree"),
    "a number that looks like nothing": (widget(b"Tx", b"count", b"/V (0)"), "count: 0"),
    "a typed text": (annotation(b"FreeText", b"/Contents (typed on top)"), "typed on top"),
    "a typed text in rich form": (annotation(b"FreeText", b"/RC (<body><p>rich</p></body>)"), "rich"),
    "a note": (annotation(b"Text", b"/Contents (check this)"), "[Note: check this]"),
    "a note on marked text": (annotation(b"Highlight", b"/Contents (why?)"), "[Note: why?]"),
}


@pytest.mark.parametrize("what", FIELDS)
def test_what_was_filled_in_or_noted_is_read(what: str) -> None:
    field, text = FIELDS[what]
    assert read(form(field)).text == f"Page text\n{text}"


@pytest.mark.parametrize("what", FIELDS)
def test_a_form_without_any_other_text_is_read(what: str) -> None:
    field, text = FIELDS[what]
    assert read(form(field, contents=b"")).text == text


def test_what_nobody_filled_in_and_passwords_are_left_out() -> None:
    fields = (
        widget(b"Tx", b"empty", b""),
        widget(b"Tx", b"secret", b"/Ff 8192 /V (hunter2)"),
        widget(b"Btn", b"send", b"/Ff 65536"),
        annotation(b"Popup", b"/Contents (twice)"),
        annotation(b"Link", b"/Contents (link)"),
    )
    assert read(form(*fields)).text == "Page text"


def test_a_field_with_two_places_and_a_field_of_a_group_are_given_once() -> None:
    parent = b"<< /FT /Tx /T (total) /V (42) /Kids [6 0 R 7 0 R] /Parent 9 0 R >>"
    group = b"<< /T (order) /Kids [8 0 R] >>"
    place = annotation(b"Widget", b"/Parent 8 0 R")
    assert read(form(place, place, more=(parent, group))).text == "Page text\norder.total: 42"


def test_each_button_of_a_choice_is_given() -> None:
    def button(name: bytes, state: bytes) -> bytes:
        return annotation(b"Widget", b"/Parent 8 0 R /AS /%s /AP << /N << /%s 5 0 R /Off 5 0 R >> >>" % (state, name))

    parent = b"<< /FT /Btn /Ff 32768 /T (size) /V /large /Kids [6 0 R 7 0 R] >>"
    text = read(form(button(b"small", b"Off"), button(b"large", b"large"), more=(parent,))).text
    assert text == "Page text\n[ ] size: small\n[x] size: large"


def test_a_field_that_stands_on_no_page_is_given_in_the_end() -> None:
    catalog = b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] >> >>"
    data = pdf(catalog, *page(stream(TEXT))[1:], widget(b"Tx", b"hidden", b"/V (value)"))
    assert read(data).text == "Page text\n\nhidden: value"


def test_a_form_in_xfa_gives_its_values() -> None:
    data = b"<xfa:datasets xmlns:xfa='x'><xfa:data><f><name>Ann</name><city>K\xc3\xb6ln</city></f></xfa:data></xfa:datasets>"
    catalog = b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [] /XFA [(datasets) 6 0 R] >> >>"
    assert read(pdf(catalog, *page(stream(TEXT))[1:], stream(data))).text == "Page text\n\nname: Ann\ncity: Köln"


ALGORITHMS = ("RC4-40", "RC4-128", "AES-128", "AES-256-R5", "AES-256")


def locked(user: str, owner: str | None, algorithm: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(form(widget(b"Tx", b"name", b"/V (Ann)")))))
    writer.encrypt(user, owner, algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_pdf_with_only_an_owners_password_is_read(algorithm: str) -> None:
    assert read(locked("", "owner", algorithm)).text == "Page text\nname: Ann"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_pdf_with_a_users_password_is_refused(algorithm: str) -> None:
    with pytest.raises(DocumentEncrypted):
        read(locked("secret", "owner", algorithm))


SCAN = b"/XObject << /I 6 0 R >>"
IMAGE = stream(b"\0", b"/Type /XObject /Subtype /Image /Width 1 /Height 1 /BitsPerComponent 8 /ColorSpace /DeviceGray")


def test_a_scan_is_refused_with_what_to_do() -> None:
    with pytest.raises(DocumentEmpty, match="OCR"):
        read(pdf(*page(stream(b"/I Do"), SCAN), IMAGE))


def test_pages_that_are_only_pictures_are_named() -> None:
    def scanned(number: int) -> bytes:
        return (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents %d 0 R /Resources << /XObject << /I 6 0 R >> >> >>"
            % number
        )

    kids = b"<< /Type /Pages /Kids [3 0 R 7 0 R 8 0 R] /Count 3 >>"
    _, _, first, contents, font = page(stream(TEXT))
    answer = read(pdf(CATALOG, kids, first, contents, font, IMAGE, scanned(9), scanned(9), stream(b"/I Do")))
    assert answer.text.strip() == "[Page 1]\nPage text\n\n[Page 2]\n\n[Page 3]"
    assert answer.notices == ["Pages 2 to 3 hold only pictures, whose text cannot be read."]


def test_attached_files_are_mentioned() -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(good_pdf("Invoice"))))
    writer.add_attachment("data.xml", b"<x/>")
    out = io.BytesIO()
    writer.write(out)
    answer = read(out.getvalue())
    assert (answer.text, answer.notices) == ("Invoice", ["One file is attached to the document; only its pages are read."])


@pytest.mark.parametrize("before", [b"\n", b"\xef\xbb\xbf", b" \r\n\r\n"])
def test_white_space_in_front_of_a_pdf_is_borne(before: bytes) -> None:
    assert read(before + good_pdf("Hello")).text == "Hello"


def test_fields_that_hold_themselves_do_no_harm() -> None:
    circle = b"<< /T (a) /Kids [7 0 R 7 0 R 6 0 R] /Parent 7 0 R >>"
    back = b"<< /T (b) /FT /Tx /V (value) /Kids [6 0 R 6 0 R 7 0 R] /Parent 6 0 R >>"
    catalog = b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R 7 0 R 6 0 R] >> >>"
    assert read(pdf(catalog, *page(stream(TEXT))[1:], circle, back)).text.startswith("Page text")


def test_a_form_in_xfa_that_declares_entities_is_refused() -> None:
    data = b"<!DOCTYPE x [<!ENTITY a 'ha'>]><x>&a;</x>"
    catalog = b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [] /XFA [(datasets) 6 0 R] >> >>"
    with pytest.raises(DocumentBroken):
        read(pdf(catalog, *page(stream(TEXT))[1:], stream(data)))
