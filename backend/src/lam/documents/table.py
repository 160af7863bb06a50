"""Rows of a table as lines: cells separated by ` | `, empty ones kept in their place, a far one with its column's name."""

from typing import Final

_FAR: Final = 20  # empty columns


class Table:
    """The row that is being read, as its cells come."""

    def __init__(self) -> None:
        self._cells: list[tuple[int, str]] = []

    def put(self, column: int, text: str) -> None:
        """Adds a cell; `column` counts from 0. Cells without text are skipped."""
        text = " ".join(text.split())
        if text:
            self._cells.append((column, text))

    def row(self) -> str:
        """Returns the row and begins the next one; empty for a row without text."""
        pieces: list[str] = []
        follows = 0
        for column, text in self._cells:
            if column - follows > _FAR:
                pieces.append(f"{column_name(column)}: {text}")
            else:
                pieces += [""] * (column - follows)
                pieces.append(text)
            follows = column + 1
        self._cells = []
        return " | ".join(pieces)


def column_name(column: int) -> str:
    """Returns the letters of a column that counts from 0: A, Z, AA."""
    name = ""
    column += 1
    while column > 0:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name
