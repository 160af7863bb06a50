"""`/api/lab`: sets of tasks, and runs that try templates on them."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response

from lam.api.dependencies import Caller, Parts
from lam.api.errors import answers
from lam.api.schemas.base import MAX_ID
from lam.api.schemas.lab import (
    LabCellAnswer,
    LabExport,
    LabResults,
    LabRunAnswer,
    LabSetAnswer,
    LabSetBody,
    LabSetFile,
    LabTask,
    ListedLabRun,
    NewLabRun,
    OpenedLabCell,
    RegressionCase,
    cell_answer,
    judge_of,
    listed_run,
    new_run,
    opened_cell,
    run_answer,
    set_answer,
    task_set,
)
from lam.api.services import Services
from lam.lab.exports import as_csv

router = APIRouter(prefix="/api/lab", tags=["lab"])

SetId = Annotated[str, Path(min_length=1, max_length=64)]
RunId = Annotated[int, Path(ge=1, le=MAX_ID)]
Number = Annotated[int, Path(ge=0, le=MAX_ID, description="The cell's number in its run.")]
CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


@router.get("/sets", responses=answers(401, 503), summary="The built-in sets of tasks, and mine")
async def list_sets(caller: Caller, parts: Parts) -> list[LabSetAnswer]:
    return [set_answer(tasks) for tasks in await parts.lab.sets(caller.user.id)]


@router.post("/sets", status_code=201, responses=answers(401, 403, 409, 422, 503), summary="Make a set of tasks")
async def create_set(body: LabSetBody, caller: Caller, parts: Parts) -> LabSetAnswer:
    return set_answer(await parts.lab.add_set(caller.user.id, task_set(body)))


@router.post("/sets/import", status_code=201, responses=answers(401, 403, 409, 413, 422, 503), summary="Make a set from a file")
async def import_set(body: LabSetFile, caller: Caller, parts: Parts) -> LabSetAnswer:
    """JSON as the API writes it, or CSV. docs/guides/lab.md describes the columns."""
    return set_answer(await parts.lab.import_set(caller.user.id, body.filename, body.text))


@router.get("/sets/{set_id}", responses=answers(401, 404, 422, 503), summary="One set of tasks")
async def get_set(set_id: SetId, caller: Caller, parts: Parts) -> LabSetAnswer:
    return set_answer(await parts.lab.get_set(caller.user.id, set_id))


@router.put("/sets/{set_id}", responses=answers(401, 403, 404, 409, 422, 503), summary="Replace a set of tasks")
async def change_set(set_id: SetId, body: LabSetBody, caller: Caller, parts: Parts) -> LabSetAnswer:
    """Runs over it keep what they have."""
    return set_answer(await parts.lab.change_set(caller.user.id, set_id, task_set(body)))


@router.delete("/sets/{set_id}", status_code=204, responses=answers(401, 403, 404, 409, 422, 503), summary="Delete a set of tasks")
async def delete_set(set_id: SetId, caller: Caller, parts: Parts) -> None:
    """Runs over it keep what they have."""
    await parts.lab.delete_set(caller.user.id, set_id)


@router.get("/tasks", responses=answers(401, 404, 422, 503), summary="The single tasks of a set, or of all sets")
async def list_tasks(
    caller: Caller,
    parts: Parts,
    set_: Annotated[str | None, Query(alias="set", min_length=1, max_length=64)] = None,
) -> list[LabTask]:
    user_id = caller.user.id
    sets = await parts.lab.sets(user_id) if set_ is None else [await parts.lab.get_set(user_id, set_)]
    return [
        LabTask(set_id=tasks.id or "", number=number, kind=tasks.kind, name=name)
        for tasks in sets
        for number, name in enumerate(tasks.names())
    ]


@router.get("/runs", responses=answers(401, 503), summary="My newest hundred runs, newest first")
async def list_runs(caller: Caller, parts: Parts) -> list[ListedLabRun]:
    return [listed_run(described) for described in await parts.lab.runs(caller.user.id)]


@router.post("/runs", status_code=201, responses=answers(401, 403, 404, 409, 422, 429, 503), summary="Make and start a run")
async def create_run(body: NewLabRun, caller: Caller, parts: Parts) -> LabRunAnswer:
    """Its cells wait for idle places of the models and make way for people, unless it is `attended`."""
    described = await parts.lab.create(caller.user.id, new_run(body))
    return run_answer(described, await parts.lab.cells(caller.user.id, described.run.id))


@router.get("/runs/{run_id}", responses=answers(401, 404, 409, 422, 503), summary="One run with its cells")
async def get_run(run_id: RunId, caller: Caller, parts: Parts) -> LabRunAnswer:
    return await _run(run_id, caller.user.id, parts)


async def _run(run_id: int, user_id: int, parts: Services) -> LabRunAnswer:
    return run_answer(await parts.lab.get(user_id, run_id), await parts.lab.cells(user_id, run_id))


@router.delete("/runs/{run_id}", status_code=204, responses=answers(401, 403, 404, 409, 422, 503), summary="Delete a run")
async def delete_run(run_id: RunId, caller: Caller, parts: Parts) -> None:
    """With its cells. What runs is stopped first."""
    await parts.lab.delete(caller.user.id, run_id)


@router.post("/runs/{run_id}/stop", responses=answers(401, 403, 404, 409, 422, 503), summary="Stop a run")
async def stop_run(run_id: RunId, caller: Caller, parts: Parts) -> LabRunAnswer:
    """Its complete cells stay. Does nothing to a run that has ended."""
    await parts.lab.stop(caller.user.id, run_id)
    return await _run(run_id, caller.user.id, parts)


@router.post(
    "/runs/{run_id}/resume", responses=answers(401, 403, 404, 409, 422, 503), summary="Do the stopped and failed cells again"
)
async def resume_run(run_id: RunId, caller: Caller, parts: Parts) -> LabRunAnswer:
    """No complete cell is done again. A game goes on where it was stopped."""
    await parts.lab.resume(caller.user.id, run_id)
    return await _run(run_id, caller.user.id, parts)


@router.get("/runs/{run_id}/cells/{number}", responses=answers(401, 404, 409, 422, 503), summary="One cell with its transcript")
async def get_cell(run_id: RunId, number: Number, caller: Caller, parts: Parts) -> OpenedLabCell:
    return opened_cell(await parts.lab.cell(caller.user.id, run_id, number))


@router.post("/runs/{run_id}/cells/{number}/stop", responses=answers(401, 403, 404, 409, 422, 503), summary="Stop one cell")
async def stop_cell(run_id: RunId, number: Number, caller: Caller, parts: Parts) -> LabCellAnswer:
    """In any stage; an ended cell stays as it is."""
    return cell_answer(await parts.lab.stop_cell(caller.user.id, run_id, number))


@router.post(
    "/runs/{run_id}/cells/{number}/case",
    status_code=201,
    responses=answers(401, 403, 404, 409, 422, 503),
    summary="Put a cell's task into a set of mine, as a regression case",
)
async def add_case(run_id: RunId, number: Number, body: RegressionCase, caller: Caller, parts: Parts) -> LabSetAnswer:
    judge = judge_of(body.judge)
    tasks = await parts.lab.regression_case(caller.user.id, run_id, number, set_id=body.set_id, name=body.name, judge=judge)
    return set_answer(tasks)


@router.get("/runs/{run_id}/results", responses=answers(401, 404, 409, 422, 503), summary="The table, baselines and comparisons")
async def get_results(run_id: RunId, caller: Caller, parts: Parts) -> LabResults:
    """Of the cells that have ended so far."""
    return LabResults.model_validate(await parts.lab.results(caller.user.id, run_id))


@router.get(
    "/runs/{run_id}/export",
    responses=CSV | answers(401, 404, 409, 422, 503),
    summary="A run as a file",
    response_model=LabExport,
)
async def export_run(
    run_id: RunId,
    caller: Caller,
    parts: Parts,
    response: Response,
    format_: Annotated[Literal["csv", "json"], Query(alias="format")] = "json",
) -> LabExport | Response:
    """CSV: one line per cell. JSON: everything that is needed to repeat it, the cells and the table."""
    disposition = {"Content-Disposition": f'attachment; filename="lab-run-{run_id}.{format_}"'}
    if format_ == "csv":
        described = await parts.lab.get(caller.user.id, run_id)
        text = as_csv(described.spec, await parts.lab.cells(caller.user.id, run_id))
        return Response(text, media_type="text/csv; charset=utf-8", headers=disposition)
    response.headers.update(disposition)
    results = LabResults.model_validate(await parts.lab.results(caller.user.id, run_id))
    return LabExport(run=await _run(run_id, caller.user.id, parts), results=results)
