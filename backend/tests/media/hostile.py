"""Pictures that mean harm, made on the spot: those that must be refused, each with its codes, and those that must be tamed."""

import functools
import io
import random
import struct
import zipfile
import zlib

from PIL import Image

from ..pictures import BLUE, GREEN, RED, photo, plain, written

SCRIPT = b"<script>alert(document.cookie)</script>"
FLAT = "2ffebfff0f074020698bb7fd0a01044041d382fec74744f43f00"  # 16 383 by 16 383 pixels of one colour, without loss
UNREADABLE = frozenset({"picture_unreadable"})
TOO_LARGE = frozenset({"picture_too_large"})
EITHER = UNREADABLE | TOO_LARGE


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes, *more: bytes, depth: int = 8, colours: int = 2) -> bytes:
    """A PNG of these compressed bytes, with further chunks in front of them."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def png_with(*more: bytes) -> bytes:
    """A small red picture with these chunks."""
    return png(2, 2, zlib.compress(2 * (b"\0" + 2 * bytes(RED))), *more)


def segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def jpeg_with(*segments: bytes, data: bytes | None = None) -> bytes:
    """A JPEG with these segments at its beginning."""
    data = data or plain(RED, (64, 48), "JPEG")
    return data[:2] + b"".join(segments) + data[2:]


def webp(kind: bytes, data: bytes) -> bytes:
    inside = b"WEBP" + kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(inside)) + inside


def with_size(jpeg: bytes, width: int, height: int) -> bytes:
    """A JPEG that claims another size."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


def many_frames(kind: str, count: int) -> bytes:
    """An animation of small pictures: red, then green and blue in turns."""
    frames = [Image.new("RGB", (24, 24), RED), *(Image.new("RGB", (24, 24), (GREEN, BLUE)[n % 2]) for n in range(1, count))]
    return written(frames[0], kind, save_all=True, append_images=frames[1:], duration=20)


def many_scans(count: int) -> bytes:
    """A progressive JPEG whose last pass is repeated: each repetition goes over the whole picture."""
    data = photo((3000, 2000), progressive=True, quality=20)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


def exif(orientation: int, *, text: bytes = b"", wide: bool = False) -> bytes:
    """EXIF with an orientation, and a text as its description. `wide`: with a pointer to itself."""
    entries = [struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)]
    if text:
        entries.append(struct.pack("<HHII", 0x010E, 2, len(text), 8 + 2 + 12 * 2 + 4))
    if wide:
        entries.append(struct.pack("<HHII", 0x8769, 4, 1, 8))
    body = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", 8 if wide else 0)
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + body + text


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("page.html", SCRIPT)
    return out.getvalue()


