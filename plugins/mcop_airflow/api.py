"""
The plugin's API: executions, their bills of materials, differences and previews, as JSON.

Nothing in it is open. Each route wants a user whom Airflow's auth manager knows and who may read the DAG in question,
by the checks of Airflow's own routes; the list holds the DAGs that the user may read.
"""

import os
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import (
    GetUserDep,
    get_user,
    requires_access_dag,
)
from airflow.api_fastapi.logging.decorators import action_logging
from fastapi import Depends, FastAPI, HTTPException, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from mcop_airflow.history import DatabaseHistory
from mcop_core import __version__
from mcop_core.artifacts.store import ObjectStore
from mcop_core.bootstrap import open_store
from mcop_core.engines.changes import preview_key
from mcop_core.errors import Conflict, InvalidInput, McopError, NotFound, Refused, Unreachable
from mcop_core.executions.history import ExecutionDocument, record_document
from mcop_core.executions.naming import PREVIEW_KEY, PREVIEW_TASK_ID, execution_id, split_id
from mcop_core.operations import Operations
from mcop_core.records.bill import BillOfMaterials
from mcop_core.records.comparison import ComparisonDocument, compare
from mcop_core.records.reading import read_bill
from mcop_core.settings import Settings
from mcop_core.settling import ask_to_stop, force_to_stop, with_settling, with_truth

MAX_LISTED = 100
_STATUS: dict[type[McopError], int] = {InvalidInput: 400, Refused: 403, NotFound: 404, Conflict: 409, Unreachable: 503}

_RUN = [DagAccessEntity.RUN, DagAccessEntity.TASK_INSTANCE]
_LEFT = [*_RUN, DagAccessEntity.XCOM, DagAccessEntity.HITL_DETAIL]
"""What one must be allowed to read for what tasks left, and for who approved."""

DagId = Annotated[str, Path(description="`mcop.<manifest>`, or `mcop.<manifest>.destroy`.")]
RunId = Annotated[str, Path(description="The run's id; with the DAG's before it, an execution's id.")]

app = FastAPI(
    title="MCOP",
    version=__version__,
    description="Executions of manifests: what ran, what it was made of, what differs, what it was to change.",
    dependencies=[Depends(get_user)],
    responses={401: {"description": "Who asks is not known."}, 403: {"description": "Who asks may not read this."}},
    # FastAPI would serve these to everybody; `openapi` below serves the first to whoever may read executions.
    openapi_url=None,
    docs_url=None,
    redoc_url=None,
)


def _reads(entities: list[DagAccessEntity]) -> list[Any]:
    """Return the dependencies of a route that shows *entities* of the DAG in its path, or of DAGs in general."""
    return [Depends(requires_access_dag("GET", entity)) for entity in entities]


@app.exception_handler(McopError)
def _answer_error(request: Request, error: McopError) -> JSONResponse:
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)
    return JSONResponse({"detail": error.message}, status)


@app.get("/executions", dependencies=_reads(_RUN), response_model_exclude_unset=True)
def list_executions(
    user: GetUserDep,
    session: SessionDep,
    manifest: Annotated[str, Query(description="Only those of this manifest.")] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 20,
    offset: Annotated[int, Query(ge=0, description="How many of the newest are left out.")] = 0,
) -> list[ExecutionDocument]:
    """Executions that the user may read, newest first, without their steps."""
    readable = get_auth_manager().get_authorized_dag_ids(user=user, method="GET")
    history = DatabaseHistory(session, readable)
    found = history.find(manifest, limit=limit, offset=offset)
    return [record_document(record) for record in with_settling(found, _store(), history.get)]


@app.get(
    "/executions/{dag_id}/{run_id}",
    dependencies=_reads(_RUN),
    response_model_exclude_unset=True,
    responses={404: {"description": "There is no such execution."}},
)
def get_execution(dag_id: DagId, run_id: RunId, session: SessionDep) -> ExecutionDocument:
    """One execution with its steps, in the order in which they started; what it waits for, and what was settled."""
    return record_document(with_truth(DatabaseHistory(session).get(execution_id(dag_id, run_id)), _store()))


@app.get(
    "/executions/{dag_id}/{run_id}/bill",
    dependencies=_reads(_LEFT),
    responses={404: {"description": "There is no such execution, or it runs no plan, or the plan is gone."}},
)
def get_bill(dag_id: DagId, run_id: RunId, session: SessionDep) -> BillOfMaterials:
    """Its bill of materials: versions, digests, parameters with their layers, preview, approvals, outcomes."""
    return _bill(DatabaseHistory(session), execution_id(dag_id, run_id))


