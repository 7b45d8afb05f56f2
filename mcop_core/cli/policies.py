"""`mcop policy …`: policies tried on what was previewed before."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mcop_core import bootstrap
from mcop_core.cli.console import AsJson, print_json, say, settings
from mcop_core.cli.help import Commands
from mcop_core.errors import InvalidInput, NotFound, Refused, StoredObjectMissing

if TYPE_CHECKING:
    from mcop_core.artifacts.store import ObjectStore
    from mcop_core.engines.changes import Preview
    from mcop_core.executions.airflow_api import AirflowApi
    from mcop_core.executions.record import ExecutionRecord
    from mcop_core.policies.models import Document, Verdict

policy_app = Commands(help="What must hold for every preview and every apply.")


@policy_app.callback()
def _group() -> None:
    """Keep `test` a command of its own while it is the only one."""


@dataclass(frozen=True, slots=True)
class Replay:
    """
    One execution and new policies.

    Attributes:
        execution: Its id.
        preview: Digest of its preview; empty if there is none to ask about.
        why_not: Why the policies were not asked; empty if they were.
        verdicts: What they have against it.
    """

    execution: str
    preview: str = ""
    why_not: str = ""
    verdicts: tuple[Verdict, ...] = ()

    def messages(self, level: str) -> list[str]:
        """Return the verdicts of *level*, `deny` or `warn`, one sentence each."""
        return [f"{one.policy}: {one.message}" for one in self.verdicts if one.level == level]

    @property
    def word(self) -> str:
        """What would have become of it."""
        if self.why_not:
            return f"not asked: {self.why_not}"
        return "would have been stopped" if self.messages("deny") else "would have passed"

    def to_json(self) -> dict[str, Any]:
        """Return its JSON."""
        told = {"denied": self.messages("deny"), "warned": self.messages("warn"), "not_asked": self.why_not}
        return {"execution": self.execution, "preview": self.preview, **told}


@policy_app.command("test")
def test_policies(
    policies: Annotated[Path, typer.Argument(metavar="FOLDER|FILE", exists=True, help="The policies, or one of them.")],
    manifest: Annotated[str, typer.Option("--manifest", metavar="MANIFEST", help="Only its executions.")] = "",
    last: Annotated[int, typer.Option("--last", metavar="N", min=1, help="How many executions, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """
    Say what policies would have made of past executions.

    Each execution's preview is asked about as it was then, with the same facts of the execution; what other policies
    said then does not count. Exit code 5 if one would have been stopped.

    Example: mcop policy test include/policies --manifest storefront-production --last 50
    """
    from mcop_core.executions.history import AirflowHistory

    with folder_of(policies) as folder, bootstrap.open_airflow(settings()) as api:
        store = bootstrap.open_store(settings().artifact_store)
        found = [replay(api, store, one, folder) for one in AirflowHistory(api).find(manifest, limit=last)]
    stopped = [one for one in found if one.messages("deny")]
    if as_json:
        print_json({"executions": [one.to_json() for one in found], "stopped": len(stopped)})
    else:
        _print(found)
    if stopped:
        raise Refused(f"{len(stopped)} of {len(found)} executions would have been stopped")


@contextmanager
def folder_of(path: Path) -> Iterator[str]:
    """
    Yield the folder of the policies at *path*: itself, or one that holds the file alone.

    Raises:
        InvalidDocuments: A policy is broken; every fault, with file and line.
        InvalidInput: There is none.
    """
    from mcop_core.policies.folder import read_policies

    with tempfile.TemporaryDirectory(prefix="mcop-policy-") as alone:
        if path.is_file():
            shutil.copy(path, alone)
        folder = Path(alone) if path.is_file() else path
        if not read_policies(folder):
            raise InvalidInput(f"{path} is no policy and holds none: policies are *.rego and *.cel files")
        yield str(folder)


def replay(api: AirflowApi, store: ObjectStore, record: ExecutionRecord, folder: str) -> Replay:
    """Ask the policies in *folder* about the preview of an execution."""
    from mcop_core.executions.naming import PREVIEW_KEY, PREVIEW_TASK_ID, split_id
    from mcop_core.policies.ask import ask_policies

    try:
        digest = api.xcoms(*split_id(record.id), PREVIEW_TASK_ID).get(PREVIEW_KEY)
    except NotFound:
        digest = None
    if not digest:
        return Replay(record.id, why_not="it has no preview")
    try:
        document = _document(record, store, str(digest))
    except StoredObjectMissing as error:
        return Replay(record.id, str(digest), why_not=error.message)
    return Replay(record.id, str(digest), verdicts=ask_policies(folder, document))


def _document(record: ExecutionRecord, store: ObjectStore, digest: str) -> Document:
    """Return what policies were told of an execution and its preview, without what they said."""
    from mcop_core.compiler.run_conf import requester
    from mcop_core.compiler.snapshot import load_plan
    from mcop_core.engines.changes import Preview, preview_key

    preview = Preview.from_json(store.get(preview_key(digest)).data, digest)
    namespace = load_plan(store, preview.plan).namespace
    facts = {
        "manifest": record.manifest,
        "namespace": namespace,
        "action": action_of(record, preview),
        "requested_by": requester(record.requested_by, record.conf),
        "overrides": dict(preview.overrides),
    }
    return {"preview": json.loads(replace(preview, objections=()).to_json()), "execution": facts}


def action_of(record: ExecutionRecord, preview: Preview) -> str:
    """Return what an execution was to do, as policies are told it."""
    return "destroy" if preview.destroys else str(record.conf.get("action") or "apply")


def _print(found: Sequence[Replay]) -> None:
    for one in found:
        denied = one.messages("deny")
        say(f"{one.execution}: {one.word}", fg="red" if denied else None, dim=bool(one.why_not))
        for message in denied:
            say(f"  DENIED {message}")
        for message in one.messages("warn"):
            say(f"  Warning {message}")
    asked = sum(not one.why_not for one in found)
    say(f"{asked} of {len(found)} executions asked about.", bold=True)
