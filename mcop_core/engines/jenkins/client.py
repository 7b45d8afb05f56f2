"""
EDGE http: a Jenkins controller's REST API, as far as MCOP speaks it.

Nothing is repeated here: who asks knows what may be asked twice. Addresses that the controller names in its answers
are not followed, so that the token goes to the adapter's address alone. No error holds the token or a page's text.
Source: jenkins.io/doc/book/using/remote-access-api, and the pages `api/` of a controller.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mcop_core.engines.jenkins.structure import OPERATION
from mcop_core.errors import EngineFailed, Refused, Unreachable

if TYPE_CHECKING:
    import httpx

SERVICE = "Jenkins"
MAX_BYTES = 1024 * 1024
"""Of an artifact that outputs are read from."""

_TIMEOUT_S = 30.0
_RECENT = 100
_AWAY = frozenset({429, 500, 502, 503, 504})
_ITEM = re.compile(r"/queue/item/(\d+)/?$")
_PARAMETERS = "actions[parameters[name,value]]"
_BUILD = f"number,building,result,description,queueId,{_PARAMETERS}"


@dataclass(frozen=True, slots=True)
class QueueItem:
    """A build that waits; `build` is its number once it has begun."""

    id: int
    operation: str = ""
    why: str = ""
    build: int | None = None
    is_cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Build:
    """A build; `result` is empty as long as it runs."""

    number: int
    result: str
    is_running: bool
    operation: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Console:
    """A piece of a build's console, where the next begins, and whether there will be more."""

    text: str
    end: int
    has_more: bool


