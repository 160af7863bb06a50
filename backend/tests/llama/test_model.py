import pytest

from lam.errors import ConfigError
from lam.llama.model import demo_model


def test_the_demo_model_is_found_without_importing_its_package() -> None:
    with demo_model().open("rb") as file:
        assert file.read(4) == b"GGUF"


def test_a_missing_model_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="make install"):
        demo_model("a-package-that-is-not-installed")
