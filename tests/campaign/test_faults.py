"""
Real Terraform and the real provider against an emulated cloud, and a proxy between them that loses and refuses.

The campaign's checker decides: nothing lost that nobody names, nothing locked, the record true.
"""

import copy
import os
import random
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from mcop_core.bootstrap import open_store
from mcop_core.engines.artifact import load_artifact
from mcop_core.engines.base import ApplyResult, Gate
from mcop_core.engines.changes import ComponentChanges
from mcop_core.engines.refine import hold_to
from mcop_core.engines.terraform.command import IMPORT_PLAN_FILE
from mcop_core.engines.workspace import Workspace
from mcop_core.errors import Refused
from tests.campaign.runs import BACKEND, BUCKET, Apply, Bench, Row
from tests.core.engines.terraform.operations import Recorder, dying_once
from tests.emulators import Emulator, running
from tests.fault_proxy import Does, FaultProxy, proxied

pytestmark = [pytest.mark.emulator, pytest.mark.terraform]

SMALL = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
variable "prefix" { type = string }
resource "aws_eip" "same" {
  count  = 2
  domain = "vpc"
}
resource "aws_ssm_parameter" "url" {
  name           = "/${var.prefix}/url"
  type           = "String"
  insecure_value = "https://example.org"
}
"""
SMALL_COUNTS = {"aws_eip": 2, "aws_ssm_parameter": 1}
SCALE = 20.0
OUTAGE_S = 600.0


class ProxiedCloud:
    """An emulator that everybody but the checker speaks to through a proxy; started and stopped by who made it."""

    def __init__(self, emulator: Emulator, proxy: FaultProxy) -> None:
        self.client, self.proxy = emulator.client, proxy
        own = {"AWS_ENDPOINT_URL": proxy.url, "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
        self.environment = {**emulator.environment, **own}

    def start(self) -> None:
        """Nothing is to do."""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory) -> Iterator[Emulator]:
    with running("ministack", tmp_path_factory.mktemp("ministack")) as started:
        yield started


@pytest.fixture(scope="module")
def bench(emulator, tmp_path_factory) -> Iterator[Bench]:
    """Everything that MCOP waits for is 20 times as short as usual."""
    with proxied(emulator.port) as proxy, pytest.MonkeyPatch.context() as environment:
        cloud = ProxiedCloud(emulator, proxy)
        for name, value in cloud.environment.items():
            environment.setenv(name, value)
        made = Bench(tmp_path_factory.mktemp("bench"), cloud, scale=SCALE)
        made.prepare()
        yield made


@pytest.fixture
def proxy(bench) -> Iterator[FaultProxy]:
    """The proxy, without faults before and after."""
    bench.cloud.proxy.seen.clear()
    yield bench.cloud.proxy
    bench.cloud.proxy.clear()


@contextmanager
def beside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Do *work* in a thread; the event that it is given is set when the `with` ends, which waits for it."""
    over = threading.Event()
    thread = threading.Thread(target=work, args=(over,))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def small(bench: Bench, name: str, **how: object) -> Row:
    return Apply(bench, name, Row(0, 0), **{"module": SMALL, "counts": SMALL_COUNTS, **how}).run()


def test_a_creation_whose_answer_was_lost_is_found_or_named(bench: Bench, proxy: FaultProxy):
    """What has a name is adopted and the apply goes on; what is there twice ends it, named, and the next one, too."""
    proxy.add(Does.DROP_ANSWER, service="ec2", operation="AllocateAddress")
    proxy.add(Does.DROP_ANSWER, service="ssm", operation="PutParameter")

    row = small(bench, "answers")

    (lost,) = row.findings["lost"]
    assert ("unknown", 1, {"aws_eip": 1}) == (row.outcome, row.adopted, row.findings["duplicated"])
    assert lost in row.error
    assert not row.findings["locks"] and not row.findings["phantom"]

    again = small(bench, "answers")
    assert "unknown" == again.outcome and lost in again.error, again


