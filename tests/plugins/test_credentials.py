"""Manifests with credentials of their own, deployed to an emulated cloud by Airflow's own task machinery."""

import os
import sqlite3
from functools import partial

import pytest

from mcop_core.bootstrap import open_engine, open_workspace
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.drift.detect import Watch, batched, detect_drift
from mcop_core.errors import InvalidDocuments, McopError
from mcop_core.publishing import publish_folder
from mcop_core.settings import Settings
from tests.core.engines.terraform.operations import Recorder, all_bytes
from tests.emulators import running
from tests.fault_proxy import proxied
from tests.plugins import airflow_home
from tests.plugins.small_catalog import SmallCatalog
from tests.plugins.test_deployment import Deployer

pytestmark = [pytest.mark.terraform, pytest.mark.emulator]

WORKERS, SHOPS, CAFES = "AKIAWORKERS", "AKIASHOPS", "AKIACAFES"
MODULE = """
terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
variable "text" {
  type      = string
  sensitive = true
}
resource "aws_ssm_parameter" "this" {
  name           = "/mcop/thing"
  type           = "String"
  insecure_value = "fixed"
  description    = nonsensitive(sha256(var.text))
}
"""
CATALOG = """\
kind: adapter
name: aws-terraform
version: 1.0.0
provider: aws
primitive_type: terraform
engine: terraform
settings:
  source: hashicorp/aws
  version: 5.100.0
  configuration: {region: us-east-1, skip_metadata_api_check: "true", max_retries: 1}
---
kind: primitive
name: thing
version: 1.0.0
provider: aws
primitive_type: terraform
source: templates/thing
---
kind: pattern
name: things
version: 1.0.0
provider: aws
primitive_type: terraform
parameters: {text: {type: string, sensitive: true, default: "secret://env/TEXT"}}
elements: {thing: {primitive: thing, version: 1.0.0, inputs: {text: "${text}"}}}
---
kind: workflow
name: platform
version: 1.0.0
patterns: {things: {pattern: things, version: 1.0.0}}
backend: {type: local, path: "${states}"}
"""
MANIFEST = """\
---
kind: manifest
name: %(name)s
version: 1.0.0
namespace: %(name)s
configuration: {states: "%(states)s"}
credentials: {aws: "secret://airflow/%(connection)s"}
workflows: {platform: {workflow: platform, version: 1.0.0}}
"""


def publish(folder, settings, **connections):
    """Publish a manifest for each *name*=connection, in a namespace of its name."""
    states = folder / "states"
    made = [MANIFEST % {"name": name, "connection": id_, "states": states} for name, id_ in connections.items()]
    files = {"catalog.yaml": CATALOG + "".join(made), "templates/thing/main.tf": MODULE}
    for path, text in files.items():
        (folder / "catalog" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "catalog" / path).write_text(text)
    catalog = SmallCatalog(MemoryRepository(), settings, states)
    publish_folder(folder / "catalog", catalog.repository, catalog.store, lambda name: open_engine(name, settings))
    return catalog


@pytest.fixture
def settings(tmp_path, monkeypatch):
    made = Settings(
        artifact_store=f"file://{tmp_path}/store", work_dir=str(tmp_path / "runs"), cache_dir=str(tmp_path / "cache")
    )
    for name, value in {**made.to_environment(), "MCOP_SECRET_TEXT": "a text"}.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def cloud(tmp_path, monkeypatch):
    """A proxy before an emulator; the worker has credentials of its own for it."""
    with running("moto_server", tmp_path) as emulator, proxied(emulator.port) as proxy:
        for name, value in {
            **emulator.environment,
            "AWS_ENDPOINT_URL": proxy.url,
            "AWS_ACCESS_KEY_ID": WORKERS,
        }.items():
            monkeypatch.setenv(name, value)
        yield proxy


