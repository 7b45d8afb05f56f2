"""Preview and approval in Airflow's own task machinery: who is asked, what is applied, what a deviation does."""

import json

import pytest

from mcop_core.catalog.models import ApprovalPolicy
from mcop_core.engines.changes import Preview, preview_key
from mcop_core.executions import naming
from mcop_core.settings import Settings
from tests.plugins.small_catalog import filled
from tests.plugins.test_deployment import Deployer

pytestmark = pytest.mark.terraform

FIRST, SECOND = "platform.pair.apply_first", "platform.pair.apply_second"


class Asker(Deployer):
    """Runs manifests that ask for approvals, and answers for people."""

    def publish(self, name, version="1.0.0", approval="always", **configuration):
        manifest = self.catalog.manifest(name, version, **configuration)
        self.catalog.publish(manifest.model_copy(update={"approval": ApprovalPolicy.model_validate(approval)}))

    def start(self, name, run_id, **fields):
        """Run until everything waits for a person, or has ended."""
        return self.deploy(name, run_id=run_id, rounds=6, **fields)

    def answer(self, name, run_id, option, user="boss", task="approve"):
        plan = self.plan(name)
        self.scheduling.answer(f"mcop.{name}", run_id, task, option, user)
        return self.scheduling.follow(self.scheduling.store_plan(plan), self.dag(plan), run_id, rounds=12)

    def question(self, name, run_id, task="approve"):
        return self.scheduling.question(f"mcop.{name}", run_id, task)

    def preview(self, name, run_id):
        digest = self.xcoms(run_id, f"mcop.{name}")["preview", naming.PREVIEW_KEY]
        return Preview.from_json(self.catalog.store.get(preview_key(digest)).data, digest)

    def has_state(self, name):
        return any((self.catalog.states / "team" / name).rglob("*.tfstate"))


@pytest.fixture(scope="module")
def asker(scheduling, tmp_path_factory):
    folder = tmp_path_factory.mktemp("approved")
    with pytest.MonkeyPatch.context() as patch:
        settings = Settings(
            artifact_store=f"file://{folder}/store", work_dir=str(folder / "runs"), cache_dir=str(folder / "cache")
        )
        for name, value in settings.to_environment().items():
            patch.setenv(name, value)
        yield Asker(filled(settings, folder / "states"), scheduling)


def test_one_approval_stands_for_the_whole_run(asker):
    """Nothing is rendered before it; after it every step is applied, as the one preview said."""
    asker.publish("always")
    run, tasks = asker.start("always", "one")
    assert (run, tasks["approve"], tasks["platform.pair.render_first"]) == ("running", "awaiting_input", "None")
    asked = asker.question("always", "one")
    assert (
        asked.subject == "manifest#always@1.0.0: Preview: 2 to add, 0 to change, 0 to replace, 0 to destroy, "
        "in 2 components."
    )
    assert "terraform_data.this" in asked.body and asked.options == ["Approve", "Reject"]

    run, tasks = asker.answer("always", "one", "Approve")

    assert (run, tasks[SECOND]) == ("success", "success")
    approval = asker.xcoms("one", "mcop.always")["approve", naming.APPROVAL_KEY]
    assert approval["preview"] == asker.preview("always", "one").digest
    assert [person["id"] for person in approval["people"]] == ["boss"]


def test_nobody_is_asked_where_nothing_would_change(asker):
    """A second run goes through by itself, and is held to the empty preview."""
    asker.publish("twice")
    asker.start("twice", "one")
    asker.answer("twice", "one", "Approve")
    assert asker.deploy("twice", run_id="two")[0] == "success"


def test_a_rejection_ends_the_run_with_nothing_applied(asker):
    """The run fails in its approve task; no step begins."""
    asker.publish("rejected")
    asker.start("rejected", "one")
    run, tasks = asker.answer("rejected", "one", "Reject")
    assert (run, tasks["approve"], tasks["platform.pair.render_first"]) == ("failed", "failed", "upstream_failed")
    assert not asker.has_state("rejected")


def test_whoever_asked_for_the_run_may_not_approve_it(asker, capsys):
    """Their answer is not counted, and the question stays open for others."""
    asker.publish("foureyes")
    asker.start("foureyes", "one")
    run, tasks = asker.answer("foureyes", "one", "Approve", "tester")
    assert (run, tasks["approve"]) == ("running", "awaiting_input")
    assert "Tester asked for this execution and may not approve it" in capsys.readouterr().out
    assert asker.answer("foureyes", "one", "Approve")[0] == "success"


