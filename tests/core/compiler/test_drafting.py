import pytest

from mcop_core.catalog.models import Pattern
from mcop_core.compiler.drafting import draft_manifest, draft_pattern, manifest_scope, pattern_scope
from mcop_core.compiler.linking import Linker
from tests.core.compiler.objects import manifest_of, view_of


@pytest.fixture
def network(shop):
    return next(item for item in shop if isinstance(item, Pattern) and item.name == "network")


def test_a_workflows_overrides_stand_over_the_configuration(shop):
    """Each value remembers its layer and where it is written."""
    manifest = manifest_of(shop)

    scope = manifest_scope(manifest, "platform", manifest.workflows["platform"])

    assert {name: value.layer for name, value in scope.items()} == {
        "region": "manifest configuration",
        "state_bucket": "manifest configuration",
        "cidr": "manifest configuration",
        "zones": "manifest override",
    }
    assert scope["zones"].source == "manifest#shop@3.1.0 workflows.platform.overrides.zones"


def test_a_pattern_takes_what_it_declares(shop, network):
    """Other names of the manifest do not reach it."""
    manifest = manifest_of(shop)
    scope = manifest_scope(manifest, "platform", manifest.workflows["platform"])

    parameters = pattern_scope(network, {}, scope)

    assert {name: value.value for name, value in parameters.items()} == {
        "cidr": "10.20.0.0/16",
        "zones": ["a", "b", "c"],
    }
    assert set(pattern_scope(network, {}, {})) == {"zones"}


def test_a_draft_links_everything_once(shop):
    """Groups and steps in the order in which they are written, with the versions that were chosen."""
    linker = Linker(view_of(shop))

    draft = draft_manifest(manifest_of(shop), linker)

    ids = [group.id for workflow in draft.plan.workflows for group in workflow.groups]
    assert ids == ["platform.network", "platform.data", "application.web"]
    assert linker.faults == []
    assert draft.orders == {"platform": "sequence", "application": "sequence"}


def test_what_cannot_be_linked_is_unknown_and_hides_nothing_else(shop, network):
    """The other elements are drafted."""
    linker = Linker(view_of([item for item in shop if item.name != "vpc"]))

    draft = draft_pattern(network, linker)

    assert draft.unknown == {"_._.vpc"}
    assert [step.id for step in draft.plan.steps] == ["_._.subnets"]
    assert [fault.path for fault in linker.faults] == ["elements.vpc.primitive"]
