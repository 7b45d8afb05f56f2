"""Every request that MCOP makes of AWS, in each of its roles, held to what that role may do."""

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from airflow.executors.workloads import ExecuteTask
from airflow.models.taskinstance import TaskInstance
from airflow.providers.amazon.aws.executors.ecs.ecs_executor import AwsEcsExecutor
from airflow.utils.session import create_session

from bench.scale_model import value
from mcop_airflow.live import live_dags
from mcop_core.bootstrap import open_engine, open_repository
from mcop_core.catalog.dynamodb import create_tables
from mcop_core.cli import console
from mcop_core.cli.main import app
from mcop_core.errors import ObjectNotFound, VersionConflict
from mcop_core.executions import naming
from mcop_core.operations import OperationNote, Operations
from mcop_core.publishing import publish_folder
from mcop_core.settings import Settings
from tests.asked import asked_by, of, recorded
from tests.deploy.permissions import BUCKETS, needless, read_permissions, refused
from tests.emulators import running
from tests.pipelines import RELEASE, adapter, joined
from tests.plugins.operators.test_execute import Executing
from tests.plugins.plans import storefront
from tests.plugins.serving import Airflow
from tests.plugins.small_catalog import MODULE, SmallCatalog
from tests.plugins.test_deployment import Deployer
from tests.plugins.test_destruction import Destroyer
from tests.plugins.test_drift import Watcher
from tests.plugins.test_mixed import INTERFACE, JENKINSFILE

pytestmark = [pytest.mark.terraform, pytest.mark.emulator]

ROLES = {"publisher": "AKIAPUBLISHER", "scheduler": "AKIASCHEDULER", "api": "AKIAAPI", "worker": "AKIAWORKER"}
"""Role -> id of the access key that stands for it."""
TOPIC = """
terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
resource "aws_sns_topic" "this" { name = "shop" }
"""
AWS_CATALOG = """\
kind: adapter
name: local-terraform
version: 1.0.0
provider: local
primitive_type: terraform
engine: terraform
---
kind: adapter
name: aws-terraform
version: 1.0.0
provider: aws
primitive_type: terraform
engine: terraform
settings:
  source: hashicorp/aws
  version: 5.100.0
  configuration:
    region: us-east-1
    skip_metadata_api_check: "true"
    assume_role: [{role_arn: "arn:aws:iam::111111111111:role/mcop-execution", external_id: shop}]
---
{kind: primitive, name: thing, version: 1.0.0, provider: local, primitive_type: terraform, source: templates/thing}
---
{kind: primitive, name: topic, version: 1.0.0, provider: aws, primitive_type: terraform, source: templates/topic}
---
kind: pattern
name: pair
version: 1.0.0
provider: local
primitive_type: terraform
parameters:
  text: {type: string, sensitive: true, default: "secret://ssm/shop/text"}
  password: {type: string, sensitive: true, default: "secret://secretsmanager/shop/password"}
elements:
  first: {primitive: thing, version: 1.0.0, inputs: {name: "${text}"}}
  second: {primitive: thing, version: 1.0.0, inputs: {name: "${password}", tags: "${first.tags}"}}
---
kind: pattern
name: topics
version: 1.0.0
provider: aws
primitive_type: terraform
elements: {topic: {primitive: topic, version: 1.0.0}}
---
{kind: rule, name: size, version: 1.0.0, type: enum, values: [small, large]}
"""
CATALOG = joined(AWS_CATALOG, adapter("https://jenkins.test"), RELEASE)
PIPELINE = {"Jenkinsfile": JENKINSFILE, "interface.yaml": INTERFACE}
WORKFLOW = """\
---
kind: workflow
name: %(name)s
version: 1.0.0
patterns: {pair: {pattern: %(pattern)s, version: 1.0.0}}
backend: {type: s3, bucket: %(bucket)s, region: us-east-1, %(lock)s}
---
kind: manifest
name: %(name)s
version: 1.0.0
namespace: team
approval: %(approval)s
workflows: {platform: {workflow: %(name)s, version: 1.0.0}}
"""


def write(folder, files):
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)


