"""References to secrets in Airflow's own task machinery: who reads them, what is recorded, what errors say."""

import json
import sqlite3
from dataclasses import asdict
from datetime import UTC, datetime

import pytest

from mcop_core.catalog.models import Adapter, Backend, Manifest, Pattern, Workflow
from mcop_core.deployments import Deployments
from mcop_core.operations import OperationNote, Operations
from mcop_core.runner.folder import OperationFolder
from mcop_core.runner.holder import Holder
from mcop_core.runner.request import Operation, RunRequest
from mcop_core.settings import Settings
from tests.core.engines.terraform.operations import all_bytes
from tests.fakes.vault import running_vault
from tests.plugins import airflow_home
from tests.plugins.small_catalog import LOCAL, SmallCatalog
from tests.plugins.test_deployment import Deployer

pytestmark = pytest.mark.terraform

PASSWORD, TOKEN, KEY = "hunter2password", "hunter2token", "hunter2key"
MODULE = """
variable "secrets" {
  type      = map(string)
  sensitive = true
}
resource "terraform_data" "this" { input = var.secrets }
output "copy" {
  value     = terraform_data.this.output
  sensitive = true
}
"""


def objects(states):
    sensitive = {"type": "string", "sensitive": True}
    parameters = {"token": {**sensitive, "default": "secret://vault/kv/shop#token"}, "key": sensitive}
    secrets = {"password": "secret://airflow/shop_database#password", "token": "${token}", "key": "${key}"}
    elements = {"first": {"primitive": "keeper", "version": "1.0.0", "inputs": {"secrets": secrets}}}
    return [
        Adapter(name="local-terraform", version="1.0.0", engine="terraform", **LOCAL),
        Pattern(name="pair", version="1.0.0", parameters=parameters, elements=elements, **LOCAL),
        Workflow(
            name="platform",
            version="1.0.0",
            patterns={"pair": {"pattern": "pair", "version": "1.0.0"}},
            backend=Backend(type="local", path="${states}"),
        ),
        Manifest(
            name="keep",
            version="1.0.0",
            namespace="team",
            configuration={"states": str(states), "key": "secret://env/KEY"},
            workflows={"platform": {"workflow": "platform", "version": "1.0.0"}},
        ),
    ]


