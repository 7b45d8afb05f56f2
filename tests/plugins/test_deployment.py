"""A manifest deployed: compiled, stored, admitted, rendered and applied by Airflow's own task machinery, no cloud."""

import json
from pathlib import Path

import pytest
from airflow.sdk.exceptions import ParamValidationError

from mcop_airflow.dag_factory import build_dag
from mcop_core.compiler.snapshot import load_plan, load_snapshot
from mcop_core.executions import naming
from mcop_core.settings import Settings
from tests.plugins import airflow_home
from tests.plugins.small_catalog import FAILING_MODULE, filled

pytestmark = pytest.mark.terraform

RECONCILE = Path(__file__).parents[2] / "dags" / "mcop_reconcile.py"
STATE = "team/shop/platform/pair/{}.tfstate"


class Deployer:
    """Runs the active version of a manifest, as workers on this machine would."""

    def __init__(self, catalog, scheduling):
        self.catalog, self.scheduling = catalog, scheduling

    def plan(self, name="shop"):
        snapshot = load_snapshot(self.catalog.store, self.catalog.repository.head().snapshot)
        return load_plan(self.catalog.store, snapshot.manifests[name].plan)

    def dag(self, plan):
        dag = build_dag(plan)
        dag.task_dict[naming.ADMIT_TASK_ID].open_catalog = lambda settings: self.catalog.repository
        return dag

    def deploy(self, name="shop", **fields):
        plan = self.plan(name)
        return self.scheduling.run(self.scheduling.store_plan(plan), self.dag(plan), **fields)

    def reconcile(self, run_id):
        """Run the DAG `mcop_reconcile`."""
        folder = airflow_home.DAGS / "reconcile"
        folder.mkdir(exist_ok=True)
        (folder / RECONCILE.name).write_bytes(RECONCILE.read_bytes())
        dag = self.scheduling.store_dags(folder).dags["mcop_reconcile"]
        return self.scheduling.run(dag, run_id=run_id)

    def xcoms(self, run_id, dag_id="mcop.shop"):
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session

        with create_session() as session:
            rows = session.query(XComModel).filter_by(dag_id=dag_id, run_id=run_id).all()
            return {(row.task_id, row.key): XComModel.deserialize_value(row) for row in rows}

    def state(self, element):
        return json.loads((self.catalog.states / STATE.format(element)).read_text())


@pytest.fixture(scope="module")
def deployer(scheduling, tmp_path_factory):
    """A catalog with `shop` deployed once as the run `first`, and what its log said."""
    folder = tmp_path_factory.mktemp("deployed")
    with pytest.MonkeyPatch.context() as patch:
        settings = Settings(
            artifact_store=f"file://{folder}/store", work_dir=str(folder / "runs"), cache_dir=str(folder / "cache")
        )
        for name, value in settings.to_environment().items():
            patch.setenv(name, value)
        made = Deployer(filled(settings, folder / "states"), scheduling)
        made.first = made.deploy(run_id="first")
        yield made


def test_a_manifest_is_deployed(deployer):
    """References carry values from step to step, with their types, and outputs are XComs."""
    run, tasks = deployer.first
    xcoms = deployer.xcoms("first")

    assert run == "success"
    assert {task for task, state in tasks.items() if state != "success"} == {"preview", "remove"}
    assert xcoms["platform.pair.apply_first", "name"] == "one"
    assert xcoms["platform.pair.apply_second", "name"] == "after-one"
    assert xcoms["platform.pair.apply_second", "tags"] == ["a", "b"]
    assert xcoms["platform.pair.apply_second", "nothing"] is None
    assert xcoms["platform.pair.apply_first", naming.RESULT_KEY]["added"] == 1
    assert deployer.state("second")["outputs"]["name"]["value"] == "after-one"


def test_sensitive_outputs_are_pointers(deployer):
    """The value of a sensitive output is in the state, and in no XCom."""
    xcoms = deployer.xcoms("first")

    assert set(xcoms["platform.pair.apply_first", "token"]) == {"mcop_sensitive"}
    assert deployer.state("first")["outputs"]["token"]["value"] == "canary-one"
    assert "canary" not in json.dumps([*xcoms.values()])


