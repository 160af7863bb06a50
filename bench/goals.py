"""The goals, the figure that is measured against each, and why we miss a goal."""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct
from results import Figures
from tables import shown

Results = dict[str, Figures]


class Goal(Struct, frozen=True):
    """`value` of the results, at most `most` or at least `least`. `why` it is missed, where it is."""

    what: str
    value: Callable[[Results], float]
    most: float | None = None
    least: float | None = None
    unit: str = ""
    why: str = ""

    def row(self, results: Results) -> list[str]:
        value = self.value(results)
        goal = f"at most {_plain(self.most)}{self.unit}" if self.most is not None else f"at least {_plain(self.least)}{self.unit}"
        return [self.what, goal, shown(value) + self.unit, "met" if self.met(results) else self._by(value)]

    def met(self, results: Results) -> bool:
        value = self.value(results)
        return value <= self.most if self.most is not None else value >= (self.least or 0)

    def _by(self, value: float) -> str:
        by = value / self.most - 1 if self.most else 1 - value / (self.least or 1)
        return f"missed by {100 * by:.0f} %"


def _plain(value: float | None) -> str:
    return f"{value:g}"


def _of(results: Results, scenario: str, contestant: str = "LAM") -> Any:
    return results[scenario]["contestants"][contestant]


def _page(results: Results) -> Any:
    return _of(results, "page")


def _times(scenario: str, one: str, other: str) -> Callable[[Results], float]:
    """CPU of one contestant in turns of another's."""

    def value(results: Results) -> float:
        found: float = _of(results, scenario, one)["cpu_us_per_token"] / _of(results, scenario, other)["cpu_us_per_token"]
        return found

    return value


def _paced_token(results: Results) -> float:
    """LAM against minimal in `paced`, with what `small` says of a request taken off both."""
    tokens = results["paced"]["settings"]["tokens"]

    def token(name: str) -> float:
        found: float = _of(results, "paced", name)["cpu_us_per_token"] - _of(results, "small", name)["cpu_us_per_token"] / tokens
        return found

    return token("LAM") / token("minimal")


def _added(percentile: str) -> Callable[[Results], float]:
    def value(results: Results) -> float:
        found: float = (
            _of(results, "paced")["first_token_ms"][percentile] - _of(results, "paced", "direct")["first_token_ms"][percentile]
        )
        return found

    return value


def _mqtt_added(results: Results) -> float:
    found: float = _of(results, "mqtt", "LAM mqtt")["first_token_ms"]["p50"] - _of(results, "mqtt")["first_token_ms"]["p50"]
    return found


def _mqtt_cpu(results: Results) -> float:
    mqtt = _of(results, "mqtt", "LAM mqtt")
    both: float = mqtt["cpu_us_per_token_gateway"] + mqtt["cpu_us_per_token_worker"]
    return both / float(_of(results, "mqtt")["cpu_us_per_token"])


REQUEST: Final = (
    "a request reads the token and the session, then writes two messages, the session and the cost in two transactions. "
    "py-spy on `small` shows that SQLAlchemy, which runs nine or ten statements, takes two fifths of the time; FastAPI and "
    "its middleware take a quarter, asking the model takes a seventh, and sending the answer takes a twelfth"
)
COLD: Final = (
    "py-spy on `paced` shows that the write to the socket takes nearly half of a token's time, as in the minimal gateway. "
    "The rest is spread over thirty functions that decode, number, store and encode the token, none above 3 %. The process "
    "sleeps between two tokens, so each token finds the code cold. In lock-step, where the process does not sleep, the same "
    "code costs little more than the minimal gateway's"
)
HOT: Final = (
    "this ratio was between 1.1 and 1.3 in four sittings of five rounds, and it was higher when more other work ran on the "
    "machine. Our code is larger, so it suffers more when other work fills the caches"
)
COPIES: Final = (
    "nginx only copies bytes, and took 1.4 to 2.6 µs per token in three sittings. Ours took 6.8 to 7.3 µs to parse, number, "
    "store and encode a token, half of what the minimal gateway takes"
)
FLOOR: Final = (
    "LiteLLM takes about ten times as much as the minimal gateway on this machine. So no gateway that parses and re-encodes "
    "tokens with this technology can reach twenty; nginx does"
)
COMMITTED: Final = (
    "the gateway commits the rows of a turn before it asks the model, so that a failure before the first event leaves "
    "nothing behind. This takes three units of work and the web framework, all in cold code. The minimal gateway, which "
    "stores nothing, adds most of the goal by itself"
)
FASTER: Final = (
    "when we set the goal, on another day, Open WebUI took 34 ms per request; here it takes about a quarter of that. Open "
    "WebUI stores nothing in this scenario, and we store two messages: the goal allows less than three times what the "
    "minimal gateway takes"
)
MEMORY: Final = (
    "the minimal gateway takes two thirds of what ours takes, for two sockets, their buffers and a request in the web "
    "framework. Ours adds the log (0.3 KB per token), and the tasks that own a run and its reader (tracemalloc: 5 KB for "
    "the objects that they wait on)"
)
FRAMES: Final = (
    "in a trace of four seconds, each second has 0.16 s of scripts, 0.31 s of painting and compositing, and 0.1 s of layout "
    "and style. This Chromium has no graphics card and paints in software, on the two cores that it shares with the "
    "gateway, the model server and other work. The cost does not grow with the reply: the last seconds are like the first"
)
FULL: Final = "10 000 tokens a second fill the core, and the last tokens coincide with the endings of a thousand streams"

