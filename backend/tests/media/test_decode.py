"""What becomes of a picture: pixels and nothing else, upright, small enough; hostile ones are refused or tamed."""

import hashlib
import struct
import tempfile
import zlib

import msgspec
import pytest
from PIL import Image, ImageCms

from lam.errors import PictureError, PictureUnreadable
from lam.media import answer
from lam.media.answer import Decoded
from lam.media.decode import is_plain_jpeg
from lam.media.decoder import decoded

from ..pictures import BLUE, GREEN, RED, opened, photo, plain, written
from .hostile import exif, jpeg_with, many_frames, many_scans, png, segment

KINDS = ("PNG", "JPEG", "WEBP", "GIF")


async def decode(data: bytes, seconds: float = 60) -> Decoded:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        return await decoded(file, seconds=seconds)


def near(one: object, other: tuple[int, ...], within: int = 6) -> bool:
    return isinstance(one, tuple) and len(one) == len(other) and all(abs(a - b) <= within for a, b in zip(one, other, strict=True))


def colour(picture: Decoded, x: int = 0, y: int = 0) -> object:
    return opened(picture.data).getpixel((x, y))


@pytest.mark.parametrize("kind", KINDS)
async def test_every_format_of_browsers_is_read(kind: str) -> None:
    picture = await decode(plain(RED, (64, 48), kind))
    assert (picture.width, picture.height) == opened(picture.data).size == (64, 48)
    assert near(colour(picture, 30, 20), RED)
    assert opened(picture.thumb).size == (64, 48)
    assert opened(picture.thumb).format == "WEBP"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_large_picture_is_shrunk_to_what_models_look_at(kind: str) -> None:
    picture = await decode(plain(RED, (1200, 3600), kind))
    assert (picture.width, picture.height) == (523, 1568)
    assert opened(picture.thumb).size == (128, 384)


async def test_photographs_become_jpeg_and_drawings_png() -> None:
    assert (await decode(photo((600, 400), "PNG"))).type == "image/jpeg"
    assert (await decode(plain(RED, (600, 400), "WEBP"))).type == "image/png"
    assert opened((await decode(photo((600, 400), "PNG"))).data).format == "JPEG"


