"""The data folder: what a gateway keeps beside its database, and what the commands on the same machine find there."""

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from lam.errors import ConfigError


class DataFolder:
    """Files are written with mode 0600; a folder that is made here has mode 0700. Raises ConfigError where it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = path / "lam.db"
        self.token = path / "token"
        self.url = path / "url"
        self._secret_key = path / "secret_key"

    def prepare(self) -> None:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"The data folder {self.path} cannot be made: {error.strerror}.") from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise ConfigError(f"The data folder {self.path} is not writable; set LAM_DATA_DIR to one that is.")

    def secret_key(self) -> str:
        """The gateway's own secret, made at the first start."""
        found = self.read(self._secret_key)
        if found:
            return found
        self.write(self._secret_key, secrets.token_hex(32))
        return self.read(self._secret_key) or ""

    def exposed(self) -> list[Path]:
        """The secrets that other users of this machine may read. Windows has no such modes."""
        if os.name != "posix":
            return []
        return [path for path in (self._secret_key, self.token) if path.exists() and path.stat().st_mode & 0o077]

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
