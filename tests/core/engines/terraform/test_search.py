"""What carries a component's tag is found in the cloud, under the id that Terraform imports it by."""

import json

import pytest
from botocore.exceptions import EndpointConnectionError

from mcop_core.engines.artifact import RenderedArtifact
from mcop_core.engines.terraform.search import KINDS, LISTERS, Search, aws_configuration, open_search
from mcop_core.errors import Unreachable
from tests.emulators import running

TAG = "shop/store/w/p/e"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    with running("ministack", tmp_path_factory.mktemp("ministack")) as cloud:
        yield cloud


def tagged(kind: str, tag: str = TAG) -> dict:
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": [{"Key": "mcop:address", "Value": tag}]}]}


@pytest.mark.emulator
def test_each_service_is_asked_in_its_own_way(emulator):
    """Ids, names and ARNs are what `terraform import` takes; what carries another tag, or none, is left out."""
    ec2, tags = emulator.client("ec2"), [{"Key": "mcop:address", "Value": TAG}]
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", **tagged("vpc"))["Vpc"]["VpcId"]
    ec2.create_vpc(CidrBlock="10.1.0.0/16", **tagged("vpc", f"{TAG}-other"))
    ec2.create_vpc(CidrBlock="10.2.0.0/16")
    emulator.client("s3").create_bucket(Bucket="ours")
    emulator.client("s3").create_bucket(Bucket="theirs")
    emulator.client("s3").put_bucket_tagging(Bucket="ours", Tagging={"TagSet": tags})
    emulator.client("iam").create_role(RoleName="role", Path="/a/b/", AssumeRolePolicyDocument="{}", Tags=tags)
    emulator.client("ssm").put_parameter(Name="/a/b", Type="String", Value="x", Tags=tags)
    emulator.client("logs").create_log_group(logGroupName="/shop/log", tags={"mcop:address": TAG})
    topic = emulator.client("sns").create_topic(Name="orders", Tags=tags)["TopicArn"]

    search = Search(TAG, emulator.client)

    assert [vpc] == search("aws_vpc")
    assert [] == search("aws_subnet")
    assert ["ours"] == search("aws_s3_bucket")
    assert ["role"] == search("aws_iam_role")
    assert ["/a/b"] == search("aws_ssm_parameter")
    assert ["/shop/log"] == search("aws_cloudwatch_log_group")
    assert [topic] == search("aws_sns_topic")


LIVES = {
    "aws_vpc": ("vpc", "create_vpc", "Vpc", "delete_vpc", {"CidrBlock": "10.8.0.0/16"}),
    "aws_internet_gateway": (
        "internet-gateway",
        "create_internet_gateway",
        "InternetGateway",
        "delete_internet_gateway",
        {},
    ),
    "aws_eip": ("elastic-ip", "allocate_address", "Allocation", "release_address", {"Domain": "vpc"}),
    "aws_ebs_volume": (
        "volume",
        "create_volume",
        "Volume",
        "delete_volume",
        {"AvailabilityZone": "us-east-1a", "Size": 1},
    ),
}
"""Type -> its name in tags, what makes it, what its id is called, what deletes it, and with what it is made."""


@pytest.mark.emulator
@pytest.mark.parametrize("type_", LIVES)
def test_what_was_deleted_is_not_found_although_its_tag_is_listed(emulator, type_):
    """The emulator keeps the tags of what is gone, and EC2 may for a while."""
    kind, create, word, delete, how = LIVES[type_]
    ec2, tag = emulator.client("ec2"), f"{TAG}-{type_}"
    made = [getattr(ec2, create)(**how, **tagged(kind, tag)) for _ in range(2)]
    kept, gone = (found.get(word, found)[f"{word}Id"] for found in made)
    getattr(ec2, delete)(**{f"{word}Id": gone})

    assert [kept] == Search(tag, emulator.client)(type_)


@pytest.mark.emulator
def test_every_kind_that_can_double_can_be_asked_whether_it_is_there(emulator):
    """Nothing is listed of an id that never was."""
    for type_, kind in KINDS.items():
        if kind.doubles:
            never = f"{kind.identity.pattern[1:].split('-')[0]}-0abc"
            assert (type_, []) == (type_, Search(TAG, emulator.client, {kind.service: [never]})(type_))


