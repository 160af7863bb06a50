"""The data folder: what a gateway keeps beside its database, and what commands on the same machine read there.

It knows no tables.
"""

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
    """A folder closed to other users of this machine: mode 0700, files 0600. Raises ConfigError when it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = path / "lam.db"
        self.token = path / "token"
        self.url = path / "url"
        self._secret_key = path / "secret_key"

    def prepare(self) -> list[str]:
        """Creates the folder and closes it to other users. Returns sentences for the log."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"The data folder {self.path} cannot be made: {error.strerror}.") from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise ConfigError(f"The data folder {self.path} is not writable; set LAM_DATA_DIR to one that is.")
        return [close_to_others(path) for path in self.exposed()]

    def secret_key(self) -> str:
        """Returns the gateway's own secret, made at the first start."""
        secret = self.read(self._secret_key)
        if secret:
            return secret
        self.write(self._secret_key, secrets.token_hex(32))
        return self.read(self._secret_key) or ""

    def exposed(self) -> list[Path]:
        """Returns the paths that other users of this machine can read: the folder, and our files in it. Empty on Windows."""
        if os.name != "posix":
            return []
        return [path for path in (self.path, *self._ours()) if _is_exposed(path)]

    def exposed_secrets(self) -> list[Path]:
        return [path for path in (self._secret_key, self.token) if _is_exposed(path)]

    def _ours(self) -> list[Path]:
        """Returns our files: a chosen folder may contain others, too. Skips links, which may lead anywhere."""
        return sorted({path for pattern in OURS for path in self.path.glob(pattern) if not path.is_symlink()})

    def is_own(self, url: str) -> bool:
        """Returns whether the token belongs to this gateway: it must not travel to another machine."""
        return url == self.read(self.url) or urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")

    def read(self, path: Path) -> str | None:
        try:
            return path.read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} cannot be read ({error}); mend or remove it.") from error

    def write(self, path: Path, text: str) -> None:
        """Replaces the file in one step, so that a reader gets either the old text or the new one."""
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text + "\n")
            draft.replace(path)
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error


def close_to_others(path: Path) -> str:
    """Removes the permissions of other users where possible. Returns a sentence for the log."""
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
    """Creates an empty file that only we can read, unless it exists: SQLite gives its own files the same mode."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError:  # it exists, or its opening reports the problem
        if _is_exposed(path):
            log.warning(close_to_others(path))


def _is_exposed(path: Path) -> bool:
    try:
        return os.name == "posix" and bool(path.stat().st_mode & OTHERS)
    except OSError:
        return False


def _is_shared(path: Path, mode: int) -> bool:
    """Returns whether a folder belongs to everybody or is a whole home directory: not ours to close."""
    home = Path(os.path.expanduser("~"))  # returns "~" without an error when a container's user has no home
    return stat.S_ISDIR(mode) and bool(mode & stat.S_ISVTX or path.resolve() in (home, Path(path.anchor)))