@pytest.fixture(scope="module")
def deployer(scheduling, tmp_path_factory):
    """A catalog with the manifest `keep`, and its secrets in a vault, in the environment and in a connection."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    from mcop_core.catalog.memory import MemoryRepository

    folder = tmp_path_factory.mktemp("secrets")
    settings = Settings(
        artifact_store=f"file://{folder}/store", work_dir=str(folder / "runs"), cache_dir=str(folder / "cache")
    )
    with create_session() as session:
        session.add(Connection("shop_database", "postgres", login="app", password=PASSWORD, host="h"))
    with pytest.MonkeyPatch.context() as patch, running_vault() as vault:
        vault.put("kv/shop", "token", TOKEN)
        for name, value in {**settings.to_environment(), **vault.environment, "MCOP_SECRET_KEY": KEY}.items():
            patch.setenv(name, value)
        catalog = SmallCatalog(MemoryRepository(), settings, folder / "states")
        catalog.publish(catalog.primitive(module=MODULE, name="keeper"), *objects(folder / "states"))
        made = Deployer(catalog, scheduling)
        made.vault = vault
        yield made
    with create_session() as session:
        session.query(Connection).filter_by(conn_id="shop_database").delete()


def state(deployer):
    file = deployer.catalog.states / "team/keep/platform/pair/first.tfstate"
    return json.loads(file.read_text())["outputs"]["copy"]["value"] if file.exists() else None


def database():
    """Everything that Airflow remembers, but for its own store of connections."""
    with sqlite3.connect(airflow_home.HOME / "airflow.db") as opened:
        opened.text_factory = bytes
        tables = [row[0].decode() for row in opened.execute("select name from sqlite_master where type = 'table'")]
        return repr(
            [opened.execute(f'select * from "{table}"').fetchall() for table in tables if table != "connection"]
        )


def test_secrets_of_every_kind_of_store_reach_the_cloud_and_no_record(deployer, capfd):
    """The connection is read by the task and handed to the runner; the others are read by the runner itself."""
    run, _ = deployer.deploy("keep", run_id="one", conf={"token": "secret://vault/kv/shop#token"})
    said = "".join(capfd.readouterr())
    folder = deployer.catalog.states.parent
    records = database() + said + all_bytes(folder / "store").decode() + all_bytes(folder / "runs").decode()

    assert run == "success"
    assert state(deployer) == {"password": PASSWORD, "token": TOKEN, "key": KEY}
    assert "secret://vault/kv/shop#token" in records
    assert "hunter2" not in records


def test_a_secret_that_is_not_there_fails_the_step_and_names_its_reference(deployer, capfd):
    """Before anything is changed; the nearest key is offered."""
    before = state(deployer)
    run, tasks = deployer.deploy("keep", run_id="two", conf={"token": "secret://vault/kv/shop#tokn"})
    said = "".join(capfd.readouterr())

    assert (run, tasks["platform.pair.apply_first"]) == ("failed", "failed")
    assert "secret://vault/kv/shop#tokn: it has no key 'tokn'. Keys: port, token, user." in said
    assert 'Did you mean "#token"?' in said
    assert "hunter2" not in said
    assert state(deployer) == before


def test_a_store_that_does_not_answer_is_asked_again_by_the_next_attempt(deployer, monkeypatch):
    """As every store that does not answer; nothing was changed meanwhile."""
    before = state(deployer)
    monkeypatch.setattr(deployer.vault, "status", 503)
    _, tasks = deployer.deploy("keep", run_id="three", rounds=6)
    deployer.scheduling.forget_runs()

    assert tasks["platform.pair.apply_first"] == "up_for_retry"
    assert state(deployer) == before


def test_what_a_runner_with_a_connection_left_is_settled_by_the_dag(deployer):
    """Its task hands the connection over, as that of the step does; nobody else can read it."""
    store, settings = deployer.catalog.store, deployer.catalog.settings
    execution, step = "mcop.keep/forgotten", "platform.pair.first"
    applied = f"{execution}/platform.pair.apply_first/{step}"
    artifact = Deployments(store, "team", "keep").get(step).artifact
    facts = {"manifest": "keep", "namespace": "team"}
    request = RunRequest(Operation.APPLY, artifact, applied, "keep", settings.artifact_store, step, facts)
    machine = Holder.here(owner="keep", operation=request.id, workspace=OperationFolder.of(request, settings).workspace)
    left = OperationNote(
        request.id, *request.place, step, "apply", asdict(request), asdict(machine), datetime.now(UTC).isoformat()
    )
    Operations(store).note(left)

    assert deployer.reconcile("connected") == ("success", {"reconcile": "success"})
    [settled] = Operations(store).settlements(execution)
    assert "was cut off" in settled.text
    assert Operations(store).open([execution]) == []


def test_a_connection_that_is_not_there_is_named(deployer, monkeypatch):
    """Airflow's own word for it."""
    from mcop_airflow.connections import AirflowConnections
    from mcop_core.errors import SecretNotFound
    from mcop_core.secrets.reference import SecretRef

    monkeypatch.setenv("AIRFLOW_CONN_SHOP_QUEUE", '{"conn_type": "amqp", "extra": {"api_key": "hunter2"}}')
    store = AirflowConnections({})

    assert store.get(SecretRef("airflow", "shop_queue", "api_key")) == "hunter2"
    with pytest.raises(SecretNotFound, match=r"secret://airflow/shop_queue#apikey: .*Keys: api_key, conn_type, uri"):
        store.get(SecretRef("airflow", "shop_queue", "apikey"))
    with pytest.raises(SecretNotFound, match="secret://airflow/nobody#password: Airflow has no connection 'nobody'"):
        store.get(SecretRef("airflow", "nobody", "password"))
