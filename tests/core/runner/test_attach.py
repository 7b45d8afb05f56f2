"""Runners in processes of their own, with real Terraform: followed, found again, killed, resumed, stopped."""

import json
import os
import shutil
import signal
import time

import pytest

from mcop_core.errors import Cancelled, EngineFailed, Refused, StateLocked, Tampered
from mcop_core.runner import attach
from mcop_core.runner.attach import LogTail, raise_for, request_cancel
from mcop_core.runner.folder import OperationFolder
from mcop_core.runner.request import Operation, Outcome, RunResult
from mcop_core.settings import Settings
from tests.core.engines.terraform.operations import KEY, all_bytes
from tests.core.runner.conftest import Works, wait_for
from tests.opentofu import writes_every_change

pytestmark = pytest.mark.terraform


def test_an_operation_runs_to_its_end_and_is_not_repeated(works: Works):
    """The result carries outputs and resources; asked again, the same comes back and nothing is started."""
    request = works.request(works.render("ab"))

    first, second = works.follow(request), works.follow(request)

    assert first.outcome is Outcome.SUCCEEDED
    assert (first.added, len(first.outputs["ids"])) == (2, 2)
    assert first == second
    assert len(works.records(request, "runner_started")) == 1
    assert works.keys() == [KEY]
    assert not works.folder_of(request).workspace.exists()


def test_the_log_is_readable_and_grouped(works: Works):
    """Lines come in order: groups, planned changes, one line per resource with its id, the summary."""
    result = works.follow(works.request(works.render("a")))

    text = "\n".join(works.lines)
    id_ = result.resources[0]["id"]
    for line in (
        "info: ::group::init",
        "info: ::group::plan",
        "info: + module.this.terraform_data.a will be created",
        "info: Plan: 1 to add, 0 to change, 0 to destroy.",
        "info: ::group::apply",
        "info: module.this.terraform_data.a: created in 0 s [" + id_ + "]",
        "info: Done: 1 added, 0 changed, 0 destroyed; 1 output.",
    ):
        assert line in works.lines
        text = text.partition(line)[2]
    assert works.lines.count("info: ::endgroup::") == 3


def test_a_state_that_moved_since_makes_an_old_success_worthless(works: Works):
    """After a destroy, the same apply asked for again really applies."""
    rendered = works.render("a")
    apply, destroy = works.request(rendered), works.request(rendered, operation=Operation.DESTROY)
    works.follow(apply)

    gone, again = works.follow(destroy), works.follow(apply)

    assert (gone.destroyed, again.added) == (1, 1)
    assert works.made() == ["a", "a"]


def test_a_runner_killed_in_mid_apply_is_resumed_and_nothing_is_doubled(works: Works):
    """kill -9 of the runner alone: its Terraform goes on to its end under the next runner, which starts no other."""
    request = works.request(works.render("abc", gated="b"))
    following = works.in_background(request)
    wait_for(lambda: works.made() == ["a", "b"])

    works.kill(request, "runner_started")
    wait_for(lambda: any("outlived its runner" in line for line in works.lines))
    works.open_gate()
    result = following.result()

    assert result.outcome is Outcome.SUCCEEDED, result.error
    assert len(works.records(request, "terraform_started")) == 1
    assert works.made() == ["a", "b", "c"]
    assert result.added == 3
    assert len(result.outputs["ids"]) == 3
    assert works.keys() == [KEY]


def test_an_orphaned_terraform_is_cancelled_by_the_runner_that_found_it(works: Works):
    """A Terraform whose runner died still gets its one SIGINT, and its state is written."""
    request = works.request(works.render("abc", gated="b"))
    following = works.in_background(request)
    wait_for(lambda: works.made() == ["a", "b"])

    works.kill(request, "runner_started")
    request_cancel(request, works.settings)
    result = following.result()

    assert result.outcome is Outcome.CANCELLED
    assert works.made() == ["a", "b"]
    assert b'"name": "a"' in works.store.get(KEY).data
    assert works.keys() == [KEY]


@writes_every_change
def test_runner_and_terraform_killed_together_resume_from_the_state(works: Works):
    """A machine that loses both processes: the next runner goes on from the file on its disk."""
    request = works.request(works.render("abc", gated="b"))
    following = works.in_background(request)
    wait_for(lambda: works.made() == ["a", "b"])

    works.kill(request, "runner_started")
    works.kill(request, "terraform_started")
    works.open_gate()
    result = following.result()

    assert result.outcome is Outcome.SUCCEEDED, result.error
    assert works.made() == ["a", "b", "b", "c"]
    assert len(result.outputs["ids"]) == 3
    assert works.keys() == [KEY]