LOG = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
variable "prefix" { type = string }
resource "aws_cloudwatch_log_group" "this" {
  name              = "/${var.prefix}"
  retention_in_days = 7
}
"""


def test_a_creation_whose_answer_was_lost_is_still_what_was_approved(bench: Bench, proxy: FaultProxy, tmp_path: Path):
    """
    The log group is made by one request and told its retention by the next: what is left of that was approved.

    Each of the three times that Terraform works, the first time, to adopt, and again, it has one provider process.
    """
    request, _ = bench.request("approved", module=LOG, counts={})
    artifact = load_artifact(open_store(bench.settings.artifact_store), request.artifact)
    approved: list[ComponentChanges] = []

    def look(planned: ComponentChanges) -> None:
        approved.append(planned)
        raise Refused("this one only looks")

    report = Recorder()

    def apply(name: str, gate: Gate) -> ApplyResult:
        report.records.clear()
        workspace = Workspace(tmp_path / name, open_store, os.environ, lambda: False, "test")
        return bench.engine.apply(artifact, workspace, report, gate)

    with pytest.raises(Refused):
        apply("look", look)
    lost = proxy.add(Does.DROP_ANSWER, service="logs", operation="CreateLogGroup")
    apply("apply", partial(hold_to, approved))

    (group,) = bench.cloud.client("logs").describe_log_groups(logGroupNamePrefix="/approved")["logGroups"]
    assert (1, 7) == (lost.hits, group["retentionInDays"])
    assert 3 == report.events.count("provider_lent")


CHAIN = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
variable "prefix" { type = string }
resource "aws_eip" "first" {
  domain = "vpc"
}
resource "aws_eip" "second" {
  domain = "vpc"
  tags   = { after = aws_eip.first.id }
}
"""


@pytest.mark.campaign
def test_what_a_lost_disk_alone_knew_is_found(bench: Bench, proxy: FaultProxy):
    """The second address was planned when the last copy was shipped, and began after that: nothing else is left."""
    apply = Apply(bench, "burnt", Row(0, 0), module=CHAIN, counts={"aws_eip": 2})
    proxy.add(Does.DELAY, service="ec2", operation="AllocateAddress", delay_s=3.0)
    proxy.add(Does.DROP_REQUEST, service="s3", operation="PUT", path=r"\.mcop-inflight(\?|$)", skip=1, times=None)

    def burn(over: threading.Event) -> None:
        while proxy.seen.count("ec2 AllocateAddress") < 2 and not over.wait(0.005):
            pass
        over.wait(0.3)
        for part in ("runner", "terraform"):
            apply.kill(part, random.Random(0))
        shutil.rmtree(apply._folder.workspace)
        proxy.clear()

    with beside(burn):
        row = apply.run()

    assert row.is_clean, row
    assert 2 == row.adopted


# -- every kind of creation ------------------------------------------------------------------------------

CREATIONS = {
    "tagged": [
        ("ec2", name)
        for name in (
            *("CreateVpc", "CreateSubnet", "AllocateAddress"),
            *("CreateSecurityGroup", "CreateInternetGateway", "CreateRouteTable"),
        )
    ],
    "named": [("dynamodb", "CreateTable"), ("iam", "CreateRole"), ("ssm", "PutParameter"), ("s3", "PUT")],
    "children": [("ec2", "CreateRoute"), ("ec2", "AssociateRouteTable"), ("iam", "PutRolePolicy")],
    "slow": [("ec2", "CreateVolume"), ("ec2", "ModifyVpcAttribute")],
}
"""Class -> the requests whose answers are lost, once each."""


@pytest.mark.campaign
@pytest.mark.parametrize("kind", CREATIONS)
def test_no_class_of_resources_leaves_what_nobody_names(bench: Bench, proxy: FaultProxy, emulator: Emulator, kind: str):
    """Each creation's answer is lost once; a person removes what is named, and the next apply is clean."""
    path = f"c-{kind}-assets" if kind == "named" else ""
    faults = [
        proxy.add(Does.DROP_ANSWER, service=service, operation=name, path=path if service == "s3" else "")
        for service, name in CREATIONS[kind]
    ]

    row = Apply(bench, f"c-{kind}", Row(0, 0)).run()

    assert [1] * len(faults) == [fault.hits for fault in faults]
    assert all(lost in row.error for lost in row.findings["lost"]), row
    assert not row.findings["locks"] and not row.findings["phantom"] and not row.two_at_once
    assert ("unknown" if row.findings["lost"] else "succeeded") == row.outcome
    assert row.is_clean or row.findings["lost"], row
    if row.findings["lost"]:
        for lost in row.findings["lost"]:
            remove(emulator.client("ec2"), *lost.split())
        again = Apply(bench, f"c-{kind}", Row(0, 1)).run()
        assert again.is_clean, again


