"""The DAGs `mcop_workers` and `mcop_inventory`, run by Airflow's own task machinery on a server of the tests."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from airflow.models.asset import AssetEvent
from airflow.models.xcom import XComModel
from airflow.sdk import BaseNotifier
from airflow.utils.session import create_session

from mcop_airflow.operators.inventory import NOTIFIED_KEY
from mcop_airflow.operators.workers import DELETED_KEY, FAILURES_KEY, worker_names
from mcop_airflow.waiting import WorkersTrigger
from mcop_core.bootstrap import open_store
from mcop_core.errors import InvalidInput
from tests.clouds.deployed import deploy, resource
from tests.clouds.digitalocean_server import TOKEN, running_digitalocean, said
from tests.plugins import airflow_home

DAGS = Path(__file__).parents[2] / "dags"
CONFIG = """\
name: {name}
provider: digitalocean
credentials: secret://env/OCEAN
region: nyc3
size: s-1vcpu-1gb
image: ubuntu-24-04-x64
endpoint: {url}
options: {{ca_file: {certificate}}}
"""


class FileNotifier(BaseNotifier):
    """Adds what it is told to a file."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def notify(self, context):
        with Path(self.path).open("a") as file:
            file.write(context[NOTIFIED_KEY] + "\n")


class Sky:
    """A configured cloud, and Airflow's task machinery."""

    def __init__(self, server, folder, scheduling, settings):
        self.server, self.folder, self.scheduling, self.settings = server, folder, scheduling, settings

    def configure(self, name, url=None):
        text = CONFIG.format(name=name, url=url or self.server.url, certificate=self.server.certificate)
        (self.folder / f"{name}.yaml").write_text(text)

    def run(self, dag_id, run_id, **conf):
        files = airflow_home.DAGS / "clouds"
        files.mkdir(exist_ok=True)
        (files / f"{dag_id}.py").write_bytes((DAGS / f"{dag_id}.py").read_bytes())
        bag = self.scheduling.store_dags(files)
        assert not bag.import_errors
        return self.scheduling.run(bag.dags[dag_id], conf=conf, run_id=run_id)

    def returned(self, dag_id, run_id, task_id, key="return_value"):
        with create_session() as session:
            found = session.query(XComModel).filter_by(dag_id=dag_id, run_id=run_id, task_id=task_id, key=key).all()
            values = [XComModel.deserialize_value(one) for one in found]
        return values[0] if len(values) == 1 else values

    def stored(self, key):
        return json.loads(open_store(self.settings.artifact_store).get(key).data)


@pytest.fixture
def sky(scheduling, environment, tmp_path, monkeypatch):
    folder = tmp_path / "clouds"
    folder.mkdir()
    monkeypatch.setenv("MCOP_CLOUDS", str(folder))
    monkeypatch.setenv("MCOP_SECRET_OCEAN", TOKEN)
    scheduling.forget_runs()
    with running_digitalocean(tmp_path) as server:
        server.create_looks = server.delete_looks = 0
        made = Sky(server, folder, scheduling, environment)
        made.configure("ocean")
        yield made


def test_workers_are_created_listed_and_deleted_by_a_run_each(sky):
    """The triggerer waits; what a run returns are the workers."""
    create = {"action": "create", "cloud": "ocean", "names": ["web"], "count": 2}
    state, tasks = sky.run("mcop_workers", "create", **create)
    assert ("success", "success", "skipped") == (state, tasks["create"], tasks["delete_all"])
    assert ["web-1", "web-2"] == sorted(one["name"] for one in sky.returned("mcop_workers", "create", "create"))
    sky.run("mcop_workers", "again", **create)
    assert 2 == len(sky.server.ids())

    sky.run("mcop_workers", "list", action="list", cloud="ocean")
    assert 2 == len(sky.returned("mcop_workers", "list", "list"))
    state, _ = sky.run("mcop_workers", "delete", action="delete", cloud="ocean", names=["web-1"])
    assert ("success", 1) == (state, len(sky.server.ids()))
    state, _ = sky.run("mcop_workers", "all", action="delete-all", cloud="ocean", count=2)
    assert ("failed", 1) == (state, len(sky.server.ids()))
    state, _ = sky.run("mcop_workers", "one", action="delete-all", cloud="ocean", count=1)
    assert ("success", 0) == (state, len(sky.server.ids()))


