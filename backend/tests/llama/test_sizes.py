"""How much memory a model needs, by its file."""

from pathlib import Path

import pytest

from lam.llama.gguf import GgufFile, GgufWriter, Unreadable, Value
from lam.llama.model import demo_model
from lam.llama.sizes import USUAL_CONTEXT, estimate, parts_of, token_bytes, used_mb


def written(path: Path, **values: Value) -> Path:
    path.write_bytes(
        GgufWriter().values({"general.architecture": "x"} | {f"x.{name}": value for name, value in values.items()}).to_bytes()
    )
    return path


def test_the_demo_model_keeps_23_kb_for_a_token() -> None:
    assert token_bytes(GgufFile(demo_model())) == 30 * 3 * (64 + 64) * 2


def test_a_context_is_what_was_asked_for_up_to_what_the_model_was_made_for(tmp_path: Path) -> None:
    sizes = estimate(demo_model(), n_ctx=512, slots=2)
    assert (sizes.n_ctx, sizes.context, sizes.files) == (512, 512 * 2 * 23040 >> 20, 93)
    assert estimate(written(tmp_path / "a.gguf", context_length=1000), n_ctx=4000).n_ctx == 1000
    assert estimate(written(tmp_path / "b.gguf", context_length=1_000_000)).n_ctx == USUAL_CONTEXT
    assert estimate(written(tmp_path / "c.gguf")).n_ctx == USUAL_CONTEXT


def test_a_model_whose_header_says_little_is_as_large_as_its_file(tmp_path: Path) -> None:
    assert estimate(written(tmp_path / "a.gguf")).context == 0
    assert token_bytes(GgufFile(written(tmp_path / "b.gguf", block_count=2, embedding_length=64))) == 0


def test_a_head_may_have_a_length_of_its_own(tmp_path: Path) -> None:
    values = {"block_count": 2, "embedding_length": 64, "attention.head_count": 4, "attention.head_count_kv": 2}
    assert token_bytes(GgufFile(written(tmp_path / "a.gguf", **values))) == 2 * 2 * (16 + 16) * 2
    own = {"attention.key_length": 32, "attention.value_length": 8}
    assert token_bytes(GgufFile(written(tmp_path / "b.gguf", **values, **own))) == 2 * 2 * (32 + 8) * 2


def test_a_model_in_parts_has_them_all() -> None:
    names = [path.name for path in parts_of(Path("/m/big-00001-of-00003.gguf"))]
    assert names == ["big-00001-of-00003.gguf", "big-00002-of-00003.gguf", "big-00003-of-00003.gguf"]
    assert parts_of(Path("/m/big.gguf")) == [Path("/m/big.gguf")]


@pytest.mark.parametrize("data", [b"", b"GGUF", b"GGUF\3\0\0\0" + b"\xff" * 16, b"PK\3\4" * 9])
def test_what_is_no_model_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(data)
    with pytest.raises(Unreadable):
        estimate(tmp_path / "a.gguf")


def test_a_process_that_is_gone_uses_nothing() -> None:
    assert not used_mb(2**22 + 1)
