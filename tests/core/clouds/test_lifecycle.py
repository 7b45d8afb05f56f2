"""What is written once over all strategies: patience, deadlines, doubles, what is left behind, fallbacks to others."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mcop_core.clouds.answers import Failure, failure_of
from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.context import CloudContext
from mcop_core.clouds.creating import How
from mcop_core.clouds.memory import MemoryCloud, MemoryStrategy, Trouble, raising
from mcop_core.clouds.models import InstanceState, Order
from mcop_core.clouds.ours import creation_token, name_order, own_tags
from mcop_core.clouds.placing import Place, WorkerRequest
from mcop_core.clouds.strategy import Capability
from mcop_core.errors import (
    CloudFailed,
    Conflict,
    CredentialsRefused,
    InvalidDocuments,
    InvalidInput,
    McopError,
    NoCapacity,
    NotInCloud,
    QuotaExceeded,
    Throttled,
    UnknownName,
    UnknownOutcome,
    Unreachable,
    Unsupported,
)
from tests.clouds.clock import QuickClock, quick_pace

ONE = WorkerRequest(("one",))
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def config(name: str = "dict", **changes) -> CloudConfig:
    return CloudConfig(
        **{"name": name, "provider": "memory", "region": "north", "size": "small", "image": "linux", **changes}
    )


class Stage:
    """A cloud in memory, its clock, and a context for it."""

    def __init__(self, *, without: set[Capability] = frozenset(), pace: dict | None = None, **changes):
        self.clock = QuickClock()
        self.cloud = MemoryCloud(clock=self.clock)
        self.strategy = MemoryStrategy(config(**changes), cloud=self.cloud, without=without)
        self.pace = quick_pace(self.clock, **(pace or {}))
        self.context = CloudContext(self.strategy, pace=self.pace)

    def trouble(self, operation: str, error, **changes) -> None:
        self.cloud.troubles.append(Trouble(operation, raising(error), **changes))

    def asked(self, operation: str) -> int:
        return sum(one == operation for one, _ in self.cloud.requests)


def test_the_pause_that_a_cloud_asks_for_is_kept():
    """And no shorter one."""
    stage = Stage()
    stage.trouble("create_instance", Throttled("slow down", retry_after_s=17.0))
    assert stage.context.create_workers(ONE).is_whole

    assert 17.0 in stage.clock.waited


def test_a_pause_that_is_longer_than_our_patience_is_not_begun():
    """The failure says so at once."""
    stage = Stage()
    stage.trouble("create_instance", Throttled("come back tomorrow", retry_after_s=86_400.0), times=None)
    (failure,) = stage.context.create_workers(ONE).failures

    assert isinstance(failure.error, Throttled)
    assert stage.clock.monotonic() < 60


def test_pauses_grow_and_have_an_end():
    """A cloud that does not answer is asked ever less often, and then given up."""
    stage = Stage()
    stage.trouble("regions", Unreachable("nobody there"), times=None)
    with pytest.raises(Unreachable):
        stage.context.regions()

    assert stage.clock.waited == sorted(stage.clock.waited)
    assert 4 <= stage.asked("regions") <= 12


def test_what_does_not_run_in_time_is_deleted_again():
    """Nothing half-built is left."""
    stage = Stage(pace={"settles_s": 300.0})
    stage.cloud.starts_s = 301.0
    (failure,) = stage.context.create_workers(ONE).failures

    assert "does not run after 300 s" in str(failure)
    assert [] == stage.cloud.running()


def test_what_cannot_be_deleted_either_is_named():
    """By its id and region, so that a person can look."""
    stage = Stage(pace={"settles_s": 30.0})
    stage.cloud.starts_s = 40.0
    stage.trouble("delete_instance", CloudFailed("not today", code="No"), times=None)
    (failure,) = stage.context.create_workers(ONE).failures

    assert "Left behind: i-000001 in north: not today" in str(failure)


def test_a_worker_that_is_there_twice_is_settled():
    """Without tokens two callers can make two; the older one stays."""
    stage = Stage(without={Capability.CREATE_TOKENS})
    ids = [stage.cloud.put("one", "north", own_tags(stage.strategy.config, "one")) for _ in range(3)]
    (made,) = stage.context.create_workers(ONE).found

    assert (How.ADOPTED, ids[0]) == (made.how, made.worker.id)
    assert [ids[0]] == [one.id for one in stage.cloud.running()]


def test_answers_that_stay_lost_are_an_unknown_outcome():
    """A cloud without tokens that shows nothing: nobody can tell, and nobody guesses."""
    stage = Stage(without={Capability.CREATE_TOKENS})
    stage.trouble("create_instance", Unreachable("cut"), times=None)
    (failure,) = stage.context.create_workers(ONE).failures

    assert isinstance(failure.error, UnknownOutcome)
    assert 3 == stage.asked("create_instance")


def test_a_stopped_worker_is_neither_started_nor_replaced():
    """Somebody stopped it."""
    stage = Stage()
    stage.context.create_workers(ONE)
    (machine,) = stage.cloud.machines.values()
    stage.cloud._shown = lambda one: _stopped(one.instance)
    (failure,) = stage.context.create_workers(ONE).failures

    assert isinstance(failure.error, Conflict)
    assert "start it in the cloud, or delete it" in str(failure)
    assert [machine] == list(stage.cloud.machines.values())


def _stopped(instance):
    return replace(instance, state=InstanceState.STOPPED)


def test_the_places_of_a_request_are_tried_in_order_on_other_clouds_too():
    """Zone, region, cloud; the answer has every reason."""
    stage, other = Stage(), Stage(name="other", region="south")
    other.cloud.clock = stage.clock
    stage.cloud.capacity = {("north", "a"): 0, ("north", "b"): 0}
    places = (Place(region="north", zone="a"), Place(region="north", zone="b"), Place(cloud="other"))
    context = CloudContext(stage.strategy, pace=stage.pace, others={"other": other.strategy}.__getitem__)
    (made,) = context.create_workers(WorkerRequest(("one",), places)).found

    assert ("other", "south") == (made.worker.cloud, made.worker.region)
    assert ["dict/north/a", "dict/north/b"] == [tried.what for tried in made.instead_of]


def test_a_quota_is_a_regions_and_not_a_zones():
    """Another zone of the region has none either: it is not asked."""
    stage = Stage()
    stage.cloud.quota = 0
    places = tuple(Place(region="north", zone=zone) for zone in "abc")
    (failure,) = stage.context.create_workers(WorkerRequest(("one",), places)).failures

    assert isinstance(failure.error, QuotaExceeded)
    assert 1 == stage.asked("create_instance")


def test_where_no_place_has_any_left_every_place_is_told():
    """In one error."""
    stage = Stage()
    stage.cloud.capacity = {("north", ""): 0, ("south", ""): 0}
    places = (Place(region="north"), Place(region="south"))
    (failure,) = stage.context.create_workers(WorkerRequest(("one",), places)).failures

    assert isinstance(failure.error, NoCapacity)
    assert "dict/north: " in str(failure) and "dict/south: " in str(failure)


def test_a_place_that_does_not_answer_keeps_no_other_from_being_used():
    """It is left out, and told."""
    stage = Stage()
    stage.trouble("instance_page", Unreachable("down"), times=None, region="north")
    places = (Place(region="north"), Place(region="south"))
    made = stage.context.create_workers(WorkerRequest(("one",), places))

    assert ["south"] == [one.worker.region for one in made.found]
    assert ["north"] == [failure.region for failure in made.failures]


def test_a_worker_that_is_only_begun_is_settled_by_the_same_call():
    """What a deferred task does: begin, go away, come back."""
    stage = Stage()
    (begun,) = stage.context.create_workers(ONE, waits=False).found
    (made,) = stage.context.create_workers(ONE).found

    assert ("pending", "running") == (begun.worker.state, made.worker.state)
    assert begun.worker.id == made.worker.id


FAULTY = {
    "names": (WorkerRequest(("Web_1", "a", "a")), ["'Web_1' is no name", "asked for twice"]),
    "none": (WorkerRequest(()), ["no worker is asked for"]),
    "tags": (WorkerRequest(("a",), tags={"Team": "x"}), ["the tag Team=x must match"]),
    "ours": (WorkerRequest(("a",), tags={"mcop-owner": "x"}), ["one of MCOP's own"]),
    "nowhere": (WorkerRequest(("a",), ()), ["no place"]),
}


@pytest.mark.parametrize(("request_", "says"), FAULTY.values(), ids=FAULTY)
def test_a_request_that_cannot_be_is_refused_whole(request_, says):
    """With every fault, before anything is asked."""
    stage = Stage()
    with pytest.raises(InvalidDocuments) as caught:
        stage.context.create_workers(request_)

    assert [] == [text for text in says if text not in str(caught.value)]
    assert [] == stage.cloud.requests


def test_what_a_cloud_cannot_do_is_said_before_it_is_asked():
    """With what it can."""
    stage = Stage(without={Capability.ZONES, Capability.CLUSTERS})
    with pytest.raises(Unsupported, match=r"cannot choose a zone\. It can: "):
        stage.context.create_workers(WorkerRequest(("one",), (Place(region="north", zone="a"),)))
    with pytest.raises(Unsupported, match="cannot list clusters"):
        stage.context.list_clusters()

    assert [] == stage.cloud.requests


def test_a_size_must_be_said_somewhere():
    """In the request or in the configuration."""
    with pytest.raises(InvalidDocuments, match="cloud dict, size: a worker needs size"):
        Stage(size="").context.create_workers(ONE)


def test_an_unknown_cloud_of_a_place_is_named():
    """A context may have no others."""
    with pytest.raises(UnknownName, match="no other cloud 'moon'"):
        Stage().context.create_workers(WorkerRequest(("one",), (Place(cloud="moon"),)))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("fra1", Place(region="fra1")),
        ("us-east-1/us-east-1b", Place(region="us-east-1", zone="us-east-1b")),
        ("do:", Place(cloud="do")),
        ("do:fra1/x", Place("do", "fra1", "x")),
    ],
)
def test_a_place_can_be_typed(text, place):
    """Cloud, region and zone."""
    assert place == Place.parse(text)


@pytest.mark.parametrize("text", ["", ":", "a:b:c", "a/b/c", "/b", ":x"])
def test_what_is_no_place_is_refused(text):
    """With what one is."""
    with pytest.raises(InvalidInput, match="is no place: write region"):
        Place.parse(text)


def test_a_token_is_the_same_for_the_same_creation_only():
    """Whoever asks again within the hour, after a kill say, asks for the same thing."""
    order = Order("one", "north", "", "small", "linux", "", {}, "")
    asked = [
        (order, "mcop", NOON, ""),
        (replace(order, name="two"), "mcop", NOON, ""),
        (replace(order, zone="a"), "mcop", NOON, ""),
        (order, "team", NOON, ""),
        (order, "mcop", NOON + timedelta(hours=1), ""),
        (order, "mcop", NOON, "/i-1"),
    ]

    assert len(asked) == len({creation_token(*one) for one in asked})
    assert creation_token(*asked[0]) == creation_token(order, "mcop", NOON + timedelta(minutes=59), "")


def test_a_worker_of_a_token_that_the_cloud_forgot_is_made_with_another():
    """Accepted and never shown: the token's worker was deleted long ago, and the cloud repeats its answer."""
    stage = Stage()
    first = stage.context.create_workers(ONE).found[0].worker
    stage.context.delete_workers(["one"])
    create = stage.strategy.create_instance
    del stage.cloud.machines[first.id]
    answers = iter([lambda order: first, create])
    stage.strategy.create_instance = lambda order: next(answers)(order)
    (made,) = stage.context.create_workers(ONE).found

    assert "i-000002" == made.worker.id