def test_a_conf_that_contradicts_itself_asks_no_cloud(sky):
    """Whoever names workers and says delete-all does not mean all; the run fails before its first question."""
    sky.server.put("web", "nyc3", {"mcop-owner": "mcop", "mcop-worker": "web"})
    state, tasks = sky.run("mcop_workers", "bad", action="delete-all", cloud="ocean", names=["web"], count=1)

    assert ("failed", "failed", "upstream_failed") == (state, tasks["choose"], tasks["delete_all"])
    assert [] == sky.server.asked


def test_what_could_not_be_made_fails_the_run_and_lies_beside_the_rest(sky):
    """Those that are there are returned all the same."""
    sky.server.droplet_limit = 1
    state, _ = sky.run("mcop_workers", "quota", action="create", cloud="ocean", names=["a", "b"])

    assert "failed" == state
    assert 1 == len(sky.returned("mcop_workers", "quota", "create"))
    (failure,) = sky.returned("mcop_workers", "quota", "create", "failures")
    assert "QuotaExceeded" == failure["error"]


def test_all_workers_are_deleted_while_the_triggerer_waits(sky):
    """What could not be deleted fails the run once the others are gone; a protected one stays, and is not counted."""
    sky.run("mcop_workers", "create", action="create", cloud="ocean", names=["web"], count=3)
    kept = sky.server.put("kept", "nyc3", {"mcop-owner": "mcop", "mcop-worker": "kept", "mcop-protected": "yes"})
    stuck = next(str(one) for one, droplet in sky.server.droplets.items() if droplet.fields["name"] == "web-2")
    sky.server.refuse(f"DELETE /v2/droplets/{stuck}$", said(403, "forbidden", "not yours"), times=None)
    sky.server.delete_looks = 4
    state, _ = sky.run("mcop_workers", "all", action="delete-all", cloud="ocean", count=3)

    assert ("failed", {kept, stuck}) == (state, sky.server.ids())
    asked, names, failures = (
        sky.returned("mcop_workers", "all", "delete_all", key) for key in (DELETED_KEY, "return_value", FAILURES_KEY)
    )
    assert ["web-1", "web-3"] == [one["name"] for one in asked] == names
    assert [("worker web-2", "CredentialsRefused")] == [(one["what"], one["error"]) for one in failures]


def test_where_nothing_is_to_be_deleted_nothing_is_waited_for(sky):
    """A trigger without names would wait for everybody's."""
    state, _ = sky.run("mcop_workers", "none", action="delete-all", cloud="ocean", count=0)

    assert ("success", []) == (state, sky.returned("mcop_workers", "none", "delete_all", DELETED_KEY))


def test_an_inventory_looks_at_every_cloud_and_tells_who_waits_for_it(sky):
    """Its event says where it lies; a cloud that is down hides no other, and fails the run."""
    sky.run("mcop_workers", "create", action="create", cloud="ocean", names=["web"])
    sky.server.put("foreign", "fra1", {})
    sky.server.put_cluster("apples", "fra1")
    state, _ = sky.run("mcop_inventory", "first")
    summary = sky.stored(sky.returned("mcop_inventory", "first", "report"))
    (look,) = summary["looks"]

    assert "success" == state
    assert (2, 1) == (look["instances"], look["clusters"])
    assert {"web": "worker web", "foreign": ""} == {
        one["name"]: one["made_by"] for one in sky.stored(look["key"])["instances"]
    }
    with create_session() as session:
        event = session.query(AssetEvent).order_by(AssetEvent.id.desc()).first()
        assert {"key": "inventory/first/summary.json", "instances": 2} == {
            name: event.extra[name] for name in ("key", "instances")
        }


