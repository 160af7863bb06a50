"""An event loop whose clock tests can put forward. It must not know what they wait for."""

import asyncio


class SkippingLoop(asyncio.SelectorEventLoop):
    """`skip(seconds)` puts the clock forward; the timers of that time fire in the next steps."""

    _skipped = 0.0

    def time(self) -> float:
        return super().time() + self._skipped

    def skip(self, seconds: float) -> None:
        self._skipped += seconds


def skip(seconds: float) -> None:
    """Puts the clock of the running loop forward."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SkippingLoop)
    loop.skip(seconds)