class Controller:
    """
    One controller, as one user. Jobs are named by their paths, `folder/job`.

    Every method raises `Unreachable` if it does not answer (`is_sent` says whether it may have done what it was asked
    for), `Refused` if it does not let the user, and `EngineFailed`, with the `status`, for any answer that is not told.

    Args:
        url: Without a slash at its end.
        timeout_s: How long one answer may take.

    Attributes:
        version: Jenkins' version, as it answered last; empty before it has.
    """

    def __init__(self, url: str, username: str, token: str, *, timeout_s: float = _TIMEOUT_S) -> None:
        self.url, self._username, self._token, self._timeout_s = url, username, token, timeout_s
        self._client: httpx.Client | None = None
        self._crumb: Mapping[str, str] | None = None
        self.version = ""

    def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            self._client.close()

    def job_url(self, job: str, build: int | None = None) -> str:
        """Return where a person finds *job*, or a build of it."""
        return f"{self.url}{_path(job)}/" + (f"{build}/" if build is not None else "")

    # -- jobs ---------------------------------------------------------------------------------------

    def config(self, job: str) -> str | None:
        """Return the configuration of *job*; None if there is none."""
        answer = self._get(f"{_path(job)}/config.xml", missing=True)
        return None if answer is None else answer.text

    def create(self, job: str, config: bytes) -> bool:
        """Create *job* in its folder, which is there; False if there is one of its name."""
        folder, _, name = job.rpartition("/")
        with _stopped_by((400, 409)) as refused:
            self._post(f"{_path(folder)}/createItem", content=config, params={"name": name})
        if refused.status == 400 and self.config(job) is None:
            raise EngineFailed(f"Jenkins does not take the job {job}: {refused.said}", diagnostics=())
        return not refused.status

    def update(self, job: str, config: bytes) -> None:
        """Replace the configuration of *job*."""
        self._post(f"{_path(job)}/config.xml", content=config)

    def delete(self, job: str) -> None:
        """Delete a job or folder with all that is in it; that it is not there is no error."""
        with _stopped_by((404,)):
            self._post(f"{_path(job)}/doDelete")

    def rename(self, job: str, name: str) -> None:
        """Give *job* another name in its folder."""
        self._post(f"{_path(job)}/confirmRename", params={"newName": name})

    def relocate(self, job: str, folder: str) -> None:
        """Move *job* into another folder, under its name."""
        form = {"destination": f"/{folder}"}
        self._post(f"{_path(job)}/move/move", data={**form, "json": json.dumps(form)})

    def folder(self, path: str) -> tuple[str, tuple[str, ...]] | None:
        """Return the description and the names in a folder; None if there is none."""
        answer = self._get(f"{_path(path)}/api/json", params={"tree": "description,jobs[name]"}, missing=True)
        if answer is None:
            return None
        document = _document(answer)
        return document.get("description") or "", tuple(one["name"] for one in document.get("jobs") or [])

    # -- builds -------------------------------------------------------------------------------------

    def trigger(self, job: str, operation: str) -> int | None:
        """
        Ask for a build of *job*; return the id of its queue item, None if the answer does not name it.

        Raises:
            Unreachable: It may have been queued all the same, if `is_sent`.
        """
        answer = self._post(f"{_path(job)}/buildWithParameters", data={OPERATION: operation})
        found = _ITEM.search(answer.headers.get("Location", ""))
        return int(found[1]) if found else None

    def queued(self, operation: str) -> tuple[QueueItem, ...]:
        """Return what waits and carries *operation*."""
        tree = f"items[id,why,{_PARAMETERS}]"
        answer = self._get("/queue/api/json", params={"tree": tree})
        items = map(_queue_item, _document(answer).get("items") or [])
        return tuple(item for item in items if item.operation == operation)

    def queue_item(self, item: int) -> QueueItem | None:
        """Return a queue item; None if Jenkins does not know it any more, some minutes after it left the queue."""
        tree = f"id,why,cancelled,executable[number],{_PARAMETERS}"
        answer = self._get(f"/queue/item/{item}/api/json", params={"tree": tree}, missing=True)
        return None if answer is None else _queue_item(_document(answer))

    def builds(self, job: str, operation: str) -> tuple[Build, ...]:
        """Return the recent builds of *job* that carry *operation*, the newest first; none if there is no job."""
        tree = f"builds[{_BUILD}]{{0,{_RECENT}}}"
        answer = self._get(f"{_path(job)}/api/json", params={"tree": tree}, missing=True)
        found = [] if answer is None else map(_build, _document(answer).get("builds") or [])
        return tuple(build for build in found if build.operation == operation)

    def build(self, job: str, number: int) -> Build | None:
        """Return a build; None if it is not there."""
        answer = self._get(f"{_path(job)}/{number}/api/json", params={"tree": _BUILD}, missing=True)
        return None if answer is None else _build(_document(answer))

    def console(self, job: str, number: int, start: int) -> Console:
        """Return what a build has written since *start*, a position that the last piece named, or 0."""
        answer = self._get(f"{_path(job)}/{number}/logText/progressiveText", params={"start": str(start)})
        end = answer.headers.get("X-Text-Size", "")
        has_more = answer.headers.get("X-More-Data", "").lower() == "true"
        return Console(answer.text, int(end) if end.isdigit() else start, has_more)

    def artifact(self, job: str, number: int, path: str) -> bytes | None:
        """Return a file that a build has archived, of up to `MAX_BYTES`; None if it has none of that path."""
        answer = self._get(f"{_path(job)}/{number}/artifact/{quote(path)}", missing=True)
        if answer is not None and len(answer.content) > MAX_BYTES:
            raise EngineFailed(f"the artifact {path} has more than {MAX_BYTES} bytes", diagnostics=())
        return None if answer is None else answer.content

    def cancel_item(self, item: int) -> None:
        """Take an item out of the queue; that it has left it already is no error."""
        with _stopped_by((404, 204)):
            self._post("/queue/cancelItem", params={"id": str(item)})

    def stop(self, job: str, number: int) -> None:
        """Ask a build to end, as a person does who clicks on its cross."""
        with _stopped_by((404,)):
            self._post(f"{_path(job)}/{number}/stop")

    # -- http ---------------------------------------------------------------------------------------

    def _get(self, path: str, *, params: Mapping[str, str] | None = None, missing: bool = False) -> Any:
        answer = self._send("GET", path, params=params)
        if missing and answer.status_code == 404:
            return None
        if not answer.is_success:
            raise self._unexpected(answer, path)
        return answer

    def _post(self, path: str, **how: Any) -> httpx.Response:
        answer = self._send("POST", path, headers=self._crumbs(), **how)
        if answer.status_code == 403 and "crumb" in answer.text.lower():
            self._crumb = None  # the session it was given for is gone, and nothing was done
            answer = self._send("POST", path, headers=self._crumbs(), **how)
        if not (answer.is_success or answer.is_redirect) or _is_login(answer):
            raise self._unexpected(answer, path)
        return answer

    def _crumbs(self) -> Mapping[str, str]:
        """Return the header that proves that no other page asks; none where the controller issues none."""
        if self._crumb is None:
            answer = self._get("/crumbIssuer/api/json", missing=True)
            document = {} if answer is None else _document(answer)
            self._crumb = {document["crumbRequestField"]: document["crumb"]} if document else {}
        return self._crumb

    def _send(self, method: str, path: str, **how: Any) -> httpx.Response:
        import httpx

        if isinstance(how.get("content"), bytes):
            how["headers"] = {**how.get("headers", {}), "Content-Type": "application/xml; charset=utf-8"}
        try:
            answer = self._opened().request(method, f"{self.url}{path}", **how)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise self._no_answer(type(error).__name__, is_sent=False) from error
        except httpx.TransportError as error:
            raise self._no_answer(type(error).__name__, is_sent=True) from error
        self.version = answer.headers.get("X-Jenkins", self.version)
        if answer.status_code in _AWAY:
            raise self._no_answer(f"{answer.status_code}", is_sent=True)
        if answer.status_code == 401:
            raise Refused(f"Jenkins at {self.url} does not know {self._username} by this token")
        return answer

    def _unexpected(self, answer: httpx.Response, path: str) -> EngineFailed | Refused:
        header = answer.headers.get("X-Error", "")
        said = "".join(sign for sign in header if sign.isprintable())[:300] or "it gives no reason"
        if _is_login(answer):
            return Refused(f"Jenkins at {self.url} wants a login: what stands before it does not take API tokens")
        if answer.status_code == 403:
            return Refused(f"Jenkins does not let {self._username} do this ({path}): {said}")
        text = f"Jenkins answers {answer.status_code} to {path}: {said}"
        return EngineFailed(text, diagnostics=(), status=answer.status_code, said=said)

    def _no_answer(self, how: str, *, is_sent: bool) -> Unreachable:
        return Unreachable(f"Jenkins at {self.url} does not answer ({how})", service=SERVICE, is_sent=is_sent)

    def _opened(self) -> httpx.Client:
        import httpx

        if self._client is None:
            login, has_tls = (self._username, self._token), self.url.startswith("https://")
            # Without TLS there is nothing to verify, and certificates need not be loaded.
            self._client = httpx.Client(auth=login, verify=has_tls, timeout=self._timeout_s, follow_redirects=False)
        return self._client


