"""The runner's process seen from inside: an engine of the test's own, and every way to end."""

import errno
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.engines.artifact import RenderedArtifact, load_artifact
from mcop_core.engines.base import ApplyResult
from mcop_core.engines.changes import Action, ComponentChanges, Mode, Preview, ResourceChange, preview_key
from mcop_core.errors import Cancelled, Deviates, Refused, StoredObjectMissing, Tampered
from mcop_core.operations import Ending, HeldLease, OperationNote, Operations
from mcop_core.runner.folder import OperationFolder
from mcop_core.runner.holder import Holder
from mcop_core.runner.journal import read_journal
from mcop_core.runner.lease import lease_key, successor
from mcop_core.runner.main import run_operation
from mcop_core.runner.request import Approval, Operation, Outcome, RunRequest, RunResult

ARTIFACT = RenderedArtifact("scripted", {"a": b"1"}, {})
EXECUTION = {"manifest": "shop", "namespace": "team", "action": "apply", "requested_by": "ann", "overrides": {}}


class ScriptedEngine:
    """An engine that does what the test says with its workspace and reporter."""

    def __init__(self, act) -> None:
        self._act = act
        self.gate: object = "not asked"

    def move(self, origin, target, workspace, report) -> None:
        self._act("move", origin, workspace, report)

    def apply(self, artifact, workspace, report, gate=None) -> ApplyResult:
        self.gate = gate
        return self._act("apply", artifact, workspace, report)

    def destroy(self, artifact, workspace, report, gate=None) -> ApplyResult:
        self.gate = gate
        return self._act("destroy", artifact, workspace, report)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path / "store")
    store.put(ARTIFACT.key, ARTIFACT.to_json())
    return store


@pytest.fixture
def folder(tmp_path: Path) -> OperationFolder:
    folder = OperationFolder(tmp_path / "operation")
    folder.make()
    return folder


def run(
    folder,
    store,
    act,
    *,
    operation=Operation.APPLY,
    environment=None,
    stop=None,
    approval=None,
    engine=None,
    moved_from=(),
) -> RunResult:
    folder.write_request(
        RunRequest(operation, ARTIFACT.digest, "key", "owner", store.url, "w.p.mine", EXECUTION, approval, moved_from)
    )
    return run_operation(
        folder,
        environment or {},
        stop=stop or threading.Event(),
        open_store=lambda url: store,
        open_engine=lambda name, settings: engine or ScriptedEngine(act),
    )


@pytest.mark.parametrize("operation", list(Operation))
def test_the_engine_gets_what_was_asked_for(folder, store, operation):
    """The verified artifact, the workspace, the whole environment; its result is the last word."""
    seen = []

    def act(name, artifact, workspace, report):
        workspace.directory.mkdir()
        seen.append((name, artifact, workspace.environment, workspace.owner, workspace.cancelled()))
        report.log("working", level="warning")
        report.record("resource_started", address="a")
        return ApplyResult({"x": 1}, added=1, resources=({"address": "a"},))

    result = run(folder, store, act, operation=operation, environment={"AWS_REGION": "r"})

    assert seen == [(operation.value, ARTIFACT, {"AWS_REGION": "r"}, "owner", False)]
    assert result == folder.read_result()
    assert (result.outcome, result.outputs, result.added) == (Outcome.SUCCEEDED, {"x": 1}, 1)
    assert [json.loads(line) for line in folder.log.read_text().splitlines()] == [
        {"level": "warning", "line": "working"}
    ]
    events = [record["event"] for record in read_journal(folder.journal)]
    assert events == ["runner_started", "resource_started", "runner_ended"]
    assert not folder.workspace.exists()


@pytest.mark.parametrize("operation", list(Operation))
def test_the_engine_is_held_to_what_was_approved(folder, store, operation):
    """Its gate lets its own component of the preview pass, and what was approved since; nothing else."""
    mine, since, other = (
        changes(step, at) for step, at in (("w.p.mine", "t.a"), ("w.p.mine", "t.b"), ("w.p.other", "t.c"))
    )
    elsewhere = changes("w.p.other", "t.d")
    preview = Preview("manifest#shop@1.0.0", "a" * 64, (mine, other))
    store.put(preview_key(preview.digest), preview.to_json())
    approval = Approval(preview.digest, tuple(one.to_json().decode() for one in (since, elsewhere)))
    engine, free = (ScriptedEngine(lambda *_: ApplyResult({})) for _ in range(2))

    run(folder, store, None, operation=operation, approval=approval, engine=engine)
    run(folder, store, None, operation=operation, engine=free)

    engine.gate(mine)
    engine.gate(since)
    with pytest.raises(Deviates, match=r"t\.c: nothing was approved for it"):
        engine.gate(other)
    with pytest.raises(Deviates, match=r"t\.d: nothing was approved for it"):
        engine.gate(elsewhere)
    assert free.gate is None


