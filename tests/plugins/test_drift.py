"""The DAG `mcop_drift`, run by Airflow's own task machinery: looks, report, notification, remedy."""

import json
from contextlib import contextmanager
from pathlib import Path

import pytest
from airflow.models.dagrun import DagRun
from airflow.sdk import BaseNotifier
from airflow.utils.session import create_session

from mcop_airflow.notifying import open_notifier
from mcop_airflow.operators.drift import NOTIFIED_KEY
from mcop_core.catalog.models import DriftPolicy
from mcop_core.compiler.snapshot import plan_key
from mcop_core.deployments import Deployments
from mcop_core.drift.detect import last_look
from mcop_core.errors import InvalidInput
from tests.plugins import airflow_home
from tests.plugins.test_deployment import Deployer

FILE = Path(__file__).parents[2] / "dags" / "mcop_drift.py"


class FileNotifier(BaseNotifier):
    """Writes what it is told into a file."""

    template_fields = ("path",)

    def __init__(self, path):
        super().__init__()
        self.path = path

    def notify(self, context):
        Path(self.path).write_text(context[NOTIFIED_KEY])


@pytest.mark.parametrize("text", ["{", "[]", '{"kwargs": {}}', '{"classpath": "no.such.Notifier"}', '{"classpath": 1}'])
def test_what_names_no_notifier_is_told(text):
    """A setting that cannot be used says how it is written."""
    with pytest.raises(InvalidInput, match="classpath"):
        open_notifier(text)


class Watcher(Deployer):
    """Deploys manifests, changes what they left, and runs `mcop_drift`."""

    def publish(self, name, version="1.0.0", **drift):
        manifest = self.catalog.manifest(name, version)
        self.catalog.publish(manifest.model_copy(update={"drift": DriftPolicy.model_validate(drift)}))

    def lose(self, name, element):
        """Take the one resource out of the state of an element."""
        path = self.catalog.states / "team" / name / "platform" / "pair" / f"{element}.tfstate"
        state = json.loads(path.read_text())
        path.write_text(json.dumps({**state, "resources": [], "serial": state["serial"] + 1}))

    @contextmanager
    def without_plan(self, name):
        """Inside the block, the plan is lost that a manifest was deployed with."""
        key = plan_key(Deployments(self.catalog.store, "team", name).get("platform.pair.first").plan)
        plan = self.catalog.store.get(key).data
        self.catalog.store.delete(key)
        yield
        self.catalog.store.put(key, plan)

    def watch(self, run_id, **conf):
        folder = airflow_home.DAGS / "drift"
        folder.mkdir(exist_ok=True)
        (folder / FILE.name).write_bytes(FILE.read_bytes())
        dag = self.scheduling.store_dags(folder).dags["mcop_drift"]
        return self.scheduling.run(dag, conf=conf, run_id=run_id)

    @contextmanager
    def executing(self, name):
        """Inside the block, a run of the manifest's DAG is running."""
        self._set_state(name, "running")
        try:
            yield
        finally:
            self._set_state(name, "success")

    def _set_state(self, name, state):
        with create_session() as session:
            session.query(DagRun).filter_by(dag_id=f"mcop.{name}", run_id="one").update({"state": state})

    def triggered(self, name):
        with create_session() as session:
            runs = session.query(DagRun).filter_by(dag_id=f"mcop.{name}", state="queued").all()
            return [(run.run_id.split("__")[0], run.conf) for run in runs]


@pytest.mark.terraform
@pytest.mark.emulator
def test_drift_is_looked_for_reported_and_undone(airflow_database, dynamodb_catalog, monkeypatch, tmp_path):
    """
    Untouched is silent; what was lost is told, notified, and executed again only where its manifest says so.

    A task maps to one at most: what is planned apart is looked at by one task, and one manifest is executed.
    """
    from tests.plugins import scheduling

    notifier = {"classpath": f"{__name__}.FileNotifier", "kwargs": {"path": str(tmp_path / "told-{{ run_id }}")}}
    monkeypatch.setenv("MCOP_DRIFT_NOTIFIER", json.dumps(notifier))
    watcher = Watcher(dynamodb_catalog, scheduling)
    watcher.publish("mended", remediate=True)
    watcher.publish("watched")
    watcher.publish("next", remediate=True)
    for name in ("mended", "next", "watched"):
        watcher.deploy(name, run_id="one", conf={"base": "two"})

    run, tasks = watcher.watch("quiet")
    assert (run, tasks["report"], tasks["remedy"]) == ("success", "success", "skipped")
    assert not (tmp_path / "told-quiet").exists()
    assert last_look(watcher.catalog.store, "team", "mended") is not None

    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "1")
    for name in ("mended", "next", "watched"):
        watcher.lose(name, "second")
    run, tasks = watcher.watch("alarm")
    told = (tmp_path / "told-alarm").read_text()

    assert (run, tasks["remedy"]) == ("success", "success")
    assert "manifest#mended@1.0.0: 1 resource drifted, in 1 of 2 components" in told
    assert "manifest#watched@1.0.0: 1 resource drifted, in 1 of 2 components" in told
    assert watcher.triggered("mended") == [("mcop_drift", {"base": "two", "mcop.requested_by": "mcop_drift"})]
    assert watcher.triggered("watched") == watcher.triggered("next") == []

    with watcher.without_plan("mended"):
        run, tasks = watcher.watch("partly")
    assert (run, tasks["report"], tasks["remedy"]) == ("failed", "failed", "upstream_failed")
    told = (tmp_path / "told-partly").read_text()
    assert "manifest#watched@1.0.0: 1 resource drifted" in told and "mended" not in told

    before = last_look(watcher.catalog.store, "team", "watched")
    with watcher.executing("watched"):
        run, tasks = watcher.watch("beside", manifests=["watched"])
    assert (run, tasks["look"], tasks["remedy"]) == ("success", "success", "skipped")
    assert not (tmp_path / "told-beside").exists()
    assert before == last_look(watcher.catalog.store, "team", "watched")

    monkeypatch.setenv("MCOP_DRIFT_CEILING", "0.4")
    run, tasks = watcher.watch("storm", manifests=["mended"])
    assert (run, tasks["remedy"]) == ("success", "skipped")
