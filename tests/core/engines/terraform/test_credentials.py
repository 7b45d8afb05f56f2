"""What a manifest's credentials become in Terraform's environment, and what of the worker's is left out then."""

import json
import os
from dataclasses import replace

import pytest

from mcop_core.artifacts.local import LocalStore
from mcop_core.catalog.models import AdapterSettings
from mcop_core.engines.base import Component, RenderRequest
from mcop_core.engines.terraform.credentials import NONE, credentials_of, own_credentials
from mcop_core.engines.terraform.engine import TerraformEngine
from mcop_core.engines.terraform.search import open_search
from mcop_core.engines.workspace import Workspace
from mcop_core.errors import InvalidDocuments, InvalidInput, Refused
from mcop_core.secrets.reference import SecretRef
from mcop_core.settings import Settings
from tests.contracts.engine import ADDRESS
from tests.core.engines.terraform.operations import Recorder

REF = SecretRef("airflow", "mcop.shop.aws")
MODULE = {"main.tf": b'resource "terraform_data" "this" {}\n'}
BACKEND = {"type": "s3", "bucket": "state", "region": "us-east-1", "use_lockfile": True}
KEYS = {"login": "AKIAOWN", "password": "own-secret"}
WORKERS = {
    "AWS_ACCESS_KEY_ID": "AKIAWORKER",
    "AWS_PROFILE": "worker",
    "AWS_REGION": "eu-west-1",
    "AWS_ENDPOINT_URL_S3": "http://s3",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://role",
    "PATH": "/bin",
    "ARM_CLIENT_SECRET": "of another cloud",
}


def request(source="hashicorp/aws", ref=REF, **settings):
    engine = TerraformEngine(Settings(), {})
    return RenderRequest(
        ADDRESS, MODULE, engine.describe(MODULE), {}, AdapterSettings(source=source, **settings), {}, BACKEND, str(ref)
    )


def own(held, source="hashicorp/aws", ref=REF, **settings):
    return own_credentials([credentials_of(request(source, ref, **settings))], {ref: json.dumps(held)})


HELD = {
    "an access key": ("hashicorp/aws", KEYS, {"AWS_ACCESS_KEY_ID": "AKIAOWN", "AWS_SECRET_ACCESS_KEY": "own-secret"}),
    "a workload's identity": (
        "hashicorp/aws",
        {"role_arn": "arn:aws:iam::1:role/shop", "web_identity_token_file": "/var/run/token", "login": None},
        {"AWS_ROLE_ARN": "arn:aws:iam::1:role/shop", "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token"},
    ),
    "a service account": ("hashicorp/google", {"keyfile_dict": {"a": 1}}, {"GOOGLE_CREDENTIALS": '{"a": 1}'}),
    "a service principal": (
        "hashicorp/azurerm",
        {"login": "id", "password": "hush", "tenantId": "t", "subscriptionId": "s"},
        {"ARM_CLIENT_ID": "id", "ARM_CLIENT_SECRET": "hush", "ARM_TENANT_ID": "t", "ARM_SUBSCRIPTION_ID": "s"},
    ),
    "a token": ("digitalocean/digitalocean", {"password": "hush"}, {"DIGITALOCEAN_TOKEN": "hush"}),
    "names of variables": ("hashicorp/aws", {"AWS_ACCESS_KEY_ID": "A"}, {"AWS_ACCESS_KEY_ID": "A"}),
}


@pytest.mark.parametrize(("source", "held", "variables"), HELD.values(), ids=HELD)
def test_each_cloud_finds_what_it_reads(source, held, variables):
    """By the fields of Airflow's connections; what is not in it is no variable."""
    assert variables == own(held, source).variables


def test_an_adapter_says_what_another_provider_reads():
    """A cloud more needs no code; its variables of the worker are not passed on then."""
    found = own({"key": "own"}, "acme/cloud", credential_fields={"ACME_KEY": "key"}, environment=("ACME_*",))

    assert {"ACME_KEY": "own"} == found.variables
    assert {"PATH": "/bin"} == found.without_the_workers({"ACME_KEY": "w", "ACME_OTHER": "w", "PATH": "/bin"})


def test_what_is_hidden_in_logs_are_texts_and_no_words():
    """A switch among them is no secret, and stands in every log."""
    found = own({"login": "AKIAOWNKEY", "password": "hush-hush", "use_oidc": True}, "hashicorp/azurerm")

    assert "true" == found.variables["ARM_USE_OIDC"]
    assert {"AKIAOWNKEY", "hush-hush"} == set(found.texts)
    assert "hush" not in repr(found)


def test_nothing_of_the_workers_says_as_whom():
    """Where the cloud is stays; files, roles and the machine are closed; what is of another cloud is not touched."""
    found = own(KEYS)
    left = found.over(found.without_the_workers(WORKERS))

    assert {"PATH", "AWS_REGION", "AWS_ENDPOINT_URL_S3", "ARM_CLIENT_SECRET"} == set(left) & set(WORKERS) - {
        "AWS_ACCESS_KEY_ID"
    }
    assert "AKIAOWN" == left["AWS_ACCESS_KEY_ID"]
    assert ("/dev/null", "/dev/null", "true") == (
        left["AWS_CONFIG_FILE"],
        left["AWS_SHARED_CREDENTIALS_FILE"],
        left["AWS_EC2_METADATA_DISABLED"],
    )


