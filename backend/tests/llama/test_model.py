from importlib.metadata import PackageNotFoundError

import pytest

from lam.errors import ConfigError
from lam.llama.model import demo_model


def test_the_demo_model_is_found_without_importing_its_package() -> None:
    with demo_model().open("rb") as file:
        assert file.read(4) == b"GGUF"


def test_a_missing_model_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_installed(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("lam.llama.model.files", nothing_installed)
    with pytest.raises(ConfigError, match="make install"):
        demo_model()
