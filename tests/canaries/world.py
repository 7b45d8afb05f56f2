"""
`python -m tests.canaries.world <folder>`: deploy a manifest whose 24 canaries come through every door, in this process.

Airflow's own scheduler code and task runner, MCOP's runner as a process of its own, real Terraform; DynamoDB, S3,
Secrets Manager and Parameter Store of an emulator, the fake Vault. What can be read of it afterwards is written below
`<folder>/sinks`, one file or folder a sink. What this process prints is the task log.
"""

from tests.plugins import airflow_home  # isort: skip  # sets AIRFLOW_HOME before anything imports airflow

import hashlib
import json
import os
import shutil
import sqlite3
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from mcop_core.bootstrap import open_repository
from mcop_core.catalog.dynamodb import create_tables
from mcop_core.catalog.models import Adapter, Backend, Manifest, Pattern, Workflow
from mcop_core.cli.overrides import read_overrides
from mcop_core.compiler.snapshot import load_plan, load_snapshot
from mcop_core.executions import naming
from mcop_core.settings import Settings
from tests.emulators import Emulator, running
from tests.fakes.vault import MOUNT, FakeVault, running_vault
from tests.plugins.small_catalog import LOCAL, SmallCatalog

PLACES = (
    "secretsmanager",
    "secretsmanager JSON key",
    "ssm",
    "ssm in a map",
    "vault",
    "vault in a list",
    "vault as JSON of a list",
    "vault in a map of a list",
    "env",
    "env in text",
    "airflow password",
    "airflow extra",
    "by REST conf",
    "by --set",
    "in two components",
    "rotated away",
    "rotated to",
    "in a failing provisioner",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "VAULT_TOKEN",
    "MCOP_AIRFLOW_PASSWORD",
)
DERIVED = ("sensitive output", "sensitive output of a sensitive output")
"""Made by the module from other canaries."""