@dataclass(slots=True)
class _Stopped:
    status: int = 0
    said: str = ""


@contextmanager
def _stopped_by(statuses: tuple[int, ...]) -> Iterator[_Stopped]:
    """Take these answers for none; what was answered stands in what is yielded."""
    found = _Stopped()
    try:
        yield found
    except EngineFailed as error:
        if error.facts.get("status") not in statuses:
            raise
        found.status, found.said = error.facts["status"], error.facts["said"]


def _is_login(answer: httpx.Response) -> bool:
    return answer.is_redirect and "login" in answer.headers.get("Location", "").lower()


def _path(job: str) -> str:
    return "".join(f"/job/{quote(name, safe='')}" for name in job.split("/") if name)


def _document(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise EngineFailed("what answers at the adapter's address is no Jenkins: it gives no JSON", diagnostics=())
    return found


def _operation(document: Mapping[str, Any]) -> str:
    for action in document.get("actions") or []:
        for parameter in (action or {}).get("parameters") or []:
            if parameter.get("name") == OPERATION:
                return str(parameter.get("value") or "")
    return ""


def _queue_item(document: Mapping[str, Any]) -> QueueItem:
    executable = document.get("executable") or {}
    return QueueItem(
        id=int(document["id"]),
        operation=_operation(document),
        why=str(document.get("why") or ""),
        build=executable.get("number"),
        is_cancelled=bool(document.get("cancelled")),
    )


def _build(document: Mapping[str, Any]) -> Build:
    return Build(
        number=int(document["number"]),
        result=str(document.get("result") or ""),
        is_running=bool(document.get("building")),
        operation=_operation(document),
        description=str(document.get("description") or ""),
    )


def read_json(data: bytes, what: str) -> Any:
    """
    Return the JSON in *data*.

    Raises:
        EngineFailed: It is none; names *what*.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise EngineFailed(f"{what} is no JSON", diagnostics=()) from error
