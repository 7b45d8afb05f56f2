"""MCOP's own installation on AWS: both modules, linted, applied to an emulator, planned again, and destroyed."""

import json
from functools import partial

import pytest

from mcop_core.catalog.dynamodb.tables import definitions
from mcop_core.engines.terraform import search
from mcop_core.engines.terraform.lint import lint
from tests.asked import asked_by, recorded
from tests.deploy.installing import GIVEN, MODULES, NAMES, Installation
from tests.deploy.permissions import NAMES as PLACES
from tests.deploy.permissions import needless, read_permissions, refused
from tests.docs.blocks import blocks
from tests.emulators import running

ROLES = ("publisher", "scheduler", "api", "worker", "launcher")


@pytest.mark.parametrize("module", ["aws", "aws-account"])
def test_a_module_is_as_the_catalogs_are(module):
    """The rules that a primitive is linted with have nothing to say."""
    files = {path.name: path.read_bytes() for path in (MODULES / module).iterdir()}

    assert lint(files) == ()


@pytest.mark.terraform
def test_modules_are_formatted(tmp_path):
    """`terraform fmt` would change nothing."""
    done = Installation(tmp_path, None, {}).terraform("fmt", "-check", "-diff", "-recursive", str(MODULES))

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("module", ["aws", "aws-account"])
def test_what_nobody_asked_for_is_explained(module):
    """Each statement has a name of its own in its role, and `unasked` names actions that it allows, with a sentence."""
    for role, statements in read_permissions(module).items():
        names = [one.sid for one in statements]
        assert len(names) == len(set(names)), role
        for one in statements:
            assert set(one.unasked) <= set(one.actions), one.sid
            assert all(why.endswith(".") for why in one.unasked.values()), one.sid
            assert not any("*" in action for action in one.actions), one.sid


@pytest.mark.emulator
def test_the_search_may_do_what_it_asks_for_and_nothing_else(tmp_path):
    """Everything that MCOP looks for in an account, asked of an emulator, and held to the role of that account."""
    with running("ministack", tmp_path) as emulator, recorded(emulator.port) as proxy:
        fill(emulator)
        found = search.Search("team/shop/a/b/c", partial(client, emulator, proxy))
        for kind in search.KINDS:
            found(kind)
            found.half_made(kind, {"bucket": "bare", "security_group_id": "sg-1"})
        # Those that are found are looked for again, whether they are there still.
        for kind in search.KINDS.values():
            if kind.doubles:
                found._still_there(kind.service, *kind.doubles, ["none"])
    asked = asked_by(proxy.requests)
    (statements,) = read_permissions("aws-account").values()

    assert refused(statements, asked) == []
    assert list(needless(statements, asked)) == []


def client(emulator, proxy, service):
    import boto3

    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return boto3.client(service, endpoint_url=proxy.url, **keys)


def fill(emulator):
    """One thing of each kind whose tags are asked one by one."""
    trust = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]}
    )
    emulator.client("iam").create_role(RoleName="one", AssumeRolePolicyDocument=trust)
    emulator.client("iam").create_user(UserName="one")
    emulator.client("iam").create_policy(PolicyName="one", PolicyDocument=trust)
    emulator.client("ssm").put_parameter(Name="/one", Type="String", Value="1")
    emulator.client("logs").create_log_group(logGroupName="/one")
    emulator.client("s3").create_bucket(Bucket="bare")


# -- applied ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def applied(tmp_path_factory):
    """The installation on an emulator; its outputs, and what planning it again says."""
    folder = tmp_path_factory.mktemp("installed")
    with running("ministack", folder) as emulator:
        made = Installation(folder, emulator, GIVEN)
        made.write()
        made.do("init", "-input=false", "-no-color")
        made.do("apply", "-auto-approve", "-input=false", "-no-color")
        made.again = made.terraform("plan", "-detailed-exitcode", "-input=false", "-no-color")
        yield made
        made.do("destroy", "-auto-approve", "-input=false", "-no-color")
        made.left = emulator.client("dynamodb").list_tables()["TableNames"]
        assert made.left == []


