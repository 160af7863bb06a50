"""Plain text: in whichever encoding, where it can be told; else an error, and never other letters without a word."""

import pytest

from lam.errors import DocumentBroken, DocumentUnsupported

from .reading import read

MARKED = [
    ("utf-8", "Grüße 世界"),
    ("utf-8-sig", "Grüße 世界"),
    ("utf-16", "Grüße 世界"),
    ("utf-32", "Grüße 世界"),
    ("utf-16-le", "Grüße an alle 世界\n"),
    ("utf-16-be", "Grüße an alle 世界\n"),
    ("utf-16-le", "日本語のテキスト\n二行目\n"),
    ("utf-16-be", "это текст"),
    ("utf-32-le", "no mark here"),
    ("iso2022_jp", "日本語のテキスト"),
]


@pytest.mark.parametrize(("encoding", "text"), MARKED)
def test_text_whose_bytes_say_their_encoding_is_read_without_a_notice(encoding: str, text: str) -> None:
    answer = read(text.encode(encoding))
    assert (answer.text, answer.notices) == (text, [])


def test_a_mark_of_the_other_byte_order_is_read() -> None:
    assert read(b"\xfe\xff" + "Grüße".encode("utf-16-be")).text == "Grüße"


GUESSED = [
    ("cp1252", "Windows-1252", "Grüße aus München"),
    ("cp1252", "Windows-1252", "It’s a “smart” quote – and nothing else…"),
    ("cp1252", "Windows-1252", "Voilà l’été, où les élèves sont déjà là. Ça va très bien à Besançon."),
    ("cp1252", "Windows-1252", "Preis: 5 €"),
    ("cp1252", "Windows-1252", "¿Dónde está el niño? ¡Mañana!"),
    ("cp1250", "Windows-1250", "Jó reggelt kívánok, hogy van? Nagyon köszönöm, őrült idő van."),
    ("cp1254", "Windows-1254", "Bugün hava çok güzel, şimdi dışarı çıkıyorum."),
    ("gbk", "GB18030", "使用GPU训练模型，结果很好。"),
    ("gb18030", "GB18030", "㐀㐁这是一个文档，很长的文档。"),
    ("big5", "BIG5", "這是一個關於機器學習的文件，結果很好。"),
    ("shift_jis", "Shift-JIS", "これは機械学習に関する文書です。カタカナも。"),
    ("euc_jp", "EUC", "これは機械学習に関する文書です。カタカナも。"),
    ("euc_kr", "EUC-KR", "이것은 기계 학습에 관한 문서입니다."),
    ("cp1251", "Windows-1251", "Это документ о машинном обучении."),
    ("koi8-r", "KOI8-R", "Это документ о машинном обучении. Результат хороший."),
    ("cp1253", "Windows-1253", "Αυτό είναι ένα έγγραφο για τη μηχανική μάθηση."),
    ("cp1255", "Windows-1255", "זהו מסמך על למידת מכונה ותוצאות טובות"),
    ("cp1256", "Windows-1256", "هذا مستند عن التعلم الآلي والنتيجة جيدة"),
    ("cp874", "CP874", "นี่คือเอกสารเกี่ยวกับการเรียนรู้"),
]


@pytest.mark.parametrize(("encoding", "name", "text"), GUESSED)
def test_text_in_an_older_encoding_is_read_and_the_encoding_named(encoding: str, name: str, text: str) -> None:
    answer = read(text.encode(encoding))
    assert answer.text == text
    [notice] = answer.notices
    assert name in notice


@pytest.mark.parametrize("data", [b"caf\xe9 \xff", bytes(range(128, 256)) * 2, b"\x80", "Grüße".encode("cp437")])
def test_an_encoding_that_cannot_be_told_is_an_error(data: bytes) -> None:
    with pytest.raises(DocumentBroken, match="UTF-8"):
        read(data)


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"MZ\x90\0\3\0\0\0", b"\x7fELF\2\1\1\0\0\0", bytes(300), b"text\0and\0nul"]
)
def test_the_files_of_programs_are_no_text(data: bytes) -> None:
    with pytest.raises(DocumentUnsupported if data.strip(b"\0") else Exception):
        read(data)


def test_damaged_characters_are_replaced_and_counted() -> None:
    answer = read("世界".encode() * 50 + b"\xe4\xb8")
    assert answer.text == "世界" * 50 + "\ufffd"
    assert answer.notices == ["1 damaged character was replaced by \ufffd."]


def test_surrogates_that_were_written_one_by_one_are_joined() -> None:
    assert read(b"so \xed\xa0\xbd\xed\xb9\x82").text == "so 🙂"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_one_way(end: str) -> None:
    assert read(f"a{end}b{end}".encode()).text == "a\nb\n"