def test_what_is_being_deleted_is_waited_for_and_nothing_else():
    """By what its cloud calls it: another worker of its name is not taken for it."""
    stage = Stage()
    stage.context.create_workers(WorkerRequest(("one", "two")))
    asked = stage.context.delete_all_workers(2, waits=False)
    deleted = {one.ref: one.name for one in asked.found}
    stage.context.create_workers(ONE, waits=False)
    gone = stage.context.await_gone(deleted)

    assert gone.is_whole, gone.failures
    assert ("one", "two") == gone.found
    assert ["one"] == [one.name for one in stage.cloud.running()]


def test_what_was_deleted_is_told_as_it_is_now():
    """And not as it was found; what would be deleted is as it is."""
    stage = Stage()
    stage.context.create_workers(WorkerRequest(("one", "two")))
    told = stage.context.delete_all_workers(dry_run=True).found
    begun = stage.context.delete_workers(["one"], waits=False).found
    gone = stage.context.delete_workers(["two"]).found

    assert [InstanceState.RUNNING] * 2 == [one.state for one in told]
    assert ([InstanceState.DELETING], [InstanceState.DELETED]) == ([begun[0].state], [gone[0].state])


def test_what_is_not_gone_in_time_is_named_beside_what_is():
    """The deadline is that of every deletion."""
    stage = Stage(pace={"settles_s": 30.0})
    stage.context.create_workers(WorkerRequest(("one", "two")))
    there = {one.name: one for one in stage.context.list_workers().found}
    stage.context.delete_workers(["one"], waits=False)
    gone = stage.context.await_gone({one.ref: name for name, one in there.items()})

    assert ("one",) == gone.found
    assert ["worker two"] == [failure.what for failure in gone.failures]
    assert "is still running 30 s after its deletion" in str(gone.failures[0])


