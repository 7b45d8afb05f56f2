"""What happens beside an execution: the catalog changes, breaks or is away, a task is cleared, marked or cancelled."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import boto3
import pytest

from mcop_core.embedded.stack import Stack, catalog_buckets
from mcop_core.errors import McopError
from mcop_core.executions.airflow_api import AirflowApi
from tests.fault_proxy import Does, FaultProxy
from tests.system.conftest import LiveStack, surroundings, wait_until

pytestmark = pytest.mark.system

ANNEX, TASK = "mcop.annex", "annex.annex.apply_log"


def publish(stack: LiveStack, version: str, days: int) -> None:
    """Publish the annex, a manifest of one step, in *version*."""
    folder = stack.folder / f"annex-{version}"
    shutil.copytree(Path(__file__).parent / "annex", folder)
    path = folder / "annex.yaml"
    head, manifest = path.read_text().rsplit("---\n", 1)
    manifest = manifest.replace("1.0.0", version, 1).replace("annex_log:", f"annex_days: {days}, annex_log:")
    path.write_text(f"{head}---\n{manifest}")
    stack.mcop("catalog", "publish", str(folder))


def retention(stack: LiveStack) -> int:
    groups = stack.client("logs").describe_log_groups(logGroupNamePrefix="/annex")["logGroups"]
    return groups[0]["retentionInDays"]


@pytest.fixture(scope="module")
def annex(stack: LiveStack) -> LiveStack:
    publish(stack, "1.0.0", 7)
    publish(stack, "1.1.0", 30)
    return stack


def test_another_system_executes_a_version_by_name(annex):
    """`mcop_execute` activates the version, runs it, follows it, and leaves its outputs where it was told."""
    run, _ = annex.run(
        "mcop_execute", {"manifest_name": "annex", "manifest_version": "1.0.0", "output_path": "annex/first.json"}
    )
    assert "success" == run["state"], annex.logs(run, "deploy")

    document = json.loads(
        annex.client("s3").get_object(Bucket="mcop-artifacts", Key="outputs/annex/first.json")["Body"].read()
    )
    assert 7 == retention(annex)
    assert "/annex" == document["outputs"]["annex.annex.log"]["log_group_name"]


def test_a_second_run_changes_nothing(annex):
    """The step reports no change; the README's test holds all steps of the example to the same."""
    run, tasks = annex.run(ANNEX, {})
    with annex.api() as api:
        results = [api.xcoms(ANNEX, run["dag_run_id"], task)["mcop.result"] for task in tasks if ".apply_" in task]

    assert "success" == run["state"]
    assert [[0, 0, 0]] == [[result[word] for word in ("added", "changed", "destroyed")] for result in results]


@pytest.mark.campaign
def test_its_own_overrides_reach_the_execution(annex):
    """The active version stays; the run's override is the last layer."""
    run, _ = annex.run(
        "mcop_execute", {"manifest_name": "annex", "manifest_version": "1.1.0", "overrides": {"annex_days": 90}}
    )

    assert "success" == run["state"]
    assert 90 == retention(annex)


@pytest.mark.parametrize(
    ("conf", "told"),
    [
        ({"manifest_name": "anex"}, "annex"),
        ({"manifest_name": "annex", "manifest_version": "7.0.0"}, "1.1.0"),
        ({"manifest_name": "annex", "versoin": "1.0.0"}, "manifest_version"),
        ({"manifest_name": "annex", "overrides": {"annex_dayz": 1}}, "annex_days"),
    ],
)
def test_a_bad_request_starts_nothing(annex, conf, told):
    """The first task names the key and what was allowed, and no execution was started."""
    before = retention(annex)

    run, _ = annex.run("mcop_execute", conf)

    assert "failed" == run["state"]
    assert told in annex.logs(run, "activate")
    assert before == retention(annex)


@pytest.mark.campaign
def test_a_version_published_meanwhile_is_that_of_the_next_run(annex):
    """A run keeps the plan that it was triggered with; the catalog's new one waits for the next."""
    first = annex.json("execute", "annex", "--set", "annex_days=90")["id"]
    publish(annex, "1.2.0", 14)
    annex.mcop("executions", "follow", first)
    assert 90 == retention(annex)

    started = annex.json("execute", "annex")["id"]
    annex.mcop("executions", "follow", started)
    assert 14 == retention(annex)
    bill = annex.json("executions", "show", started, "--bill")
    assert "manifest#annex@1.2.0" in bill["objects"]