def test_a_preview_that_was_changed_after_its_approval_is_refused(folder, store):
    """Nothing runs: the engine is not asked to do anything."""
    preview = Preview("manifest#shop@1.0.0", "a" * 64, (changes("w.p.mine", "t.a"),))
    store.put(preview_key(preview.digest), preview.to_json().replace(b"t.a", b"t.b"))
    engine = ScriptedEngine(lambda *_: ApplyResult({}))

    result = run(folder, store, None, approval=Approval(preview.digest), engine=engine)

    assert result.error_type == "Tampered"
    assert engine.gate == "not asked"


def test_every_operation_passes_the_policies(folder, store, tmp_path):
    """Also where nobody was asked for an approval; what they deny is refused by its name."""
    (tmp_path / "no_b.cel").write_text(
        'deny: execution.namespace == "team" && preview.components[0].resources[0].address == "t.b"\nmessage: no b\n'
    )
    engine = ScriptedEngine(lambda *_: ApplyResult({}))
    run(folder, store, None, environment={"MCOP_POLICIES": str(tmp_path)}, engine=engine)

    engine.gate(changes("", "t.a"))
    with pytest.raises(Refused, match="denied by policy: no_b: no b"):
        engine.gate(changes("", "t.b"))


def changes(step: str, address: str) -> ComponentChanges:
    return ComponentChanges(step, Mode.MERGED, resources=(ResourceChange(address, "t", Action.CREATE),))


def test_a_request_to_stop_reaches_the_engine(folder, store):
    """By the file as by the signal."""
    answers = []

    def act(name, artifact, workspace, report):
        answers.append(workspace.cancelled())
        folder.cancel.touch()
        answers.append(workspace.cancelled())
        folder.cancel.unlink()
        stop.set()
        answers.append(workspace.cancelled())
        raise Cancelled("stopped")

    stop = threading.Event()
    assert run(folder, store, act, stop=stop).outcome is Outcome.CANCELLED
    assert answers == [False, True, True]


def test_a_failure_keeps_the_workspace(folder, store):
    """What could not be settled is found there by the next attempt."""

    def act(name, artifact, workspace, report):
        workspace.directory.mkdir()
        (workspace.directory / "terraform.tfstate").write_text("state")
        raise ZeroDivisionError("by zero")

    result = run(folder, store, act)

    assert result.error_type == "McopError"
    assert "the runner failed: ZeroDivisionError: by zero (test_main.py:" in result.error
    assert (folder.workspace / "terraform.tfstate").exists()


def test_a_full_disk_is_told_and_keeps_nothing_from_its_end(folder, store):
    """Lines and records that cannot be written are lost; the engine goes on, and its own error says what to do."""
    went_on = []

    def act(name, artifact, workspace, report):
        for descriptor in (report._log, report._journal._descriptor):
            os.dup2(full, descriptor)
        report.log("lost")
        report.record("lost")
        went_on.append(name)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "mcop-base.json.new")

    full = os.open("/dev/full", os.O_RDWR)
    result = run(folder, store, act)
    os.close(full)

    assert ["apply"] == went_on
    assert "No space left on device" in result.error
    assert "make room under MCOP_WORK_DIR and run the step again" in result.error
    assert folder.read_result() == result


def test_bad_settings_are_a_result(folder, store):
    """Even what is wrong before the engine is told to the task."""
    result = run(folder, store, None, environment={"MCOP_LEASE": "x"})

    assert result.error_type == "InvalidInput"
    assert 'Did you mean "MCOP_LEASE_S"' in result.error