class Installed:
    """An installation on an emulator: its tables, buckets and secrets; each role speaks with a key of its own."""

    def __init__(self, emulator, proxy, folder, patch):
        self.emulator, self.proxy, self.folder, self.patch = emulator, proxy, folder, patch
        self.counted = {}
        self.settings = Settings(
            artifact_store=f"s3://{BUCKETS}-artifacts",
            work_dir=str(folder / "runs"),
            cache_dir=str(folder / "cache"),
            catalog_audit_s=0,
        )
        create_tables(emulator.client("dynamodb"), self.settings.objects_table, self.settings.rules_table)
        emulator.client("dynamodb").create_table(
            TableName="mcop-locks",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "LockID", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "LockID", "KeyType": "HASH"}],
        )
        for store in ("artifacts", "state"):
            emulator.client("s3").create_bucket(Bucket=f"{BUCKETS}-{store}")
        emulator.client("secretsmanager").create_secret(Name="shop/password", SecretString="hunter2")
        emulator.client("ssm").put_parameter(Name="/shop/text", Type="SecureString", Value="hunter3")
        environment = {**emulator.environment, "AWS_ENDPOINT_URL": proxy.url, **self.settings.to_environment()}
        for name, text in environment.items():
            patch.setenv(name, text)

    def speak_as(self, role):
        """Sign what this process and those that it starts ask from now on with the key of *role*."""
        self.patch.setenv("AWS_ACCESS_KEY_ID", ROLES.get(role, role))

    @contextmanager
    def counting(self, phase):
        """Keep what was asked in the block as that of *phase*."""
        before = len(self.proxy.requests)
        yield
        self.counted[phase] = self.proxy.requests[before:]

    def write(self, **versions):
        """Write the catalog's folder, with manifests *name* = version; return it."""
        folder, bucket = self.folder / "catalog", f"{BUCKETS}-state"
        kinds = {
            "shop": {"pattern": "pair", "lock": "use_lockfile: true", "approval": "always"},
            "cafe": {"pattern": "pair", "lock": "dynamodb_table: mcop-locks", "approval": "never"},
            "news": {"pattern": "topics", "lock": "use_lockfile: true", "approval": "never"},
        }
        text = CATALOG + "".join(WORKFLOW % {"name": name, "bucket": bucket, **kinds[name]} for name in versions)
        for name, version in versions.items():
            text = text.replace(
                f"kind: manifest\nname: {name}\nversion: 1.0.0", f"kind: manifest\nname: {name}\nversion: {version}"
            )
        files = {"catalog.yaml": text, "templates/thing/main.tf": MODULE, "templates/topic/main.tf": TOPIC}
        files |= {f"templates/release/{name}": text for name, text in PIPELINE.items()}
        write(folder, files)
        return folder

    @property
    def catalog(self):
        """The catalog as the tests of the DAGs take it."""
        return SmallCatalog(open_repository(self.settings), self.settings, self.folder / "states")


@pytest.fixture(scope="module")
def installed(scheduling, tmp_path_factory):
    folder = tmp_path_factory.mktemp("permitted")
    with (
        pytest.MonkeyPatch.context() as patch,
        running("ministack", folder) as emulator,
        recorded(emulator.port) as proxy,
    ):
        scheduling.forget_runs()
        yield Installed(emulator, proxy, folder, patch)


@pytest.fixture(scope="module")
def worked(installed, scheduling):
    """The installation after each role did all that it does, one after the other."""
    publish(installed)
    schedule(installed)
    work(installed, scheduling)
    serve(installed)
    settle(installed, scheduling)
    return installed


def publish(installed):
    """Publish, refuse, publish again, look around, and keep a backup: the CLI."""

    def mcop(*arguments):
        console.settings.cache_clear()
        app(arguments, prog_name="mcop", standalone_mode=False)

    installed.speak_as("publisher")
    folder = installed.write(shop="1.0.0", cafe="1.0.0", news="1.0.0")
    mcop("catalog", "publish", str(folder))
    installed.write(shop="1.0.1", cafe="1.0.1", news="1.0.0")
    mcop("catalog", "publish", str(folder))
    for command in ("list", "versions manifest#shop", "get manifest#shop", "uses primitive#thing"):
        mcop("catalog", *command.split())
    mcop("catalog", "deprecate", "manifest#shop@1.0.0", "--reason", "there is another")
    mcop("catalog", "activate", "cafe@1.0.0")
    mcop("catalog", "backup", str(installed.folder / "catalog.jsonl"))
    with pytest.raises(ObjectNotFound, match="no pattern"):
        mcop("catalog", "get", "pattern#shop@1.0.0")
    with pytest.raises(ObjectNotFound):
        mcop("catalog", "revoke", "pattern#shop@1.0.0", "--reason", "it is a manifest")
    # So many objects are staged first, and what was staged is taken away.
    rules = (f"{{kind: rule, name: rule{number}, version: 1.0.0, type: string, value: a}}" for number in range(120))
    write(folder, {"rules.yaml": "\n---\n".join(rules)})
    mcop("catalog", "publish", str(folder))
    change_while_a_template_is_stored(installed, folder)
    console.settings.cache_clear()


