"""Real Terraform, built-in resources: what is applied, what stays behind, what survives."""

import json
import os
import signal
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mcop_core.engines import state
from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.outputs import read_outputs
from mcop_core.engines.state import StateAddress, StateFile
from mcop_core.engines.terraform import operate, work_copy
from mcop_core.engines.values import SENSITIVE_KEY, SensitivePointer
from mcop_core.errors import (
    Cancelled,
    EngineFailed,
    StateConflict,
    StateLocked,
    UnknownOutcome,
    Unreachable,
)
from tests.core.engines.terraform.operations import (
    KEY,
    Bench,
    Recorder,
    all_bytes,
    artifact,
    chain,
    dying_once,
    telling,
)
from tests.opentofu import writes_every_change

pytestmark = pytest.mark.terraform

ONE = {
    "resource": {"terraform_data": {"one": {"input": "${var.value}"}}},
    "output": {"value": {"value": "${terraform_data.one.output}"}, "none": {"value": None}},
}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    yield Bench(tmp_path)
    (tmp_path / "gate").touch()


def one(bench: Bench, value: object = "first") -> RenderedArtifact:
    return artifact(bench.url, ONE, inputs={"value": value}, outputs=("value", "none"))


def test_what_is_applied_is_reported_and_its_state_lies_in_the_store(bench):
    """An apply returns outputs with their types, counts and ids, and leaves the state and no other object."""
    report = Recorder()

    done = bench.apply(one(bench, {"zones": ["a", "b"], "count": 2}), report)

    assert done.outputs == {"value": {"zones": ["a", "b"], "count": 2}, "none": None}
    assert (done.added, done.changed, done.destroyed) == (1, 0, 0)
    (resource,) = done.resources
    assert resource["address"] == "module.this.terraform_data.one"
    assert resource["id"] == bench.state()["resources"][0]["instances"][0]["attributes"]["id"]
    assert bench.stored() == [KEY]
    assert "Done: 1 added, 0 changed, 0 destroyed; 2 outputs." in report.text


def test_applied_twice_the_second_time_changes_nothing(bench):
    """The second apply of the same artifact is empty, and the state's bytes stay."""
    bench.apply(one(bench))
    before, report = bench.store.get(KEY), Recorder()

    done = bench.apply(one(bench), report)

    assert done.is_empty
    assert done.outputs["value"] == "first"
    assert before == bench.store.get(KEY)
    assert "No changes" in report.text


def test_a_changed_value_changes_the_resource_in_place(bench):
    """Only what differs is changed, and the serial grows."""
    bench.apply(one(bench))

    done = bench.apply(one(bench, "second"))

    assert (done.added, done.changed, done.destroyed) == (0, 1, 0)
    assert done.outputs["value"] == "second"
    assert bench.state()["serial"] > 1


def test_destroy_removes_what_the_state_holds_and_may_be_repeated(bench):
    """After a destroy the state is empty; another one does nothing, and so does one without a state."""
    empty = bench.destroy(one(bench))
    bench.apply(one(bench))

    done, again = bench.destroy(one(bench)), bench.destroy(one(bench))

    assert (done.added, done.changed, done.destroyed) == (0, 0, 1)
    assert bench.state()["resources"] == []
    assert empty.is_empty
    assert again.is_empty
    assert done.outputs == {}


