"""Which roots may be served by a provider process that serves others, too."""

import json

import pytest

from mcop_core.engines.terraform.lending import lendable
from mcop_core.engines.terraform.preparation import LOCK_FILE

AWS = "registry.terraform.io/hashicorp/aws"
ENVIRONMENT = {"PATH": "/bin", "AWS_ACCESS_KEY_ID": "one", "TF_CLI_CONFIG_FILE": "/here"}
MODULE = 'resource "aws_sns_topic" "this" { name = "x" }\n'
REGION = {"region": "${var.region}"}


def lock(*sources: str, version: str = "5.100.0", digest: str = "abc") -> bytes:
    blocks = (
        f'provider "{one}" {{\n  version = "{version}"\n  hashes = [\n    "h1:{digest}",\n  ]\n}}\n' for one in sources
    )
    return "".join(blocks).encode()


def root(
    *,
    locked: bytes = lock(AWS),
    provider: object = REGION,
    modules: dict[str, str] | None = None,
    calls: dict | None = None,
    region: str = "us-east-1",
    required: dict[str, str] | None = None,
) -> dict[str, bytes]:
    """A root with the AWS provider, as MCOP renders it."""
    needed = {name: {"source": source} for name, source in (required or {"aws": "hashicorp/aws"}).items()}
    main = {"terraform": {"required_providers": needed}, **({"provider": {"aws": provider}} if provider else {})}
    called = {"module": calls or {"one": {"source": "./module"}}}
    texts = {f"module/{path}": text for path, text in (modules or {"main.tf": MODULE}).items()}
    return {
        "main.tf.json": json.dumps(main).encode(),
        "module.tf.json": json.dumps(called).encode(),
        "terraform.tfvars.json": json.dumps({"region": region, "tags": {"a": "b"}}).encode(),
        LOCK_FILE: locked,
        **{path: text.encode() for path, text in texts.items()},
    }


def keys(files: dict[str, bytes], environment: dict[str, str] = ENVIRONMENT) -> list[str]:
    return [one.key for one in lendable(files, environment)]


@pytest.mark.parametrize(
    "files",
    [
        root(),
        root(locked=lock(AWS, "registry.terraform.io/hashicorp/random")),
        root(provider=None),
        root(provider=[{"alias": "c1", **REGION}], calls={"one": {"source": "./one", "providers": {"aws": "aws.c1"}}}),
        root(modules={"main.tf": '# provider "aws" {}\n' + MODULE, "README.md": 'provider "aws" {}'}),
        root(required={"own": "hashicorp/aws"}),
    ],
    ids=[
        "as rendered",
        "beside one that writes no file",
        "not configured",
        "one alias for all",
        "in a comment",
        "named",
    ],
)
def test_a_root_that_configures_a_large_provider_once_is_lent_it(files):
    (one,) = lendable(files, ENVIRONMENT)

    assert (AWS, "5.100.0", ("h1:abc",)) == (one.address, one.lock.version, one.lock.hashes)


TWO = [{"alias": "c1", **REGION}, {"alias": "c2", **REGION}]
PROVISIONER = 'resource "terraform_data" "x" {\n  provisioner "local-exec" {\n    command = "true"\n  }\n}\n'


@pytest.mark.parametrize(
    "files",
    [
        root(provider=TWO),
        root(provider=[{"alias": "c1", **REGION}]),
        root(modules={"main.tf": MODULE, "deep/inner.tf": 'provider "aws" {\n  region = "x"\n}\n'}),
        root(modules={"main.tf.json": '{"provider": {"aws": {"region": "x"}}}'}),
        root(modules={"main.tf": 'provider /* so */ "aws" {\n}\n'}),
        root(required={"aws": "hashicorp/aws", "again": "hashicorp/aws"}),
        root(provider={"region": "${module.net.region}"}),
        root(provider={"assume_role": [{"role_arn": "${var.unknown}"}]}),
        root(locked=lock(AWS, "registry.terraform.io/hashicorp/archive")),
        root(locked=lock(AWS, "registry.terraform.io/hashicorp/local")),
        root(locked=lock(AWS, "registry.example.org/acme/files")),
        root(locked=lock("registry.terraform.io/hashicorp/random")),
        root(locked=b""),
        root(modules={"main.tf": PROVISIONER}),
        root(modules={"main.tf": "resource {"}),
    ],
    ids=[
        *("two aliases", "an alias that a module does not take", "a module's own", "a module's own in JSON"),
        *("with a comment in it", "two names", "an output's value", "a value that nobody gave", "beside archives"),
        *("beside files", "beside a stranger", "small", "not locked", "beside a command", "broken"),
    ],
)
def test_any_other_root_has_a_provider_of_its_own(files):
    """A second configuration would replace the first; what writes files would be looked for in another folder."""
    assert [] == keys(files)


@pytest.mark.parametrize(
    "other",
    [
        root(provider={**REGION, "default_tags": {"tags": "${var.tags}"}}),
        root(modules={"main.tf": 'resource "aws_sqs_queue" "q" {}\n'}),
        root(provider={"region": "us-east-1"}),
    ],
    ids=["other tags", "another module", "written out"],
)
def test_what_says_nothing_of_as_whom_it_works_is_no_difference(other):
    assert keys(root()) == keys(other)


@pytest.mark.parametrize(
    "other",
    [
        root(region="eu-west-1"),
        root(provider={**REGION, "assume_role": [{"role_arn": "arn:aws:iam::2:role/deployer"}]}),
        root(provider={**REGION, "endpoints": [{"s3": "http://elsewhere"}]}),
        root(locked=lock(AWS, version="5.99.0")),
        root(locked=lock(AWS, digest="xyz")),
    ],
    ids=["region", "role", "endpoint", "version", "checksum"],
)
def test_another_place_role_or_version_is_served_by_another_process(other):
    assert keys(root()) != keys(other)


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL", "HTTPS_PROXY", "HOME", "OWN_TOKEN"])
def test_another_environment_is_served_by_another_process(name):
    assert keys(root()) != keys(root(), {**ENVIRONMENT, name: "other"})


def test_where_an_operation_has_its_own_configuration_of_terraform_is_no_difference():
    assert keys(root()) == keys(root(), {**ENVIRONMENT, "TF_CLI_CONFIG_FILE": "/elsewhere"})