def test_a_failure_comes_back_from_json_as_it_was():
    """An error that MCOP does not know is one of MCOP's all the same."""
    failure = Failure("dict", "north", "worker one", QuotaExceeded("no more"))
    told = failure_of(failure.to_json())

    assert (str(failure), QuotaExceeded) == (str(told), type(told.error))
    assert McopError is type(failure_of({**failure.to_json(), "error": "Fault"}).error)


def test_names_are_in_the_order_in_which_people_count():
    """Whatever numbers stand in them, and where."""
    names = ["web-10-b", "x01y", "web", "", "web-10", "2", "web-2", "a", "x1"]

    assert ["", "2", "a", "web", "web-2", "web-10", "web-10-b", "x1", "x01y"] == sorted(names, key=name_order)


def test_workers_are_made_where_they_are_looked_for():
    """In a region that nobody looks at one would never be found again, nor deleted."""
    narrow = Stage(regions=["south"])
    south, east = (WorkerRequest(("one",), (Place(region=region),)) for region in ("south", "east"))
    with pytest.raises(InvalidDocuments, match=r"a worker in east would not be found again.*Allowed: south, north\."):
        narrow.context.create_workers(east)
    assert narrow.context.create_workers(south).is_whole
    assert narrow.context.create_workers(WorkerRequest(("two",))).is_whole

    assert ["north", "south"] == sorted(one.region for one in narrow.context.list_workers().found)
    assert narrow.context.delete_all_workers(2).is_whole


def test_a_region_that_a_cloud_has_not_is_told_before_anything_is_made():
    """With the nearest; a cloud that does not say its regions is asked all the same."""
    stage = Stage()
    request = WorkerRequest(("one",), (Place(region="south"), Place(region="nroth")))
    with pytest.raises(NotInCloud, match='Did you mean "north"'):
        stage.context.create_workers(request)
    assert [] == stage.cloud.running()
    stage.trouble("regions", CredentialsRefused("it may not list regions"), times=None)

    assert stage.context.create_workers(request).is_whole
