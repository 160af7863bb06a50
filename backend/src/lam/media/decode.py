"""The child process: `python -I -m lam.media.decode` reads a picture on stdin and writes it as it is stored.

The limits are set before a byte is read; exceeding one ends this process and nothing else.

What is stored has no metadata: pixels are written anew, upright, in sRGB with 8 bits, alone the first frame. A JPEG that is so
already stays byte for byte: writing it again would lose something each time.

It must not trust a byte of the file, nor import the gateway.
"""

import io
import logging
import re
import sys
import warnings
from typing import Any, Final

from PIL import GifImagePlugin, Image, ImageCms, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from lam.child_process.child import limit
from lam.media.answer import About, written
from lam.media.limits import (
    CPU_SECONDS,
    FILE_BYTES,
    JPEG_QUALITY,
    LONGEST_SIDE,
    MEMORY_BYTES,
    MOST_PIXELS,
    THUMB_QUALITY,
    THUMB_SIDE,
    TOO_LARGE,
    UNREADABLE,
)

_FORMATS: Final = tuple(
    plugin.format
    for plugin in (
        PngImagePlugin.PngImageFile,
        JpegImagePlugin.JpegImageFile,
        WebPImagePlugin.WebPImageFile,
        GifImagePlugin.GifImageFile,
    )
)
_ORIENTATION: Final = 0x0112  # the tag of EXIF
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_WIDE: Final = ("I;16", "I;16B", "I;16L", "I;16N", "I")  # gray with 16 bits
_PLAIN_SEGMENTS: Final = frozenset({0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDD})  # frames, tables and the restart interval
_APP0, _SOS, _EOI = 0xE0, 0xDA, 0xD9
_NEXT_SEGMENT: Final = re.compile(rb"\xff[^\x00\xd0-\xd7]")


def decoded(data: bytes) -> tuple[About, bytes, bytes]:
    """Returns a picture as it is stored, and its thumbnail. Raises whatever the library raises."""
    with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
        if opened.width * opened.height > MOST_PIXELS:
            raise Image.DecompressionBombError
        profile, turn = opened.info.get("icc_profile"), _orientation(opened)
        is_jpeg, mode, size = opened.format == "JPEG", opened.mode, opened.size
        image = _shrunk(opened)
    stays = is_jpeg and mode == "RGB" and max(size) <= LONGEST_SIDE and is_plain_jpeg(data)
    image = _in_srgb(image, profile)
    if turn in _UPRIGHT:
        image = image.transpose(_UPRIGHT[turn])
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    image.info = {}  # writers take metadata from here
    kind, picture = ("image/jpeg", data) if stays else _encoded(image, lossy=is_jpeg)
    thumb = image.copy()
    thumb.thumbnail((THUMB_SIDE, THUMB_SIDE))
    small = _bytes(thumb, "WEBP", quality=THUMB_QUALITY)
    about = About(type=kind, width=image.width, height=image.height, size=len(picture), thumb=len(small))
    return about, picture, small


def is_plain_jpeg(data: bytes) -> bool:
    """Returns whether a JPEG holds its picture alone: no metadata, no comment, no thumbnail, nothing behind its end."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == _APP0:
            if length != 16 or data[place + 4 : place + 9] != b"JFIF\0":
                return False
        elif marker == _SOS:
            found = _NEXT_SEGMENT.search(data, place + 2 + length)
            if found is None:
                return False
            place = found.start()
            if data[place + 1] == _EOI:
                return place + 2 == len(data)
            continue
        elif marker not in _PLAIN_SEGMENTS:
            return False
        place += 2 + length
    return False


def _orientation(image: Image.Image) -> int:
    """Returns the orientation in EXIF, 1 (upright) without a readable one."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # metadata may be anything
        return 1


def _shrunk(image: Image.Image) -> Image.Image:
    """Returns the first frame, in a mode that can be converted, with no side longer than models look at."""
    if image.mode in ("P", "PA", "1", "LA", "La", "RGBa") or "transparency" in image.info:
        profile = image.info.get("icc_profile")
        has_alpha = image.mode in ("PA", "LA", "La", "RGBa") or "transparency" in image.info
        image = image.convert("RGBA" if has_alpha else "RGB")
        if profile:
            image.info["icc_profile"] = profile
    elif image.mode in _WIDE:
        image = image.point(lambda value: value * (1 / 257)).convert("L")
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    image.load()  # of a small one nothing is read before
    return image


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Returns the picture in RGB or RGBA; by its colour profile, if it has one that can be read."""
    plain = image if image.mode in ("RGB", "RGBA") else image.convert("RGB")
    if not profile:
        return plain
    try:
        source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        base = image.convert("RGB") if image.mode == "RGBA" else image
        result = ImageCms.profileToProfile(base, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return plain
    assert result is not None
    if image.mode == "RGBA":
        result.putalpha(image.getchannel("A"))
    return result


def _encoded(image: Image.Image, *, lossy: bool) -> tuple[str, bytes]:
    """Returns the type and the bytes: PNG with transparency or where it is not larger, else JPEG. `lossy`: it was JPEG before."""
    png = b"" if lossy else _bytes(image, "PNG")
    if image.mode == "RGBA":
        return "image/png", png
    jpeg = _bytes(image, "JPEG", quality=JPEG_QUALITY)
    return ("image/png", png) if png and len(png) <= len(jpeg) else ("image/jpeg", jpeg)


def _bytes(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


# The process


def main() -> None:
    limit(memory=MEMORY_BYTES, cpu_seconds=CPU_SECONDS)
    logging.lastResort = None
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        answer = written(*decoded(sys.stdin.buffer.read(FILE_BYTES + 1)))
    except (MemoryError, Image.DecompressionBombError):
        answer = written(About(error=TOO_LARGE))
    except Exception:  # the library has no one error for a file that is not what it seems
        answer = written(About(error=UNREADABLE))
    sys.stdout.buffer.write(answer)


if __name__ == "__main__":
    main()
