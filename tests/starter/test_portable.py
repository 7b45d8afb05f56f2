"""One web application on four clouds, and the other examples: they compile, render, and suit their modules."""

import pytest

from mcop_core.errors import InvalidDocuments
from tests.starter.differences import (
    CLOUDS,
    EXAMPLES,
    Published,
    publish_clouds,
    tables,
    values,
    web_application,
)
from tests.starter.inputs import Call, check_inputs
from tests.starter.schemas import MODULES, ROOT, STARTER

GUIDE = ROOT / "docs" / "guides" / "portability.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("portable")


@pytest.fixture(scope="module")
def published(folder):
    """What is portable, four clouds, and the web application."""
    return publish_clouds(folder / "store")


@pytest.fixture(scope="module")
def rendered(published, folder):
    """Cloud -> the plan of the web application and its artifacts."""
    return {cloud: web_application(cloud, published, folder / "cache") for cloud in CLOUDS}


def test_the_same_pattern_is_four_deployments(rendered):
    """Each cloud has the same steps in the same order, all by its own primitives and its own adapter."""
    plans = {cloud: plan for cloud, (plan, _) in rendered.items()}
    shapes = {cloud: [(step.id, step.after) for step in plan.steps] for cloud, plan in plans.items()}
    adapters = {cloud: {step.adapter.partition("@")[0] for step in plan.steps} for cloud, plan in plans.items()}

    assert list(shapes.values()) == [shapes["aws"]] * 4
    assert adapters == {cloud: {f"adapter#{cloud}-terraform"} for cloud in CLOUDS}


def test_the_guide_lists_what_differs(rendered):
    """The tables of the guide are those that rendering gives: `python -m tests.starter.differences` writes them."""
    assert tables(rendered) in GUIDE.read_text()


def test_an_artifact_holds_one_provider_of_its_cloud(rendered):
    """With what the adapter configures; values stand in the variables alone."""
    sources = {"aws": "hashicorp/aws", "azure": "hashicorp/azurerm", "gcp": "hashicorp/google"}
    for cloud, (_, artifacts) in rendered.items():
        for artifact in artifacts.values():
            main = artifact.files["main.tf.json"].decode()
            assert f'"{sources.get(cloud, "digitalocean/digitalocean")}"' in main
            assert "acme" not in main


def test_a_password_reaches_no_artifact(rendered):
    """The machine is told where the database is and who logs in, and not the password."""
    for cloud, (_, artifacts) in rendered.items():
        assert CLOUDS[cloud]["outputs"]["database.host"] in values(artifacts["web.application.web"])["startup_script"]
        assert not any(b"a-password-of-a-test" in data for one in artifacts.values() for data in one.files.values())


@pytest.mark.terraform
def test_a_module_takes_what_the_pattern_gives(rendered, terraform, tmp_path):
    """Names, sizes, placements and tags of the example pass the validations of every cloud's modules."""
    calls = {}
    for cloud, (plan, artifacts) in rendered.items():
        for step in plan.steps:
            module = _module(step.primitive)
            calls[f"{cloud}-{module.parent.name}"] = Call(module, values(artifacts[step.id]))

    assert {name: told for name, told in check_inputs(calls, terraform, tmp_path).items() if told} == {}
    assert len(calls) == 16


def _module(primitive):
    name = primitive.partition("#")[2].partition("@")[0]
    return next(module for module in MODULES if module.parent.name == name)


def test_a_cloud_that_is_none_is_refused(published):
    """With those that there are."""
    with pytest.raises(InvalidDocuments, match="aws, azure, gcp, digitalocean"):
        published.compile("web-application", {"cloud": "azur"})


WITH_SECRET = """
kind: manifest
name: web-application-with-secret
version: 1.0.0
namespace: storefront
configuration:
  {cloud: aws, organisation: acme, application: shop, environment: staging, region: eu-central-1,
   network_cidr: 10.40.0.0/16, ssh_public_key: ssh-ed25519 AAAA, state_bucket: acme-terraform-state,
   state_region: eu-central-1, azure_subscription_id: "0", gcp_project: acme, gcp_region: europe-west1}
workflows:
  web: {workflow: portable-web-application-with-secret, version: "~> 1.0"}
"""


def test_a_store_of_secrets_is_where_there_is_one(folder, tmp_path):
    """The password goes to the cloud's own store on three clouds; on the fourth it is told that there is none."""
    (tmp_path / "manifest.yaml").write_text(WITH_SECRET)
    published = Published.of(*(STARTER / name for name in ("portable", *CLOUDS)), tmp_path, into=folder / "secret")

    def primitive(cloud):
        plan = published.compile("web-application-with-secret", {"cloud": cloud})
        return next(step.primitive for step in plan.steps if step.id == "web.password.secret")

    assert {cloud: primitive(cloud) for cloud in ("aws", "azure", "gcp")} == {
        "aws": "primitive#aws-secret@1.0.0",
        "azure": "primitive#key-vault-secret@1.0.0",
        "gcp": "primitive#secret-manager-secret@1.0.0",
    }
    with pytest.raises(InvalidDocuments, match="no primitive implements interface#secret"):
        primitive("digitalocean")


@pytest.mark.parametrize("cloud", list(CLOUDS))
def test_the_kubernetes_platform_is_one_on_each_cloud(folder, cloud):
    """A network, a cluster and a bucket of the cloud; then an application by the provider of Kubernetes."""
    folders = [STARTER / name for name in ("portable", *CLOUDS, "kubernetes")]
    published = Published.of(*folders, EXAMPLES / "kubernetes-platform", into=folder / "platform")
    more = {"cloud": cloud, "region": CLOUDS[cloud]["region"], "azure_subscription_id": "0"}
    plan = published.compile(
        "kubernetes-platform", more if cloud == "azure" else {**more, "azure_subscription_id": "0"}
    )

    assert {step.id: step.adapter.partition("@")[0] for step in plan.steps} == {
        **{f"platform.platform.{name}": f"adapter#{cloud}-terraform" for name in ("network", "cluster", "backups")},
        **{
            f"application.application.{name}": "adapter#kubernetes-terraform"
            for name in ("namespace", "deployment", "service")
        },
    }


PIPELINE = {
    "pipeline.registry.images.repository_url": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop",
    "pipeline.delivery.build.image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop@sha256:" + "a" * 64,
    "pipeline.delivery.deploy.image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop@sha256:" + "a" * 64,
}


def test_the_ci_pipeline_carries_an_output_of_terraform_into_jenkins(folder):
    """The registry that Terraform makes is what Jenkins pushes to, and the image that it made what is deployed."""
    folders = [ROOT / "include" / "catalog", STARTER / "jenkins", EXAMPLES / "ci-pipeline"]
    published = Published.of(*folders, into=folder / "pipeline")
    plan = published.compile("ci-pipeline")
    artifacts = published.render(plan, PIPELINE, folder / "cache")

    assert [step.id.removeprefix("pipeline.") for step in plan.steps] == [
        "registry.images",
        "delivery.build",
        "delivery.deploy",
        "delivery.nightly",
    ]
    build = artifacts["pipeline.delivery.build"].files["Jenkinsfile"].decode()
    deploy = artifacts["pipeline.delivery.deploy"].files["Jenkinsfile"].decode()
    assert f"REPOSITORY = '{PIPELINE['pipeline.registry.images.repository_url']}'" in build
    assert f"IMAGE = '{PIPELINE['pipeline.delivery.build.image']}'" in deploy
