from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import BundleDagBag

from mcop_airflow.live import BUNDLE_CLASS, has_catalog_bundle, live_dags
from mcop_core.errors import Unreachable
from mcop_core.settings import Settings
from tests.plugins.plans import dags_of

FACTORY = Path(__file__).parents[2] / "dags" / "mcop_manifests.py"
OTHER = {"name": "dags-folder", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle"}


@pytest.mark.parametrize(
    ("bundles", "has"),
    [([], False), ([OTHER], False), ([OTHER, {"name": "catalog", "classpath": BUNDLE_CLASS}], True), ([{}], False)],
)
def test_the_plain_folder_stands_aside_for_a_catalog_bundle(bundles, has):
    """Whether the bundle is configured is told by its class path."""
    assert has_catalog_bundle(bundles) == has


def test_the_class_path_is_the_bundles():
    """The class path that is looked for is the one that works."""
    from mcop_airflow.bundle import CatalogBundle

    assert f"{CatalogBundle.__module__}.{CatalogBundle.__qualname__}" == BUNDLE_CLASS


@pytest.mark.emulator
def test_the_live_catalogs_dags(dynamodb_catalog, emulator, environment, caplog):
    """All manifests, or the one that is asked for; the last good ones with DynamoDB down."""
    assert set(live_dags(environment)) == dags_of("shop", "cafe")
    assert set(live_dags(environment, "mcop.shop")) == {"mcop.shop"}
    assert live_dags(environment, "another") == {}
    assert set(BundleDagBag(dag_folder=FACTORY, bundle_path=FACTORY.parent).dags) == dags_of("shop", "cafe")

    dynamodb_catalog.publish(dynamodb_catalog.manifest("bakery"))
    assert "mcop.bakery" in live_dags(environment)

    emulator.stop()
    assert set(live_dags(environment)) == dags_of("shop", "cafe", "bakery")
    assert "The last good snapshot" in caplog.text


@pytest.mark.emulator
def test_without_any_copy_it_raises(emulator, environment, tmp_path):
    """With DynamoDB down and nothing kept, parsing fails: Airflow then keeps the DAGs that it knows."""
    emulator.stop()

    with pytest.raises(Unreachable):
        live_dags(Settings(artifact_store=environment.artifact_store, cache_dir=str(tmp_path / "elsewhere")))
