"""The preview through the real AWS provider, against an emulated cloud that changes behind Terraform's back."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from mcop_core.catalog.models import AdapterSettings
from mcop_core.engines.terraform.engine import TerraformEngine
from mcop_core.engines.terraform.providers import find_mirror
from mcop_core.settings import Settings
from tests.core.engines.terraform.manifests import Manifest, actions, attribute, modes, ref
from tests.emulators import free_port, running
from tests.opentofu import registry

pytestmark = [pytest.mark.campaign, pytest.mark.terraform, pytest.mark.emulator]

VERSION = "5.100.0"
OTHER_VERSION = "5.99.0"
ROLE = "arn:aws:iam::222222222222:role/deployer"
PACKAGE = ".terraform/providers/*/hashicorp/aws/*"
NEEDS_AWS = """
terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
"""
PARAMETERS = (
    NEEDS_AWS
    + """
variable "text" { type = string }
resource "aws_ssm_parameter" "kept" {
  name           = "/kept"
  type           = "String"
  insecure_value = var.text
}
resource "aws_ssm_parameter" "spare" {
  name           = "/spare"
  type           = "String"
  insecure_value = var.text
}
output "name" { value = aws_ssm_parameter.kept.name }
output "arn" { value = aws_ssm_parameter.kept.arn }
"""
)
READER = (
    NEEDS_AWS
    + """
variable "name" { type = string }
data "aws_ssm_parameter" "read" { name = var.name }
resource "terraform_data" "uses" { input = nonsensitive(data.aws_ssm_parameter.read.value) }
output "value" { value = terraform_data.uses.input }
"""
)
TEXT = """
variable "text" { type = string }
resource "terraform_data" "this" { input = var.text }
"""


def adapter(region="us-east-1", version=VERSION, **configuration):
    quick = {"region": region, "max_retries": 1, "skip_metadata_api_check": "true"}
    return AdapterSettings(source="hashicorp/aws", version=version, configuration=quick | configuration)


HERE = (PARAMETERS, {"text": "here"}, adapter())
FAR = (PARAMETERS, {"text": "far"}, adapter("eu-west-1", assume_role={"role_arn": ROLE}))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with running("moto_server", tmp_path_factory.mktemp("moto")) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def shop(cloud, tmp_path_factory):
    """Two components with parameters of the same names, one of them in another account and region."""
    manifest = Manifest(tmp_path_factory.mktemp("shop"), environment={**os.environ, **cloud.environment})
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda one: manifest.apply(*one), [("here", *HERE), ("far", *FAR)]))
    return manifest


@pytest.fixture(scope="module")
def changed(cloud, shop):
    """The preview after somebody removed a parameter here and changed one far away."""
    cloud.client("ssm").delete_parameter(Name="/spare")
    role = cloud.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="somebody")["Credentials"]
    far = boto3.client(
        "ssm",
        endpoint_url=cloud.url,
        region_name="eu-west-1",
        aws_access_key_id=role["AccessKeyId"],
        aws_secret_access_key=role["SecretAccessKey"],
        aws_session_token=role["SessionToken"],
    )
    far.put_parameter(Name="/kept", Value="by hand", Overwrite=True)
    return shop.preview(here=HERE, far=FAR)


def test_regions_and_accounts_are_planned_as_one(changed):
    """Each component is read where it lies, though both have resources of the same names."""
    assert {"here": "merged", "far": "merged"} == modes(changed)
    assert "aws_ssm_parameter.kept" in actions(changed["far"])
    assert "aws_ssm_parameter.kept" not in actions(changed["here"])


def test_what_was_deleted_in_the_cloud_is_created(changed):
    """It is in the state still."""
    assert {"aws_ssm_parameter.spare": "create"} == actions(changed["here"])


def test_what_was_changed_in_the_cloud_is_updated(changed):
    """With the cloud's value before, and the module's after."""
    value = attribute(changed["far"], "insecure_value")

    assert {"aws_ssm_parameter.kept": "update"} == actions(changed["far"])
    assert ("by hand", "far") == (value.before, value.after)


def test_a_data_source_is_read_once_its_arguments_are_known(cloud, shop):
    """One that takes what is not applied yet is read at apply, and what follows from it is unknown."""
    cloud.client("ssm").put_parameter(Name="/read", Value="42", Type="String")
    found = shop.preview(
        new=(PARAMETERS, {"text": "x"}, adapter("eu-central-1")),
        known=(READER, {"name": "/read"}, adapter()),
        unknown=(READER, {"name": ref("new", "arn")}, adapter()),
        after=(TEXT, {"text": ref("unknown", "value")}),
    )

    assert {"merged"} == set(modes(found).values())
    assert "42" == attribute(found["known"], "input").after
    assert "read" == actions(found["unknown"])["data.aws_ssm_parameter.read"]
    assert attribute(found["unknown"], "input").is_unknown and attribute(found["after"], "input").is_unknown


def test_an_endpoint_that_does_not_answer_defers_who_needs_it(shop):
    """Refreshing fails for one component; Terraform's own words say what did not answer."""
    silent = adapter(endpoints={"ssm": f"http://127.0.0.1:{free_port()}"})
    found = shop.preview(here=(PARAMETERS, {"text": "x"}, silent), far=FAR, after=(TEXT, {"text": ref("here", "name")}))

    assert {"here": "deferred", "far": "merged", "after": "deferred"} == modes(found)
    assert "connection refused" in found["here"].reason
    assert "w.p.here" in found["after"].reason


