"""`mcop_execute` run by Airflow's own task machinery: activation, the manifest's run, the outputs document."""

import json
from pathlib import Path

import pytest
from airflow.models.dagrun import DagRun
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.utils.session import create_session

from mcop_airflow.operators import execute
from mcop_airflow.snapshot_source import rebuild_snapshot
from mcop_core.catalog.repository import Head
from mcop_core.compiler.snapshot import active_plan, load_plan
from mcop_core.errors import NotFound, Refused
from mcop_core.executions import naming
from tests.plugins import airflow_home
from tests.plugins.small_catalog import remove

DAGS = Path(__file__).parents[3] / "dags"


def test_each_attempt_starts_a_run_of_its_own():
    """Cleared, the deploy task starts another run and does not trip over the first."""
    assert execute.child_run_id("r", 1) != execute.child_run_id("r", 2)


def test_the_active_plan_is_the_heads(catalog):
    """The plan is read from the head's snapshot; an unknown manifest is told with the nearest."""
    head = catalog.repository.head()

    assert len(active_plan(catalog.store, head.snapshot, "shop")) == 64
    with pytest.raises(NotFound, match='Did you mean "shop"'):
        active_plan(catalog.store, head.snapshot, "shopp")


def test_a_manifest_that_does_not_compile_is_refused(catalog):
    """A broken manifest is not executed, and the refusal says why it is broken."""
    remove(catalog.repository, "workflow#platform@1.0.0")
    broken = Head(1, rebuild_snapshot(catalog.repository, catalog.store, None))

    with pytest.raises(Refused, match=r"shop does not compile: .*platform"):
        active_plan(catalog.store, broken.snapshot, "shop")


@pytest.mark.terraform
@pytest.mark.emulator
class TestExecuting:
    """The whole walk, the catalog in an emulator's DynamoDB."""

    @pytest.fixture
    def executing(self, airflow_database, dynamodb_catalog):
        from tests.plugins import scheduling

        return Executing(scheduling, dynamodb_catalog)

    def test_a_version_is_activated_run_and_reported(self, executing, environment):
        """The named version becomes the active one, its DAG runs with the overrides, the outputs are written."""
        catalog = executing.catalog
        catalog.publish(catalog.manifest("shop", "1.1.0", labels=["x"]))
        catalog.activate("shop", "1.0.0")
        run, tasks = executing.run(
            manifest_name="shop", manifest_version="1.1.0", overrides={"base": "four"}, output_path="team/shop.json"
        )
        document = json.loads(catalog.store.get("outputs/team/shop.json").data)

        assert (run, set(tasks.values())) == ("success", {"success"})
        assert catalog.repository.active()["shop"] == "1.1.0"
        assert document["manifest"] == "manifest#shop@1.1.0"
        assert document["outputs"]["platform.pair.second"] == {"name": "after-four", "nothing": None, "tags": ["x"]}
        assert document["sensitive"]["platform.pair.second"] == ["token"]

    @pytest.mark.parametrize(
        ("conf", "said"),
        [
            ({"manifest_name": "shop", "overrides": {"bass": 1}}, "bass"),
            ({"manifest_name": "shop", "manifest_versoin": "1.0.0"}, "manifest_versoin"),
            ({"manifest_name": "shopp"}, "there is no active manifest"),
            ({"manifest_name": "shop", "manifest_version": "9.9.9"}, "9.9.9"),
        ],
    )
    def test_bad_conf_starts_nothing(self, executing, capsys, conf, said):
        """The first task fails, naming the key or what is not there; no version is activated, no run started."""
        revision = executing.catalog.repository.head().revision
        run, tasks = executing.run(**conf)

        assert (run, tasks["activate"], tasks["deploy"]) == ("failed", "failed", "upstream_failed")
        assert executing.catalog.repository.head().revision == revision
        assert said in capsys.readouterr().out


class Executing:
    """Runs `mcop_execute` and, beside it, the runs that it triggers."""

    def __init__(self, scheduling, catalog):
        self.scheduling, self.catalog = scheduling, catalog

    def run(self, **conf):
        folder = airflow_home.DAGS / "execute"
        folder.mkdir(exist_ok=True)
        (folder / "mcop_execute.py").write_bytes((DAGS / "mcop_execute.py").read_bytes())
        dag = self.scheduling.store_dags(folder).dags["mcop_execute"]
        dag.task_dict["await_dag"].mode = "poke"
        dag.task_dict["await_dag"].pre_execute = lambda context: self._parse(conf["manifest_name"])
        # The triggerer would wait in this thread for a run that is to be carried out in this thread.
        dag.task_dict["deploy"].wait_for_completion = False
        return self.scheduling.run(dag, conf=conf, beside=self._run_triggered)

    def _parse(self, name):
        """Store the DAG of the active version, as the DAG processor does meanwhile."""
        head = self.catalog.repository.head()
        plan = load_plan(self.catalog.store, active_plan(self.catalog.store, head.snapshot, name))
        self.parsed = self.scheduling.store_plan(plan)

    def _run_triggered(self):
        with create_session() as session:
            queued = session.query(DagRun).filter(DagRun.dag_id.startswith("mcop."), DagRun.state == "queued").all()
            triggered = [run.run_id for run in queued]
        for run_id in triggered:
            self.scheduling.follow(self.parsed, self.parsed, run_id)


class Waiting:
    """The deploy task of `mcop_execute` back from the triggerer: a run of *manifest*'s DAG of the given plan ended."""

    def __init__(self, plan):
        self.plan = plan

    def xcom_pull(self, **_):
        return {"manifest": "shop", "plan": "a" * 64}

    def get_task_states(self, *, dag_id, run_ids):
        assert dag_id == "mcop.shop"
        return {run_id: {naming.plan_marker(self.plan): "success", "admit": "failed"} for run_id in run_ids}


def ended(state):
    return "", {"run_ids": ["r1"], "r1": state}


def test_it_ends_as_the_run_it_started_ended():
    """The deploy task succeeds with the manifest's run, and its failure is final: nothing is applied twice."""
    operator = execute.DeployOperator(task_id="deploy")

    operator.execute_complete({"ti": Waiting("a" * 64)}, ended("success"))
    with pytest.raises(AirflowFailException, match=r"mcop\.shop failed"):
        operator.execute_complete({"ti": Waiting("a" * 64)}, ended("failed"))


def test_a_run_of_another_plan_is_followed_by_another_run():
    """`admit` refused what Airflow created from a plan that was active in between: the task is tried again."""
    operator = execute.DeployOperator(task_id="deploy")

    with pytest.raises(AirflowException) as raised:
        operator.execute_complete({"ti": Waiting("b" * 64)}, ended("failed"))
    assert not isinstance(raised.value, AirflowFailException)
    assert operator.retries == 3