def test_nothing_of_the_state_stays_in_the_workspace(bench):
    """After success no state, copy, plan or event file is left, and what is there is nobody else's to read."""
    bench.apply(one(bench, "a-value-to-look-for"))

    left = {path.name for path in bench.directory.iterdir()}
    assert not {name for name in left if "tfstate" in name or name.startswith("apply")}
    assert stat.S_IMODE(bench.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((bench.directory / "terraform.tfvars.json").stat().st_mode) == 0o600


# -- secrets -------------------------------------------------------------------------------------------

NASTY = {
    "string": 'quote " backslash \\ dollar ${var.x} percent %{if true}x%{endif} $${y} %%{z}\nline\ttab é 😀 \u2028',
    "number": 12345.678,
    "bool": True,
    "list(string)": ["${a}", "", "ünï", 'a"b'],
    "map(string)": {"${key}": "%{value}", 'k "q"': "\\"},
    "any": {"deep": [{"n": None, "t": "$${", "i": 12345678901234567890, "f": 1e-7}], "e": []},
    "object({a = string, b = optional(number)})": {"a": "${b}", "b": None},
}


def test_sealed_values_of_every_type_arrive_unchanged_and_lie_nowhere(bench):
    """A sensitive output of one state reaches another root byte for byte, and no file but the two states."""
    names = {f"v{index}": type_ for index, type_ in enumerate(NASTY)}
    source = {
        "version": 4,
        "terraform_version": "1.11.4",
        "serial": 1,
        "lineage": "upstream",
        "outputs": {
            name: {"value": NASTY[type_], "type": "string", "sensitive": True} for name, type_ in names.items()
        },
        "resources": [],
    }
    bench.store.put("up.tfstate", json.dumps(source).encode())
    here = str(StateAddress(bench.url, "up.tfstate"))
    module = {
        "resource": {"terraform_data": {n: {"input": f"${{var.{n}}}"} for n in (*names, "joined")}},
        "output": {n: {"value": f"${{terraform_data.{n}.output}}", "sensitive": True} for n in (*names, "joined")},
    }
    sealed = {name: SensitivePointer(here, name).to_json() for name in names}
    sealed["joined"] = {"mcop_sealed_text": ["pg://", sealed["v0"], ":", sealed["v1"], "@${host}"]}
    types = {**names, "joined": "string"}
    report = Recorder()

    done = bench.apply(artifact(bench.url, module, sealed=sealed, types=types, sensitive=tuple(types)), report)

    held = bench.state()["outputs"]
    assert {name: NASTY[type_] for name, type_ in names.items()} == {name: held[name]["value"] for name in names}
    assert held["joined"]["value"] == f"pg://{NASTY['string']}:12345.678@${{host}}"
    assert done.outputs["v0"] == {SENSITIVE_KEY: {"state": str(StateAddress(bench.url, KEY)), "output": "v0"}}
    kept = all_bytes(bench.directory.parent) + report.text.encode() + repr(report.records).encode()
    assert b"quote" not in kept
    assert b"12345" not in kept


def test_a_sealed_value_in_an_error_is_masked(bench):
    """Terraform's own message loses the secret before it is logged or raised."""
    module = {
        "resource": {
            "terraform_data": {
                "x": {"input": "1", "provisioner": [{"local-exec": {"command": "echo ${nonsensitive(var.p)}; exit 7"}}]}
            }
        }
    }
    up = {"version": 4, "serial": 1, "lineage": "u", "outputs": {"p": {"value": "hunter2hunter2", "type": "string"}}}
    bench.store.put("up.tfstate", json.dumps(up).encode())
    sealed = {"p": SensitivePointer(str(StateAddress(bench.url, "up.tfstate")), "p").to_json()}
    report = Recorder()

    with pytest.raises(EngineFailed) as caught:
        bench.apply(artifact(bench.url, module, sealed=sealed, types={"p": "string"}), report)

    assert "exit status 7" in str(caught.value)
    assert "hunter2" not in str(caught.value) + report.text + repr(report.records) + repr(caught.value.facts)


# -- failures ------------------------------------------------------------------------------------------


def test_what_was_made_before_a_failure_is_in_the_state(bench):
    """A failed apply pushes what exists, frees the lock, and its error carries Terraform's words and place."""
    module = chain(bench.folder / "marker", "ab")
    module["resource"]["terraform_data"]["b"]["provisioner"][0]["local-exec"]["command"] = "exit 3"

    with pytest.raises(EngineFailed) as caught:
        bench.apply(artifact(bench.url, module))

    assert "exit status 3" in str(caught.value)
    assert caught.value.diagnostics[0]["where"].startswith("module.this.terraform_data.b")
    assert bench.stored() == [KEY]
    assert {"a", "b"} == {resource["name"] for resource in bench.state()["resources"]}


def test_a_lock_that_a_person_holds_is_never_broken(bench):
    """A planted lock object stops the operation before anything; the error names the holder."""
    info = {"ID": "4711", "Who": "ada@laptop", "Operation": "OperationTypeApply", "Created": "2026-01-01T10:00:00Z"}
    bench.store.put(f"{KEY}.tflock", json.dumps(info).encode())

    with pytest.raises(StateLocked, match="ada@laptop") as caught:
        bench.apply(one(bench))

    assert caught.value.holder["ID"] == "4711"
    assert bench.stored() == [f"{KEY}.tflock"]


def test_a_lock_write_whose_answer_was_lost_is_recognised(bench):
    """Our own lock, found on the second try, is ours."""
    bench.store.deaf_for = ".tflock"

    done = bench.apply(one(bench))

    assert done.added == 1
    assert bench.stored() == [KEY]


def test_a_push_whose_answer_was_lost_is_recognised(bench):
    """The state that lies there already is the one that was to be pushed."""
    bench.store.deaf_for = ".tfstate"

    assert bench.apply(one(bench)).added == 1
    assert bench.stored() == [KEY]


def test_a_store_that_goes_away_while_applying_loses_nothing(bench):
    """The push fails after its patience, the state stays in the workspace, and the next attempt pushes it first."""
    marker = bench.folder / "marker"
    rendered = artifact(bench.url, chain(marker, "ab"), outputs=("ids",))

    def go_down(event: str, facts: dict) -> None:
        bench.store.is_down = bench.store.is_down or event == "resource_started"

    with pytest.raises(Unreachable, match="what was done is found, on this worker in"):
        bench.apply(rendered, Recorder(go_down))
    assert (bench.directory / work_copy.STATE_FILE).exists()
    assert stat.S_IMODE((bench.directory / work_copy.STATE_FILE).stat().st_mode) & 0o077 == 0

    bench.store.is_down = False
    bench.store.delete(f"{KEY}.tflock")  # without a lease nobody may break it
    report = Recorder()
    done = bench.apply(rendered, report)

    assert "Resuming: pushing the state" in report.text
    assert marker.read_text().split() == ["a", "b"]
    assert len(done.outputs["ids"]) == 2


def test_a_state_that_moved_under_the_operation_is_not_overwritten(bench):
    """Somebody who writes the state in spite of the lock wins; what we did is kept and named."""
    bench.apply(one(bench))

    def move(event: str, facts: dict) -> None:
        if event == "terraform_started":
            theirs = {**bench.state(), "serial": 50}
            bench.store.store.put(KEY, json.dumps(theirs).encode())

    with pytest.raises(StateConflict, match="moved"):
        bench.apply(one(bench, "second"), Recorder(move))

    assert bench.state()["serial"] == 50
    assert b"second" in (bench.directory / work_copy.STATE_FILE).read_bytes()


@writes_every_change
def test_terraform_killed_alone_is_started_again_from_its_state(bench):
    """kill -9 of Terraform: what was recorded is pushed, and the same operation ends the work, nothing done twice."""
    marker = bench.folder / "marker"
    rendered = artifact(bench.url, chain(marker, "abc", gated="b"), outputs=("ids",))
    pids = []

    def kill(event: str, facts: dict) -> None:
        pids.extend([facts["pid"]] if event == "terraform_started" else [])
        if event == "resource_finished" and len(pids) == 1:
            os.kill(pids[0], signal.SIGKILL)
            (bench.folder / "gate").touch()

    report = Recorder(kill)
    done = bench.apply(rendered, report)

    assert len(pids) == 2
    assert "killed by signal 9" in report.text
    assert len(done.outputs["ids"]) == 3
    assert marker.read_text().split().count("a") == 1
    assert bench.stored() == [KEY]


def test_a_terraform_killed_while_it_prepares_is_started_again(bench):
    """The first command dies before it does anything; nobody has to ask again."""
    marker, killed_once = bench.folder / "killed", bench.folder / "terraform"
    killed_once.write_text(f'#!/bin/sh\n[ -e {marker} ] || {{ touch {marker}; kill -9 $$; }}\nexec terraform "$@"\n')
    killed_once.chmod(0o700)
    bench.binary = str(killed_once)
    report = Recorder()

    assert bench.apply(one(bench), report).added == 1
    assert "killed by signal 9" in report.text


@pytest.mark.parametrize("gate", [None, lambda planned: None], ids=["apply", "plan before it"])
def test_a_provider_killed_before_it_says_anything_is_started_again(bench, gate):
    """Terraform fails, having asked it nothing; nobody has to ask again, whether or not a gate sees its plan first."""
    when, detail = r"*\ plan\ *|*\ apply\ *", "Failed to read any lines from plugin's stdout"
    bench.binary = str(dying_once(bench.folder, when, "x", detail))
    report = Recorder()

    assert bench.apply(one(bench), report, gate).added == 1
    assert "Starting again" in report.text and not (bench.folder / "said").exists()


def test_a_terraform_that_is_always_killed_is_given_up(bench):
    """After some attempts the error says what killed it; what was recorded is pushed, and the lock is free."""

    def kill(event: str, facts: dict) -> None:
        if event == "terraform_started":
            os.kill(facts["pid"], signal.SIGKILL)

    report = Recorder(kill)
    with pytest.raises(EngineFailed, match="killed by signal 9"):
        bench.apply(one(bench), report)

    assert report.events.count("terraform_started") == operate.RESUMES + 1
    assert bench.stored() == []


def test_a_cancelled_apply_ends_by_one_sigint_with_the_state_written(bench):
    """Cancelling in mid-apply: Terraform stops by itself, what exists is in the state, the lock is free."""
    rendered = artifact(bench.url, chain(bench.folder / "marker", "abc", gated="b"))

    def cancel(event: str, facts: dict) -> None:
        bench.is_cancelled = bench.is_cancelled or event == "resource_finished"

    report = Recorder(cancel)
    with pytest.raises(Cancelled):
        bench.apply(rendered, report)

    assert bench.stored() == [KEY]
    assert "a" in {resource["name"] for resource in bench.state()["resources"]}
    assert "c" not in (bench.folder / "marker").read_text().split()
    ended = next(facts for event, facts in report.records if event == "terraform_ended")
    assert ended["exit_code"] == 1


def test_a_cancel_before_the_apply_starts_nothing(bench):
    """A request that comes first is honoured before Terraform runs."""
    bench.is_cancelled = True

    with pytest.raises(Cancelled):
        bench.apply(one(bench))

    assert bench.stored() == []


# -- resuming ------------------------------------------------------------------------------------------


def test_a_worker_with_an_empty_disk_resumes_from_the_copy_in_flight(bench):
    """The copy in the store is pushed first, so that what it holds is not made again."""
    bench.apply(one(bench))
    whole, base = bench.store.get(KEY).data, state.NOTHING
    bench.store.delete(KEY)
    copy = state.Leftover("", base, StateFile.parse(whole, ""))
    bench.store.put(f"{KEY}.mcop-inflight", copy.to_json())
    report = Recorder()

    done = bench.apply(one(bench), report)

    assert done.is_empty
    assert "Resuming" in report.text
    assert bench.stored() == [KEY]


@writes_every_change
def test_the_state_is_shipped_while_it_changes(bench):
    """While the second resource is being made, the copy in the store holds the first."""
    seen = []

    def look() -> None:
        while not seen:
            time.sleep(0.05)
            if f"{KEY}.mcop-inflight" in bench.stored():
                found = state.Leftover.from_json(bench.store.store.get(f"{KEY}.mcop-inflight").data, "")
                seen.extend([found] if found.state and found.state.instances() else [])
        (bench.folder / "gate").touch()

    watching = threading.Thread(target=look)
    watching.start()
    bench.apply(artifact(bench.url, chain(bench.folder / "marker", "ab", gated="b")))
    watching.join()

    assert next(iter(seen[0].state.instances())) == "module.this.terraform_data.a"
    assert seen[0].base == state.NOTHING
    assert bench.stored() == [KEY]


FAKE = """#!/usr/bin/env python3
import json, os, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1].removeprefix("-chdir="))
if "apply" in sys.argv:
    def say(type_, **rest):
        print(json.dumps({"@module": "terraform.ui", "type": type_, **rest}), flush=True)
    say("version", terraform="0")
    resource = {"addr": "module.this.aws_vpc.main", "implied_provider": "aws", "resource_type": "aws_vpc"}
    say("apply_start", hook={"resource": resource, "action": "create"})
    print('{"version": 4, "a state on": "the output"}', flush=True)
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_creation_that_was_cut_off_is_an_unknown_outcome(bench):
    """A cloud's resource whose creation nobody saw end is named, not made again; the next call is a decision."""
    fake = bench.folder / "terraform"
    fake.write_text(FAKE)
    fake.chmod(0o700)
    bench.binary, report = str(fake), Recorder()

    with pytest.raises(UnknownOutcome, match="import") as caught:
        bench.apply(one(bench), report)

    assert caught.value.resources == ("module.this.aws_vpc.main",)
    assert "a state on" not in report.text
    assert "1 lines of Terraform's output are no events" in report.text
    assert bench.stored() == []
    bench.binary = "terraform"
    assert bench.apply(one(bench)).added == 1


LATE = (
    FAKE.partition('    say("apply_start"')[0].replace("terraform=", "tofu=")
    + """
    def done(action, before, after):
        say("apply_start", hook={"resource": resource, "action": action, "id_value": before})
        hook = {"resource": resource, "action": action, "id_value": after, "elapsed_seconds": 1}
        say("apply_complete", hook=hook)
    done("delete", "vpc-0", "")
    done("create", "", "vpc-1")
    os.kill(os.getpid(), signal.SIGKILL)
"""
)


def test_a_replacement_that_the_tool_did_not_live_to_write_down_is_in_doubt(bench):
    """OpenTofu's state still has the old network: that is gone, and the new one is neither lost nor made again."""
    vpc = {"mode": "managed", "type": "aws_vpc", "name": "main", "module": "module.this"}
    vpc |= {"provider": 'provider["registry.terraform.io/hashicorp/aws"]'}
    vpc |= {"instances": [{"schema_version": 1, "attributes": {"id": "vpc-0"}}]}
    before = {"version": 4, "serial": 3, "lineage": "one", "outputs": {}, "resources": [vpc]}
    bench.store.put(KEY, json.dumps(before).encode())
    late = bench.folder / "tofu"
    late.write_text(LATE)
    late.chmod(0o700)
    bench.binary = str(late)

    with pytest.raises(UnknownOutcome) as caught:
        bench.apply(one(bench))

    assert caught.value.resources == ("module.this.aws_vpc.main",)
    assert [] == bench.state()["resources"]


# -- pure parts ----------------------------------------------------------------------------------------


def test_outputs_keep_types_and_sensitive_ones_their_secret():
    """What state or interface call sensitive leaves as a pointer; what is not in the state is null."""
    document = {
        "version": 4,
        "outputs": {
            "plain": {"value": [1, "a"]},
            "hidden": {"value": "s", "sensitive": True},
            "declared": {"value": "t"},
        },
    }
    found = StateFile.parse(json.dumps(document).encode(), "")
    address = StateAddress("s3://b?region=r", "k")
    wanted = {name: {"sensitive": name == "declared"} for name in ("plain", "hidden", "declared", "null")}

    outputs = read_outputs(wanted, found, address)

    assert outputs["plain"] == [1, "a"]
    assert outputs["null"] is None
    assert SensitivePointer.read(outputs["hidden"]) == SensitivePointer("s3://b?region=r#k", "hidden")
    assert SensitivePointer.read(outputs["declared"]) == SensitivePointer("s3://b?region=r#k", "declared")


def test_terraform_has_the_variables_that_the_adapter_names(bench):
    """And no others of the worker's."""
    rendered = one(bench)
    named = replace(rendered, runtime={**rendered.runtime, "environment": ["OCI_*"]})
    bench.variables = {"OCI_REGION": "r", "VAULT_TOKEN": "no"}
    bench.binary = telling(bench.folder / "names", bench.folder)
    bench.apply(named)

    told = set((bench.folder / "names").read_text().split())
    assert "OCI_REGION" in told and "VAULT_TOKEN" not in told