def change_while_a_template_is_stored(installed, folder):
    """Publish a version that somebody else publishes with other bytes at the same time: its template is removed."""
    document = "kind: primitive\nname: late\nversion: 1.0.0\nprovider: local\nprimitive_type: terraform\n"
    script = document.replace("local", "ci").replace("terraform", "jenkins").replace("late", "later")
    (folder / "late.yaml").write_text(f"{document}source: templates/late\n---\n{script}source: templates/later\n")
    write(folder / "templates", {"late/main.tf": MODULE, **{f"later/{name}": text for name, text in PIPELINE.items()}})
    theirs = installed.catalog.primitive(name="late", module=MODULE + "\n# somebody else's\n")
    store = Overtaken(installed.catalog.store, lambda: installed.catalog.publish(theirs))
    with pytest.raises(VersionConflict):
        publish_folder(folder, installed.catalog.repository, store, lambda name: open_engine(name, installed.settings))


class Overtaken:
    """A store in which something happens when the first object is written."""

    def __init__(self, store, meanwhile):
        self._store, self._meanwhile = store, [meanwhile]

    def put(self, *given, **options):
        while self._meanwhile:
            self._meanwhile.pop()()
        return self._store.put(*given, **options)

    def __getattr__(self, name):
        return getattr(self._store, name)


def schedule(installed):
    """Look for what is to be shown, as the DAG processor does."""
    installed.speak_as("scheduler")
    assert set(live_dags(installed.settings)) >= {"mcop.shop", "mcop.cafe", "mcop.news"}


def work(installed, scheduling):
    """Deploy, with and without an approval, look for drift, execute another version, destroy, settle."""
    installed.speak_as("worker")
    catalog = installed.catalog
    worker = Destroyer(catalog, scheduling)
    assert worker.start("shop", "one")[0] == "running"
    assert worker.answer("shop", "one", "Approve")[0] == "success"
    with installed.counting("deploy"):
        assert worker.deploy("cafe", run_id="one")[0] == "success"
    assert worker.deploy("news", run_id="one")[0] == "success"
    with installed.counting("look"):
        assert Watcher(catalog, scheduling).watch("looked", manifests=["cafe"])[0] == "success"
    assert Watcher(catalog, scheduling).watch("all")[0] == "success"
    executed, _ = Executing(scheduling, catalog).run(
        manifest_name="cafe", manifest_version="1.0.1", output_path="team/cafe.json"
    )
    assert executed == "success"
    assert worker.destroy("cafe", "gone")[0] == "success"
    assert worker.reconcile("settled")[0] == "success"


def serve(installed):
    """Tell what ran, and ask a runner to stop, as the API server's routes do."""
    installed.speak_as("api")
    with Airflow().client("admin", "ADMIN") as client:
        for path in ("", "/mcop.shop/one", "/mcop.shop/one/bill"):
            assert client.get(f"/mcop/api/v1/executions{path}").status_code == 200


def settle(installed, scheduling):
    """Have an operation left open, asked to stop, and found to have ended otherwise than Airflow says."""
    noted = [OperationNote.from_json(one.body) for one in installed.proxy.requests if is_note(one)]
    note = next(one for one in noted if one.execution == "mcop.cafe/one" and one.ended)
    installed.speak_as("worker")
    operations = Operations(installed.catalog.store)
    operations.note(replace(note, ended=None))
    installed.speak_as("api")
    with Airflow().client("admin", "ADMIN") as client:
        asked = client.post("/mcop/api/v1/executions/mcop.cafe/one/stop")
        assert asked.json() == {"steps": [note.step]}
    installed.speak_as("worker")
    operations.note(replace(note, ended=replace(note.ended, outcome="failed", error="it was not")))
    assert Deployer(installed.catalog, scheduling).reconcile("belied")[0] == "success"