def test_an_inventory_is_held_against_what_executions_deployed(sky, tmp_path):
    """Once for all looks, also of an account that is configured twice; the event tells what is missing."""
    url = sky.settings.artifact_store
    sky.configure("other")
    ours, _ = sky.server.put("ours", "nyc3", {}), sky.server.put("foreign", "fra1", {})
    droplets = [{"index_key": 0, "attributes": {"id": ours}}, {"index_key": 1, "attributes": {"id": "1"}}]
    deploy(url, "w.p.web", [resource("digitalocean_droplet", "web", *droplets)])
    deploy(url, "w.p.lost", [])
    Path(url.removeprefix("file://"), "team/shop/w/p/lost.tfstate").write_text("{")
    state, _ = sky.run("mcop_inventory", "joined")
    summary = sky.stored("inventory/joined/summary.json")
    missing = {"id": "1", "made_by": "team/shop/w.p.web module.this.digitalocean_droplet.web[1]"}

    assert ("success", 2) == (state, len(summary["looks"]))
    assert {"managed": 2, "unmanaged": 2, "missing": 1, "cannot_be_told": 0} == summary["standings"]
    assert [missing] == summary["missing"]
    assert ["team/shop/w.p.lost"] == [one["what"] for one in summary["not_read"]]
    assert ["missing"] == [one["standing"] for one in sky.stored(summary["entries"]) if one["id"] == "1"]
    with create_session() as session:
        event = session.query(AssetEvent).order_by(AssetEvent.id.desc()).first()
        assert (2, 1, 1) == tuple(event.extra[name] for name in ("managed", "missing", "not_read"))

    sky.run("mcop_inventory", "part", clouds=["ocean"])
    assert {"managed": 1, "unmanaged": 1, "missing": 0, "cannot_be_told": 1} == sky.stored(
        "inventory/part/summary.json"
    )["standings"]


def test_a_cloud_that_is_down_is_named_and_the_others_are_kept(sky, tmp_path, monkeypatch):
    """Its look fails, and so the run; its health is a finding, told once."""
    notifier = {"classpath": f"{__name__}.FileNotifier", "kwargs": {"path": str(tmp_path / "told")}}
    monkeypatch.setenv("MCOP_CLOUDS_NOTIFIER", json.dumps(notifier))
    monkeypatch.setattr("mcop_airflow.operators.inventory._RETRIES", {"retries": 0})
    sky.configure("down")
    (sky.folder / "down.yaml").write_text(
        (sky.folder / "down.yaml").read_text().replace("secret://env/OCEAN", "secret://env/NONE")
    )
    for run_id in ("one", "two"):
        state, tasks = sky.run("mcop_inventory", run_id)
        assert ("failed", "success") == (state, tasks["health"])
    summary = sky.stored("inventory/one/summary.json")

    assert (["ocean"], ["down"]) == (
        [one["cloud"] for one in summary["looks"]],
        [one["cloud"] for one in summary["not_answered"]],
    )
    assert ["down: ok -> failed"] == [line.partition(": s")[0] for line in (tmp_path / "told").read_text().splitlines()]


def test_a_trigger_waits_until_nothing_moves_and_no_longer(sky):
    """It survives being written down, and never fails: the task tells what is wrong."""
    sky.run("mcop_workers", "create", action="create", cloud="ocean", names=["web"])
    droplet = next(iter(sky.server.droplets.values()))
    droplet.fields["status"] = "new"
    trigger = WorkersTrigger(cloud="ocean", names=["web"], until=time.time() + 60, pause_s=0.05)
    path, given = trigger.serialize()

    async def wait(one):
        return [event.payload async for event in one.run()]

    async def activate():
        await asyncio.sleep(0.3)
        droplet.fields["status"] = "active"

    async def both():
        return (await asyncio.gather(wait(WorkersTrigger(**given)), activate()))[0]

    assert f"{WorkersTrigger.__module__}.WorkersTrigger" == path
    assert [{"cloud": "ocean"}] == asyncio.run(both())
    droplet.fields["status"] = "new"
    assert [{"cloud": "ocean"}] == asyncio.run(wait(WorkersTrigger(**{**given, "until": time.time() - 1})))
    sky.server.refuse("GET /v2/regions", said(401, "Unauthorized", "no"), times=None)
    assert [{"cloud": "ocean"}] == asyncio.run(wait(WorkersTrigger(**given)))


@pytest.mark.parametrize(
    ("names", "count", "expected"),
    [(["a", "b"], None, ["a", "b"]), (["a"], 2, ["a-1", "a-2"]), ("a", "1", ["a-1"]), ("a", "", ["a"])],
)
def test_names_are_said_or_counted(names, count, expected):
    """As the form, REST and templates give them."""
    assert expected == worker_names(names, count)


@pytest.mark.parametrize(("names", "count"), [([], None), (None, 3), (["a", "b"], 2), (["a"], 0), ("a", "-1")])
def test_names_that_are_none_are_refused(names, count):
    """Nothing is guessed."""
    with pytest.raises(InvalidInput):
        worker_names(names, count)