def remove(ec2, kind: str, id_: str) -> None:
    """Do what a person does who is told of a resource too many."""
    {
        "aws_vpc": lambda: ec2.delete_vpc(VpcId=id_),
        "aws_subnet": lambda: ec2.delete_subnet(SubnetId=id_),
        "aws_eip": lambda: ec2.release_address(AllocationId=id_),
        "aws_internet_gateway": lambda: ec2.delete_internet_gateway(InternetGatewayId=id_),
        "aws_route_table": lambda: ec2.delete_route_table(RouteTableId=id_),
        "aws_ebs_volume": lambda: ec2.delete_volume(VolumeId=id_),
    }[kind]()


# -- what the cloud refuses to make again ----------------------------------------------------------------

REFUSED = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
variable "prefix" { type = string }
resource "aws_vpc" "main" { cidr_block = "10.0.0.0/16" }
resource "aws_subnet" "zone" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.0.0.0/24"
}
resource "aws_internet_gateway" "main" { vpc_id = aws_vpc.main.id }
resource "aws_route_table" "public" { vpc_id = aws_vpc.main.id }
resource "aws_route" "out" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.main.id
}
resource "aws_route_table_association" "public" {
  route_table_id = aws_route_table.public.id
  subnet_id      = aws_subnet.zone.id
}
resource "aws_security_group" "app" {
  name   = "${var.prefix}-app"
  vpc_id = aws_vpc.main.id
}
resource "aws_security_group_rule" "http" {
  security_group_id = aws_security_group.app.id
  type              = "ingress"
  protocol          = "tcp"
  from_port         = 80
  to_port           = 80
  cidr_blocks       = ["10.0.0.0/8"]
}
resource "aws_vpc_security_group_ingress_rule" "https" {
  security_group_id = aws_security_group.app.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "10.0.0.0/8"
}
"""
REFUSED_COUNTS = dict.fromkeys(re.findall(r'resource "(\w+)"', REFUSED), 1)
REFUSALS = ("CreateRoute", "AssociateRouteTable", "AuthorizeSecurityGroupIngress")


def test_what_is_refused_since_it_is_there_is_adopted(bench: Bench, proxy: FaultProxy):
    """
    The answer to its creation was lost, and the repeated request is refused; the apply goes on.

    The provider itself loses an answer now and then: what that made is adopted beside.
    """
    faults = [proxy.add(Does.DROP_ANSWER, service="ec2", operation=name) for name in REFUSALS]
    faults.append(proxy.add(Does.DROP_ANSWER, service="ec2", operation="AuthorizeSecurityGroupIngress"))

    apply = Apply(bench, "refused", Row(0, 0), module=REFUSED, counts=REFUSED_COUNTS)
    row = apply.run()

    assert [1] * len(faults) == [fault.hits for fault in faults]
    assert row.is_clean, row
    adopted = [address for record in apply._records("adopted") for address in record["adopted"]]
    assert {
        "module.refused.aws_route.out",
        "module.refused.aws_route_table_association.public",
        "module.refused.aws_security_group_rule.http",
        "module.refused.aws_vpc_security_group_ingress_rule.https",
    } <= set(adopted)
    assert len(adopted) == len(set(adopted))


@pytest.mark.campaign
def test_a_child_that_was_cut_off_before_it_was_made_is_made(bench: Bench, proxy: FaultProxy):
    """Runner and Terraform are killed while no request for route and association arrives; nothing is there to adopt."""
    faults = [
        proxy.add(Does.DROP_REQUEST, service="ec2", operation=name, times=None)
        for name in ("CreateRoute", "AssociateRouteTable")
    ]
    apply = Apply(bench, "unmade", Row(0, 0), module=REFUSED, counts=REFUSED_COUNTS)

    def cut_off(over: threading.Event) -> None:
        while not all(fault.hits for fault in faults) and not over.wait(0.05):
            pass
        apply.kill("runner+terraform", random.Random(0))
        proxy.clear()

    with beside(cut_off):
        row = apply.run()

    assert row.is_clean, row
    assert 1 == len(row.kills)


@pytest.mark.campaign
def test_what_was_made_and_not_finished_is_made_anew_by_the_next_apply(bench: Bench, proxy: FaultProxy):
    """A gateway is made by one request and attached by the next, which is refused when it is repeated."""
    proxy.add(Does.DROP_ANSWER, service="ec2", operation="AttachInternetGateway")

    row = small(bench, "half", module=REFUSED, counts=REFUSED_COUNTS)

    assert "failed" == row.outcome and "Resource.AlreadyAssociated" in row.error, row
    assert not any(row.findings.values()), row

    again = small(bench, "half", module=REFUSED, counts=REFUSED_COUNTS)
    assert again.is_clean, again


@pytest.mark.campaign
def test_what_somebody_else_made_is_not_adopted(bench: Bench, proxy: FaultProxy, emulator: Emulator):
    """Subnet, route table and their association are another's: the association is refused, and stays theirs."""
    ec2 = emulator.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    ids = {
        "subnet_id": ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"],
        "route_table_id": ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"],
    }
    ec2.associate_route_table(RouteTableId=ids["route_table_id"], SubnetId=ids["subnet_id"])
    values = "\n".join(f'  {name} = "{id_}"' for name, id_ in ids.items())
    module = f'{SMALL}resource "aws_route_table_association" "theirs" {{\n{values}\n}}\n'

    row = small(bench, "theirs", module=module)

    assert ("failed", 0) == (row.outcome, row.adopted)
    assert "Resource.AlreadyAssociated" in row.error