def test_what_was_deployed_under_another_id_moves_before_anything_is_applied(folder, store):
    """One after the other; what another engine deployed stays where it is, and nothing is applied."""
    before = [RenderedArtifact(engine, {"a": b"0"}, {}) for engine in ("scripted", "other")]
    for artifact in before:
        store.put(artifact.key, artifact.to_json())
    done = []

    def act(name, artifact, workspace, report):
        done.append((name, artifact.digest))
        return ApplyResult({})

    assert run(folder, store, act, moved_from=(before[0].digest,)).outcome is Outcome.SUCCEEDED
    assert done == [("move", before[0].digest), ("apply", ARTIFACT.digest)]
    refused = run(folder, store, act, moved_from=(before[1].digest,))
    assert (refused.error_type, len(done)) == ("Refused", 2)


def test_an_artifact_is_fetched_by_its_digest(store):
    """Other bytes under its key are refused, and so is none."""
    assert load_artifact(store, ARTIFACT.digest) == ARTIFACT
    store.put(ARTIFACT.key, RenderedArtifact("scripted", {"a": b"2"}, {}).to_json())
    with pytest.raises(Tampered):
        load_artifact(store, ARTIFACT.digest)
    with pytest.raises(StoredObjectMissing):
        load_artifact(store, "0" * 64)


def test_a_second_runner_in_one_folder_ends_at_once(folder):
    """By hand as well there is one runner to an operation."""
    alive = folder.hold()
    done = subprocess.run(
        [sys.executable, "-m", "mcop_core.runner.main", str(folder.path)], capture_output=True, text=True
    )
    os.close(alive)

    assert done.returncode == 3
    assert "a runner works in" in done.stderr
    assert not folder.result.exists()


def elsewhere(store, request: RunRequest, *, lease: str = "theirs", ended: Ending | None = None) -> OperationNote:
    """The note of a runner on another machine that works on *request*."""
    machine = Holder.here(owner="owner", operation=request.id, workspace=Path("/elsewhere"))
    note = OperationNote(
        id=request.id,
        execution=request.place[0],
        task=request.place[1],
        step=request.step,
        word="apply",
        request=asdict(request),
        machine=replace(machine, host="elsewhere").to_json(),
        since="2026-05-04T10:00:00+00:00",
        leases=(HeldLease(store.url, "k", lease),),
        ended=ended,
    )
    Operations(store).note(note)
    return Operations(store).get(note.execution, note.id)


def requested(store) -> RunRequest:
    return RunRequest(Operation.APPLY, ARTIFACT.digest, "key", "owner", store.url, "w.p.mine", EXECUTION)


def test_what_another_machines_runner_did_counts_for_the_attempt_that_waited_for_it(folder, store):
    """Its note stays its own until its lease is held here; then what it had made is part of the result."""
    note = elsewhere(store, requested(store))
    done = Ending("succeeded", "2026-05-04T10:01:00+00:00", is_settled=True, added=5)
    seen = []

    def act(name, artifact, workspace, report):
        seen.append(Operations(store).open())
        Operations(store).note(replace(note, ended=done))
        with workspace.lease(store, "k"):
            seen.append(Operations(store).open())
        return ApplyResult({}, changed=1)

    result = run(folder, store, act)

    ((before,), (during,)) = seen
    assert before == note
    assert during.machine["host"] == socket.gethostname()
    assert during.leases[0].id == "theirs"
    assert (result.added, result.changed) == (5, 1)
    assert Operations(store).get(note.execution, note.id).ended.outcome == "succeeded"


def test_a_runner_that_never_got_the_lease_leaves_the_others_note_alone(folder, store):
    """The other works on, and says itself how it ends."""
    note = elsewhere(store, requested(store))

    def act(name, artifact, workspace, report):
        raise Refused("not now")

    result = run(folder, store, act)

    assert result.outcome is Outcome.FAILED
    assert Operations(store).open() == [note]


def test_a_stopped_attempt_has_the_runner_on_the_other_machine_stopped(folder, store):
    """Whoever stops the task means the operation, wherever it is."""
    request = requested(store)
    note = elsewhere(store, request)
    taken = successor(None, Holder(**note.machine), lease_id="theirs", lease_s=30, now=datetime.now(UTC))
    store.put(lease_key("k"), taken.to_json())
    folder.cancel.touch()

    def act(name, artifact, workspace, report):
        with workspace.lease(store, "k"):
            raise AssertionError("it is another's")

    result = run(folder, store, act)

    assert result.outcome is Outcome.CANCELLED
    assert Operations(store).asked_to_stop(note.execution, note.id) is not None
    assert Operations(store).open() == [note]