@functools.cache
def refused() -> dict[str, tuple[bytes, frozenset[str]]]:
    """What must be refused, by name, with the codes that are right."""
    vp8x = struct.pack("<I", 0) + (16383).to_bytes(3, "little") * 2
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10">' + SCRIPT + b"</svg>"
    whole = photo((600, 400))
    return {
        "a drawing with a script": (b'<?xml version="1.0"?>' + svg, UNREADABLE),
        "a page": (b"<!doctype html>" + SCRIPT, UNREADABLE),
        "a document": (b"%PDF-1.7\n%%EOF\n", UNREADABLE),
        "an archive": (archive(), UNREADABLE),
        "the name of a picture and nothing else": (b"\x89PNG\r\n\x1a\n", UNREADABLE),
        "a PostScript file": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", UNREADABLE),
        "a bitmap": (plain(kind="BMP"), UNREADABLE),
        "a TIFF": (plain(kind="TIFF"), UNREADABLE),
        "an AVIF": (plain(kind="AVIF"), UNREADABLE),
        "a JPEG cut off": (whole[: len(whole) // 2], UNREADABLE),
        "a PNG cut off": (photo((300, 200), "PNG")[:9000], UNREADABLE),
        "a WebP cut off": (photo((300, 200), "WEBP")[:2000], UNREADABLE),
        "a GIF cut off": (photo((300, 200), "GIF")[:3000], UNREADABLE),
        "a PNG with a wrong sum": (png_with()[:29] + bytes(4) + png_with()[33:], UNREADABLE),
        "a PNG that claims ten gigapixels": (png(100_000, 100_000, zlib.compress(bytes(10))), TOO_LARGE),
        "a PNG of 80 megapixels": (png(10_000, 8000, zlib.compress(bytes(10_001 * 8000), 1), colours=0), TOO_LARGE),
        "a JPEG that claims four gigapixels": (with_size(plain(kind="JPEG"), 65_500, 65_500), TOO_LARGE),
        "a GIF that claims four gigapixels": (b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + plain(kind="GIF")[10:], TOO_LARGE),
        "a WebP that claims 268 megapixels": (webp(b"VP8X", vp8x), EITHER),
        "a WebP of 268 megapixels": (webp(b"VP8L", bytes.fromhex(FLAT)), TOO_LARGE),
        "a PNG with a profile of 200 MB": (png_with(chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(200 << 20), 1))), EITHER),
        "20 MB of noise": (b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(20_000_000), UNREADABLE),
    }


@functools.cache
def tamed() -> dict[str, bytes]:
    """What is a picture, and more than that."""
    comment, xmp = segment(0xFE, SCRIPT), b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + SCRIPT + b"</x:xmpmeta>"
    gray = b"".join(b"\0" + struct.pack(">2H", 200 * 257, 200 * 257) for _ in range(2))
    deep = b"".join(b"\0" + struct.pack(">6H", *(257 * part for part in 2 * RED)) for _ in range(2))
    return {
        "a PNG and an archive": png_with() + archive(),
        "a JPEG and a page": plain(RED, kind="JPEG") + SCRIPT,
        "a GIF that is a script": b"GIF89a" + plain(kind="GIF")[6:] + b"/*" + SCRIPT + b"*/",
        "a JPEG with a script as its comment": jpeg_with(comment),
        "a JPEG with a script in EXIF": jpeg_with(segment(0xE1, exif(1, text=SCRIPT))),
        "a JPEG with a script in XMP": jpeg_with(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)),
        "a JPEG with EXIF that points to itself": jpeg_with(segment(0xE1, exif(6, wide=True))),
        "a JPEG with EXIF that is noise": jpeg_with(segment(0xE1, b"Exif\0\0MM\0*" + random.Random(2).randbytes(500))),
        "a JPEG with a broken profile": jpeg_with(segment(0xE2, b"ICC_PROFILE\0\1\1" + random.Random(3).randbytes(300))),
        "a PNG with a script as text": png_with(chunk(b"tEXt", b"Title\0" + SCRIPT)),
        "a PNG with a script in XMP": png_with(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)),
        "a PNG with a script in EXIF": png_with(chunk(b"eXIf", exif(1, text=SCRIPT)[6:])),
        "a WebP with a script in EXIF": plain(kind="WEBP", exif=exif(1, text=SCRIPT)),
        "a JPEG in CMYK": written(Image.new("CMYK", (30, 20), (10, 200, 30, 40)), "JPEG"),
        "a gray PNG of 16 bits": png(2, 2, zlib.compress(gray), depth=16, colours=0),
        "a PNG of 16 bits": png(2, 2, zlib.compress(deep), depth=16),
        "a GIF of 3000 frames": many_frames("GIF", 3000),
        "a WebP of 300 frames": many_frames("WEBP", 300),
        "a PNG of 300 frames": many_frames("PNG", 300),
        "a palette with transparency": written(Image.new("P", (20, 20), 3), "PNG", transparency=3),
        "one pixel": plain(size=(1, 1)),
        "a line of 60 000 pixels": plain(size=(60_000, 1)),
    }
