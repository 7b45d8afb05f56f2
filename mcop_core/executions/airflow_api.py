"""
EDGE httpx: Airflow's REST API, and nothing of its tables.

Everything goes in and comes out as Airflow's own JSON; `history` and `progress` give it MCOP's words.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from mcop_core.errors import Conflict, InvalidInput, McopError, NotFound, Refused, Unreachable, closest
from mcop_core.executions.status import UNSUCCESSFUL

if TYPE_CHECKING:
    from mcop_core.settings import Settings

ANY = "~"
"""Airflow's wildcard for a DAG id or run id."""
PLUGIN = "/mcop/api/v1"
"""Where Airflow's API server serves MCOP's own routes."""
PAGE_SIZE = 100
"""Airflow's own upper limit, `[api] maximum_page_limit`."""
AT_ONCE = 8
"""Values that are read at the same time."""
TIMEOUT_S = 60.0
"""A freshly started API server builds its execution API on the first call, during which it answers nobody."""
READ_PAUSES_S = (0.2, 0.5, 1.0, 2.0)
"""Pauses between the attempts of a read; a write is attempted once."""

Json = dict[str, Any]


class AirflowApi:
    """
    One Airflow, as one user.

    Close it, or use it as a context manager. Every method raises `Unreachable` when Airflow does not answer,
    `Refused` when the user may not, `NotFound` when something named is not there.

    Args:
        client: Has the base URL; closed by `close`.
        username, password: For a token of one's own; asked for at the first call and again when it has run out.
        token: Used instead, when there is no password.
        sleep: Called with seconds between the attempts of a read.
    """

    def __init__(
        self,
        client: httpx.Client,
        *,
        username: str = "",
        password: str = "",
        token: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._username = username
        self._password = password
        self._token = token
        self._sleep = sleep

    @classmethod
    def open(cls, settings: Settings) -> AirflowApi:
        """Return the API that *settings* name; nothing is asked yet."""
        client = httpx.Client(base_url=settings.airflow_url.rstrip("/"), timeout=TIMEOUT_S)
        return cls(
            client,
            username=settings.airflow_username,
            password=settings.airflow_password,
            token=settings.airflow_token,
        )

    def __enter__(self) -> AirflowApi:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @property
    def url(self) -> str:
        """Where this Airflow is, without a slash at the end."""
        return str(self._client.base_url).rstrip("/")

    # -- what is there -------------------------------------------------------------------------------------

    def version(self) -> str:
        """Return Airflow's version."""
        return str(self._get("/version", "Airflow's version")["version"])

    def health(self) -> dict[str, str | None]:
        """Return component -> `healthy`, `unhealthy` or None while it has never reported; needs no login."""
        response = self._read("/api/v2/monitor/health", {}, authorized=False)
        _raise_for(response, "Airflow's health")
        return {name: (facts or {}).get("status") for name, facts in response.json().items()}

    def dags(self, prefix: str = "") -> list[Json]:
        """Return every DAG whose id starts with *prefix*, by id."""
        query = {"order_by": "dag_id", **({"dag_id_prefix_pattern": prefix} if prefix else {})}
        return [dag for dag in self._pages("/dags", "dags", query) if dag["dag_id"].startswith(prefix)]

    def dag(self, dag_id: str) -> Json:
        """
        Return one DAG.

        Raises:
            NotFound: There is none of that id; names the nearest.
        """
        return self._get(f"/dags/{_part(dag_id)}", f"DAG {dag_id!r}", lambda: self._near_dag(dag_id))

    def parameters(self, dag_id: str) -> dict[str, Json]:
        """Return the parameters of a DAG: name -> `value`, `schema` (JSON schema) and `description`."""
        found = self._get(f"/dags/{_part(dag_id)}/details", f"DAG {dag_id!r}", lambda: self._near_dag(dag_id))
        return dict(found["params"] or {})

    def tasks(self, dag_id: str) -> list[Json]:
        """Return the tasks of a DAG as it is now, each with its `downstream_task_ids`."""
        found = self._get(f"/dags/{_part(dag_id)}/tasks", f"DAG {dag_id!r}", lambda: self._near_dag(dag_id))
        return list(found["tasks"])

    def dag_versions(self, dag_id: str) -> list[Json]:
        """Return the stored versions of a DAG, oldest first."""
        path = f"/dags/{_part(dag_id)}/dagVersions"
        return list(self._pages(path, "dag_versions", {"order_by": "version_number"}))

    def import_errors(self) -> list[Json]:
        """Return the DAG files that could not be loaded, each with `filename` and `stack_trace`."""
        return list(self._pages("/importErrors", "import_errors", {"order_by": "id"}))

    # -- runs ----------------------------------------------------------------------------------------------

    def trigger(self, dag_id: str, *, run_id: str, conf: Mapping[str, Any], note: str | None = None) -> Json:
        """
        Start a run and return it.

        The caller chooses the run id: when the answer is lost, or is that the server failed, the run is looked up by
        it, and never started twice.

        Raises:
            InvalidInput: Airflow refuses *conf*; in its own words.
            Conflict: There is a run of that id.
            NotFound: There is no such DAG; names the nearest.
        """
        body = {"logical_date": None, "dag_run_id": run_id, "conf": dict(conf), "note": note}
        path = f"/dags/{_part(dag_id)}/dagRuns"
        try:
            response = self._send("POST", f"/api/v2{path}", json=body)
            _raise_for(response, f"run {run_id!r} of DAG {dag_id!r}", lambda: self._near_dag(dag_id))
        except Unreachable as error:
            return self._triggered(dag_id, run_id, error)
        return _document(response)

    def _triggered(self, dag_id: str, run_id: str, told: Unreachable) -> Json:
        try:
            return self.run(dag_id, run_id)
        except NotFound:
            text = f"Airflow at {self.url} did not take the run {run_id!r}: {told}"
            raise Unreachable(text, service="Airflow") from told

    def run(self, dag_id: str, run_id: str) -> Json:
        """Return one run."""
        return self._get(f"/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}", f"run {run_id!r} of DAG {dag_id!r}")

    def fail_run(self, dag_id: str, run_id: str) -> Json:
        """
        Mark a run failed, whatever its state, and return it.

        Airflow tells the tasks that run to stop, which gives each its `on_kill`, and skips those that have not started.
        """
        path = f"/api/v2/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}"
        response = self._send("PATCH", path, json={"state": "failed"})
        _raise_for(response, f"run {run_id!r} of DAG {dag_id!r}")
        return _document(response)

    def stop_runners(self, dag_id: str, run_id: str) -> list[str]:
        """
        Ask the runners of a run to stop gracefully, through MCOP's plugin, and return their steps.

        Raises:
            NotFound: There is no such run, or this Airflow has no such plugin.
        """
        return self._stop(dag_id, run_id, "stop", {})

    def force_runners(self, dag_id: str, run_id: str, *, confirm: str) -> list[str]:
        """
        Have the engines of a run killed, through MCOP's plugin, and return their steps.

        Args:
            confirm: The execution's id once more.

        Raises:
            Refused: The user may not, or the runners were not asked to stop before.
        """
        return self._stop(dag_id, run_id, "force-stop", {"confirm": confirm})

    def _stop(self, dag_id: str, run_id: str, how: str, body: Json) -> list[str]:
        path = f"{PLUGIN}/executions/{_part(dag_id)}/{_part(run_id)}/{how}"
        response = self._send("POST", path, json=body)
        _raise_for(response, f"run {run_id!r} of DAG {dag_id!r}")
        return list(_document(response)["steps"])

    def runs(
        self, dag_id: str = ANY, *, dag_id_prefix: str = "", state: str = "", before: datetime | None = None
    ) -> Iterator[Json]:
        """
        Yield runs, newest first, page by page as they are asked for; new ones that arrive meanwhile are not seen.

        Args:
            before: Only those that were to run before this moment.
        """
        query: dict[str, str] = {"order_by": "-run_after", "limit": str(PAGE_SIZE), "cursor": ""}
        query |= {"dag_id_prefix_pattern": dag_id_prefix} if dag_id_prefix else {}
        query |= {"state": state} if state else {}
        query |= {"run_after_lt": before.isoformat()} if before else {}
        while True:
            page = self._get(f"/dags/{_part(dag_id)}/dagRuns", f"DAG {dag_id!r}", query=query)
            yield from (run for run in page["dag_runs"] if run["dag_id"].startswith(dag_id_prefix))
            if not page.get("next_cursor"):
                return
            query["cursor"] = page["next_cursor"]

    def wait(
        self,
        dag_id: str,
        run_id: str,
        *,
        timeout_s: float,
        pause_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> Json:
        """
        Return the run once it has succeeded or failed.

        Raises:
            Unreachable: It has not after *timeout_s* seconds.
        """
        deadline = clock() + timeout_s
        while (run := self.run(dag_id, run_id))["state"] not in ("success", "failed"):
            if clock() > deadline:
                raise Unreachable(f"run {run_id!r} of {dag_id} is still {run['state']} after {timeout_s:g} s")
            self._sleep(pause_s)
        return run

    def task_instances(self, dag_id: str, run_id: str) -> list[Json]:
        """Return the tasks of a run, in the order in which they started, those that have not at the end."""
        path = f"/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}/taskInstances"
        found = self._pages(path, "task_instances", {"order_by": "id"}, f"run {run_id!r} of DAG {dag_id!r}")
        return sorted(found, key=lambda item: (item["start_date"] is None, item["start_date"] or "", item["task_id"]))

    def unsuccessful_runs(self, runs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those of *runs*, (DAG id, run id), of which a task failed or could not begin since another had."""
        path = "/api/v2/dags/~/dagRuns/~/taskInstances/list"
        wanted = {"dag_run_ids": sorted({run for _, run in runs}), "state": list(UNSUCCESSFUL), "page_limit": PAGE_SIZE}
        found: list[Json] = []
        while True:
            response = self._read(path, {}, method="POST", json={**wanted, "page_offset": len(found)})
            _raise_for(response, "tasks that failed")
            page = _document(response)
            found += page["task_instances"]
            if not page["task_instances"] or len(found) >= page["total_entries"]:
                return {(one["dag_id"], one["dag_run_id"]) for one in found}.intersection(runs)

    def xcoms(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return what one task of a run left: key -> JSON value."""
        base = f"/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}/taskInstances/{_part(task_id)}/xcomEntries"
        what = f"task {task_id!r} of run {run_id!r}"
        keys = sorted(entry["key"] for entry in self._pages(base, "xcom_entries", {}, what))
        return {key: self._get(f"{base}/{_part(key)}", what)["value"] for key in keys}

    def xcom_values(self, dag_id: str, run_id: str, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], Any]:
        """Return what tasks of a run left, of the (task id, key) that are *wanted*: JSON values, several at once."""
        base, what = f"/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}/taskInstances", f"values of run {run_id!r}"
        entries = self._pages(f"{base}/{ANY}/xcomEntries", "xcom_entries", {}, what)
        found = sorted({(entry["task_id"], entry["key"]) for entry in entries}.intersection(wanted))

        def value(place: tuple[str, str]) -> Any:
            return self._get(f"{base}/{_part(place[0])}/xcomEntries/{_part(place[1])}", what)["value"]

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(found, pool.map(value, found), strict=True))

    def logs(self, dag_id: str, run_id: str, task_id: str, *, attempt: int) -> Iterator[Json]:
        """Yield the log of one attempt, line by line: `event`, and mostly `timestamp` and `level`."""
        path = f"/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}/taskInstances/{_part(task_id)}/logs/{attempt}"
        response = self._read(f"/api/v2{path}", {}, accept="application/x-ndjson")
        _raise_for(response, f"log of attempt {attempt} of task {task_id!r} in run {run_id!r}")
        return (_log_line(line) for line in response.text.splitlines() if line.strip())

    # -- required actions ----------------------------------------------------------------------------------

    def questions(self, dag_id: str, run_id: str) -> list[Json]:
        """
        Return the required actions that a run waits for, as Airflow's `hitlDetails`.

        A task that has put its question and still runs is not waiting: an answer now would race with its end.
        """
        path = f"/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}/hitlDetails"
        wanted = {"response_received": "false", "state": "awaiting_input"}
        return list(self._pages(path, "hitl_details", wanted, f"questions of run {run_id!r}"))

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str) -> Json:
        """
        Answer a required action with one of its options, as the user who is logged in.

        Raises:
            Refused: This user may not.
            Conflict: It was answered before.
            InvalidInput: It has no such option.
        """
        path = f"/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}/taskInstances/{_part(task_id)}/-1/hitlDetails"
        response = self._send("PATCH", f"/api/v2{path}", json={"chosen_options": [option], "params_input": {}})
        _raise_for(response, f"answer to {task_id!r} of run {run_id!r}")
        return _document(response)

    # -- how it is asked -----------------------------------------------------------------------------------

    def _get(
        self,
        path: str,
        what: str,
        near: Callable[[], str | None] = lambda: None,
        query: Mapping[str, str] | None = None,
    ) -> Json:
        response = self._read(f"/api/v2{path}", query or {})
        _raise_for(response, what, near)
        return _document(response)

    def _pages(self, path: str, field: str, query: Mapping[str, str], what: str = "") -> Iterator[Json]:
        """Yield the entries under *field* of every page."""
        offset = 0
        while True:
            page = self._get(path, what or path, query={**query, "limit": str(PAGE_SIZE), "offset": str(offset)})
            entries: Sequence[Json] = page[field]
            yield from entries
            offset += len(entries)
            if not entries or offset >= page["total_entries"]:
                return

    def _read(
        self,
        path: str,
        query: Mapping[str, str],
        *,
        method: str = "GET",
        accept: str = "application/json",
        authorized: bool = True,
        **content: Any,
    ) -> httpx.Response:
        asked = partial(self._send, method, path, params=dict(query), accept=accept, authorized=authorized, **content)
        for pause_s in READ_PAUSES_S:
            try:
                response = asked()
            except Unreachable:
                self._sleep(pause_s)
                continue
            if response.status_code < 500:
                return response
            self._sleep(pause_s)
        return asked()

    def _send(
        self, method: str, path: str, *, accept: str = "application/json", authorized: bool = True, **content: Any
    ) -> httpx.Response:
        """Ask once; with a fresh token a second time when the first is no longer taken."""
        if not authorized:
            return self._request(method, path, {"Accept": accept}, **content)
        if not self._token:
            self._log_in()
        response = self._request(method, path, self._headers(accept), **content)
        if response.status_code == httpx.codes.UNAUTHORIZED and self._password:
            self._log_in()
            response = self._request(method, path, self._headers(accept), **content)
        return response

    def _headers(self, accept: str) -> dict[str, str]:
        return {"Accept": accept, "Authorization": f"Bearer {self._token}"}

    def _request(self, method: str, path: str, headers: Mapping[str, str], **content: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, headers=dict(headers), **content)
        except httpx.TransportError as error:
            raise Unreachable(
                f"Airflow at {self.url} did not answer ({type(error).__name__}). Is it running? Set MCOP_AIRFLOW_URL "
                "to where it is, or start one with `mcop up`.",
                service="Airflow",
            ) from error

    def _log_in(self) -> None:
        if not self._username:
            raise Refused(
                f"Airflow at {self.url} wants a login: set MCOP_AIRFLOW_TOKEN, or MCOP_AIRFLOW_USERNAME and "
                "MCOP_AIRFLOW_PASSWORD"
            )
        body = {"username": self._username, "password": self._password}
        response = self._request("POST", "/auth/token", {}, json=body)
        _raise_for(response, f"login of {self._username!r} at {self.url}")
        self._token = _document(response)["access_token"]

    def _near_dag(self, dag_id: str) -> str | None:
        return closest(dag_id, (dag["dag_id"] for dag in self.dags()))