def test_as_many_people_as_the_manifest_says_must_approve(asker):
    """Two different ones of those it names; the question is addressed to them alone."""
    asker.publish("two", approval={"when": "always", "users": ["ann", "bob"], "count": 2})
    asker.start("two", "one")
    assert {user["id"] for user in asker.question("two", "one").assigned_users} == {"ann", "bob"}
    assert asker.answer("two", "one", "Approve", "ann")[1]["approve"] == "awaiting_input"
    assert asker.answer("two", "one", "Approve", "ann")[1]["approve"] == "awaiting_input"
    assert asker.answer("two", "one", "Approve", "bob")[0] == "success"


def test_only_what_destroys_is_asked_for_where_the_manifest_says_so(asker):
    """A creation goes through by itself; so does a change in place."""
    asker.publish("destructive", approval="destructive")
    assert asker.deploy("destructive", run_id="one")[0] == "success"
    assert asker.deploy("destructive", run_id="two", conf={"base": "other"})[0] == "success"


def test_a_run_that_only_previews_applies_nothing(asker):
    """With and without an approval: the preview is there, the run succeeds, and everything else was skipped."""
    asker.publish("looking")
    asker.publish("free", approval="never")
    for name in ("looking", "free"):
        run, tasks = asker.deploy(name, run_id="look", conf={"action": "preview"})
        assert (run, tasks["preview"], tasks["platform.pair.render_first"], tasks[SECOND]) == (
            "success",
            "success",
            "skipped",
            "skipped",
        )
        assert asker.preview(name, "look").counts["create"] == 2
        assert not asker.has_state(name)


def test_without_an_approval_the_preview_is_left_out(asker):
    """It costs nothing where nobody asked for it."""
    asker.publish("quick", approval="never")
    run, tasks = asker.deploy("quick", run_id="one")
    assert (run, tasks["preview"], tasks[SECOND]) == ("success", "skipped", "success")


def tamper(asker, name, element="first"):
    """Empty a state behind MCOP's back, as a lost bucket version would; the step's own plan then creates anew."""
    path = asker.catalog.states / f"team/{name}/platform/pair/{element}.tfstate"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "serial": document["serial"] + 1, "resources": []}))


def test_a_deviation_stops_its_step_and_asks_for_the_difference_alone(asker):
    """Approved by a person, exactly that is done; the run goes on from there."""
    asker.publish("tampered")
    asker.start("tampered", "one")
    asker.answer("tampered", "one", "Approve")
    asker.start("tampered", "two", conf={"labels": ["c"]})
    tamper(asker, "tampered")
    run, tasks = asker.answer("tampered", "two", "Approve")

    assert (run, tasks[FIRST], tasks["platform.pair.render_second"]) == ("running", "awaiting_input", "None")
    asked = asker.question("tampered", "two", FIRST)
    assert asked.subject == "platform.pair.first would do what was not approved"
    assert "terraform_data.this  # update was approved" in asked.body

    run, tasks = asker.answer("tampered", "two", "Approve", task=FIRST)
    assert (run, tasks[FIRST], tasks[SECOND]) == ("success", "success", "success")


def test_a_rejected_deviation_fails_its_step_alone(asker):
    """What was applied before stays, and nothing else is."""
    asker.publish("refused")
    asker.start("refused", "one")
    asker.answer("refused", "one", "Approve")
    asker.start("refused", "two", conf={"labels": ["c"]})
    tamper(asker, "refused", "second")
    asker.answer("refused", "two", "Approve")
    run, tasks = asker.answer("refused", "two", "Reject", task=SECOND)
    assert (run, tasks[FIRST], tasks[SECOND]) == ("failed", "success", "failed")


def test_an_approval_cannot_be_given_by_writing_xcoms_or_states(asker):
    """Marked as successful by hand, the approve task opens nothing: the apply finds no approval."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    asker.publish("forged")
    asker.start("forged", "one")
    with create_session() as session:
        session.query(TaskInstance).filter_by(
            dag_id="mcop.forged", run_id="one", task_id="approve"
        ).one().state = "success"
    plan = asker.plan("forged")
    run, tasks = asker.scheduling.follow(asker.scheduling.store_plan(plan), asker.dag(plan), "one", rounds=12)
    assert (run, tasks[FIRST]) == ("failed", "failed")
    assert not asker.has_state("forged")