@app.get(
    "/executions/{dag_id}/{run_id}/diff",
    dependencies=_reads(_LEFT),
    responses={404: {"description": "One of the executions does not exist, or has no bill of materials."}},
)
def get_difference(
    dag_id: DagId,
    run_id: RunId,
    to: Annotated[str, Query(description="Id of the other execution, `<dag id>/<run id>`.")],
    request: Request,
    user: GetUserDep,
    session: SessionDep,
) -> ComparisonDocument:
    """What differs from this execution to another one, which the user must be allowed to read, too."""
    for entity in _LEFT:
        requires_access_dag("GET", entity, split_id(to)[0])(request, user)
    history = DatabaseHistory(session)
    return compare(_bill(history, execution_id(dag_id, run_id)), _bill(history, to)).to_json()


@app.get(
    "/executions/{dag_id}/{run_id}/preview",
    dependencies=_reads(_LEFT),
    response_model=dict[str, Any],
    responses={404: {"description": "There is no such execution, or it was not previewed."}},
)
def get_preview(dag_id: DagId, run_id: RunId, session: SessionDep) -> Response:
    """What it was to change, the document that an approval binds, by its digest."""
    key, execution = (PREVIEW_TASK_ID, PREVIEW_KEY), execution_id(dag_id, run_id)
    history = DatabaseHistory(session)
    digest = history.values(history.get(execution).id, {key}).get(key)
    if not digest:
        raise NotFound(f"execution {execution} has no preview")
    return Response(_store().get(preview_key(digest)).data, media_type="application/json")


def _administers(user: GetUserDep) -> None:
    """Refuse who does not run this Airflow: whom its auth manager does not let delete connections."""
    if not get_auth_manager().is_authorized_connection(method="DELETE", user=user):
        raise HTTPException(403, "Terraform is killed by those alone who may delete Airflow's connections")


class Stopped(BaseModel):
    """What was asked to stop."""

    steps: list[str] = Field(description="Steps whose runners were asked: `workflow.pattern.element`.")


class ForceRequest(BaseModel):
    """That Terraform is to be killed."""

    confirm: str = Field(description="The execution's id once more, `<dag id>/<run id>`.")


@app.post(
    "/executions/{dag_id}/{run_id}/stop",
    dependencies=[Depends(requires_access_dag("PUT", DagAccessEntity.RUN)), Depends(action_logging())],
    responses={404: {"description": "There is no such execution."}},
)
def stop_execution(dag_id: DagId, run_id: RunId, user: GetUserDep, session: SessionDep) -> Stopped:
    """
    Ask the runners of an execution to stop gracefully, also where their tasks are gone.

    Airflow's own record does not change: mark the run failed, too.
    """
    return Stopped(steps=ask_to_stop(Operations(_store()), _existing(session, dag_id, run_id), user.get_name()))


@app.post(
    "/executions/{dag_id}/{run_id}/force-stop",
    dependencies=[
        Depends(requires_access_dag("PUT", DagAccessEntity.RUN)),
        Depends(_administers),
        Depends(action_logging()),
    ],
    responses={404: {"description": "There is no such execution."}},
)
def force_stop_execution(
    dag_id: DagId, run_id: RunId, confirmed: ForceRequest, user: GetUserDep, session: SessionDep
) -> Stopped:
    """
    Have the Terraforms of an execution killed that was asked to stop before; for who may delete Airflow's connections.

    What they are creating in that moment is in doubt: it is looked for in the cloud, and found or named.
    """
    execution = _existing(session, dag_id, run_id)
    return Stopped(steps=force_to_stop(Operations(_store()), execution, user.get_name(), confirm=confirmed.confirm))


def _existing(session: SessionDep, dag_id: str, run_id: str) -> str:
    return DatabaseHistory(session).get(execution_id(dag_id, run_id)).id


@app.get("/openapi.json", dependencies=_reads(_RUN), include_in_schema=False)
def openapi(request: Request) -> dict[str, Any]:
    """This API's description, with where it is served."""
    return {**app.openapi(), "servers": [{"url": request.scope.get("root_path", "")}]}


def _bill(history: DatabaseHistory, execution: str) -> BillOfMaterials:
    return read_bill(history, _store(), history.get(execution))


def _store() -> ObjectStore:
    return open_store(Settings.from_environment(os.environ).artifact_store)