async def test_transparency_stays_where_there_is_some() -> None:
    clear = await decode(plain((*BLUE, 100), (20, 10)))
    assert (clear.type, colour(clear)) == ("image/png", (*BLUE, 100))
    assert colour(await decode(plain((*BLUE, 255), (20, 10)))) == BLUE
    assert opened((await decode(written(Image.new("LA", (9, 9), (50, 100)), "PNG"))).data).mode == "RGBA"
    palette = Image.new("P", (9, 9), 3)
    palette.putpalette(bytes(range(256)) * 3)
    assert colour(await decode(written(palette, "PNG"))) == (9, 10, 11)
    assert colour(await decode(written(palette, "PNG", transparency=3))) == (9, 10, 11, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_picture_stands_upright_as_exif_says(orientation: int) -> None:
    """The first pixels of what is stored are red, wherever the camera had its top."""
    upright = Image.new("RGB", (60, 40), BLUE)
    upright.paste(Image.new("RGB", (20, 10), RED), (0, 0))
    turns = Image.Transpose
    as_taken = {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_90,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_270,
    }
    taken = upright.transpose(as_taken[orientation]) if orientation in as_taken else upright
    for kind in ("JPEG", "PNG", "WEBP"):
        data = written(taken, kind, exif=exif(orientation), **({"quality": 95} if kind != "PNG" else {}))
        picture = await decode(data)
        assert (picture.width, picture.height) == (60, 40)
        assert near(colour(picture, 5, 3), RED, 30)
        assert near(colour(picture, 50, 30), BLUE, 30)


async def test_wide_values_and_other_colours_become_rgb_with_8_bits() -> None:
    gray = png(1, 1, zlib.compress(b"\0" + struct.pack(">H", 200 * 257)), depth=16, colours=0)
    assert colour(await decode(gray)) == (200, 200, 200)
    deep = png(1, 1, zlib.compress(b"\0" + struct.pack(">3H", *(257 * part for part in RED))), depth=16)
    assert colour(await decode(deep)) == RED
    cmyk = await decode(written(Image.new("CMYK", (30, 20), (0, 255, 255, 0)), "JPEG", quality=95))
    assert near(colour(cmyk, 10, 10), (255, 0, 0), 30)
    assert colour(await decode(written(Image.new("1", (9, 9), 1), "PNG"))) == (255, 255, 255)
    assert colour(await decode(written(Image.new("L", (9, 9), 77), "PNG"))) == (77, 77, 77)


async def test_a_colour_profile_is_applied_and_not_kept() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for image in (Image.new("RGB", (20, 20), GREEN), Image.new("RGBA", (20, 20), (*GREEN, 90)), Image.new("P", (20, 20), 7)):
        picture = await decode(written(image, "PNG", icc_profile=profile))
        assert "icc_profile" not in opened(picture.data).info
        assert near(colour(picture), tuple(image.convert("RGBA" if image.mode == "RGBA" else "RGB").getpixel((0, 0))))
    large = await decode(photo((3000, 400), "JPEG", icc_profile=profile))
    assert "icc_profile" not in opened(large.data).info


async def test_of_an_animation_the_first_picture_is_kept() -> None:
    for kind in ("GIF", "WEBP", "PNG"):
        picture = await decode(many_frames(kind, 5))
        assert getattr(opened(picture.data), "n_frames", 1) == 1
        assert near(colour(picture, 5, 5), RED)


async def test_a_jpeg_that_needs_nothing_stays_byte_for_byte() -> None:
    data = photo((800, 600))
    assert (await decode(data)).data == data
    large = await decode(photo((2000, 1500)))
    assert (await decode(large.data)).data == large.data


@pytest.mark.parametrize("data", [photo((2000, 900), "PNG"), plain((1, 2, 3, 4)), plain(), photo((300, 30), "GIF")])
async def test_what_is_stored_is_the_same_each_time_and_when_it_comes_again(data: bytes) -> None:
    first, second = await decode(data), await decode(data)
    again = await decode(first.data)
    assert len({hashlib.sha256(one.data).digest() for one in (first, second, again)}) == 1
    assert first.thumb == second.thumb


def test_a_jpeg_is_plain_only_without_anything_beside_its_picture() -> None:
    data = plain(RED, (64, 48), "JPEG")
    assert is_plain_jpeg(data)
    assert is_plain_jpeg(photo((300, 200), progressive=True))
    for other in (
        data + b"x",
        data + data,
        data[:-2],
        data[:-20],
        jpeg_with(segment(0xFE, b"x")),
        jpeg_with(segment(0xE1, exif(1))),
        jpeg_with(segment(0xE0, b"JFXX\0\x10")),
        jpeg_with(segment(0xEE, b"Adobe")),
        data[:2],
        b"",
        bytes(100),
        b"\xff" * 100,
    ):
        assert not is_plain_jpeg(other)


async def test_a_picture_with_endless_passes_is_given_up() -> None:
    with pytest.raises(PictureError):  # for its time, or because the decoder counts them: whichever comes first
        await decode(many_scans(400), seconds=1.5)


@pytest.mark.parametrize("data", [b"", b"\0", b"GIF89a", b"\xff\xd8", b"RIFF\0\0\0\0WEBP"])
async def test_a_beginning_alone_is_no_picture(data: bytes) -> None:
    with pytest.raises(PictureUnreadable):
        await decode(data)


def test_a_child_that_says_too_much_or_the_wrong_size_is_not_believed() -> None:
    picture = answer.written(answer.About(type="image/png", width=1, height=1, size=3, thumb=2), b"abc", b"de")
    read = answer.read(picture)
    assert isinstance(read, Decoded)
    assert (read.data, read.thumb) == (b"abc", b"de")
    for other in (picture + b"x", picture[:-1], b"{}\n", b"", b"not json\n", picture.replace(b"image/png", b"text/html")):
        with pytest.raises(msgspec.DecodeError):
            answer.read(other)