def test_without_credentials_everything_is_the_workers():
    """As it was before there were any."""
    assert {} == credentials_of(request(ref=""))
    assert WORKERS == NONE.over(NONE.without_the_workers(WORKERS))


FAULTY = {
    "no JSON": ("hush", "must be a JSON object with login"),
    "a list": (["hush"], "must be a JSON object"),
    "other fields": ({"user": "hush"}, "hold none of login .*They hold: user"),
    "a role that nobody assumes": ({**KEYS, "role_arn": "hush"}, "name a role and no web_identity_token_file"),
}


@pytest.mark.parametrize(("held", "said"), FAULTY.values(), ids=FAULTY)
def test_credentials_that_cannot_be_are_told_and_not_shown(held, said):
    """Before anything runs with others."""
    with pytest.raises(InvalidInput, match=said) as caught:
        own(held)

    assert "hush" not in str(caught.value)


def test_a_provider_whose_variables_nobody_knows_is_refused():
    """It would run with the worker's, silently."""
    with pytest.raises(InvalidDocuments, match=r"write settings\.credential_fields"):
        credentials_of(request("acme/cloud"))


def test_two_credentials_for_one_provider_do_not_mix():
    """In one process there is one."""
    other = SecretRef("airflow", "mcop.shop.aws2")
    entries = [credentials_of(request()), credentials_of(request(ref=other))]
    with pytest.raises(Refused, match="different credentials"):
        own_credentials(entries, {REF: json.dumps(KEYS), other: json.dumps({**KEYS, "login": "AKIAOTHER"})})


@pytest.mark.parametrize("other", ["", "secret://airflow/mcop.shop.aws2"], ids=["the worker's", "others"])
def test_components_that_speak_as_others_are_not_looked_at_as_one(other, tmp_path):
    """Neither would be planned as whom it is deployed as."""
    engine = TerraformEngine(Settings(), {})
    both = [request(), replace(request(ref=other), address=(*ADDRESS[:4], "other"))]
    components = [Component(one.step, one) for one in both]
    workspace = Workspace(tmp_path, lambda url: LocalStore(tmp_path), {}, lambda: False, "mcop.shop manual")
    with pytest.raises(
        Refused, match=r"base\.net\.thing with secret://airflow/mcop\.shop\.aws and base\.net\.other with"
    ):
        engine.preview(components, workspace, Recorder())


def test_what_was_cut_off_is_looked_for_with_the_same_credentials():
    """An access key is taken; for what only the provider can exchange nothing is looked for."""
    files = {
        "main.tf.json": json.dumps(
            {
                "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
                "provider": {"aws": {"region": "eu-west-1", "default_tags": {"tags": {"mcop:address": "a"}}}},
            }
        ).encode()
    }
    artifact = replace(TerraformEngine(Settings(), {}).render(request()), files=files)
    client = open_search(artifact, own(KEYS)).client("ec2")
    identity = {"role_arn": "arn:aws:iam::1:role/shop", "web_identity_token_file": "/var/run/token"}

    assert "AKIAOWN" == client._request_signer._credentials.access_key
    assert open_search(artifact, own(identity)) is None


TELLING = '#!/bin/sh\nenv | grep -E "ACME|SECRET" >> %s\nexec terraform "$@"\n'


@pytest.fixture
def machine(tmp_path):
    """An engine whose Terraform notes its environment, a request with credentials, and a workspace with a worker's."""
    program, told = tmp_path / "terraform", tmp_path / "told"
    program.write_text(TELLING % told)
    program.chmod(0o755)
    engine = TerraformEngine(Settings(terraform=str(program), cache_dir=str(tmp_path / "cache")))
    store, asked = LocalStore(tmp_path / "store"), []

    def read_secrets(namespace, refs):
        asked.append((namespace, *map(str, refs)))
        return dict.fromkeys(refs, json.dumps({"key": "own-secret"}))

    def workspace():
        environment = {"PATH": os.environ["PATH"], "ACME_KEY": "workers-secret", "ACME_FILE": "workers"}
        folder = tmp_path / f"run{len(asked)}"
        return Workspace(
            folder, lambda url: store, environment, lambda: False, "mcop.shop manual", read_secrets=read_secrets
        )

    made = request("", credential_fields={"ACME_KEY": "key"}, environment=("ACME_*",))
    return engine, replace(made, backend={"type": "local", "path": str(tmp_path / "store")}), workspace, told, asked


@pytest.mark.terraform
def test_every_operation_has_its_own_credentials_and_leaves_none(machine, tmp_path):
    """Preview, apply, preview of a destruction and destruction; no file, log or record holds the value."""
    engine, made, workspace, told, asked = machine
    artifact, report = engine.render(made), Recorder()
    operations = {
        "preview": lambda: engine.preview([Component("base.net.thing", made)], workspace(), report),
        "apply": lambda: engine.apply(artifact, workspace(), report),
        "preview of a destruction": lambda: engine.preview_destroy("base.net.thing", artifact, workspace(), report),
        "destroy": lambda: engine.destroy(artifact, workspace(), report),
    }
    for operate in operations.values():
        told.unlink(missing_ok=True)
        operate()
        assert {"ACME_KEY=own-secret"} == set(told.read_text().split())
    told.unlink()
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()).decode(errors="replace")

    assert "own-secret" not in left + report.text + repr(report.records) + artifact.to_json().decode()
    assert {("shop", str(REF))} == set(asked)
    assert (REF,) == artifact.secrets