# -- versions of a provider ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_versions(shop, tmp_path_factory):
    """The same states, and a mirror that holds the provider's package under two version numbers."""
    folder = tmp_path_factory.mktemp("versions")
    mirror = find_mirror(os.environ.get("MCOP_TERRAFORM_PLUGIN_MIRROR", ""), os.environ)
    package = next(mirror.glob(f"{registry()}/hashicorp/aws/{VERSION}/*"))
    for version in (VERSION, OTHER_VERSION):
        link = folder / "mirror" / package.relative_to(mirror).parents[1] / version / package.name
        link.parent.mkdir(parents=True)
        link.symlink_to(package)
    settings = Settings(cache_dir=str(folder / "cache"), terraform_plugin_mirror=str(folder / "mirror"))
    manifest = Manifest(folder, environment=shop.environment, engine=TerraformEngine(settings, shop.environment))
    shutil.copytree(shop.states, manifest.states, dirs_exist_ok=True)
    return manifest


def test_another_version_of_a_provider_is_planned_alone(two_versions):
    """By that very version; who takes its outputs is planned alone too, since these are known."""
    odd = (PARAMETERS, {"text": "new"}, adapter("eu-west-1", OTHER_VERSION, assume_role={"role_arn": ROLE}))
    found = two_versions.preview(here=HERE, far=odd, after=(TEXT, {"text": ref("far", "name")}))

    assert {"here": "merged", "far": "alone", "after": "alone"} == modes(found)
    assert "another provider version" in found["far"].reason
    assert "/kept" == attribute(found["after"], "input").after
    assert [OTHER_VERSION] == [path.name for path in two_versions.folder.glob("work/preview/w-p-far/" + PACKAGE)]


def test_what_left_the_merged_plan_is_planned_though_that_plan_failed(two_versions):
    """One component is of another version, and all that remained have a fault."""
    broken = NEEDS_AWS + 'resource "terraform_data" "this" { input = file("missing") }'
    found = two_versions.preview(
        broken=(broken, {}, adapter()), odd=(NEEDS_AWS + TEXT, {"text": "x"}, adapter(version=OTHER_VERSION))
    )

    assert {"broken": "deferred", "odd": "alone"} == modes(found)
    assert "missing" in found["broken"].reason