@pytest.mark.campaign
def test_a_task_that_is_cleared_while_its_runner_works_finds_it(annex):
    """Airflow ends the attempt and begins another one; the one Terraform goes on, and is believed."""
    task, before = TASK, set(journals(annex))

    def working():
        return [path for path in set(journals(annex)) - before if "terraform_started" in path.read_text()]

    with annex.api() as api:
        run = api.trigger(ANNEX, run_id="cleared", conf={"annex_days": 7})["dag_run_id"]
        (journal,) = wait_until(working, timeout_s=240)
        with halted(journal):
            body = {"dry_run": False, "task_ids": [task], "dag_run_id": run, "only_failed": False, "only_running": True}
            answer = api._send("POST", f"/api/v2/dags/{ANNEX}/clearTaskInstances", json=body)
            assert answer.status_code == 200, answer.text
            wait_until(lambda: tells(api, run, "::group::init", attempt=2), timeout_s=120)
        assert api.wait(ANNEX, run, timeout_s=300)["state"] == "success"
        result = api.xcoms(ANNEX, run, task)["mcop.result"]

    assert 7 == retention(annex)
    assert (result["added"], result["changed"]) == (0, 1)
    assert journal.read_text().count("terraform_started") == 1
    assert set(journals(annex)) - before == {journal}


@pytest.mark.campaign
@pytest.mark.parametrize(("word", "days"), [("success", 14), ("failed", 30)])
def test_a_task_that_is_marked_while_its_runner_works_is_called_what_it_was(annex, word, days):
    """The runner is told to stop; whatever Airflow is made to say, it counts as done if it was done, and only then."""
    run = started(annex, f"marked-{word}", days)
    patch(annex, f"{run}/taskInstances/{TASK}", {"new_state": word})
    settle(annex)

    shown = annex.json("executions", "show", f"{ANNEX}/marked-{word}")
    done = retention(annex) == days
    assert ("COMPLETED" if done and word == "success" else "FAILED") == shown["status"]
    assert (done == (word == "success")) == (shown.get("settled", []) == [])
    assert [] == locks(annex)


@pytest.mark.campaign
def test_cleared_while_what_was_cancelled_ends_it_begins_anew(annex):
    """The next attempt waits for the old runner, and then does what was asked."""
    run = started(annex, "cleared-after-cancel", 90)
    patch(annex, run, {"state": "failed"})
    body = {"dry_run": False, "dag_run_id": "cleared-after-cancel", "only_failed": True}
    with annex.api() as api:
        answer = api._send("POST", f"/api/v2/dags/{ANNEX}/clearTaskInstances", json=body)
        assert answer.status_code == 200, answer.text
        assert api.wait(ANNEX, "cleared-after-cancel", timeout_s=300)["state"] == "success"
    settle(annex)

    assert 90 == retention(annex)
    assert "COMPLETED" == annex.json("executions", "show", f"{ANNEX}/cleared-after-cancel")["status"]
    assert [] == locks(annex)


@pytest.mark.campaign
def test_cancelled_while_it_renders_nothing_begins(annex):
    """The run has failed, no runner was started, and the next execution goes through."""
    for run in (f"rendering-{number}" for number in range(10)):
        before, held = retention(annex), set(journals(annex))
        if cancelled_while_it_renders(annex, run):
            break
    else:
        pytest.fail("rendering was over before the cancel each time")

    assert "FAILED" == annex.json("executions", "show", f"{ANNEX}/{run}")["status"]
    assert (before, held) == (retention(annex), set(journals(annex)))
    days = 365 if before != 365 else 180
    assert "success" == annex.run(ANNEX, {"annex_days": days})[0]["state"]
    assert days == retention(annex)


def cancelled_while_it_renders(stack: LiveStack, run: str) -> bool:
    """Start an execution and cancel it; return whether that was before its apply began."""
    with stack.api() as api:
        api.trigger(ANNEX, run_id=run, conf={"annex_days": 365})
        wait_until(lambda: states(api, run).get("annex.annex.render_log") == "running", timeout_s=240)
    patch(stack, f"/api/v2/dags/{ANNEX}/dagRuns/{run}", {"state": "failed"})
    settle(stack)
    with stack.api() as api:
        return states(api, run)[TASK] == "skipped"


