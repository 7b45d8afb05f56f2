"""Warm providers with the real AWS provider: what Terraform does through one is what it does through its own."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest

from mcop_core.engines.terraform.engine import TerraformEngine
from mcop_core.engines.terraform.warm import WarmProviders
from mcop_core.errors import EngineFailed
from mcop_core.settings import Settings
from tests.core.engines.terraform.manifests import Manifest, actions
from tests.core.engines.terraform.test_preview_clouds import NEEDS_AWS, ROLE, adapter
from tests.emulators import running

pytestmark = [pytest.mark.terraform, pytest.mark.emulator]

MODULE = {
    "main.tf": NEEDS_AWS
    + """
variable "names" { type = list(string) }
resource "aws_s3_bucket" "this" { bucket = var.names[0] }
resource "aws_s3_object" "code" {
  bucket = aws_s3_bucket.this.id
  key    = "code"
  source = "${path.module}/code.txt"
}
resource "aws_sns_topic" "each" {
  for_each = toset(var.names)
  name     = each.value
}
output "arn" { value = [for one in aws_sns_topic.each : one.arn] }
""",
    "code.txt": "code of a module",
}
BROKEN = NEEDS_AWS + 'resource "aws_sns_topic" "x" { name = "no such name!" }\n'
HERE = adapter(max_retries=5, s3_use_path_style=True)
FAR = adapter("eu-west-1", max_retries=5, s3_use_path_style=True, assume_role={"role_arn": ROLE})
TOPICS = [f"topic-{number}" for number in range(12)]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with running("moto_server", tmp_path_factory.mktemp("moto")) as emulator:
        yield emulator


@pytest.fixture
def shop(cloud, tmp_path, monkeypatch):
    """A manifest whose engine keeps two provider processes."""
    for name, text in cloud.environment.items():
        monkeypatch.setenv(name, text)
    environment = dict(os.environ)
    settings = Settings(cache_dir=str(tmp_path / "cache"), warm_providers=2)
    yield Manifest(tmp_path, environment=environment, engine=TerraformEngine(settings, environment))
    WarmProviders.of(Path(settings.cache_dir), 2).end_idle()


def loans(shop: Manifest) -> list[int]:
    """How often the process was lent before, for each time that one was."""
    return [facts["loans"] for event, facts in shop.report.records if event == "provider_lent"]


def ways(shop: Manifest) -> list[Path]:
    """The links that Terraform connects to; they lead to the provider once it has been told of the types."""
    found = list(WarmProviders.of(shop.folder / "cache", 2).folder.glob("*.way"))
    assert found
    return found


def topics(cloud, region: str, account: str) -> list[str]:
    client = cloud.client("sts").assume_role(RoleArn=f"arn:aws:iam::{account}:role/reader", RoleSessionName="reader")
    keys = client["Credentials"]
    found = boto3.client(
        "sns",
        endpoint_url=cloud.url,
        region_name=region,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    ).list_topics()["Topics"]
    return sorted(one["TopicArn"].rpartition(":")[2] for one in found)


def test_what_is_deployed_lies_where_it_belongs_and_nothing_is_left_to_do(cloud, shop):
    """Components of two accounts and regions, at once and again, each by a process that only its like have had."""
    parts = {
        "near": (MODULE, {"names": ["near"]}, HERE),
        "beside": (MODULE, {"names": ["beside"]}, HERE),
        "far": (MODULE, {"names": ["far"]}, FAR),
    }
    with ThreadPoolExecutor(2) as pool:
        outputs = dict(zip(parts, pool.map(lambda one: shop.apply(one, *parts[one]), parts), strict=True))
    again = shop.preview(near=parts["near"], beside=parts["beside"])

    assert ["arn:aws:sns:us-east-1:123456789012:near"] == outputs["near"]["arn"]
    assert ["arn:aws:sns:eu-west-1:222222222222:far"] == outputs["far"]["arn"]
    assert {"near": {}, "beside": {}} == {name: actions(changes) for name, changes in again.items()}
    assert b"code of a module" == cloud.client("s3").get_object(Bucket="near", Key="code")["Body"].read()
    assert len(loans(shop)) == 4
    assert max(loans(shop)) > 0

    for name, its in parts.items():
        shop.destroy(name, *its)
    assert ([], []) == (topics(cloud, "us-east-1", "123456789012"), topics(cloud, "eu-west-1", "222222222222"))


def test_what_terraform_refuses_is_refused_alike_and_the_process_serves_on(shop):
    with pytest.raises(EngineFailed, match="no such name!"):
        shop.apply("broken", BROKEN, {}, HERE)
    shop.apply("near", MODULE, {"names": ["served-on"]}, HERE)
    shop.destroy("near", MODULE, {"names": ["served-on"]}, HERE)

    assert [0, 1, 2] == loans(shop)


BEFORE = (
    NEEDS_AWS
    + """
resource "aws_sqs_queue" "old" { name = "old" }
data "aws_caller_identity" "me" {}
output "account" { value = data.aws_caller_identity.me.account_id }
"""
)
AFTER = (
    NEEDS_AWS
    + """
