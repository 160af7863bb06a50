"""Pictures in messages: which ones a request may show, and how a turn for the model refers to them.

It must not know bytes: `media` has them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from lam.errors import NotFound, TooManyPictures
from lam.protocol.chat import Picture
from lam.protocol.parts import Image, Parts, images_of, written_form
from lam.storage.database import UnitOfWork

MOST: Final = 8
"""How many pictures a message may have."""


async def images(unit: UnitOfWork, user_id: int, ids: Sequence[str]) -> tuple[Image, ...]:
    """Returns the user's pictures as parts of a message. Raises TooManyPictures, NotFound."""
    if len(ids) > MOST:
        raise TooManyPictures(f"The message has {len(ids)} pictures; {MOST} can be sent in one.")
    if not ids:
        return ()
    known = await unit.media.pictures(ids, owner=user_id, hold=True)
    if not known.keys() >= set(ids):
        raise NotFound("A picture of this message is not stored any more; attach it again.")
    return tuple(Image(name, known[name].width, known[name].height) for name in ids)


async def pictures_in(unit: UnitOfWork, messages: Iterable[Parts]) -> dict[str, Picture]:
    """Returns the stored pictures in these messages, by id."""
    ids = {image.id for parts in messages for image in images_of(parts)}
    return await unit.media.pictures(ids) if ids else {}


def placed(parts: Parts, pictures: Mapping[str, Picture]) -> tuple[Picture, ...]:
    """Returns the pictures of a message, each with its place in the written form. Those that are gone are left out."""
    at, result = 0, []
    for part in parts:
        if not isinstance(part, Image):
            at += len(written_form([part]))
        elif part.id in pictures:
            result.append(msgspec.structs.replace(pictures[part.id], at=at))
    return tuple(result)
