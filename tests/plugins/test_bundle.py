import shutil

import pytest
from airflow.dag_processing.bundles.base import BundleVersion
from airflow.dag_processing.dagbag import BundleDagBag

from mcop_airflow.bundle import CatalogBundle
from mcop_core.catalog.dynamodb import create_tables
from mcop_core.catalog.versions import version_key
from mcop_core.errors import StoredObjectMissing, Unreachable
from tests.plugins import airflow_home
from tests.plugins.plans import dags_of

pytestmark = pytest.mark.emulator


@pytest.fixture
def open_bundle(dynamodb_catalog):
    """Open the bundle as a new process does."""
    shutil.rmtree(airflow_home.HOME / "bundles", ignore_errors=True)

    def opener(version=None):
        bundle = CatalogBundle(name="catalog", version=version, refresh_interval=5)
        bundle.initialize()
        return bundle

    return opener


def parse(bundle):
    return BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)


def test_the_bundle_brings_a_dag_for_each_manifest(open_bundle, dynamodb_catalog):
    """The version is the snapshot; a publication gives another; a pinned bundle keeps the one it is pinned to."""
    first = open_bundle()
    version = first.get_current_version()
    assert version == BundleVersion(dynamodb_catalog.repository.head().snapshot)
    assert set(parse(first).dags) == dags_of("shop", "cafe")

    dynamodb_catalog.publish(dynamodb_catalog.manifest("bakery"))
    first.refresh()
    assert set(parse(first).dags) == dags_of("shop", "cafe", "bakery")

    pinned = open_bundle(version.version)
    assert set(parse(pinned).dags) == dags_of("shop", "cafe")
    assert pinned.get_current_version() == version
    assert pinned.plan_digest("shop") is not None
    assert pinned.plan_digest("bakery") is None
    with pytest.raises(RuntimeError, match="pinned"):
        pinned.refresh()


def test_the_dags_stay_with_dynamodb_down(open_bundle, emulator):
    """With DynamoDB stopped the DAGs stay, also for a process that starts; a pinned run needs it for nothing."""
    version = open_bundle().get_current_version()
    emulator.stop()
    running = open_bundle()

    assert running.get_current_version() == version
    assert set(parse(running).dags) == dags_of("shop", "cafe")
    assert set(parse(open_bundle(version.version)).dags) == dags_of("shop", "cafe")
    shutil.rmtree(airflow_home.HOME / "bundles")
    assert set(parse(open_bundle(version.version)).dags) == dags_of("shop", "cafe")
    shutil.rmtree(airflow_home.HOME / "bundles")
    with pytest.raises(Unreachable):
        open_bundle()


def test_a_broken_manifest_is_an_import_error_of_its_own(open_bundle, dynamodb_catalog, emulator, environment):
    """An object deleted behind MCOP's back breaks the manifest that stood on it; its file says why."""
    bundle = open_bundle()
    dynamodb_catalog.publish(dynamodb_catalog.primitive("1.0.1"), dynamodb_catalog.manifest("shop", "1.1.0"))
    emulator.client("dynamodb").delete_item(
        TableName=environment.objects_table,
        Key={"object_key": {"S": "primitive#thing"}, "version_key": {"S": version_key("1.0.1")}},
    )
    bundle.refresh()
    bag = parse(bundle)

    assert set(bag.dags) == dags_of("cafe")
    assert [path.rpartition("/")[2] for path in bag.import_errors] == ["shop.py"]
    assert "1.0.1" in next(iter(bag.import_errors.values()))


def test_a_version_that_never_was_cannot_be_had(open_bundle):
    """A pinned version that the store does not hold raises."""
    with pytest.raises(StoredObjectMissing):
        open_bundle("0" * 64)


def test_an_empty_catalog_has_no_version(emulator, environment):
    """Before anything is published the bundle is empty, and has no version that a run could be pinned to."""
    shutil.rmtree(airflow_home.HOME / "bundles", ignore_errors=True)
    create_tables(emulator.client("dynamodb"), environment.objects_table, environment.rules_table)
    bundle = CatalogBundle(name="catalog", refresh_interval=5)
    bundle.initialize()

    assert bundle.get_current_version() is None
    assert bundle.path.is_dir()
    assert not parse(bundle).dags
