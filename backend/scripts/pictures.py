"""Makes docs/images/ of the frames that frontend/e2e/story.test.ts has taken: an animation, and the last frame as a picture."""

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[2]
FRAMES = ROOT / "frontend" / "e2e" / "pictures" / "story"
IMAGES = ROOT / "docs" / "images"
FRAME_MS = 300
LAST_MS = 3000
STRIP = 44  # pixels below the page, for the caption
MOST_ALIKE = 4  # frames in a row
MOST_BYTES = 1_000_000


def frame(path: Path) -> Image.Image:
    """The page, and below it the caption that the file's name holds behind its number."""
    page = Image.open(path).convert("RGB")
    whole = Image.new("RGB", (page.width, page.height + STRIP), "#1f2430")
    whole.paste(page)
    caption = path.stem.partition(" ")[2]
    where = (page.width // 2, page.height + STRIP // 2)
    ImageDraw.Draw(whole).text(where, caption, "white", ImageFont.load_default(20), anchor="mm")
    return whole


def main() -> None:
    paths = sorted(FRAMES.glob("*.png"))
    if not paths:
        sys.exit("There are no frames: run `make pictures`.")
    frames: list[Image.Image] = []
    for path in paths:
        taken = frame(path)
        if any(taken.tobytes() != earlier.tobytes() for earlier in frames[-MOST_ALIKE:]) or len(frames) < MOST_ALIKE:
            frames.append(taken)  # nobody wants to watch a slow machine start a gateway
    durations = [FRAME_MS] * (len(frames) - 1) + [LAST_MS]
    IMAGES.mkdir(parents=True, exist_ok=True)
    target = IMAGES / "reply.webp"
    frames[0].save(target, save_all=True, append_images=frames[1:], duration=durations, loop=0, quality=70, method=6)
    Image.open(paths[-1]).convert("RGB").quantize(64).save(IMAGES / "page.png", optimize=True)
    for path in IMAGES.iterdir():
        size = path.stat().st_size
        print(f"{path.name}: {size // 1000} kB")
        if size > MOST_BYTES:
            sys.exit(f"{path.name} is larger than {MOST_BYTES // 1000} kB.")


if __name__ == "__main__":
    main()
