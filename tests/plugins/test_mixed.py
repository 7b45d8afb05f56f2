"""A Terraform component and a Jenkins pipeline that takes its output, run by Airflow's own task machinery."""

import json

import pytest

from mcop_core.bootstrap import open_engine
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.executions import naming
from mcop_core.publishing import publish_folder
from mcop_core.settings import Settings
from tests import pipelines
from tests.fakes.jenkins_server import TOKEN, running_jenkins
from tests.plugins.small_catalog import MODULE, SmallCatalog
from tests.plugins.test_destruction import Destroyer

pytestmark = pytest.mark.terraform

JENKINSFILE = """\
node {
    def network = {{ network }}
    echo 'releasing'
    writeFile file: 'release.json', text: groovy.json.JsonOutput.toJson([url: network])
    archiveArtifacts artifacts: 'release.json'
}
"""
INTERFACE = """\
inputs:
  network: {type: string, description: Where it is released.}
outputs:
  url: {type: string, from: {artifact: release.json, key: url}}
  number: {type: number, from: {build: number}}
"""
NETWORK = """\
kind: adapter
name: local-terraform
version: 1.0.0
provider: local
primitive_type: terraform
engine: terraform
---
kind: primitive
name: thing
version: 1.0.0
provider: local
primitive_type: terraform
source: templates/thing
---
kind: pattern
name: network
version: 1.0.0
provider: local
primitive_type: terraform
parameters: {base: {type: string, default: one}}
elements: {vpc: {primitive: thing, version: 1.0.0, inputs: {name: "${base}"}}}
"""
APP = """\
kind: workflow
name: app
version: 1.0.0
patterns:
  network: {pattern: network, version: 1.0.0}
  delivery: {pattern: delivery, version: 1.0.0, inputs: {network: "${network.vpc.name}"}}
backend: {type: local, path: "${states}"}
---
kind: manifest
name: app
version: 1.0.0
namespace: team
approval: always
configuration: {states: "%s"}
workflows: {app: {workflow: app, version: 1.0.0}}
"""


@pytest.fixture
def jenkins():
    with running_jenkins() as running:
        yield running


@pytest.fixture
def destroyer(scheduling, jenkins, tmp_path, monkeypatch):
    scheduling.forget_runs()
    settings = Settings(
        artifact_store=f"file://{tmp_path}/store", work_dir=str(tmp_path / "runs"), cache_dir=str(tmp_path / "cache")
    )
    for name, value in {**settings.to_environment(), "MCOP_SECRET_JENKINS_TOKEN": TOKEN}.items():
        monkeypatch.setenv(name, value)
    documents = pipelines.joined(
        NETWORK,
        pipelines.adapter(jenkins.url),
        pipelines.RELEASE,
        pipelines.delivery({"network": {"type": "string"}}, {"network": "into-${network}"}),
        APP % (tmp_path / "states"),
    )
    templates = {
        "thing/main.tf": MODULE,
        "release/Jenkinsfile": JENKINSFILE,
        "release/interface.yaml": INTERFACE,
    }
    folder = pipelines.write_catalog(tmp_path / "catalog", documents, templates)
    catalog = SmallCatalog(MemoryRepository(), settings, tmp_path / "states")
    publish_folder(folder, catalog.repository, catalog.store, lambda name: open_engine(name, settings))
    return Destroyer(catalog, scheduling)


def test_a_pipeline_takes_what_terraform_made(destroyer, jenkins):
    """Previewed and approved as one, built once with the value, not built again without a change, and destroyed."""
    destroyer.start("app", "one")
    asked = destroyer.question("app", "one")
    assert "3 to add, 0 to change, 0 to replace, 0 to destroy, in 2 components" in asked.subject
    assert jenkins.items == {}

    run, tasks = destroyer.answer("app", "one", "Approve")
    xcoms = destroyer.xcoms("one", "mcop.app")
    assert (run, tasks["app.delivery.apply_release"]) == ("success", "success")
    assert xcoms["app.delivery.apply_release", "url"] == "into-one"
    assert xcoms["app.delivery.apply_release", "number"] == 1
    (job,) = (item for item in jenkins.items.values() if not item.is_folder)
    assert [build.result for build in job.builds] == ["SUCCESS"]
    assert TOKEN not in json.dumps([*xcoms.values()])

    run, _ = destroyer.deploy("app", run_id="two")
    assert (run, len(job.builds)) == ("success", 1)  # nobody was asked, since nothing would change
    assert destroyer.xcoms("two", "mcop.app")["app.delivery.apply_release", naming.RESULT_KEY]["added"] == 0

    run, _ = destroyer.start("app", "three", conf={"base": "two"})
    destroyer.answer("app", "three", "Approve")
    assert destroyer.xcoms("three", "mcop.app")["app.delivery.apply_release", "url"] == "into-two"
    assert [build.result for build in job.builds] == ["SUCCESS", "SUCCESS"]

    destroyer.destroy("app", "d1")
    run, tasks = destroyer.answer_destruction("app", "d1", "Approve")
    assert (run, tasks["app.delivery.destroy_release"]) == ("success", "success")
    assert [name for name, item in jenkins.items.items() if not item.is_folder] == []
    assert destroyer.deployed("app") == ()
