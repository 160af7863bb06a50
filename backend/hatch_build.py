"""Stops the build of a package that would lack the page.

An editable installation may lack it: `make install` comes before `make page`, and the gateway then shows the API's description.
"""

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGE = Path("src", "lam", "page", "index.html")


class PageCheck(BuildHookInterface):  # type: ignore[type-arg]  # its argument is the builder's own configuration
    """LAM_WITHOUT_PAGE=1 builds a package without the page, for a machine that only runs `lam worker`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """`version` is `editable` or `standard`."""
        if version == "editable" or os.environ.get("LAM_WITHOUT_PAGE") == "1" or Path(self.root, PAGE).is_file():
            return
        raise RuntimeError(
            "The page is not built, and this package would lack it. Run `make page` first, "
            "or set LAM_WITHOUT_PAGE=1 for a machine that only runs `lam worker`."
        )