@pytest.mark.emulator
def test_a_bucket_that_was_not_tagged_yet_is_told_from_those_in_use(emulator):
    """The account's own, without tags, never written to; no other type is tagged by a request of its own."""
    s3 = emulator.client("s3")
    for name in ("bare", "marked", "written", "emptied"):
        s3.create_bucket(Bucket=name)
    s3.put_bucket_tagging(Bucket="marked", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.put_bucket_versioning(Bucket="emptied", VersioningConfiguration={"Status": "Enabled"})
    for name in ("written", "emptied"):
        s3.put_object(Bucket=name, Key="k", Body=b"")
    s3.delete_object(Bucket="emptied", Key="k")

    search = Search(TAG, emulator.client)

    names = ["bare", "marked", "written", "emptied", "absent"]
    assert [name for name in names if search.half_made("aws_s3_bucket", {"bucket": name})] == ["bare"]
    assert [] == search.half_made("aws_ecr_repository", {"bucket": "bare"})


@pytest.mark.emulator
def test_a_rule_that_was_not_tagged_yet_is_told_by_what_it_lets_through(emulator):
    """Of the same group and direction, from the same side, to the same ports, and without a tag."""
    ec2 = emulator.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    group, other = (
        ec2.create_security_group(VpcId=vpc, GroupName=name, Description="x")["GroupId"] for name in ("one", "other")
    )

    def add(protocol, port, **tagged):
        rule = {"IpProtocol": protocol, "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        added = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule], **tagged)
        return added["SecurityGroupRules"][0]["SecurityGroupRuleId"]

    http, everything = add("tcp", 80), add("-1", -1)
    tag = {"ResourceType": "security-group-rule", "Tags": [{"Key": "a", "Value": "b"}]}
    add("tcp", 443, TagSpecifications=[tag])
    search, ingress = Search(TAG, emulator.client), "aws_vpc_security_group_ingress_rule"

    def found(type_=ingress, **values):
        wanted = {"security_group_id": group, "ip_protocol": "tcp", "cidr_ipv4": "10.0.0.0/8", **values}
        return search.half_made(type_, wanted)

    assert [http] == found(from_port=80, to_port=80)
    assert [everything] == found(ip_protocol="-1")
    assert [] == found(from_port=80, to_port=81)
    assert [] == found(from_port=443, to_port=443)
    assert [] == found(from_port=80, to_port=80, cidr_ipv4="10.0.0.0/16")
    assert [] == found(from_port=80, to_port=80, security_group_id=other)
    assert [] == found("aws_vpc_security_group_egress_rule", from_port=80, to_port=80)
    assert [] == search.half_made(ingress, {"ip_protocol": "tcp"})


def test_a_cloud_that_does_not_answer_is_unreachable():
    """Nobody may conclude from silence that a resource does not exist."""

    def client(service):
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")

    with pytest.raises(Unreachable, match="which resources of shop/store/w/p/e exist"):
        Search(TAG, client)("aws_vpc")


def test_each_kind_is_listed_by_a_service():
    """No type names a lister that is not there, and each has one group: the import id."""
    assert {kind.service for kind in KINDS.values()} <= set(LISTERS)
    assert {1} == {kind.identity.groups for kind in KINDS.values()}


# -- which cloud is asked ----------------------------------------------------------------------------------


def artifact(**configuration) -> RenderedArtifact:
    """An artifact whose AWS provider, under a local name of its own, is configured so; leaves are variables."""
    values = {f"provider_{name}": value for name, value in configuration.items()}
    block = {name: f"${{var.provider_{name}}}" for name in configuration}
    main = {
        "terraform": {"required_providers": {"cloud": {"source": "hashicorp/aws"}, "random": {"source": "random"}}},
        "provider": {"cloud": {**block, "default_tags": {"tags": "${var.provider_tags}"}}},
    }
    values["provider_tags"] = {"mcop:address": TAG}
    files = {"main.tf.json": main, "terraform.tfvars.json": values}
    return RenderedArtifact("terraform", {path: json.dumps(document).encode() for path, document in files.items()})


def test_the_providers_own_configuration_says_where_to_look():
    """Region and tag are read from the artifact."""
    found = open_search(artifact(region="eu-west-1", skip_metadata_api_check="true", max_retries=3))

    assert found.tag == TAG
    assert found.client("ec2").meta.region_name == "eu-west-1"
    assert aws_configuration(artifact(region="eu-west-1"))["region"] == "eu-west-1"


@pytest.mark.emulator
@pytest.mark.parametrize("shape", [dict, lambda **block: [block]])
def test_the_role_that_the_provider_assumes_is_assumed(emulator, monkeypatch, shape):
    """The search asks as the provider does: with the role's credentials, not with the worker's."""
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    role = "arn:aws:iam::222222222222:role/deployer"

    found = open_search(artifact(region="us-east-1", assume_role=shape(role_arn=role, external_id="outside")))

    assert "222222222222" in found.client("sts").get_caller_identity()["Arn"]


def test_a_profile_that_is_not_there_is_told_when_it_is_asked(monkeypatch):
    """Preparing a search fails nobody's apply."""
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    found = open_search(artifact(region="us-east-1", profile="nobody"))

    with pytest.raises(Unreachable, match="nobody"):
        found("aws_vpc")


@pytest.mark.parametrize(
    "configuration",
    [{"assume_role": {"role_arn": "r", "policy": "{}"}}, {"assume_role": ["r"]}, {"endpoints": {"ec2": "http://x"}}],
)
def test_another_identity_is_not_guessed(configuration):
    """Where the provider asks as somebody else, or somewhere else, an empty answer would prove nothing."""
    assert open_search(artifact(**configuration)) is None


def test_values_are_found_wherever_rendering_put_them():
    """In a block, in a list of blocks, or as a whole."""
    main = {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
        "provider": {"aws": {"a": {"b": "${var.x}"}, "c": [{"d": "${var.x}"}], "e": "${var.y}"}},
    }
    files = {"main.tf.json": main, "terraform.tfvars.json": {"x": "1", "y": {"z": "${var.x}"}}}
    encoded = {path: json.dumps(document).encode() for path, document in files.items()}

    found = aws_configuration(RenderedArtifact("terraform", encoded))

    assert {"a": {"b": "1"}, "c": [{"d": "1"}], "e": {"z": "${var.x}"}} == found


def test_what_carries_no_tag_is_not_looked_for():
    """An artifact without the AWS provider cannot be searched."""
    assert open_search(RenderedArtifact("terraform", {"main.tf.json": b"{}"})) is None