resource "aws_sns_topic" "new" { name = "new" }
output "arn" { value = aws_sns_topic.new.arn }
"""
)


def test_a_type_that_the_state_alone_names_is_known(cloud, shop):
    """Terraform is told of those types alone that a file names; what the configuration lost, the state does."""
    assert {"account": "123456789012"} == shop.apply("one", BEFORE, {}, HERE)
    planned = actions(shop.preview(one=(AFTER, {}, HERE))["one"])
    assert {"arn": "arn:aws:sns:us-east-1:123456789012:new"} == shop.apply("one", AFTER, {}, HERE)
    found = cloud.client("sqs").list_queues(QueueNamePrefix="old").get("QueueUrls", [])
    shop.destroy("one", BEFORE, {}, HERE)

    assert {"aws_sqs_queue.old": "destroy", "aws_sns_topic.new": "create"} == planned
    assert all(link.readlink().name.startswith("plugin") for link in ways(shop)), "Terraform was never told of types"
    assert ([], []) == (found, topics(cloud, "us-east-1", "123456789012"))


def test_a_type_that_is_written_with_escapes_is_known(cloud, shop):
    escaped = AFTER.replace('"aws_sns_topic"', '"aws_\\u0073ns_topic"')
    assert {"arn": "arn:aws:sns:us-east-1:123456789012:new"} == shop.apply("one", escaped, {}, HERE)
    shop.destroy("one", escaped, {}, HERE)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ('resource "aws_no_such" "x" {}', 'does not support resource type "aws_no_such"'),
        ('data "aws_sqs_no" "x" {}', 'does not support data source "aws_sqs_no"'),
        ('resource "aws_caller_identity" "x" {}', 'Did you intend to use the data source "aws_caller_identity"'),
    ],
)
def test_a_type_that_there_is_not_is_refused_as_ever(shop, block, said):
    with pytest.raises(EngineFailed, match=said):
        shop.apply("wrong", f"{NEEDS_AWS}{block}\n", {}, HERE)


def test_an_apply_that_is_held_to_something_plans_and_applies_through_one_process(cloud, shop, tmp_path):
    """Although none are kept; it is gone with the operation."""
    engine = TerraformEngine(Settings(cache_dir=str(tmp_path / "cache")), shop.environment)
    artifact = engine.render(shop.request("held", MODULE, {"names": ["held"]}, HERE))
    seen = []

    def gate(changes):
        seen.append(sorted(one.address for one in changes.resources))

    result = engine.apply(artifact, shop.workspace("held"), shop.report, gate)
    again = engine.apply(artifact, shop.workspace("held"), shop.report, gate)

    assert (3, True) == (result.added, again.is_empty)
    assert [["aws_s3_bucket.this", "aws_s3_object.code", 'aws_sns_topic.each["held"]'], []] == seen
    assert [0, 0] == loans(shop)
    assert {entry.name for entry in WarmProviders.of(tmp_path / "cache", 1).folder.iterdir()} == {"notes"}
    shop.destroy("held", MODULE, {"names": ["held"]}, HERE)


def kill_when(happened, shop: Manifest) -> threading.Thread:
    """Kill the warm provider once *happened* says so."""

    def watch() -> None:
        while not happened():
            time.sleep(0.005)
        folder = WarmProviders.of(shop.folder / "cache", 2).folder
        (entry,) = folder.glob("*.sock")
        os.kill(_provider_in(folder / entry.stem), signal.SIGKILL)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def _provider_in(folder: Path) -> int:
    links = ((path.parent.name, path) for path in Path("/proc").glob("[0-9]*/cwd"))
    return next(int(pid) for pid, link in links if os.path.realpath(link) == str(folder))


@pytest.mark.campaign
@pytest.mark.parametrize("made", [1, 4, 8])
def test_a_warm_provider_that_is_killed_in_the_middle_loses_and_doubles_nothing(cloud, shop, made):
    """Terraform is started again with a provider of its own, as after the death of one."""
    names = [f"{made}-{name}" for name in TOPICS]
    killing = kill_when(lambda: len(cloud.client("sns").list_topics().get("Topics", ())) >= made, shop)
    shop.apply("many", MODULE, {"names": names}, HERE)
    killing.join()

    assert sorted(names) == topics(cloud, "us-east-1", "123456789012")
    assert {} == actions(shop.preview(many=(MODULE, {"names": names}, HERE))["many"])
    shop.destroy("many", MODULE, {"names": names}, HERE)
    assert [] == topics(cloud, "us-east-1", "123456789012")


@pytest.mark.campaign
def test_a_preview_whose_warm_provider_dies_is_made_with_another(cloud, shop):
    part = (MODULE, {"names": ["seen"]}, HERE)
    shop.apply("near", *part)
    seen = len(shop.report.records)
    killing = kill_when(lambda: any(event == "provider_lent" for event, _ in shop.report.records[seen:]), shop)

    found = shop.preview(near=part)
    killing.join()

    assert {} == actions(found["near"])
    shop.destroy("near", *part)