def is_note(request):
    return request.method == "PUT" and "/operations/" in request.path


@pytest.fixture(scope="module")
def on_ecs(scheduling, tmp_path_factory):
    """What Airflow's own executor asks for to start a worker, follow it, and stop it; ECS as ministack has it."""
    with (
        pytest.MonkeyPatch.context() as patch,
        running("ministack", tmp_path_factory.mktemp("ecs")) as emulator,
        recorded(emulator.port) as proxy,
    ):
        for name, text in cluster(emulator).items():
            patch.setenv(f"AIRFLOW__AWS_ECS_EXECUTOR__{name}", text)
        environment = {"AWS_ENDPOINT_URL": proxy.url, "AWS_ACCESS_KEY_ID": ROLES["scheduler"]}
        for name, text in {**emulator.environment, **environment}.items():
            patch.setenv(name, text)
        run_a_task(scheduling)
        return asked_by(proxy.requests)


def cluster(emulator):
    """Make a cluster with a worker's task definition; return the executor's settings."""
    vpc = emulator.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = emulator.client("ec2").create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    container = {"name": "worker", "image": "mcop", "memory": 512}
    emulator.client("ecs").create_cluster(clusterName="mcop")
    emulator.client("ecs").register_task_definition(
        family="mcop-worker", networkMode="awsvpc", containerDefinitions=[container]
    )
    return {
        "CLUSTER": "mcop",
        "CONTAINER_NAME": "worker",
        "TASK_DEFINITION": "mcop-worker",
        "LAUNCH_TYPE": "FARGATE",
        "SUBNETS": subnet,
        "REGION_NAME": "us-east-1",
        "ASSIGN_PUBLIC_IP": "False",
        "CHECK_HEALTH_ON_STARTUP": "True",
    }


def run_a_task(scheduling):
    executor = AwsEcsExecutor()
    executor.start()
    stored = scheduling.store_plan(storefront())
    scheduling.create_run(stored, "on-ecs", datetime.now(UTC))
    with create_session() as session:
        ti = session.query(TaskInstance).filter_by(run_id="on-ecs", task_id=naming.ADMIT_TASK_ID).one()
        executor.queue_workload(ExecuteTask.make(ti), session=session)
        executor.heartbeat()
        assert len(executor.active_workers.get_all_arns()) == 1
        executor.sync()
        executor.terminate()
    scheduling.forget_runs()


def asked(role, worked, on_ecs):
    """Return what *role* asked for, of everybody."""
    return {one for one in asked_by(worked.proxy.requests) | on_ecs if one.key == ROLES[role]}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_it_asks_for(worked, on_ecs, role):
    """No request of MCOP's is refused."""
    assert refused(read_permissions("aws")[role], asked(role, worked, on_ecs)) == []


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_nothing_else(worked, on_ecs, role):
    """Every action, and every resource, is one that MCOP asks for, or it is said who else does."""
    assert list(needless(read_permissions("aws")[role], asked(role, worked, on_ecs))) == []


def test_the_scale_model_counts_what_a_run_asks_for(worked):
    """What a component costs of S3, and a run of the catalog, is what was recorded; a slow run renews more."""
    deployed, looked = (actions(worked.counted[phase]) for phase in ("deploy", "look"))
    catalog = [one for one in worked.counted["deploy"] if one.service == "dynamodb" and b"mcop-objects" in one.body]
    components = 2

    assert value("s3_reads") == pytest.approx(deployed["s3:GetObject"] / components, rel=0.3)
    assert value("s3_lists") == deployed["s3:ListBucket"] / components
    written = deployed["s3:PutObject"] + deployed["s3:DeleteObject"]
    assert value("s3_writes") == pytest.approx(written / components, rel=0.3)
    assert value("look_reads") == (looked["s3:GetObject"] + looked["s3:ListBucket"]) / components
    assert value("run_dynamodb_reads") == len(catalog)


def actions(requests):
    """Return action -> how often *requests* asked for it."""
    return Counter(action for request in requests for action, _ in of(request))