CROWDED: Final = (
    "50 tokens a second on each of 50 streams leave pauses in which the code goes cold, so a token costs two and a half to four "
    "times as much as in lock-step, minimal or not; the page's own stream costs more in the same run. The request is 13 to 16 µs "
    "of it, spread over 200 tokens"
)
STORED: Final = (
    "a program's request checks its key, opens a row, stores its cost and closes the row, in two transactions; LiteLLM ran without "
    "a database"
)

GOALS: Final = (
    Goal("lock-step: CPU a token, against minimal", _times("lock-step", "LAM", "minimal"), most=1.25, unit=" ×", why=HOT),
    Goal("lock-step: CPU a token, against nginx", _times("lock-step", "LAM", "nginx"), most=4, unit=" ×"),
    Goal(
        "paced: CPU a token, the request taken off, against minimal",
        _paced_token,
        most=1.25,
        unit=" ×",
        why=COLD,
    ),
    Goal(
        "paced: CPU a token, the request included, against minimal",
        _times("paced", "LAM", "minimal"),
        most=1.25,
        unit=" ×",
        why=f"{REQUEST}. Spread over 200 tokens, that is a fifth of their cost",
    ),
    Goal(
        "paced: LiteLLM's CPU, the request included, against ours",
        _times("paced", "LiteLLM", "LAM"),
        least=20,
        unit=" ×",
        why=FLOOR,
    ),
    Goal("saturated: CPU a token, against minimal", _times("saturated", "LAM", "minimal"), most=1, unit=" ×"),
    Goal("saturated: CPU a token, against nginx", _times("saturated", "LAM", "nginx"), most=4, unit=" ×", why=COPIES),
    Goal(
        "saturated: LiteLLM's CPU against ours",
        _times("saturated", "LiteLLM", "LAM"),
        least=50,
        unit=" ×",
        why=REQUEST,
    ),
    Goal(
        "first token added, paced, median",
        _added("p50"),
        most=3,
        unit=" ms",
        why=COMMITTED,
    ),
    Goal("first token added, paced, 99th percentile", _added("p99"), most=15, unit=" ms", why=COMMITTED),
    Goal(
        "small: CPU of a request",
        lambda results: float(_of(results, "small")["cpu_ms_per_request"]),
        most=4,
        unit=" ms",
        why=REQUEST,
    ),
    Goal(
        "small: Open WebUI's CPU against ours",
        _times("small", "Open WebUI", "LAM"),
        least=8,
        unit=" ×",
        why=FASTER,
    ),
    Goal(
        "program lock-step: CPU a token of /v1/chat/completions, against minimal",
        _times("program lock-step", "LAM /v1", "minimal"),
        most=1.25,
        unit=" ×",
        why=HOT,
    ),
    Goal(
        "program paced: the same, the request included, against minimal",
        _times("program paced", "LAM /v1", "minimal"),
        most=1.25,
        unit=" ×",
        why=CROWDED,
    ),
    Goal(
        "program request: LiteLLM's CPU against ours",
        _times("program request", "LiteLLM", "LAM /v1"),
        least=5,
        unit=" ×",
        why=STORED,
    ),
    Goal("many: errors", lambda results: float(_of(results, "many")["errors"]), most=0),
    Goal(
        "many: gap between tokens, 99th percentile",
        lambda results: float(_of(results, "many")["gap_ms"]["p99"]),
        most=250,
        unit=" ms",
        why=FULL,
    ),
    Goal(
        "many: memory a stream",
        lambda results: float(_of(results, "many")["kib_per_stream"]) * 1.024,
        most=60,
        unit=" KB",
        why=MEMORY,
    ),
    Goal(
        "fan-out: CPU of a reader a batch",
        lambda results: float(_of(results, "fan-out")["cpu_us_per_reader_and_batch"]),
        most=20,
        unit=" µs",
    ),
    Goal(
        "fan-out: 200 readers behind, 99th percentile",
        lambda results: float(_of(results, "fan-out")["behind_ms"]["p99"]),
        most=100,
        unit=" ms",
    ),
    Goal("mqtt: first token later than with sse, median", _mqtt_added, most=20, unit=" ms"),
    Goal("mqtt: CPU a token of gateway and worker, against sse", _mqtt_cpu, most=4, unit=" ×"),
    Goal(
        "soak: memory grown after the first ten minutes",
        lambda results: float(_of(results, "soak")["grown_percent"]),
        most=5,
        unit=" %",
    ),
    Goal("page: first load, compressed", lambda results: _page(results)["first_load"]["bytes"] / 1000, most=250, unit=" KB"),
    Goal(
        "page: longest of the frames while 60 000 tokens come",
        lambda results: float(_page(results)["frame_ms"]["middle"]["max"]),
        most=50,
        unit=" ms",
        why=FRAMES,
    ),
    Goal(
        "page: a key until it is painted, 99th percentile",
        lambda results: float(_page(results)["typing_ms"]["late"]["p99"]),
        most=100,
        unit=" ms",
        why=FRAMES,
    ),
    Goal("page: a stop until it is seen", lambda results: float(_page(results)["stop_ms"]), most=100, unit=" ms", why=FRAMES),
    Goal(
        "voice: first sound after a sentence's end, 95th percentile",
        lambda results: float(_of(results, "voice")["first_sound_ms"]["p95"]),
        most=500,
        unit=" ms",
    ),
    Goal(
        "voice: words that Whisper hears wrong, of fifty sentences",
        lambda results: float(_of(results, "voice")["word_errors_percent"]),
        most=10,
        unit=" %",
    ),
    Goal("maze: the largest is made, CPU", lambda results: _of(results, "maze")["cpu_us_generate"] / 1000, most=5, unit=" ms"),
    Goal("maze: a tick of the largest, CPU", lambda results: _of(results, "maze")["cpu_us_apply"], most=50, unit=" µs"),
)
