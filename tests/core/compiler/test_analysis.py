from mcop_core.compiler.analysis import analyse, demanded_names, fixed_roots, label
from mcop_core.compiler.drafting import draft_manifest
from mcop_core.compiler.linking import Linker
from mcop_core.compiler.outputs import World
from tests.core.compiler.objects import manifest_of, view_of


def test_edges_are_the_outputs_that_values_wait_for(shop):
    """Found by evaluating with nothing known."""
    linker = Linker(view_of(shop))

    analysis = analyse(draft_manifest(manifest_of(shop), linker), World.MANIFEST)

    assert analysis.faults == ()
    assert analysis.after == {
        "platform.network.vpc": (),
        "platform.network.subnets": ("platform.network.vpc",),
        "platform.data.database": ("platform.network.subnets",),
        "application.web.service": ("platform.data.database",),
    }
    assert analysis.groups_after["application.web"] == ("platform.data",)


def test_backend_and_providers_have_roots(plan):
    """The names they refer to, and who does."""
    roots = fixed_roots(plan.workflows[0])

    assert set(roots) == {"state_bucket", "region"}
    assert {"cidr", "zones", "region"} < demanded_names(plan.workflows[0])


def test_ids_of_objects_on_their_own_are_short():
    """What only stands for the surroundings is left out."""
    assert label("_._.vpc") == "vpc"
    assert label("_.network.vpc") == "network.vpc"
    assert label("platform.network.vpc") == "platform.network.vpc"