BARE = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
variable "prefix" { type = string }
resource "aws_s3_bucket" "assets" { bucket = "${var.prefix}-assets" }
"""


def dying(bench: Bench, folder: Path) -> Bench:
    """Return *bench* with a provider that dies when its schema is asked for, in the first plan of an import."""
    when, detail = f"*-out={IMPORT_PLAN_FILE}*", "Plugin did not respond: x"
    binary = dying_once(folder, when, "Failed to load plugin schemas", detail)
    other = copy.copy(bench)
    other.settings = replace(bench.settings, terraform=str(binary))
    return other


@pytest.mark.campaign
@pytest.mark.parametrize("dies", [False, True], ids=["", "and its provider dies while it is looked for"])
def test_a_bucket_cut_off_before_it_was_tagged_is_taken_into_the_state(bench, proxy, dies, tmp_path):
    """Runner and Terraform are killed between the request that creates it and the one that tags it."""
    bench = dying(bench, tmp_path) if dies else bench
    tagging = proxy.add(Does.DROP_REQUEST, service="s3", operation="PUT", path=r"-assets/?\?tagging", times=None)
    apply = Apply(bench, f"bare{dies:d}", Row(0, 0), module=BARE, counts={"aws_s3_bucket": 1})

    def cut_off(over: threading.Event) -> None:
        while not tagging.hits and not over.wait(0.05):
            pass
        apply.kill("runner+terraform", random.Random(0))
        proxy.clear()

    with beside(cut_off):
        row = apply.run()

    assert row.is_clean, row
    assert (1, 1) == (len(row.kills), row.adopted)
    assert not (tmp_path / "said").exists()


# -- what guards the state, and the state ----------------------------------------------------------------

GUARDS = {
    "lock": ("PUT", r"\.tflock"),
    "unlock": ("DELETE", r"\.tflock"),
    "lease": ("PUT", r"\.mcop-lease"),
    "state": ("PUT", r"\.tfstate(\?|$)"),
    "copy": ("PUT", r"\.mcop-inflight"),
    "forgotten copy": ("DELETE", r"\.mcop-inflight"),
}
"""What is written -> the method and the path of the request."""


@pytest.mark.campaign
@pytest.mark.parametrize("does", [Does.DROP_ANSWER, Does.DROP_REQUEST, Does.FAIL, Does.THROTTLE])
@pytest.mark.parametrize("times", [1, 5])
def test_no_guard_of_the_state_is_fooled(bench: Bench, proxy: FaultProxy, does: Does, times: int):
    """Each write of lock, lease, state and copy goes wrong, once or more often than the client repeats it."""
    faults = [proxy.add(does, service="s3", operation=verb, path=path, times=times) for verb, path in GUARDS.values()]

    row = small(bench, f"g-{does.name.lower().replace('_', '-')}-{times}")

    assert row.is_clean, row
    assert all(fault.hits for fault in faults)


@pytest.mark.campaign
@pytest.mark.parametrize("does", [Does.DROP_ANSWER, Does.DROP_REQUEST, Does.FAIL, Does.THROTTLE])
def test_no_lock_table_is_fooled(bench: Bench, proxy: FaultProxy, lock_table: str, does: Does):
    """The same for the item of a DynamoDB table: lock, digest and unlock."""
    operations = ["PutItem", "PutItem", "DeleteItem"]
    faults = [
        proxy.add(does, service="dynamodb", operation=name, skip=skip)
        for name, skip in zip(operations, (0, 1, 0), strict=True)
    ]

    row = small(bench, f"t-{does.name.lower().replace('_', '-')}", backend=with_table(lock_table))

    assert row.is_clean, row
    assert [1, 1, 1] == [fault.hits for fault in faults]
    assert lock_table_is_free(bench, lock_table)


@pytest.fixture
def lock_table(emulator) -> str:
    dynamodb = emulator.client("dynamodb")
    if "locks" not in dynamodb.list_tables()["TableNames"]:
        dynamodb.create_table(
            TableName="locks",
            KeySchema=[{"AttributeName": "LockID", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "LockID", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    return "locks"


def with_table(table: str) -> dict[str, object]:
    return {"type": "s3", "bucket": BUCKET, "region": "us-east-1", "dynamodb_table": table}


def lock_table_is_free(bench: Bench, table: str) -> bool:
    items = bench.cloud.client("dynamodb").scan(TableName=table)["Items"]
    return bool(items) and not any("Info" in item for item in items)


# -- a state that moves ----------------------------------------------------------------------------------


@pytest.mark.campaign
@pytest.mark.parametrize("does", [Does.DELAY, Does.DROP_REQUEST], ids=["late", "never"])
@pytest.mark.parametrize("has_table", [False, True], ids=["lock file", "lock table"])
@pytest.mark.parametrize(("suffix", "skip"), [("-new", 0), ("", 0), ("-new", 1)], ids=["copy", "empty", "settle"])
def test_a_move_that_is_killed_at_a_write_goes_on(bench, proxy, lock_table, does, has_table, suffix, skip):
    """The runner is killed while a write of the move is on its way; it arrives late, or never. Nothing is made anew."""
    name = f"m{suffix}{skip}{has_table:d}-{does.name[:3].lower()}"
    how = {"module": SMALL, "counts": SMALL_COUNTS, "backend": with_table(lock_table) if has_table else BACKEND}
    assert small(bench, name, **how).is_clean
    addresses = allocated(bench)
    request, expected = bench.request(name, **how)
    apply = Apply(bench, f"{name}-new", Row(0, 0), prefix=name, moved_from=[request.artifact], **how)
    place = re.escape(expected.key.removesuffix(".tfstate") + suffix)
    write = proxy.add(does, service="s3", operation="PUT", path=rf"/{place}\.tfstate(\?|$)", skip=skip, delay_s=3.0)

    def kill(over: threading.Event) -> None:
        while not write.hits and not over.wait(0.005):
            pass
        apply.kill("runner", random.Random(0))

    with beside(kill):
        row = apply.run()

    assert row.is_clean, row
    assert [one["part"] for one in row.kills] == ["runner"] and write.hits
    assert allocated(bench) == addresses
    assert not has_table or lock_table_is_free(bench, lock_table)


def allocated(bench: Bench) -> set[str]:
    return {one["AllocationId"] for one in bench.cloud.client("ec2").describe_addresses()["Addresses"]}


# -- a service that is away ------------------------------------------------------------------------------


@contextmanager
def away(proxy: FaultProxy, since: str, **fault: object) -> Iterator[None]:
    """From the request *since* on, for ten minutes on the bench's clock, a service does not answer; then it does."""

    def stay_away(over: threading.Event) -> None:
        while since not in proxy.seen and not over.wait(0.02):
            pass
        proxy.add(**{"does": Does.DROP_REQUEST, "times": None, **fault})
        over.wait(OUTAGE_S / SCALE)
        proxy.clear()

    with beside(stay_away):
        yield


