import stat
from pathlib import Path

import pytest

from lam.data_folder import DataFolder, make_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


FILES = (
    "lam.db",
    "lam.db-wal",
    "lam.db-shm",
    "lam.db.lock",
    "lam.db.backup",
    "lam-2026-11-25.db",
    "token",
    "secret_key",
    "url",
    "llama.log",
)


def test_a_folder_and_files_that_were_wider_are_closed_and_that_is_said(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    for name in FILES:
        (data / name).touch(0o644)
    notes = DataFolder(data).prepare()
    assert mode(data) == 0o700
    assert {mode(data / name) for name in FILES} == {0o600}
    assert len(notes) == 1 + len(FILES)
    assert f"could reach {data}: its mode is 0700 now, not 0755" in notes[0]
    assert DataFolder(data).prepare() == []


@pytest.mark.parametrize("before", [0o777, 0o750, 0o701, 0o770, 0o2755])
def test_no_way_in_is_left_for_others(tmp_path: Path, before: int) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(before)
    assert len(DataFolder(data).prepare()) == 1
    assert mode(data) == 0o700


def test_a_new_folder_is_private_from_the_first_moment(tmp_path: Path) -> None:
    data = tmp_path / "a" / "b" / "data"
    assert DataFolder(data).prepare() == []
    assert mode(data) == 0o700


def test_what_is_not_ours_is_left_as_it_is(tmp_path: Path) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    data.mkdir()
    elsewhere.touch(0o644)
    (data / "lam.db-link").symlink_to(elsewhere)
    (data / "token").symlink_to(elsewhere)
    (data / "holiday.jpg").touch(0o644)
    DataFolder(data).prepare()
    assert mode(elsewhere) == 0o644
    assert mode(data / "holiday.jpg") == 0o644


def test_a_folder_that_is_everybodys_or_a_whole_home_is_not_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everybodys, home = tmp_path / "tmp", tmp_path / "home"
    for folder, before in ((everybodys, 0o1777), (home, 0o755)):
        folder.mkdir()
        folder.chmod(before)
        (folder / "token").touch(0o644)
    monkeypatch.setenv("HOME", str(home))
    for folder, before in ((everybodys, 0o1777), (home, 0o755)):
        assert "a folder of its own" in DataFolder(folder).prepare()[0]
        assert mode(folder) == before
        assert mode(folder / "token") == 0o600


def test_a_database_elsewhere_is_private_too(tmp_path: Path) -> None:
    for name in ("new.db", "old.db"):
        path = tmp_path / name
        if name == "old.db":
            path.touch(0o664)
        make_private(path)
        assert mode(path) == 0o600
