"""What a deployment tells of itself, run by Airflow's own task machinery, as a collector gets it."""

import os
import re
from pathlib import Path

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from mcop_core.settings import Settings
from tests.otlp import receiving
from tests.plugins.small_catalog import filled
from tests.plugins.test_deployment import Deployer

pytestmark = pytest.mark.terraform

METRICS = (Path(__file__).parents[2] / "plugins" / "mcop_airflow" / "metrics.py").read_text()
STEPS = {"platform.pair.first", "platform.pair.second"}


@pytest.fixture(scope="module")
def told(scheduling, tmp_path_factory):
    """What was sent while `shop` was deployed and reconciled, and a drift run that could look at nothing."""
    folder = tmp_path_factory.mktemp("told")
    with pytest.MonkeyPatch.context() as patch, receiving() as receiver:
        settings = Settings(
            artifact_store=f"file://{folder}/store", work_dir=str(folder / "runs"), cache_dir=str(folder / "cache")
        )
        exporting = {**receiver.environment, "AIRFLOW__METRICS__OTEL_ON": "True"}
        for name, value in {**settings.to_environment(), **exporting}.items():
            patch.setenv(name, value)
        provider = traced(patch)
        scheduling.forget_runs()
        made = Deployer(filled(settings, folder / "states"), scheduling)
        with counted(patch), provider.get_tracer("airflow").start_as_current_span("the task") as task:
            receiver.task = f"{task.get_span_context().span_id:016x}"
            assert made.deploy(run_id="told")[0] == "success"
            assert made.reconcile("settled")[0] == "success"
            look(made, scheduling)
        provider.force_flush()
        yield receiver


def traced(patch):
    """Have this process trace as Airflow's does with `[traces] otel_on`, each span sent at once."""
    from airflow._shared.observability.traces import _load_exporter_from_env

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(_load_exporter_from_env()))
    patch.setattr(trace, "get_tracer_provider", lambda: provider)
    return provider


def counted(patch):
    """Have this process count as a task does with `[metrics] otel_on`; what it counted is sent at the block's end."""
    from contextlib import contextmanager

    from airflow.sdk.observability import stats
    from airflow.sdk.observability.metrics.stats_utils import get_stats_factory

    @contextmanager
    def counting():
        stats.initialize(factory=get_stats_factory(), export_legacy_names=False)
        try:
            yield
        finally:
            # Sends what was counted; at the end of this process Airflow would send once more, to nobody.
            metrics.get_meter_provider().shutdown()
            patch.delenv("AIRFLOW__METRICS__OTEL_ON")
            stats.initialize(factory=get_stats_factory(), export_legacy_names=True)

    return counting()


def look(made, scheduling):
    """Look at what is deployed, with the catalog in memory: the operators of `mcop_drift` one by one."""
    from mcop_airflow.metrics import drift_told
    from mcop_core.bootstrap import open_engine, open_workspace
    from mcop_core.drift.detect import Watch, detect_drift
    from tests.core.engines.terraform.operations import Recorder

    settings, name = made.catalog.settings, ("team", "shop")
    with open_workspace(settings, os.environ, "test", cancelled=lambda: False) as workspace:
        found = detect_drift(
            [name],
            Watch(
                made.catalog.store,
                made.catalog.repository.head().snapshot,
                lambda engine: open_engine(engine, settings),
                Path(settings.cache_dir),
                workspace,
                Recorder(),
            ),
        )
    drift_told([found[name]], 0)


@pytest.mark.parametrize("name", ["mcop.render", "mcop.apply"])
def test_each_component_has_its_span(told, name):
    """With its manifest, below what Airflow does; an apply's comes from the runner's process."""
    spans = {one.attributes["mcop.component"]: one for one in told.named(name)}

    assert set(spans) == STEPS
    assert {one.parent for one in spans.values()} == {told.task}
    assert {one.attributes["mcop.manifest"] for one in spans.values()} == {"team/shop"}
    assert {one.service == "mcop-runner" for one in spans.values()} == {name == "mcop.apply"}


def test_an_apply_names_its_execution(told):
    """Whoever has the trace finds the run."""
    assert {one.attributes["mcop.execution"] for one in told.named("mcop.apply")} == {"mcop.shop/told"}


def test_a_sweep_counts_what_it_looked_at(told):
    """One manifest, its components, and nothing that drifted or failed."""
    (sweep,) = told.named("mcop.sweep")
    counts = {name: number for name, number in sweep.attributes.items() if isinstance(number, int)}

    assert sweep.parent == told.task and sweep.attributes["mcop.manifest"] == "team/shop"
    assert counts == {"mcop.manifests": 1, "mcop.components": 2, "mcop.drifted": 0, "mcop.failed": 0}


def test_every_metric_of_mcop_is_sent(told):
    """By Airflow's own exporter and under its prefix, with the attributes that dashboard and alerts ask for."""
    ours = {f"airflow.{name}" for name in re.findall(r'^[A-Z]+ = "(mcop\.[a-z.]+)"', METRICS, re.MULTILINE)}

    assert ours - set(told.metrics) == set()
    assert told.metrics["airflow.mcop.operations"] >= {"operation", "outcome"}
    assert told.metrics["airflow.mcop.resources"] >= {"action"}
    assert told.metrics["airflow.mcop.drift.components"] >= {"manifest"}


def test_no_value_is_in_what_was_sent(told):
    """Neither a sensitive output nor an input."""
    sent = b"".join(told.raw)

    assert sent and b"canary" not in sent and b"after-one" not in sent
