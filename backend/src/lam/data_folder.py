"""The data folder: what a gateway keeps beside its database, and what the commands on the same machine find there."""

import logging
import os
import secrets
import stat
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from lam.errors import ConfigError

OTHERS: Final = 0o077
OURS: Final = ("lam*.db*", "token", "url", "secret_key", "*backup*", "*.log", "broker", ".token.*", ".url.*", ".secret_key.*")

log = logging.getLogger(__name__)


class DataFolder:
    """Nobody else on this machine gets in: the folder has mode 0700, its files 0600. Raises ConfigError where it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = path / "lam.db"
        self.token = path / "token"
        self.url = path / "url"
        self._secret_key = path / "secret_key"

    def prepare(self) -> list[str]:
        """Makes it, and closes it to the other users of this machine. Returns what the log should say about that."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"The data folder {self.path} cannot be made: {error.strerror}.") from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise ConfigError(f"The data folder {self.path} is not writable; set LAM_DATA_DIR to one that is.")
        return [close_to_others(path) for path in self.exposed()]

    def secret_key(self) -> str:
        """The gateway's own secret, made at the first start."""
        found = self.read(self._secret_key)
        if found:
            return found
        self.write(self._secret_key, secrets.token_hex(32))
        return self.read(self._secret_key) or ""

    def exposed(self) -> list[Path]:
        """What other users of this machine may read: the folder, and those of its files that are ours. Not on Windows."""
        if os.name != "posix":
            return []
        return [path for path in (self.path, *self._ours()) if _is_exposed(path)]

    def exposed_secrets(self) -> list[Path]:
        return [path for path in (self._secret_key, self.token) if _is_exposed(path)]

    def _ours(self) -> list[Path]:
        """The folder may hold other things too, where somebody chose one that does. No links: they may lead anywhere."""
        return sorted({path for pattern in OURS for path in self.path.glob(pattern) if not path.is_symlink()})

    def is_own(self, url: str) -> bool:
        """Whether the token is for this gateway: it must not travel to another machine's."""
        return url == self.read(self.url) or urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")

    def read(self, path: Path) -> str | None:
        try:
            return path.read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} cannot be read ({error}); mend or remove it.") from error

    def write(self, path: Path, text: str) -> None:
        """Replaces the file in one step, so that a reader sees the old text or the new one."""
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text + "\n")
            draft.replace(path)
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error


def close_to_others(path: Path) -> str:
    """Takes the rights of other users away where it may. Returns a sentence about it for the log."""
    try:
        mode = path.stat().st_mode
        if _is_shared(path, mode):
            return f"{path} is shared with other users of this machine: set LAM_DATA_DIR to a folder of its own"
        narrow = stat.S_IMODE(mode) & ~OTHERS & ~0o7000
        path.chmod(narrow)
        return f"Other users of this machine could reach {path}: its mode is {narrow:04o} now, not {stat.S_IMODE(mode):04o}"
    except OSError as error:
        return f"Other users of this machine may reach {path}, and its mode cannot be changed: {error.strerror}"


def make_private(path: Path) -> None:
    """An empty file that only we may read, unless there is one: what SQLite makes beside it gets the same mode."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError:  # it is there, or whoever opens it says what is wrong
        if _is_exposed(path):
            log.warning(close_to_others(path))


def _is_exposed(path: Path) -> bool:
    try:
        return os.name == "posix" and bool(path.stat().st_mode & OTHERS)
    except OSError:
        return False


def _is_shared(path: Path, mode: int) -> bool:
    """A folder that is everybody's, or somebody's whole home: not ours to close."""
    home = Path(os.path.expanduser("~"))  # which gives up in silence, where a container's user has none
    return stat.S_ISDIR(mode) and bool(mode & stat.S_ISVTX or path.resolve() in (home, Path(path.anchor)))