OF_SETTINGS = {"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "VAULT_TOKEN", "MCOP_AIRFLOW_PASSWORD"}
"""In no state: they are the worker's own."""
AT_REST = frozenset({*PLACES, *DERIVED}) - OF_SETTINGS

STATE = "state"
RUNS = ("applied", "previewed", "failed")
SINKS = (
    STATE,
    "task log",
    "command lines",
    "work and cache folders",
    "XCom",
    "rendered fields",
    "audit log",
    "DAG source",
    "DAG files",
    "serialised DAG",
    "runs and conf",
    "rest of the database",
    "DynamoDB",
    "S3",
    "REST answers",
    "UI pages",
)
"""Where canaries are looked for: as files or folders of these names."""

MODULE = """
variable "secrets" {
  type      = map(string)
  sensitive = true
}
variable "url" {
  type    = string
  default = ""
}
variable "texts" {
  type    = list(string)
  default = []
}
variable "nested" {
  type    = any
  default = null
}
variable "fails" {
  type    = bool
  default = false
}

resource "terraform_data" "this" {
  input = { secrets = var.secrets, url = var.url, texts = var.texts, nested = var.nested }
}

resource "terraform_data" "failing" {
  count = var.fails ? 1 : 0
  provisioner "local-exec" {
    command     = "echo $TOKEN; echo $TOKEN >&2; exit 3"
    environment = { TOKEN = var.secrets["failing"] }
  }
}

output "digest" {
  value     = sha256(var.secrets["digested"])
  sensitive = true
}
output "copy" {
  value = terraform_data.this.output.url
}
"""


def canaries() -> dict[str, str]:
    """Name -> value, letters and digits alone."""
    made = {name: hashlib.sha256(f"canary {name}".encode()).hexdigest()[:24] + "canary" for name in PLACES}
    first = hashlib.sha256(made["in two components"].encode()).hexdigest()
    return {**made, DERIVED[0]: first, DERIVED[1]: hashlib.sha256(first.encode()).hexdigest()}


def blocks(states: str) -> list[Any]:
    """A pattern whose parameters are set at every level; its second element takes what the first puts out."""
    sensitive = {"type": "string", "sensitive": True}
    parameters = {
        "by_pattern": {**sensitive, "default": "secret://secretsmanager/shop/plain"},
        "by_workflow": sensitive,
        "by_configuration": sensitive,
        "by_override": sensitive,
        "by_conf": {**sensitive, "default": None},
        "by_set": {**sensitive, "default": None},
        "several": {"type": "list(string)", "sensitive": True},
        "fails": {"type": "bool", "default": False},
        "failing": {**sensitive, "default": None},
    }
    first = {
        "secrets": {
            "a": "${by_pattern}",
            "b": "${by_workflow}",
            "c": "${by_configuration}",
            "d": "${by_override}",
            "e": "${by_conf}",
            "f": "${by_set}",
            "g": "secret://env/WHOLE",
            "h": "secret://airflow/mail#password",
            "i": "secret://airflow/mail#api_key",
            "digested": "secret://ssm/shop/shared",
            "failing": "${failing}",
        },
        "url": "postgres://app:${password}@host/${rotated}",
        "texts": "${several}",
        "nested": {"list": ["secret://vault/kv/nested#password"], "map": {"x": "secret://ssm/shop/mapped"}},
        "fails": "${fails}",
    }
    second = {
        "secrets": {"digested": "${first.digest}", "failing": "", "shared": "secret://ssm/shop/shared"},
        "texts": ["secret://vault/kv/listed#password"],
    }
    elements = {
        "first": {"primitive": "keeper", "version": "1.0.0", "inputs": first},
        "second": {"primitive": "keeper", "version": "1.0.0", "inputs": second},
    }
    text = {"type": "string", "sensitive": True}
    parameters |= {
        "password": {**text, "default": "secret://env/TEXT#password"},
        "rotated": {**text, "default": "secret://secretsmanager/shop/rotated"},
    }
    return [
        Adapter(name="local-terraform", version="1.0.0", engine="terraform", **LOCAL),
        Pattern(name="pair", version="1.0.0", parameters=parameters, elements=elements, **LOCAL),
        Workflow(
            name="platform",
            version="1.0.0",
            patterns={
                "pair": {
                    "pattern": "pair",
                    "version": "1.0.0",
                    "inputs": {"by_workflow": "secret://secretsmanager/shop/object#password"},
                }
            },
            backend=Backend(type="s3", bucket=states, region="us-east-1", use_lockfile=True),
        ),
        Manifest(
            name="nest",
            version="1.0.0",
            namespace="team",
            configuration={
                "by_configuration": "secret://ssm/shop/whole",
                "several": "secret://vault/kv/several#zones",
            },
            workflows={
                "platform": {
                    "workflow": "platform",
                    "version": "1.0.0",
                    "overrides": {"by_override": "secret://vault/kv/database#password"},
                }
            },
        ),
    ]


class World:
    """Everything around one manifest, and what can be read of it."""

    def __init__(self, folder: Path, emulator: Emulator, vault: FakeVault) -> None:
        self.folder, self.emulator, self.vault, self.canaries = folder, emulator, vault, canaries()
        self.settings = Settings(
            artifact_store="s3://mcop-artifacts",
            work_dir=str(folder / "work"),
            cache_dir=str(folder / "work" / "cache"),
            airflow_password=self.canaries["MCOP_AIRFLOW_PASSWORD"],
            exemptions=str(folder / "exemptions.toml"),
        )

    def fill(self) -> None:
        """Set the environment, make tables and buckets, put every canary into its store."""
        own = {name: self.canaries[name] for name in OF_SETTINGS}
        os.environ.update(
            {**self.emulator.environment, **self.vault.environment, **self.settings.to_environment(), **own}
        )
        os.environ["MCOP_SECRET_WHOLE"] = self.canaries["env"]
        os.environ["MCOP_SECRET_TEXT"] = json.dumps({"password": self.canaries["env in text"]})
        create_tables(self.emulator.client("dynamodb"), self.settings.objects_table, self.settings.rules_table)
        for bucket in ("mcop-artifacts", "states"):
            self.emulator.client("s3").create_bucket(Bucket=bucket)
        self._fill_aws()
        self._fill_vault()
        self._fill_airflow()

    def _fill_aws(self) -> None:
        manager, parameters = self.emulator.client("secretsmanager"), self.emulator.client("ssm")
        manager.create_secret(Name="shop/plain", SecretString=self.canaries["secretsmanager"])
        text = json.dumps({"password": self.canaries["secretsmanager JSON key"]})
        manager.create_secret(Name="shop/object", SecretString=text)
        manager.create_secret(Name="shop/rotated", SecretString=self.canaries["rotated away"])
        manager.create_secret(Name="shop/failing", SecretString=self.canaries["in a failing provisioner"])
        for name, canary in {"whole": "ssm", "mapped": "ssm in a map", "shared": "in two components"}.items():
            parameters.put_parameter(Name=f"/shop/{name}", Value=self.canaries[canary], Type="SecureString")

    def _fill_vault(self) -> None:
        self.vault.token = self.canaries["VAULT_TOKEN"]
        self.vault.put(f"{MOUNT}/database", "password", self.canaries["vault"])
        self.vault.put(f"{MOUNT}/listed", "password", self.canaries["vault in a list"])
        self.vault.put(f"{MOUNT}/nested", "password", self.canaries["vault in a map of a list"])
        self.vault.put(f"{MOUNT}/several", "zones", json.dumps([self.canaries["vault as JSON of a list"]]))
        self.vault.put(f"{MOUNT}/given", "conf", self.canaries["by REST conf"])
        self.vault.put(f"{MOUNT}/typed", "set", self.canaries["by --set"])

    def _fill_airflow(self) -> None:
        from airflow.models.connection import Connection
        from airflow.utils.db import initdb
        from airflow.utils.session import create_session

        initdb()
        extra = json.dumps({"api_key": self.canaries["airflow extra"]})
        with create_session() as session:
            password = self.canaries["airflow password"]
            session.add(Connection("mail", "smtp", login="app", password=password, host="h", extra=extra))

    def publish(self) -> SmallCatalog:
        """Publish the manifest."""
        catalog = SmallCatalog(open_repository(self.settings), self.settings, self.folder / "unused")
        catalog.publish(catalog.primitive(module=MODULE, name="keeper"), *blocks("states"))
        return catalog

    def execute(self, catalog: SmallCatalog) -> list[str]:
        """Apply; preview after a rotation, apply that; fail. Return the states of the runs."""
        from tests.plugins import scheduling

        snapshot = load_snapshot(catalog.store, catalog.repository.head().snapshot)
        plan = load_plan(catalog.store, snapshot.manifests["nest"].plan)
        schemas = {door.name: door.schema_ for door in plan.parameters}
        given = {
            "by_conf": "secret://vault/kv/given#conf",
            **read_overrides(["by_set=secret://vault/kv/typed#set"], schemas),
        }
        dag = scheduling.store_plan(plan)
        (self.folder / "sinks").mkdir()
        ended = [scheduling.run(dag, run_id="applied", conf=given)[0]]
        self._write_bucket(STATE, "states")
        self.emulator.client("secretsmanager").put_secret_value(
            SecretId="shop/rotated", SecretString=self.canaries["rotated to"]
        )
        ended.append(scheduling.run(dag, run_id="previewed", conf={**given, "action": "preview"})[0])
        failing = {"fails": True, "failing": "secret://secretsmanager/shop/failing"}
        ended.append(scheduling.run(dag, run_id="failed", conf={**given, **failing})[0])
        return ended

    def tell(self) -> None:
        """Write down what databases, buckets and the API hold."""
        shutil.copytree(airflow_home.DAGS, self.folder / "sinks" / "DAG files")
        (airflow_home.HOME / "logs").mkdir(exist_ok=True)
        shutil.copytree(airflow_home.HOME / "logs", self.folder / "work" / "logs")
        self._write_database()
        self._write_aws()
        self._write("REST answers", "\n".join(self._answers()))
        self._write("UI pages", "\n".join(self._pages()))

    def _write(self, sink: str, text: str) -> None:
        (self.folder / "sinks" / sink).write_text(text)

    def _write_database(self) -> None:
        with sqlite3.connect(airflow_home.HOME / "airflow.db") as database:
            tables = [row[0] for row in database.execute("select name from sqlite_master where type = 'table'")]
            rows = {table: database.execute(f'select * from "{table}"').fetchall() for table in tables}
        assert rows.pop("connection"), "the store itself"
        named = {
            "XCom": "xcom",
            "rendered fields": "rendered_task_instance_fields",
            "audit log": "log",
            "DAG source": "dag_code",
            "serialised DAG": "serialized_dag",
            "runs and conf": "dag_run",
        }
        for sink, table in named.items():
            self._write(sink, "\n".join(map(_row, rows.pop(table))))
        self._write("rest of the database", "\n".join(_row(row) for found in rows.values() for row in found))

    def _write_aws(self) -> None:
        dynamodb = self.emulator.client("dynamodb")
        tables = (self.settings.objects_table, self.settings.rules_table)
        self._write("DynamoDB", json.dumps([dynamodb.scan(TableName=table)["Items"] for table in tables], default=str))
        self._write_bucket("S3", "mcop-artifacts")
        self._write_bucket(STATE, "states")

    def _write_bucket(self, sink: str, bucket: str) -> None:
        """Write down every object, beside what it was when it was written down before."""
        s3 = self.emulator.client("s3")
        folder = self.folder / "sinks" / sink / str(time.monotonic_ns())
        for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            path = folder / entry["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())

    def _answers(self) -> list[str]:
        from tests.plugins.serving import Airflow

        client = Airflow().client("admin", "ADMIN")
        dag = naming.dag_id("nest")
        airflow, own = f"/api/v2/dags/{dag}", f"/mcop/api/v1/executions/{dag}"
        asked = [airflow, f"{airflow}/details", f"{airflow}/dagRuns", "/mcop/api/v1/executions"]
        for run in RUNS:
            tasks = f"{airflow}/dagRuns/{run}/taskInstances"
            asked += [f"{own}/{run}", f"{own}/{run}/bill", f"{own}/{run}/preview", tasks]
            for task in client.get(tasks).json()["task_instances"]:
                entries = f"{tasks}/{task['task_id']}/xcomEntries"
                asked.append(entries)
                keys = [entry["key"] for entry in client.get(entries).json()["xcom_entries"]]
                asked += [f"{entries}/{key}" for key in keys]
        answers = [(path, client.get(path)) for path in asked]
        served = [path for path, answer in answers if answer.status_code == 200]
        assert len(served) > 20, [(path, answer.status_code) for path, answer in answers]
        return [f"{path} {answer.status_code} {answer.text}" for path, answer in answers]

    def _pages(self) -> list[str]:
        """Return what every page of Airflow's UI is made of: the answers of all its routes, the UI's own included."""
        from tests.canaries.pages import Pages

        pages, dag = Pages(), naming.dag_id("nest")
        runs = [{"dag_run_id": run, "run_id": run} for run in RUNS]
        tasks = [{**run, "task_id": task} for run in runs for task in pages.tasks(dag, run["run_id"])]
        answers = pages.read([{"dag_id": dag, **one} for one in ({}, *runs, *tasks)])
        assert {"/ui/grid/ti_summaries/{dag_id}", "/ui/structure/structure_data"} <= pages.served, pages.served
        assert len(pages.served) > 40, pages.served
        return answers


def _row(row: tuple[Any, ...]) -> str:
    return " | ".join(value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in row)


def main(folder: Path) -> None:
    with ExitStack() as stack:
        emulator = stack.enter_context(running("moto_server", folder))
        vault = stack.enter_context(running_vault())
        world = World(folder, emulator, vault)
        world.fill()
        ended = world.execute(world.publish())
        world.tell()
        assert ended == ["success", "success", "failed"], ended


if __name__ == "__main__":
    main(Path(sys.argv[1]))