@pytest.mark.campaign
@pytest.mark.parametrize("since", ["ec2 AllocateAddress", "sts GetCallerIdentity"])
def test_an_apply_outlasts_an_outage_of_the_state_store(bench: Bench, proxy: FaultProxy, since: str):
    """S3 goes for ten minutes, divided by 20, while resources are created; the apply ends, and is recorded so."""
    with away(proxy, since, service="s3"):
        row = small(bench, f"o-s3-{since.split()[0]}")

    assert row.is_clean, row
    assert row.took_s >= OUTAGE_S / SCALE


@pytest.mark.campaign
def test_an_apply_outlasts_an_outage_of_the_lock_table(bench: Bench, proxy: FaultProxy, lock_table: str):
    """
    DynamoDB goes for ten minutes, divided by 20, while resources are created and the lock lies in it.

    The digest of the state before lies in it, too, and disagrees with the state that S3 takes meanwhile.
    """
    backend = with_table(lock_table)
    fewer = small(
        bench, "o-dynamodb", module=SMALL.replace("= 2", "= 1"), counts={**SMALL_COUNTS, "aws_eip": 1}, backend=backend
    )
    assert fewer.is_clean, fewer
    proxy.seen.clear()

    with away(proxy, "ec2 AllocateAddress", service="dynamodb"):
        row = small(bench, "o-dynamodb", backend=backend)

    assert row.is_clean, row
    assert row.took_s >= OUTAGE_S / SCALE
    assert lock_table_is_free(bench, lock_table)