class TaskKilled(BaseException):
    """What a task meets that dies without a word."""


@writes_every_change
def test_a_machine_with_an_empty_disk_resumes_from_what_was_shipped(works: Works):
    """Both processes and the whole work folder gone: the copy in flight knows the first resource."""
    rendered = works.render("ab", gated="b")
    request = works.request(rendered)

    def die(level: str, line: str) -> None:
        if "a: created" in line:
            raise TaskKilled

    with pytest.raises(TaskKilled):
        attach.follow(request, works.settings, os.environ, on_line=die)
    wait_for(lambda: b"terraform_data" in works.inflight())
    works.kill(request, "runner_started")
    works.kill(request, "terraform_started")
    shutil.rmtree(works.folder_of(request).path)
    works.open_gate()
    result = works.follow(works.request(rendered, run_key="another"))

    assert result.outcome is Outcome.SUCCEEDED, result.error
    assert works.made().count("a") == 1
    assert len(result.outputs["ids"]) == 2
    assert works.keys() == [KEY]


def test_two_followers_have_one_runner(works: Works):
    """Both see the same end; one process was started."""
    request = works.request(works.render("ab"))

    followings = [works.in_background(request) for _ in range(3)]
    results = [following.result() for following in followings]

    assert results[0] == results[1] == results[2]
    assert len(works.records(request, "runner_started")) == 1
    assert works.made() == ["a", "b"]


def test_a_retry_attaches_to_the_runner_that_lives(works: Works):
    """A task that died without a word finds its runner again, and the log from its start."""
    request = works.request(works.render("ab", gated="b"))

    def die(level: str, line: str) -> None:
        if "creating" in line:
            raise TaskKilled

    with pytest.raises(TaskKilled):
        attach.follow(request, works.settings, os.environ, on_line=die)
    works.open_gate()
    result = works.follow(request)

    assert result.outcome is Outcome.SUCCEEDED
    assert works.lines[0] == "info: ::group::init"
    assert len(works.records(request, "runner_started")) == 1


def test_cancelling_stops_terraform_gracefully(works: Works):
    """One request: what exists is in the state, the lock free, the lease given back, the outcome says so."""
    request = works.request(works.render("abc", gated="b"))
    following = works.in_background(request)
    wait_for(lambda: works.made() == ["a", "b"])

    request_cancel(request, works.settings)
    result = following.result()

    assert result.outcome is Outcome.CANCELLED
    with pytest.raises(Cancelled):
        raise_for(result)
    assert works.keys() == [KEY]
    assert b'"name": "a"' in works.store.get(KEY).data
    assert json.loads(works.store.get(f"{KEY}.mcop-lease").data)["holder"] is None
    assert "c" not in works.made()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_runner_is_a_request_to_stop(works: Works, number: int):
    """SIGTERM and SIGINT end it as gracefully as a request; SIGHUP does nothing."""
    request = works.request(works.render("ab", gated="a"))
    following = works.in_background(request)
    wait_for(lambda: works.made() == ["a"])
    pid = works.records(request, "runner_started")[-1]["pid"]

    os.kill(pid, signal.SIGHUP)
    os.kill(pid, number)

    assert following.result().outcome is Outcome.CANCELLED
    assert works.keys() == [KEY]


def test_a_failed_operation_is_tried_again_when_asked_again(works: Works):
    """The retry of a failed step makes what is missing, and its log starts anew."""
    rendered = works.render("ab")
    request = works.request(rendered)
    info = {"ID": "4711", "Who": "ada@laptop", "Operation": "apply", "Created": "2026-01-01T10:00:00Z"}
    works.store.put(f"{KEY}.tflock", json.dumps(info).encode())

    refused = works.follow(request)
    with pytest.raises(StateLocked, match="ada@laptop") as caught:
        raise_for(refused)
    assert caught.value.holder["ID"] == "4711"
    assert works.made() == []

    works.store.delete(f"{KEY}.tflock")
    works.lines.clear()
    assert works.follow(request).added == 2
    assert works.lines[0] == "info: ::group::init"


