"""Which operations wait for which pool."""

import pytest

from mcop_core.catalog.models import AdapterSettings
from mcop_core.errors import InvalidInput
from mcop_core.pools import Bound, account_of, read_bounds, step_pools
from tests.plugins.plans import group, layered, plan_of, step, workflow

BAD = {
    "no JSON": ("{aws: 2}", "is no JSON"),
    "no object": ("[2]", "is list, not an object"),
    "two parts": ('{"aws/us-east-1": 2}', "'aws/us-east-1' is not provider/credentials/region"),
    "a part of other letters": ('{"aws/a b/*": 2}', "is not provider/credentials/region"),
    "no slots": ('{"aws/*/*": 0}', "aws/\\*/\\* is 0: it must be a whole number from 1"),
    "half a slot": ('{"aws/*/*": 1.5}', "is 1.5"),
    "true": ('{"aws/*/*": true}', "is True"),
}


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_a_bad_setting_says_what_is_wrong_and_what_is_right(text, said):
    """With an entry to copy."""
    with pytest.raises(InvalidInput, match=f'MCOP_POOLS.*{said}.*"aws/worker/us-east-1": 4'):
        read_bounds(text)


def test_the_most_exact_entry_counts():
    """Whatever its place in the setting."""
    bounds = read_bounds('{"*/*/*": 9, "aws/*/us-east-1": 4, "aws/worker/us-east-1": 2}')

    assert [bound.slots for bound in bounds] == [2, 4, 9]
    assert [bound.name for bound in bounds] == [
        "mcop.aws.worker.us-east-1",
        "mcop.aws.all.us-east-1",
        "mcop.all.all.all",
    ]


def placed(name, region="us-east-1", provider="aws", credentials=""):
    configuration = {"region": region} if region else {}
    settings = AdapterSettings(configuration=configuration)
    return step(f"w.p.{name}", provider=provider, settings=settings, credentials=credentials)


PLACES = {
    "the worker's account": (placed("a"), "mcop.aws.worker.us-east-1"),
    "another region": (placed("a", region="eu-west-1"), "mcop.aws.worker.all"),
    "an account of its own": (placed("a", credentials="secret://airflow/mcop.team.aws"), "mcop.aws.mcop.team.aws.all"),
    "another account": (placed("a", credentials="secret://vault/team/other#key"), None),
    "a region that nobody configures": (placed("a", region=""), "mcop.aws.worker.all"),
    "another provider": (placed("a", provider="gcp"), None),
}
BOUNDS = [
    Bound(("aws", "worker", "us-east-1"), 2),
    Bound(("aws", "worker", "*"), 3),
    Bound(("aws", "mcop.team.aws", "*"), 4),
]


@pytest.mark.parametrize(("one", "expected"), PLACES.values(), ids=PLACES)
def test_a_step_waits_for_the_pool_of_its_account_and_region(one, expected):
    """One that no entry names waits for none."""
    found = step_pools(plan_of(workflow("w", group("w.p", one))), BOUNDS)

    assert found.get("w.p.a") == expected


def test_a_region_is_what_the_manifest_configures():
    """A reference in the adapter's settings is followed."""
    one = placed("a", region="${region}")
    plan = plan_of(workflow("w", group("w.p", one), scope={"region": layered("us-east-1")}))

    assert step_pools(plan, BOUNDS) == {"w.p.a": "mcop.aws.worker.us-east-1"}


def test_without_the_setting_nothing_waits():
    """And nothing is evaluated for it."""
    assert read_bounds("") == ()
    assert step_pools(plan_of(workflow("w", group("w.p", placed("a")))), ()) == {}


@pytest.mark.parametrize(
    ("reference", "expected"),
    [("", "worker"), ("secret://airflow/mcop.a.b#password", "mcop.a.b"), ("secret://vault/x/y z", "y-z")],
)
def test_an_account_is_known_by_its_credentials(reference, expected):
    """Their name alone, in letters that a pool's name may have."""
    assert account_of(reference) == expected
