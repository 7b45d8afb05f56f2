"""A long build of Jenkins in the whole stack: it holds no slot, is not lost, and is stopped when it is cancelled."""

import json
import os
import signal
import uuid

import pytest

from mcop_core.embedded.airflow import TRIGGERER
from mcop_core.embedded.processes import Register, session_members
from tests import pipelines
from tests.fakes.jenkins_server import TOKEN, USERNAME, running_jenkins
from tests.system.conftest import wait_until

pytestmark = [pytest.mark.system, pytest.mark.campaign]

DAG, TASK = "mcop.waits", "deploy.delivery.apply_release"
JOB = "waits/shop/waits/deploy/delivery/release"
TEMPLATES = {
    "release/interface.yaml": """\
inputs:
  service: {type: string, description: What is released.}
outputs:
  number: {type: number, from: {build: number}}
""",
    "release/Jenkinsfile": """\
node {
    echo {{ service }}
}
""",
}
APP = """\
kind: workflow
name: deploy
version: 1.0.0
patterns: {delivery: {pattern: delivery, version: 1.0.0}}
backend: {type: s3, bucket: acme-terraform-state, region: us-east-1, use_lockfile: true}
---
kind: manifest
name: waits
version: 1.0.0
namespace: shop
configuration: {service: none}
workflows: {deploy: {workflow: deploy, version: 1.0.0}}
"""


class Waits:
    """The manifest `waits`, whose only component is a build that ends when it is let."""

    def __init__(self, stack, jenkins):
        self.stack, self.jenkins = stack, jenkins

    def publish(self):
        token = "secret://airflow/ci_jenkins#password"
        documents = pipelines.joined(
            pipelines.adapter(self.jenkins.url, token=token, folder="waits", wait_in_slot_s=2),
            pipelines.RELEASE,
            pipelines.delivery({"service": {"type": "string"}}, {"service": "${service}"}),
            APP,
        )
        folder = pipelines.write_catalog(self.stack.folder / "waits", documents, TEMPLATES)
        connection = {"connection_id": "ci_jenkins", "conn_type": "http", "login": USERNAME, "password": TOKEN}
        with self.stack.api() as api:
            assert api._send("POST", "/api/v2/connections", json=connection).status_code == 201
        self.stack.mcop("catalog", "publish", str(folder))

        def is_there():
            with self.stack.api() as api:
                return [dag for dag in api.dags("mcop.") if dag["dag_id"] == DAG]

        wait_until(is_there)

    def deferred(self):
        """Start an execution of another version of the service, and return its run once its task waits."""
        self.jenkins.is_held = True
        with self.stack.api() as api:
            run = api.trigger(DAG, run_id=f"test-{uuid.uuid4()}", conf={"service": uuid.uuid4().hex})["dag_run_id"]
            wait_until(lambda: self.task(run)["state"] == "deferred", timeout_s=240)
        return run

    def waiting(self):
        """Start an execution as `deferred` does; return its run once the triggerer has taken it up, a bit later."""
        run = self.deferred()
        wait_until(lambda: list((self.stack.home.airflow / "logs").glob(f"**/run_id={run}/**/*.trigger.*")))
        return run

    def task(self, run):
        with self.stack.api() as api:
            return next(one for one in api.task_instances(DAG, run) if one["task_id"] == TASK)

    def shown(self, run):
        return self.stack.json("executions", "show", f"{DAG}/{run}")

    def locks(self):
        found = self.stack.client("s3").list_objects_v2(Bucket="acme-terraform-state", Prefix="shop/waits/")
        return [one["Key"] for one in found["Contents"] if one["Key"].endswith(".tflock")]

    def patch(self, path, **body):
        with self.stack.api() as api:
            answer = api._send("PATCH", f"/api/v2/dags/{DAG}/dagRuns/{path}", json=body)
            assert answer.status_code == 200, answer.text

    @property
    def last(self):
        return self.jenkins.builds_of(JOB)[-1]


@pytest.fixture(scope="module")
def waits(stack):
    with running_jenkins() as jenkins:
        made = Waits(stack, jenkins)
        made.publish()
        yield made


