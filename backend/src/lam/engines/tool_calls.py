"""Assigns pieces of tool calls to calls, whatever numbers the server uses. Pure."""

import json


class ToolCallNumbers:
    """Numbers the calls of a reply from 0.

    A server's index counts until another call's id comes with it. Without an index, a new id, or a name after complete arguments,
    begins a call; other pieces belong to the last one.
    """

    def __init__(self) -> None:
        self._ids: list[str | None] = []
        self._names: list[str | None] = []
        self._arguments: list[str] = []
        self._by_index: dict[int, int] = {}

    @property
    def any(self) -> bool:
        return bool(self._ids)

    def number(self, index: int | None, call_id: str | None, name: str | None, arguments: str) -> int:
        known = self._known(index, call_id, name)
        if known is None:
            known = len(self._ids)
            self._ids.append(call_id)
            self._names.append(name)
            self._arguments.append("")
        if index is not None:
            self._by_index[index] = known
        self._ids[known] = self._ids[known] or call_id
        self._names[known] = self._names[known] or name
        self._arguments[known] += arguments
        return known

    def _known(self, index: int | None, call_id: str | None, name: str | None) -> int | None:
        if index is not None:
            known = self._by_index.get(index)
            return None if known is None or self._is_other(known, call_id, name) else known
        if call_id and call_id in self._ids:
            return self._ids.index(call_id)
        last = len(self._ids) - 1 if self._ids else None
        if last is None or (call_id and self._ids[last]):
            return None
        return None if self._is_other(last, call_id, name) else last

    def _is_other(self, known: int, call_id: str | None, name: str | None) -> bool:
        """Returns whether a piece with this id and name belongs to another call than the known one."""
        if not name or self._names[known] is None:
            return False
        if call_id and self._ids[known]:
            return call_id != self._ids[known]
        return name != self._names[known] or _is_json(self._arguments[known])


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
