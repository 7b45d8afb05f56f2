"""An engine of another package, installed and used: published, previewed, approved, deployed, looked at, destroyed."""

import json
import os
from functools import partial

import pytest

from mcop_core.bootstrap import open_engine, open_workspace
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.drift.detect import Watch, detect_drift
from mcop_core.engines.changes import Drift
from mcop_core.errors import InvalidDocuments
from mcop_core.executions import naming
from mcop_core.publishing import publish_folder
from mcop_core.settings import Settings
from tests.core.engines.terraform.operations import Recorder, all_bytes
from tests.examples.installing import EXAMPLE, found, install
from tests.plugins.small_catalog import MODULE, SmallCatalog
from tests.plugins.test_destruction import Destroyer

pytestmark = pytest.mark.terraform

PASSWORD = "hunter2password"
DOCUMENT = """\
inputs:
  network: {type: string, description: Where it runs.}
  password: {type: string, sensitive: true, description: Of the database.}
outputs:
  settings: {type: string, value: {$file: settings.json}, description: Where the settings lie.}
files:
  settings.json: {network: {$input: network}, retries: 3}
  secret.json: {password: {$input: password}}
"""
CATALOG = """\
kind: adapter
name: local-terraform
version: 1.0.0
provider: local
primitive_type: terraform
engine: terraform
---
kind: adapter
name: site-files
version: 1.0.0
provider: site
primitive_type: files
engine: files
settings:
  configuration: {store: "file://%s", folder: live}
---
kind: primitive
name: thing
version: 1.0.0
provider: local
primitive_type: terraform
source: templates/thing
---
kind: primitive
name: settings
version: 1.0.0
provider: site
primitive_type: files
source: templates/settings
---
kind: pattern
name: network
version: 1.0.0
provider: local
primitive_type: terraform
parameters: {base: {type: string, default: one}}
elements: {vpc: {primitive: thing, version: 1.0.0, inputs: {name: "${base}"}}}
---
kind: pattern
name: site
version: 1.0.0
provider: site
primitive_type: files
parameters: {network: {type: string}, password: {type: string, sensitive: true}}
elements:
  settings:
    primitive: settings
    version: 1.0.0
    inputs: {network: "into-${network}", password: "${password}"}
---
kind: workflow
name: app
version: 1.0.0
patterns:
  network: {pattern: network, version: 1.0.0}
  site: {pattern: site, version: 1.0.0, inputs: {network: "${network.vpc.name}", password: "${password}"}}
backend: {type: local, path: "${states}"}
---
kind: manifest
name: site
version: 1.0.0
namespace: team
approval: always
configuration: {states: "%s", password: "secret://env/SITE"}
workflows: {app: {workflow: app, version: 1.0.0}}
"""
FILE = "live/team/site/app/site/settings/settings.json"


@pytest.fixture
def engine_package(tmp_path_factory):
    target = install(EXAMPLE, tmp_path_factory.mktemp("installed"))
    with found(target):
        yield target


@pytest.fixture
def settings(tmp_path, monkeypatch):
    made = Settings(
        artifact_store=f"file://{tmp_path}/store", work_dir=str(tmp_path / "runs"), cache_dir=str(tmp_path / "cache")
    )
    for name, value in {**made.to_environment(), "MCOP_SECRET_SITE": PASSWORD}.items():
        monkeypatch.setenv(name, value)
    return made


def publish(folder, settings, document=DOCUMENT):
    files = {
        "catalog.yaml": CATALOG % (folder / "site", folder / "states"),
        "templates/thing/main.tf": MODULE,
        "templates/settings/files.yaml": document,
    }
    for path, text in files.items():
        (folder / "catalog" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "catalog" / path).write_text(text)
    catalog = SmallCatalog(MemoryRepository(), settings, folder / "states")
    publish_folder(folder / "catalog", catalog.repository, catalog.store, lambda name: open_engine(name, settings))
    return catalog


def look(catalog):
    """Return what is not as it was deployed."""
    settings, name = catalog.settings, ("team", "site")
    with open_workspace(settings, os.environ, "a look", cancelled=lambda: False) as workspace:
        watch = Watch(
            catalog.store,
            catalog.repository.head().snapshot,
            partial(open_engine, settings=settings),
            workspace.directory / "cache",
            workspace,
            Recorder(),
        )
        return detect_drift([name], watch)[name]


def files_in(folder):
    return [path for path in (folder / "live").rglob("*") if path.is_file()]


def test_without_its_package_the_engines_that_there_are_are_listed(settings, tmp_path):
    """Who publishes is told where."""
    with pytest.raises(InvalidDocuments, match=r"no engine 'files'. Registered: .*jenkins, terraform"):
        publish(tmp_path, settings)


def test_its_faults_are_told_when_it_is_published(engine_package, settings, tmp_path):
    """With file and line, as those of every engine."""
    with pytest.raises(InvalidDocuments, match=r"files\.yaml:7.*no input 'netwrok'.*Did you mean \"network\""):
        publish(tmp_path, settings, DOCUMENT.replace("{$input: network}", "{$input: netwrok}"))


def test_from_its_installation_to_its_destruction(engine_package, settings, tmp_path, scheduling, capfd):
    """Beside Terraform in one manifest: what one puts out the other takes; secrets reach their file alone."""
    catalog = publish(tmp_path, settings)
    destroyer, site = Destroyer(catalog, scheduling), tmp_path / "site"
    destroyer.start("site", "one")
    asked = destroyer.question("site", "one")
    assert "3 to add, 0 to change, 0 to replace, 0 to destroy, in 2 components" in asked.subject
    assert [] == files_in(site)

    run, tasks = destroyer.answer("site", "one", "Approve")
    xcoms = destroyer.xcoms("one", "mcop.site")
    assert (run, tasks["app.site.apply_settings"]) == ("success", "success")
    assert xcoms["app.site.apply_settings", "settings"] == f"file://{site}#{FILE}"
    assert json.loads((site / FILE).read_text()) == {"network": "into-one", "retries": 3}
    assert json.loads((site / FILE).with_name("secret.json").read_text()) == {"password": PASSWORD}

    run, _ = destroyer.deploy("site", run_id="two")
    assert run == "success"  # nobody was asked, since nothing would change
    assert look(catalog).drifted == ()

    (site / FILE).write_text('{"network": "into-one", "retries": 300}')
    (finding,) = look(catalog).findings
    assert (finding.change.drift, finding.change.attributes[0].path) == (Drift.CHANGED, "content.retries")
    destroyer.start("site", "three", conf={"base": "two"})
    destroyer.answer("site", "three", "Approve")
    assert destroyer.xcoms("three", "mcop.site")["app.site.apply_settings", naming.RESULT_KEY]["changed"] == 1
    assert json.loads((site / FILE).read_text()) == {"network": "into-two", "retries": 3}

    said = "".join(capfd.readouterr())
    left = b"".join(all_bytes(tmp_path / name) for name in ("store", "runs", "states")).decode()
    assert PASSWORD not in said + left

    destroyer.destroy("site", "d1")
    run, tasks = destroyer.answer_destruction("site", "d1", "Approve")
    assert (run, tasks["app.site.destroy_settings"]) == ("success", "success")
    assert [] == files_in(site)
    assert destroyer.deployed("site") == ()
