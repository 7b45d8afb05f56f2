"""The dashboard and the alerts: every metric is one that is sent, and every alert fires when it should."""

import json
import re
import shutil
import subprocess
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from tests.deploy.installing import DEPLOY

FOLDER = DEPLOY / "telemetry"
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
ALERTS = [rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
METRICS = (DEPLOY.parents[1] / "plugins" / "mcop_airflow" / "metrics.py").read_text()
_SUFFIX = {"counter": "_total", "timer": "_milliseconds", "gauge": ""}
"""Kind of a metric -> what Prometheus ends its name with."""


def prometheus(name, kind):
    """Return what Prometheus calls a metric that Airflow calls *name*."""
    return f"airflow_{name.replace('.', '_').replace('-', '_')}{_SUFFIX[kind]}"


def airflows():
    """Return the names of all metrics that Airflow itself knows."""
    package = find_spec("airflow").submodule_search_locations[0]  # where it lies: importing it takes seconds
    registry = Path(package) / "_shared" / "observability" / "metrics" / "metrics_template.yaml"
    return {prometheus(one["name"], one["type"]) for one in yaml.safe_load(registry.read_text())["metrics"]}


def ours():
    """Return the names of all metrics that MCOP sends, by what stands below each."""
    found = re.findall(r'^[A-Z]+ = "(mcop\.[a-z.]+)"\n"""(Counter|Timer|Gauge):', METRICS, re.MULTILINE)
    return {prometheus(name, kind.lower()) for name, kind in found}


def named(query):
    return set(re.findall(r"\bairflow_[a-z0-9_]+", query))


@pytest.mark.parametrize("query", [*QUERIES, *(rule["expr"] for rule in ALERTS)])
def test_a_query_asks_for_what_is_sent(query):
    """Airflow's registry has the metric, or MCOP's."""
    assert named(query) and named(query) - airflows() - ours() == set()


def test_every_metric_of_mcop_is_shown():
    """Nobody has to know its name."""
    assert ours() - {name for query in QUERIES for name in named(query)} == set()


def test_panels_lie_beside_each_other():
    """Each has its own id and its own place."""
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]

    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)
    assert [] == [pair for pair in combinations(places, 2) if overlap(*pair)]
    assert all(place["x"] + place["w"] <= 24 for place in places)


def overlap(one, other):
    return all(one[at] < other[at] + other[size] and other[at] < one[at] + one[size] for at, size in ("xw", "yh"))


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_urgent_it_is_and_what_to_do(rule):
    """Its severity, what is the matter, and where to look."""
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"] and rule["annotations"]["description"]


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not on PATH: it comes with Prometheus")
@pytest.mark.parametrize("command", [("check", "rules", "alerts.yaml"), ("test", "rules", "alerts.test.yaml")], ids=str)
def test_prometheus_takes_the_rules(command):
    """Its own tool reads them, and fires each alert of the test when it should."""
    done = subprocess.run(["promtool", *command], cwd=FOLDER, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