@pytest.mark.campaign
@pytest.mark.terraform
@pytest.mark.emulator
class TestApplied:
    """What the cloud itself says of it."""

    def test_planned_again_there_is_nothing_to_do(self, applied):
        """Exit code 0 of `-detailed-exitcode`: no changes."""
        assert applied.again.returncode == 0, applied.again.stdout

    def test_the_tables_are_those_of_the_code(self, applied):
        """Keys and indexes as `include/dynamodb/tables.json` has them; restorable to a second, and encrypted."""
        dynamodb = applied.emulator.client("dynamodb")
        settings = applied.outputs()["mcop"]["settings"]
        names = {"objects": settings["MCOP_OBJECTS_TABLE"], "rules": settings["MCOP_RULES_TABLE"]}
        for kind, wanted in definitions().items():
            found = dynamodb.describe_table(TableName=names[kind])["Table"]
            backups = dynamodb.describe_continuous_backups(TableName=names[kind])["ContinuousBackupsDescription"]

            assert found["KeySchema"] == wanted["KeySchema"]
            assert indexes(found) == indexes(wanted)
            assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
            assert found["SSEDescription"]["Status"] == "ENABLED"

    @pytest.mark.parametrize("store", ["artifacts", "state", "logs"])
    def test_a_bucket_is_versioned_encrypted_and_nobodys(self, applied, store):
        """With the installation's key; nothing public, nothing without TLS."""
        s3, bucket = applied.emulator.client("s3"), PLACES[store].removeprefix("arn:aws:s3:::")
        encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
        policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])

        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
        assert encryption["ApplyServerSideEncryptionByDefault"] == {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": applied.outputs()["mcop"]["kms_key_arn"],
        }
        assert set(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()) == {True}
        assert [one["Condition"] for one in policy["Statement"]] == [{"Bool": {"aws:SecureTransport": "false"}}]

    @pytest.mark.parametrize("role", ROLES)
    def test_a_role_may_do_what_the_permissions_say(self, applied, role):
        """What IAM has is the file that the requests are held to, word for word, with this installation's names."""
        iam = applied.emulator.client("iam")
        found = iam.get_role_policy(RoleName=f"mcop-{role}", PolicyName="mcop")["PolicyDocument"]
        wanted = json.dumps([one.document() for one in read_permissions("aws")[role]])
        outputs = applied.outputs()["mcop"]
        (secret,) = applied.emulator.client("secretsmanager").list_secrets()["SecretList"]
        for name, arn in {"key": outputs["kms_key_arn"], "record_key": secret["ARN"]}.items():
            wanted = wanted.replace(PLACES[name], arn)

        assert found["Statement"] == json.loads(wanted)

    def test_the_worker_is_what_the_executor_runs(self, applied):
        """A task definition with the settings, the record key as a secret, and the roles; the executor is told it."""
        outputs = applied.outputs()["mcop"]
        executor = outputs["executor_settings"]
        family = executor["AIRFLOW__AWS_ECS_EXECUTOR__TASK_DEFINITION"]
        ecs = applied.emulator.client("ecs")
        task = ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
        (container,) = task["containerDefinitions"]

        assert container["name"] == executor["AIRFLOW__AWS_ECS_EXECUTOR__CONTAINER_NAME"]
        assert {one["name"]: one["value"] for one in container["environment"]} == outputs["settings"]
        assert [one["name"] for one in container["secrets"]] == ["MCOP_RECORD_KEY"]
        assert (task["taskRoleArn"], task["executionRoleArn"]) == (
            outputs["role_arns"]["worker"],
            outputs["role_arns"]["launcher"],
        )
        assert executor["AIRFLOW__AWS_ECS_EXECUTOR__SUBNETS"] == ",".join(NAMES["subnet_ids"])

    def test_an_account_trusts_the_worker_alone(self, applied):
        """And only who names the id that was agreed on."""
        iam = applied.emulator.client("iam")
        (trust,) = iam.get_role(RoleName="mcop-execution")["Role"]["AssumeRolePolicyDocument"]["Statement"]

        assert trust["Principal"] == {"AWS": applied.outputs()["mcop"]["role_arns"]["worker"]}
        assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": "shop"}}


def indexes(table):
    return [
        (one["IndexName"], one["KeySchema"], one["Projection"]["ProjectionType"])
        for one in sorted(table.get("GlobalSecondaryIndexes", []), key=lambda one: one["IndexName"])
    ]


@pytest.mark.terraform
def test_the_roots_of_the_guide_are_valid(tmp_path):
    """Both, as they stand there, with a checkout beside each."""
    root = MODULES.parents[2]
    for block in blocks(root / "docs/guides/aws.md"):
        if block.language == "hcl":
            path = tmp_path / block.file
            path.parent.mkdir()
            path.write_text(block.text)
            (path.parent / "mcop").symlink_to(root)
            made = Installation(path.parent, None, {})
            made.do("init", "-backend=false", "-input=false", "-no-color")
            made.do("validate", "-no-color")