# -- credentials and the disk ----------------------------------------------------------------------------


@pytest.mark.campaign
def test_credentials_that_expire_while_resources_are_created_lose_nothing(bench: Bench, proxy: FaultProxy):
    """The error says so, what exists is in the state, and with new credentials the next apply goes on from there."""
    proxy.add(Does.EXPIRE, service="ssm", operation="PutParameter", times=None)

    row = small(bench, "expired")

    assert "failed" == row.outcome
    assert "credentials are missing or have run out" in row.error
    assert not any(row.findings[name] for name in ("lost", "phantom", "duplicated", "locks", "wrong_record")), row

    proxy.clear()
    again = small(bench, "expired")
    assert again.is_clean, again


@pytest.mark.campaign
def test_credentials_that_expire_for_the_state_store_are_waited_for(bench: Bench, proxy: FaultProxy):
    """Nothing can be written for ten minutes, divided by 20: the state stays on the disk, and is pushed at the end."""
    with away(proxy, "ec2 AllocateAddress", service="s3", does=Does.EXPIRE):
        row = small(bench, "expired-store")

    assert row.is_clean, row


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of eight megabytes."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def filled(disk: Path, proxy: FaultProxy, since: str) -> Iterator[None]:
    """From the request *since* on, the disk has no room, to the last byte; in the end it has."""

    def fill(over: threading.Event) -> None:
        while since not in proxy.seen and not over.wait(0.01):
            pass
        stream = os.open(disk / "filler", os.O_WRONLY | os.O_CREAT)
        for size_bytes in (65_536, 1):
            with suppress(OSError):
                while not over.is_set():
                    os.write(stream, b"x" * size_bytes)
        os.close(stream)

    try:
        with beside(fill):
            yield
    finally:
        (disk / "filler").unlink(missing_ok=True)


@pytest.mark.campaign
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk that is small enough to be filled")
@pytest.mark.parametrize("since", ["ec2 AllocateAddress", "sts GetCallerIdentity"])
def test_a_full_disk_ends_the_apply_and_loses_nothing(bench: Bench, proxy: FaultProxy, tmp_path, since: str):
    """The error says what to do; once there is room, the next apply goes on, and finds what no file could hold."""
    name = f"disk-{since.split()[0]}"
    with small_disk(tmp_path / "disk") as disk:
        there = bench.working_in(disk)
        with filled(disk, proxy, since):
            row = small(there, name)

        assert "failed" == row.outcome
        assert "disk is full" in row.error, row
        assert not row.findings["phantom"] and not row.findings["duplicated"] and not row.two_at_once

        again = small(there, name)
        assert again.is_clean, again