def test_another_run_waits_for_nobody_who_is_alive(works: Works):
    """While a runner works, a second operation on the state is refused by name, and the first is undisturbed."""
    request = works.request(works.render("ab", gated="a"))
    following = works.in_background(request)
    wait_for(lambda: works.made() == ["a"])

    refused = works.follow(works.request(works.render("ab"), run_key="another"))
    works.open_gate()

    assert refused.error_type == "StateLocked"
    assert "It is alive" in refused.error
    assert following.result().outcome is Outcome.SUCCEEDED


def test_an_artifact_with_other_bytes_is_refused(works: Works):
    """What was swapped between render and apply is not run."""
    rendered = works.render("a")
    request = works.request(rendered)
    works.store.put(rendered.key, works.render("b").to_json())

    with pytest.raises(Tampered):
        raise_for(works.follow(request))

    assert works.made() == []


def test_a_fault_of_the_runner_itself_is_a_result(works: Works):
    """An artifact that makes the runner's own code fail ends as a failure that names type and place."""
    rendered = works.render("a")
    broken = type(rendered)(rendered.engine, rendered.files, {"state": {}})

    result = works.follow(works.request(broken))

    assert result.outcome is Outcome.FAILED
    assert "the runner failed: KeyError" in result.error


def test_a_runner_that_cannot_start_is_given_up(works: Works):
    """After some attempts the call ends, and says what the interpreter said and that nothing was done."""
    request = works.request(works.render("a"))
    (works.folder / "broken" / "mcop_core").mkdir(parents=True)
    (works.folder / "broken" / "mcop_core" / "__init__.py").write_text("raise ImportError('no such thing')")
    environment = {**os.environ, "PYTHONPATH": str(works.folder / "broken")}

    result = attach.follow(request, works.settings, environment, on_line=lambda level, line: None)

    with pytest.raises(EngineFailed, match="no such thing"):
        raise_for(result)
    assert works.made() == []


def test_nothing_secret_lies_in_the_operation_folder(works: Works):
    """The environment's credentials stand in no file of the operation."""
    request = works.request(works.render("a"))
    environment = {**os.environ, "AWS_SECRET_ACCESS_KEY": "canary-canary-canary"}

    attach.follow(request, works.settings, environment, on_line=lambda level, line: None)

    assert b"canary-canary-canary" not in all_bytes(works.folder)
    assert oct(works.folder_of(request).path.stat().st_mode)[-3:] == "700"


def test_a_folder_that_cannot_be_made_names_the_setting(tmp_path):
    """An installation without a work folder is told what to set."""
    (tmp_path / "file").write_text("")
    request = Works(tmp_path).request(Works(tmp_path).render("a"))

    with pytest.raises(Refused, match="MCOP_WORK_DIR"):
        attach.follow(request, Settings(work_dir=str(tmp_path / "file")), {}, on_line=lambda level, line: None)


def test_old_successes_are_pruned_and_nothing_else(works: Works):
    """Folders of operations that succeeded long ago go; failed ones and strangers stay."""
    done, not_done, stranger = (works.folder / "runs" / name for name in ("a" * 32, "b" * 32, "notes"))
    for path, outcome in ((done, Outcome.SUCCEEDED), (not_done, Outcome.FAILED), (stranger, Outcome.SUCCEEDED)):
        path.mkdir(parents=True)
        OperationFolder(path).write_result(RunResult(outcome))
        os.utime(path / "result.json", (time.time() - 900_000,) * 2)

    attach.prune(works.folder / "runs")

    assert not done.exists()
    assert not_done.exists()
    assert stranger.exists()


def test_a_log_is_passed_on_by_whole_lines(tmp_path):
    """A line that is still being written waits; a new attempt's file is read from its start."""
    path, seen = tmp_path / "log.jsonl", []
    tail = LogTail(path)
    tail.pass_on(lambda level, line: seen.append(line))
    path.write_text('{"level": "info", "line": "one"}\n{"level": "info", "li')
    tail.pass_on(lambda level, line: seen.append(line))
    path.write_text('{"level": "info", "line": "one"}\n{"level": "info", "line": "two"}\n')
    tail.pass_on(lambda level, line: seen.append(line))
    path.replace(tmp_path / "old")
    path.write_text('{"level": "info", "line": "three"}\n')
    tail.pass_on(lambda level, line: seen.append(line))

    assert seen == ["one", "two", "three"]