@pytest.fixture
def connections(airflow_database):
    """One connection to the cloud for each of two namespaces."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    ids = {"mcop.shop.aws": SHOPS, "mcop.cafe.aws": CAFES}
    with create_session() as session:
        for id_, key in ids.items():
            session.add(Connection(id_, "aws", login=key, password=f"hunter2-{key}"))
    yield
    with create_session() as session:
        session.query(Connection).filter(Connection.conn_id.in_(ids)).delete()


def keys_of(cloud):
    """Return who asked the cloud since this was called last."""
    keys, cloud.keys = set(cloud.keys), []
    return keys


def look(catalog, names):
    settings = catalog.settings
    with open_workspace(settings, os.environ, "a look", cancelled=lambda: False) as workspace:
        opener, report = partial(open_engine, settings=settings), Recorder()
        head = catalog.repository.head().snapshot
        watch = Watch(catalog.store, head, opener, workspace.directory / "cache", workspace, report)
        return detect_drift(names, watch)


def failures(find, *, times=3):
    """Return what could not be looked at; again where the provider's client had closed its connection by itself."""
    found = [one for one in find().values() if isinstance(one, McopError)]
    lost = any("closed network connection" in str(one) for one in found)
    return failures(find, times=times - 1) if lost and times > 1 else found


def test_each_manifest_speaks_as_itself_alone(settings, cloud, connections, scheduling, tmp_path, monkeypatch, capfd):
    """Preview, apply and drift of two namespaces: each with its own key, never the worker's, and it is kept nowhere."""
    catalog = publish(tmp_path, settings, shop="mcop.shop.aws", cafe="mcop.cafe.aws")
    deployer = Deployer(catalog, scheduling)
    for name, key in {"shop": SHOPS, "cafe": CAFES}.items():
        keys_of(cloud)
        assert deployer.deploy(name, run_id="one", conf={"action": "preview"})[0] == "success"
        assert keys_of(cloud) <= {key}
        if name == "cafe":
            boto_delete(cloud)
            keys_of(cloud)
        run, _ = deployer.deploy(name, run_id="two")
        assert (run, keys_of(cloud)) == ("success", {key})

    names = [("shop", "shop"), ("cafe", "cafe")]
    assert sorted(batched(names, catalog.store)) == [(("cafe", "cafe"),), (("shop", "shop"),)]
    for id_, key in {"MCOP.SHOP.AWS": SHOPS, "MCOP.CAFE.AWS": CAFES}.items():
        uri = f'{{"conn_type": "aws", "login": "{key}", "password": "hunter2-{key}"}}'
        monkeypatch.setenv(f"AIRFLOW_CONN_{id_}", uri)
    for name, key in zip(names, (SHOPS, CAFES), strict=True):
        look(catalog, [name])
        assert keys_of(cloud) == {key}
    assert not failures(lambda: look(catalog, names))
    assert keys_of(cloud) == {SHOPS, CAFES}

    left = all_bytes(tmp_path / "store") + all_bytes(tmp_path / "runs") + all_bytes(tmp_path / "states")
    with sqlite3.connect(airflow_home.HOME / "airflow.db") as opened:
        tables = [row[0] for row in opened.execute("select name from sqlite_master where type = 'table'")]
        records = repr([opened.execute(f'select * from "{one}"').fetchall() for one in tables if one != "connection"])
    assert "secret://airflow/mcop.shop.aws" in records + left.decode(errors="replace")
    assert "hunter2" not in records + left.decode(errors="replace") + "".join(capfd.readouterr())


def boto_delete(cloud):
    """Make room: both manifests make a parameter of one name, in the one account that the emulator has."""
    import boto3

    client = boto3.client("ssm", endpoint_url=cloud.url, region_name="us-east-1")
    client.delete_parameter(Name="/mcop/thing")


def test_credentials_of_another_namespace_are_refused_when_they_are_published(settings, tmp_path):
    """Nothing of it is published."""
    with pytest.raises(InvalidDocuments, match=r"credentials\.aws: .*belongs to the namespace cafe.*is of shop"):
        publish(tmp_path, settings, shop="mcop.cafe.aws")


def test_credentials_of_another_namespace_are_no_value_of_a_run_either(
    settings, cloud, connections, scheduling, tmp_path, capfd
):
    """A reference that a run gives is refused before anything asks the cloud, and no value is told."""
    catalog = publish(tmp_path, settings, shop="mcop.shop.aws")
    run, tasks = Deployer(catalog, scheduling).deploy(
        "shop", run_id="three", conf={"text": "secret://airflow/mcop.cafe.aws#password"}
    )
    said = "".join(capfd.readouterr())

    assert (run, tasks["platform.things.apply_thing"]) == ("failed", "failed")
    assert "the connection belongs to the namespace cafe" in said
    assert "hunter2" not in said
    assert set() == keys_of(cloud)
