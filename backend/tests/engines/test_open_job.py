"""A job at the gateway, without a broker: frames that are lost are asked for again, whichever they are."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from lam.engines.base import RouteLost
from lam.engines.open_job import OpenJob, Silences
from lam.engines.worker_list import KnownWorker
from lam.protocol.events import Chunk, EngineEvent, Finished
from lam.protocol.jobs import Accepted, Frame, JobFinished, Rejected, ServedModel, WorkerStatus

SILENCES = Silences(accept=60, silent=60, gap=0.01)
HASTY = Silences(accept=0.3, silent=60, gap=0.01)
FRAMES: Sequence[Frame] = [
    Frame("j", 1, (Accepted("m"),)),
    Frame("j", 2, (Chunk("Once"),)),
    Frame("j", 3, (Chunk(" upon"),)),
    Frame("j", 4, (JobFinished(finish_reason="stop"),)),
]


class WorkerLine:
    """A way to a worker that has all frames, and sends them again when it is asked."""

    connected = True
    problem = None

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def until_change(self, seconds: float) -> None:
        await asyncio.sleep(seconds)  # Time itself: as long as it is told to

    def resume(self, job: OpenJob) -> None:
        self.asked.append(job.inbox.last)
        for frame in FRAMES[job.inbox.last :]:
            job.take(frame)

    def pause(self, worker: KnownWorker) -> None:
        pass


def opened(line: WorkerLine, silences: Silences = SILENCES) -> OpenJob:
    status = WorkerStatus(worker="w", instance="1", state="ready", models=(ServedModel("m"),), slots=1, streaming=True)
    return OpenJob("j", KnownWorker(status=status, last_status=0), line, clock=time.monotonic, silences=silences, chunks=(1, 0))


async def events_of(job: OpenJob) -> list[EngineEvent]:
    return [event async for batch in job.follow() for event in batch]


@pytest.mark.parametrize("lost", range(len(FRAMES) - 1))
async def test_whichever_frame_is_lost_it_is_asked_for_again(lost: int) -> None:
    line = WorkerLine()
    job = opened(line)
    for frame in FRAMES:
        if frame is not FRAMES[lost]:
            job.take(frame)
    events = await events_of(job)
    assert "".join(event.content for event in events if isinstance(event, Chunk)) == "Once upon"
    assert isinstance(events[-1], Finished)
    assert line.asked == [lost]


async def test_a_sign_of_life_shows_that_the_worker_has_the_job() -> None:
    line = WorkerLine()
    job = opened(line)
    job.take(Frame("j", 2))  # a beat, which names the last of the two frames that were lost
    assert isinstance((await events_of(job))[-1], Finished)
    assert line.asked == [0]


@pytest.mark.parametrize("frames", [[], [Frame("j", 1, (Rejected("busy"),))]])
async def test_a_job_that_no_worker_has_goes_elsewhere(frames: list[Frame]) -> None:
    job = opened(WorkerLine(), HASTY)
    for frame in frames:
        job.take(frame)
    with pytest.raises(RouteLost) as lost:
        await events_of(job)
    assert not lost.value.had_job
