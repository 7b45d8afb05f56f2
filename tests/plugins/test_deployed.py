"""What is deployed, and what of it is missing after a catalog, a store or a state was lost."""

import pytest

from mcop_core.bootstrap import open_engine, open_store
from mcop_core.catalog.memory import MemoryRepository
from mcop_core.compiler.snapshot import plan_key
from mcop_core.deployed import list_deployed
from mcop_core.deployments import Deployments
from mcop_core.engines.artifact import artifact_key
from tests.plugins.small_catalog import filled
from tests.plugins.test_deployment import Deployer

pytestmark = pytest.mark.terraform


@pytest.fixture
def deployer(environment, scheduling, tmp_path):
    """`shop` is deployed, `cafe` is not."""
    made = Deployer(filled(environment, tmp_path / "states"), scheduling)
    assert made.deploy(run_id="deployed")[0] == "success"
    return made


def look(deployer, repository=None):
    catalog = deployer.catalog
    (found,) = list_deployed(
        catalog.store,
        repository or catalog.repository,
        lambda name: open_engine(name, catalog.settings),
        open_store,
    )
    return found


def test_what_is_lost_is_named(deployer):
    """A catalog restored to before the manifest, a state, an artifact and a plan that are gone; nothing else is."""
    store, whole = deployer.catalog.store, look(deployer)
    assert (whole.namespace, whole.manifest, whole.version, whole.active) == ("team", "shop", "1.0.0", "1.0.0")
    assert (whole.components, whole.execution, whole.missing) == (2, "mcop.shop/deployed", ())

    restored = look(deployer, MemoryRepository())
    assert (restored.version, restored.active) == ("1.0.0", "")
    assert restored.missing == ("the catalog does not have manifest#shop@1.0.0",)

    (deployer.catalog.states / "team/shop/platform/pair/first.tfstate").unlink()
    (stateless,) = look(deployer).missing
    assert stateless.startswith("platform.pair.first: the state ") and "holds nothing" in stateless

    one = Deployments(store, "team", "shop").get("platform.pair.second")
    store.delete(artifact_key(one.artifact))
    store.delete(plan_key(one.plan))
    lost = look(deployer)
    assert lost.version == ""
    assert [text.partition(":")[0] for text in lost.missing] == [
        "the plan that it was deployed with",
        "platform.pair.first",
        "platform.pair.second",
    ]