def test_a_task_waits_without_a_slot_and_survives_its_triggerer(waits):
    """It runs, in one attempt, for as long as it takes; each line is told once; nothing is locked meanwhile."""
    run = waits.deferred()
    shown, locks = waits.shown(run), waits.locks()
    triggerer = Register.load(waits.stack.home.stack_file).components[TRIGGERER]
    for pid in session_members(triggerer.pid):
        os.kill(pid, signal.SIGKILL)
    waits.jenkins.is_held = False
    waits.stack.mcop("up")
    with waits.stack.api() as api:
        state = api.wait(DAG, run, timeout_s=300)["state"]
        result = api.xcoms(DAG, run, TASK)["mcop.result"]
    log, task = waits.stack.logs({"dag_id": DAG, "dag_run_id": run}, TASK), waits.task(run)
    (step,) = (one for one in shown["steps"] if one["id"] == TASK)

    assert ("RUNNING", "RUNNING", "deferred", []) == (shown["status"], step["status"], step["state"], locks)
    assert ("success", 1) == (state, task["try_number"])
    assert step["started_at"][:19] == task["start_date"][:19]
    assert (2, 0, ["SUCCESS"]) == (result["added"], result["changed"], [one.result for one in [waits.last]])
    for line in waits.last.console.splitlines():
        assert waits.last.console.count(f"{line}\n") == log.count(json.dumps(f"| {line}")[1:-1])
    assert "Waiting without a worker slot for 5 s: the build of" in log


@pytest.mark.parametrize("door", ["run", "task", "command", "success"])
def test_cancelled_while_it_waits_the_build_is_stopped(waits, door):
    """At once, without the reconciler, by whichever door; the execution has failed, and nothing of it settles."""
    run = waits.waiting()
    if door == "command":
        waits.stack.mcop("cancel", f"{DAG}/{run}")
    elif door == "task":
        waits.patch(f"{run}/taskInstances/{TASK}", new_state="failed")
    else:
        waits.patch(run, state="failed" if door == "run" else "success")
    wait_until(lambda: waits.last.result == "ABORTED", timeout_s=60)

    def settled():
        waits.stack.mcop("reconcile", check=False)
        return waits.shown(run)["status"] == "FAILED"

    wait_until(settled)
    assert [] == waits.locks()


def test_cleared_while_it_waits_the_next_attempt_follows_the_same_build(waits):
    """Clearing is not stopping."""
    run = waits.deferred()
    body = {"dry_run": False, "dag_run_id": run, "task_ids": [TASK], "only_failed": False, "only_running": False}
    with waits.stack.api() as api:
        answer = api._send("POST", f"/api/v2/dags/{DAG}/clearTaskInstances", json=body)
        assert answer.status_code == 200, answer.text
    wait_until(lambda: waits.task(run)["try_number"] == 2 and waits.task(run)["state"] == "deferred", timeout_s=120)
    builds = len(waits.jenkins.builds_of(JOB))
    waits.jenkins.is_held = False
    with waits.stack.api() as api:
        assert api.wait(DAG, run, timeout_s=120)["state"] == "success"

    assert ("SUCCESS", builds) == (waits.last.result, len(waits.jenkins.builds_of(JOB)))
    assert "COMPLETED" == waits.shown(run)["status"]


def test_what_was_cancelled_without_a_triggerer_the_reconciler_has_stopped(waits):
    """Nobody heard that the task was stopped: it is found by its note, and until then the execution settles."""
    run = waits.deferred()
    triggerer = Register.load(waits.stack.home.stack_file).components[TRIGGERER]
    for pid in session_members(triggerer.pid):
        os.kill(pid, signal.SIGKILL)
    waits.patch(run, state="failed")
    shown = waits.shown(run)
    waits.stack.mcop("up")

    with waits.stack.api() as api:
        api.trigger("mcop_reconcile", run_id=f"test-{uuid.uuid4()}", conf={})
    wait_until(lambda: waits.last.result == "ABORTED", timeout_s=240)
    assert "SETTLING" == shown["status"]
    assert "to be stopped" in shown["awaits"][0]
    wait_until(lambda: waits.shown(run)["status"] == "FAILED")