def test_a_second_run_changes_nothing(deployer, capsys):
    """Deployed again, nothing is added, changed or destroyed, and the artifacts are the same bytes."""
    deployer.deploy(run_id="again")
    before, after = deployer.xcoms("first"), deployer.xcoms("again")
    artifact = ("platform.pair.render_second", naming.ARTIFACT_KEY)
    log = capsys.readouterr().out

    assert before[artifact] == after[artifact]
    assert after["platform.pair.apply_first", naming.RESULT_KEY]["added"] == 0
    assert after["platform.pair.apply_second", "name"] == "after-one"
    assert "Done with platform.pair.second: 0 added, 0 changed, 0 destroyed" in log
    assert "::group::" in log
    assert "canary" not in log


def test_an_override_is_held_to_the_workers_limit(deployer, monkeypatch, capsys):
    """What the setting does not allow is refused before anything is applied, and the setting named."""
    monkeypatch.setenv("MCOP_LIMIT_VALUE_BYTES", "6")

    run, tasks = deployer.deploy(run_id="too-large", conf={"base": "three"})

    assert (run, tasks["admit"]) == ("failed", "failed")
    assert "7 bytes: allowed are 6 (MCOP_LIMIT_VALUE_BYTES)" in capsys.readouterr().out


def test_an_override_holds_for_one_run(deployer):
    """A value in the run's conf reaches the steps that read it, and what refers to their outputs."""
    run, _ = deployer.deploy(run_id="override", conf={"base": "three", "labels": ["a", "b"]})

    assert run == "success"
    assert deployer.xcoms("override")["platform.pair.apply_second", "name"] == "after-three"


@pytest.mark.parametrize("conf", [{"bass": "x"}, {"states": "/elsewhere"}])
def test_names_that_are_no_parameter_apply_nothing(deployer, conf):
    """Airflow takes any key; unknown and fixed names end the run in admit, before anything is rendered."""
    run, tasks = deployer.deploy("cafe", conf=conf)

    assert (run, tasks["platform.pair.render_first"]) == ("failed", "upstream_failed")


def test_a_value_against_the_rule_makes_no_run(deployer):
    """Airflow refuses the value when the run is triggered."""
    with pytest.raises(ParamValidationError, match="Invalid input for param base"):
        deployer.deploy(conf={"base": "NOT ALLOWED"})


def test_a_failed_apply_is_not_tried_again(deployer, capsys):
    """What Terraform refuses fails the task at once, with Terraform's own words; what comes after does not begin."""
    catalog = deployer.catalog
    catalog.publish(catalog.primitive("1.0.1", FAILING_MODULE), catalog.manifest("doomed"))
    run, tasks = deployer.deploy("doomed")
    log = capsys.readouterr().out

    assert (run, tasks["platform.pair.apply_first"]) == ("failed", "failed")
    assert tasks["platform.pair.render_second"] == "upstream_failed"
    assert "EngineFailed" in log and "it fails once it is made" in log


def test_no_task_needs_anothers_disk(deployer, monkeypatch, tmp_path):
    """Each task runs on an empty disk of its own: what one needs of another comes through the store and XCom."""
    plan = deployer.plan()
    files = deployer.dag(plan)
    for number, task in enumerate(files.tasks):
        elsewhere = {"work_dir": tmp_path / f"disk{number}/runs", "cache_dir": tmp_path / f"disk{number}/cache"}
        task.pre_execute = lambda context, where=elsewhere: [
            monkeypatch.setenv(f"MCOP_{name.upper()}", str(path)) for name, path in where.items()
        ]
    run, _ = deployer.scheduling.run(deployer.scheduling.store_plan(plan), files, run_id="disks")

    assert run == "success"
    assert deployer.xcoms("disks")["platform.pair.apply_second", "name"] == "after-one"


def test_a_store_out_of_reach_is_tried_again(deployer, monkeypatch, tmp_path):
    """A render task that cannot reach the store is left to Airflow's retries; it is no failure of the manifest's."""
    (tmp_path / "no-folder").touch()
    plan = deployer.plan()
    files = deployer.dag(plan)
    files.task_dict["platform.pair.render_first"].pre_execute = lambda context: monkeypatch.setenv(
        "MCOP_ARTIFACT_STORE", f"file://{tmp_path}/no-folder/store"
    )
    _, tasks = deployer.scheduling.run(deployer.scheduling.store_plan(plan), files, rounds=3)

    assert tasks["platform.pair.render_first"] == "up_for_retry"