def started(stack: LiveStack, run_id: str, days: int) -> str:
    """Start an execution, and return its path in the REST API once its Terraform works."""
    before = set(journals(stack))
    with stack.api() as api:
        api.trigger(ANNEX, run_id=run_id, conf={"annex_days": days})
    wait_until(
        lambda: any("terraform_started" in one.read_text() for one in set(journals(stack)) - before), timeout_s=240
    )
    return f"/api/v2/dags/{ANNEX}/dagRuns/{run_id}"


def patch(stack: LiveStack, path: str, body: dict[str, str]) -> None:
    with stack.api() as api:
        answer = api._send("PATCH", path, json=body)
        assert answer.status_code == 200, answer.text


def states(api, run_id: str) -> dict[str, str | None]:
    return {one["task_id"]: one["state"] for one in api.task_instances(ANNEX, run_id)}


def settle(stack: LiveStack) -> None:
    """Wait until nothing of the manifest is settling any more, reconciling as the schedule does."""

    def settled() -> bool:
        stack.mcop("reconcile", check=False)
        return {one["status"] for one in stack.json("executions", "list", "annex")} <= {"COMPLETED", "FAILED"}

    wait_until(settled, timeout_s=180)


def locks(stack: LiveStack) -> list[str]:
    found = stack.client("s3").list_objects_v2(Bucket="acme-terraform-state", Prefix="storefront/annex/")
    return [one["Key"] for one in found.get("Contents", []) if one["Key"].endswith((".tflock", ".mcop-inflight"))]


def tells(api: AirflowApi, run: str, words: str, *, attempt: int) -> bool:
    """Whether the log of an attempt of the task has *words* already."""
    with suppress(McopError):
        return any(words in str(line) for line in api.logs(ANNEX, run, TASK, attempt=attempt))
    return False


@contextmanager
def halted(journal: Path) -> Iterator[None]:
    """Have the Terraform of a runner stand still inside the block, so that it still works after it."""
    records = map(json.loads, journal.read_text().splitlines())
    (pid,) = (one["pid"] for one in records if one["event"] == "terraform_started")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def journals(stack: LiveStack) -> list[Path]:
    return list(stack.home.folder.glob("runs/*/journal.jsonl"))


def test_with_dynamodb_stopped_dags_stay_and_runs_finish(annex):
    """An execution needs no catalog once its snapshot is there; the log says what is unreachable."""
    port = int(annex.profile["AWS_ENDPOINT_URL"].rpartition(":")[2])
    proxy = FaultProxy(port)  # not stopped: from here on the stack is led through it
    live = Stack(annex.home, surroundings(), print, options={"AWS_ENDPOINT_URL_DYNAMODB": proxy.url})
    with live.locked():
        live.start(buckets=catalog_buckets(annex.home))
        live.wait()
    away = proxy.add(Does.DROP_REQUEST, times=None)
    try:
        run, _ = annex.run(ANNEX, {"annex_days": 14})
        with annex.api() as api:
            stale = {dag["dag_id"]: dag["is_stale"] for dag in api.dags("mcop.")}

        assert "success" == run["state"]
        assert 14 == retention(annex)
        assert not any(stale.values()) and ANNEX in stale
        assert "DynamoDB" in annex.logs(run, "admit")
        wait_until(lambda: "DynamoDB" in (annex.home.logs / "dag-processor.log").read_text())
        assert away.hits
    finally:
        proxy.clear()


def test_a_manifest_broken_behind_mcops_back_takes_no_other_with_it(annex):
    """Its own import error says what is missing; the others still parse and run."""
    table = boto3.resource(
        "dynamodb",
        endpoint_url=annex.profile["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    ).Table("mcop-objects")
    items = [i for i in table.scan()["Items"] if i["object_key"] == "pattern#annex"]
    for item in items:
        table.delete_item(Key={"object_key": item["object_key"], "version_key": item["version_key"]})

    with annex.api() as api:
        errors = wait_until(api.import_errors)
        storefront = api.dag("mcop.storefront-staging")

    assert items
    assert ["annex"] == [Path(error["filename"]).stem for error in errors]
    assert "annex" in errors[0]["stack_trace"] and "ObjectNotFound" not in storefront
    assert not storefront["is_stale"]
