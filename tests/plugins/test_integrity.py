"""XComs, approvals, artifacts and templates changed behind a run: its tasks refuse them, nothing is applied."""

import pytest

from mcop_core.approval_store import ApprovalStore
from mcop_core.engines.artifact import artifact_key
from mcop_core.settings import Settings
from tests.plugins.small_catalog import filled
from tests.plugins.test_approval import Asker

pytestmark = pytest.mark.terraform

RENDER, APPLY, SECOND = "platform.pair.render_first", "platform.pair.apply_first", "platform.pair.render_second"


class Tamperer(Asker):
    """Stops a run where a test says, so that something can be changed, and goes on."""

    def until(self, name, task, **fields):
        """Run until *task* has ended; whatever waits for it has not begun."""
        run, tasks = self.deploy(name, run_id="one", rounds=1, **fields)
        while tasks[task] != "success":
            assert run == "running", tasks
            run, tasks = self.follow(name, rounds=1)

    def follow(self, name, rounds=12):
        plan = self.plan(name)
        return self.scheduling.follow(self.scheduling.store_plan(plan), self.dag(plan), "one", rounds=rounds)

    def write_xcom(self, name, task, key, value):
        """Change an XCom as Airflow's API does."""
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session

        with create_session() as session:
            row = session.query(XComModel).filter_by(dag_id=f"mcop.{name}", run_id="one", task_id=task, key=key).one()
            row.value = XComModel.serialize_value(value)


@pytest.fixture(scope="module")
def tamperer(scheduling, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tampered")
    with pytest.MonkeyPatch.context() as patch:
        settings = Settings(
            artifact_store=f"file://{folder}/store",
            work_dir=str(folder / "runs"),
            cache_dir=str(folder / "cache"),
            record_key="k" * 32,
        )
        for name, value in settings.to_environment().items():
            patch.setenv(name, value)
        yield Tamperer(filled(settings, folder / "states"), scheduling)


def test_the_artifact_of_another_run_is_not_applied(tamperer, capsys):
    """Its digest in the XCom is whole and in the store; the run's own record says another."""
    tamperer.publish("older", approval="never")
    tamperer.publish("newer", approval="never", base="other")
    tamperer.deploy("older", run_id="one")
    theirs = tamperer.xcoms("one", "mcop.older")[RENDER, "artifact"]
    tamperer.until("newer", RENDER)
    tamperer.write_xcom("newer", RENDER, "artifact", theirs)
    run, tasks = tamperer.follow("newer")

    assert (run, tasks[APPLY]) == ("failed", "failed")
    assert "its XCom says" in capsys.readouterr().out
    assert not tamperer.has_state("newer")


def test_an_output_that_was_changed_reaches_no_component(tamperer, capsys):
    """The step that reads it is not rendered; the log names the output, and not its value."""
    tamperer.publish("changed", approval="never")
    tamperer.until("changed", APPLY)
    tamperer.write_xcom("changed", APPLY, "name", "evil")
    run, tasks = tamperer.follow("changed")
    log = capsys.readouterr().out

    assert (run, tasks[SECOND]) == ("failed", "failed")
    assert "the XCom 'name' of platform.pair.first is not what the step left" in log and "evil" not in log


def test_an_approval_that_no_worker_wrote_opens_nothing(tamperer, capsys):
    """Whoever may write the store, but has not the key, forges the record and marks the task as successful."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    tamperer.publish("forgery")
    tamperer.start("forgery", "one")
    digest = tamperer.preview("forgery", "one").digest
    ApprovalStore(tamperer.catalog.store, "mcop.forgery", "one").approve(digest, [])
    with create_session() as session:
        waiting = session.query(TaskInstance).filter_by(dag_id="mcop.forgery", run_id="one", task_id="approve").one()
        waiting.state = "success"
    run, tasks = tamperer.follow("forgery")

    assert (run, tasks[APPLY]) == ("failed", "failed")
    assert "carries no code of a worker" in capsys.readouterr().out
    assert not tamperer.has_state("forgery")


@pytest.mark.campaign
@pytest.mark.parametrize("thing", ["artifact", "template"])
def test_what_was_changed_in_the_store_is_not_run(thing, tamperer, capsys):
    """The task that reads it fails; the machine's cache does not hide it, since it is by digest, too."""
    name = f"stored-{thing}"
    store = tamperer.catalog.store
    tamperer.publish(name, approval="never", base="stored")
    if thing == "artifact":
        tamperer.until(name, RENDER)
        key = artifact_key(tamperer.xcoms("one", f"mcop.{name}")[RENDER, "artifact"])
    else:
        key = f"{tamperer.plan(name).steps[0].template.prefix}/main.tf"
    genuine = store.get(key).data
    store.put(key, genuine.replace(b"terraform_data", b"terraform_evil"))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MCOP_CACHE_DIR", str(tamperer.catalog.states.parent / f"cache-{thing}"))
            run, tasks = tamperer.follow(name) if thing == "artifact" else tamperer.deploy(name, run_id="one")
    finally:
        store.put(key, genuine)

    assert (run, tasks[APPLY if thing == "artifact" else RENDER]) == ("failed", "failed")
    assert "has the digest" in capsys.readouterr().out
    assert not tamperer.has_state(name)