def _part(text: str) -> str:
    """Return one path segment; run ids hold `+` and `:`, the wildcard stays."""
    return quote(text, safe="~")


def _document(response: httpx.Response) -> Json:
    found: Json = response.json()
    return found


def _log_line(text: str) -> Json:
    try:
        found = json.loads(text)
    except ValueError:
        return {"event": text}
    return found if isinstance(found, dict) else {"event": text}


_KINDS: dict[int, type[McopError]] = {
    400: InvalidInput,
    401: Refused,
    403: Refused,
    404: NotFound,
    409: Conflict,
    422: InvalidInput,
}


def _raise_for(response: httpx.Response, what: str, near: Callable[[], str | None] = lambda: None) -> None:
    """Raise the error that *response* is, if it is one, in Airflow's own words."""
    if response.is_success:
        return
    kind = _KINDS.get(response.status_code)
    detail = describe_detail(_detail(response))
    if kind is None:
        raise Unreachable(f"{what}: Airflow answered {response.status_code}: {detail}", service="Airflow")
    suggestion = near() if kind is NotFound else None
    hint = f'. Did you mean "{suggestion}"?' if suggestion else ""
    raise kind(f"{what}: {detail}{hint}", status=response.status_code, suggestion=suggestion)


def _detail(response: httpx.Response) -> Any:
    try:
        found = response.json()
    except ValueError:
        return response.text
    return found.get("detail", found) if isinstance(found, dict) else found


def describe_detail(detail: Any) -> str:
    """
    Return Airflow's `detail` as one text: it is a sentence, a list of schema faults, or a database's complaint.

    The value that a schema fault was found on is left out, and so is the schema, which follows an empty line.
    """
    if isinstance(detail, list):
        return "; ".join(_schema_fault(item) for item in detail)
    if isinstance(detail, dict):
        return str(detail.get("reason") or detail.get("message") or json.dumps(detail))
    return str(detail).partition("\n\n")[0].strip() or "no reason given"


def _schema_fault(fault: Any) -> str:
    if not isinstance(fault, dict):
        return str(fault)
    where: Iterable[Any] = fault.get("loc", ())
    return f"{'.'.join(map(str, where))}: {fault.get('msg', 'invalid')}"
