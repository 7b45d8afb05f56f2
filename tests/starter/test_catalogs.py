"""The starter catalogs: each can be published, and its modules are such as a reviewer wants them."""

import re

import pytest
import yaml

from mcop_core.artifacts.local import LocalStore
from mcop_core.bootstrap import open_engine
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.catalog.models import Adapter, Primitive
from mcop_core.engines.terraform.module_interface import read_interface
from mcop_core.publishing.linting import lint_folder
from mcop_core.publishing.publisher import publish_folder
from mcop_core.settings import Settings
from tests.starter.schemas import MODULES, ROOT, STARTER, module_id, read_module

PORTABLE = STARTER / "portable"
CATALOGS = sorted(path for path in STARTER.iterdir() if path.is_dir() and path != PORTABLE)
SETTINGS = Settings(terraform_providers="hashicorp/*,digitalocean/*")


def open_(name):
    return open_engine(name, SETTINGS)


def publish(folder, repository, store):
    """Publish without locks, since no provider is at hand."""
    return publish_folder(folder, repository, store, open_, lock=False)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The published objects by the catalog's folder name, all of them published into one catalog."""
    repository, store = MemoryRepository(), LocalStore(tmp_path_factory.mktemp("store"))
    publish(PORTABLE, repository, store)
    refs = {folder.name: publish(folder, repository, store).published for folder in CATALOGS}
    return {name: [repository.get(ref).object for ref in some] for name, some in refs.items()}


def of_kind(objects, model):
    return [item for item in objects if isinstance(item, model)]


@pytest.mark.parametrize("folder", CATALOGS, ids=lambda folder: folder.name)
def test_a_catalog_can_be_published_by_itself(tmp_path, folder):
    """After what is portable: nothing in it needs another cloud."""
    repository, store = MemoryRepository(), LocalStore(tmp_path)
    publish(PORTABLE, repository, store)

    report = publish(folder, repository, store)

    assert report.published != ()


def test_everything_fits_into_one_catalog(tmp_path):
    """The example, every starter catalog and every example of them: no two documents have one name and version."""
    repository, store = MemoryRepository(), LocalStore(tmp_path)
    examples = sorted(path for path in (ROOT / "include" / "examples").iterdir() if path.is_dir())

    for folder in (ROOT / "include" / "catalog", PORTABLE, *CATALOGS, *examples):
        publish(folder, repository, store)

    assert {"web-application", "kubernetes-platform", "ci-pipeline"} <= set(repository.active())


@pytest.mark.parametrize("folder", CATALOGS, ids=lambda folder: folder.name)
def test_a_reviewer_would_say_nothing(folder):
    """`mcop catalog lint` has no remark."""
    found = lint_folder(folder, open_)

    assert {ref: [str(one) for one in faults] for ref, faults in found.items() if faults} == {}
    assert found != {}


def test_a_primitive_lies_under_its_own_name_and_version(published):
    """The folder of a module says which primitive it is, and no module lies about unused."""
    primitives = [item for objects in published.values() for item in of_kind(objects, Primitive)]
    folders = {path.parent for path in STARTER.glob("*/templates/*/*/*/*/README.md")}

    for item in primitives:
        assert item.source == f"templates/{item.primitive_type}/{item.provider}/{item.name}/{item.version}"
    assert sorted(folders) == sorted(
        STARTER / name / item.source for name, objects in published.items() for item in of_kind(objects, Primitive)
    )


def test_an_adapter_is_the_one_to_begin_with(published):
    """An adapter that `include/adapters` has too is the same there."""
    names = {item.name for objects in published.values() for item in of_kind(objects, Adapter)}
    paths = [path for path in STARTER.glob("*/adapters/*.yaml") if (ROOT / "include/adapters" / path.name).exists()]

    assert {f"{cloud}-terraform" for cloud in ("aws", "azure", "digitalocean", "gcp", "kubernetes")} <= names
    assert len(paths) == 5
    for path in paths:
        assert path.read_text() == (ROOT / "include/adapters" / path.name).read_text()


@pytest.mark.parametrize("cloud", ["aws", "azure", "gcp", "digitalocean"])
def test_a_cloud_has_what_the_interfaces_promise(published, cloud):
    """Each implements all six, but DigitalOcean, which has no store of secrets."""
    implemented = sorted(name for item in of_kind(published[cloud], Primitive) for name in item.implements)
    promised = sorted(path.stem for path in (PORTABLE / "interfaces").glob("*.yaml"))

    assert implemented == [name for name in promised if (cloud, name) != ("digitalocean", "secret")]


@pytest.mark.parametrize("module", MODULES, ids=module_id)
def test_a_readme_lists_every_input_and_output(module):
    """What a person reads of a module is what the catalog reads of it, and the example gives what is required."""
    interface = read_interface(read_module(module))
    text = (module / "README.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    example = yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1])
    ((_, element),) = example.items()

    assert [*interface.inputs, *interface.outputs] == listed
    assert {name for name, one in interface.inputs.items() if one.required} <= set(element["inputs"])
    assert set(element["inputs"]) <= set(interface.inputs)


@pytest.mark.parametrize("module", MODULES, ids=module_id)
def test_everything_a_module_offers_is_described(module):
    """Each input says what it is, and of which type; each output says what it is; none is given by chance."""
    interface = read_interface(read_module(module))

    assert [name for name, entry in (interface.inputs | interface.outputs).items() if not entry.description] == []
    assert [name for name, entry in interface.inputs.items() if entry.type == "any"] == []


@pytest.mark.parametrize("module", MODULES, ids=module_id)
def test_a_secret_never_leaves_a_module_in_clear(module):
    """What is called a password, key or token and made by the module is a sensitive output."""
    outputs = read_interface(read_module(module)).outputs

    named = {name: one for name, one in outputs.items() if re.search("password|token|private_key", name)}

    assert [name for name, one in named.items() if not one.sensitive] == []
