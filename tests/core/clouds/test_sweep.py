"""One question to many clouds: answers as they come, failures with their place, and no waiting for one that hangs."""

import json
import threading
import time
from dataclasses import replace

from mcop_core.clouds.answers import Failure
from mcop_core.clouds.health import Verdict, changes, check_clouds, health_of
from mcop_core.clouds.memory import MemoryCloud, MemoryStrategy, Trouble, raising
from mcop_core.clouds.strategy import Capability
from mcop_core.clouds.sweep import CLUSTERS, INSTANCES, REGIONS, Answered, gather, sweep
from mcop_core.errors import CloudFailed, CredentialsRefused, NotInCloud, Throttled, Unreachable
from tests.clouds.clock import hasty_pace
from tests.core.clouds.test_lifecycle import config

PACE = hasty_pace(asking_s=0.2)


def strategy(name: str, *, without=(), at_once: int = 8, **changes) -> MemoryStrategy:
    cloud = MemoryCloud(**{"starts_s": 0.0, **changes})
    return MemoryStrategy(config(name, at_once=at_once), cloud=cloud, without=without)


def filled(name: str, number: int, **changes) -> MemoryStrategy:
    made = strategy(name, **changes)
    for one in range(number):
        made.cloud.put(f"vm-{one}", made.cloud.region_names[one % len(made.cloud.region_names)], {}, cloud=name)
    return made


def test_every_region_of_every_cloud_is_asked_once():
    """As many questions as there are pages, whether a cloud lists by region or all at once."""
    by_region, at_once = filled("a", 12), filled("b", 12, without={Capability.REGIONAL_LISTS})
    found = gather([by_region, at_once], INSTANCES, pace=PACE)

    assert found.is_whole
    assert 24 == len({(one.cloud, one.id) for _, one in found.found})
    assert [4, 4] == [sum(what == "instance_page" for what, _ in one.cloud.requests) for one in (by_region, at_once)]


def test_one_that_fails_hides_no_other():
    """Refused, garbage, unreachable: each is a failure with its place."""
    clouds = [filled(name, 4) for name in "abcd"]
    refused, garbled, down, fine = (one.cloud for one in clouds)
    refused.troubles.append(Trouble("regions", raising(CredentialsRefused("403")), None))
    garbled.troubles.append(Trouble("instance_page", lambda: TypeError("NoneType"), None, region="north"))
    down.troubles.append(Trouble("instance_page", raising(Unreachable("cut")), None))
    found = gather(clouds, INSTANCES, pace=PACE)

    assert {("b", "south"): 2, ("d", "north"): 2, ("d", "south"): 2} == _numbers(found.found)
    assert {
        ("a", "", CredentialsRefused),
        ("b", "north", CloudFailed),
        ("c", "north", Unreachable),
        ("c", "south", Unreachable),
    } == {(one.cloud, one.region, type(one.error)) for one in found.failures}
    assert fine.requests


def _numbers(found) -> dict[tuple[str, str], int]:
    places = [(one.cloud, one.region) for _, one in found]
    return {place: places.count(place) for place in places}


def test_one_that_hangs_is_left_behind_at_the_deadline():
    """The others' answers are there long before."""
    hangs, fine = filled("hangs", 4, at_once=1), filled("fine", 4)
    let_go = threading.Event()
    page = hangs.instance_page
    hangs.instance_page = lambda region, cursor, only: let_go.wait(30) and page(region, cursor, only)
    started = time.monotonic()
    events = []
    for event in sweep([hangs, fine], INSTANCES, pace=PACE, deadline_s=0.5):
        events.append((time.monotonic() - started, event))
    let_go.set()

    assert [4, 2] == [len([1 for _, event in events if isinstance(event, kind)]) for kind in (tuple, Answered)]
    assert {("hangs", "north"), ("hangs", "south")} == {
        (event.cloud, event.region) for _, event in events if isinstance(event, Failure)
    }
    assert all("no answer within 0.5 s" in str(event) for _, event in events if isinstance(event, Failure))
    assert time.monotonic() - started < 5


def test_whoever_stops_reading_stops_the_asking():
    """Nothing is gathered that nobody wants."""
    one = filled("a", 3000, page_size=1)
    events = sweep([one], INSTANCES, pace=PACE)
    next(events)
    events.close()
    time.sleep(0.3)
    asked = len(one.cloud.requests)
    time.sleep(0.2)

    assert asked == len(one.cloud.requests) < 2900


def test_no_more_are_asked_at_once_than_the_configuration_says():
    """By cloud: one cloud's limit is its own."""
    one = strategy("a", at_once=2, region_names=tuple(f"r{number}" for number in range(8)))
    now, most, lock = [0], [0], threading.Lock()
    page = one.instance_page

    def counted(region, cursor, only):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1
        return page(region, cursor, only)

    one.instance_page = counted
    gather([one], INSTANCES, pace=PACE)

    assert 2 == most[0]


def test_a_region_is_looked_for_in_every_cloud_that_has_it():
    """One that has not is left out; where only one is asked it says so."""
    one, other = filled("a", 4), filled("b", 4, region_names=("south", "west"))

    assert {("b", "west"): 2} == _numbers(gather([one, other], INSTANCES, regions=["west"], pace=PACE).found)
    (failure,) = gather([one], INSTANCES, regions=["nroth"], pace=PACE).failures
    assert isinstance(failure.error, NotInCloud)
    assert 'Did you mean "north"?' in str(failure)


def test_what_a_cloud_cannot_is_a_failure_of_that_cloud():
    """The others are asked."""
    found = gather([strategy("a", without={Capability.CLUSTERS}), strategy("b")], CLUSTERS, pace=PACE)

    assert ["a: regions for clusters: cloud a (memory) cannot list clusters"] == [
        str(one).partition(".")[0] for one in found.failures
    ]


def test_regions_are_listed_once_a_cloud():
    """With whether they are available."""
    found = gather([strategy("a"), strategy("b")], REGIONS, pace=PACE)

    assert {("a", "north"), ("a", "south"), ("b", "north"), ("b", "south")} == {
        (one.config.name, region.name) for one, region in found.found
    }


# -- health ----------------------------------------------------------------------------------------------


def test_health_tells_apart_what_is_wrong():
    """By cloud and region; nothing is asked twice."""
    clouds = [strategy(name) for name in "abcde"]
    errors = [Throttled("slow"), CredentialsRefused("no"), Unreachable("cut"), CloudFailed("x")]
    for one, error in zip(clouds[:4], errors, strict=True):
        one.cloud.troubles.append(Trouble("check", raising(error), None, region="north"))
    found = {(one.cloud, one.region): one for one in check_clouds(clouds, pace=hasty_pace())}

    assert [Verdict.THROTTLED, Verdict.REFUSED, Verdict.UNREACHABLE, Verdict.FAILED, Verdict.OK] == [
        found[name, "north"].verdict for name in "abcde"
    ]
    assert {Verdict.OK} == {found[name, "south"].verdict for name in "abcde"}
    assert found["e", "north"].latency_ms is not None
    assert 2 == sum(what == "check" for what, _ in clouds[0].cloud.requests)


def test_a_quota_that_is_nearly_used_up_is_told():
    """With the numbers."""
    one = filled("a", 19, quota=10)
    found = {health.region: health for health in check_clouds([one], pace=hasty_pace())}

    assert (Verdict.SHORT, "instances: 10 of 10") == (found["north"].verdict, found["north"].detail)
    assert Verdict.OK is found["south"].verdict


def test_only_what_became_other_is_a_change():
    """What was never looked at counts as well."""
    (before, other) = check_clouds([strategy("a")], pace=hasty_pace())
    after = replace(before, verdict=Verdict.UNREACHABLE, detail="cut")

    assert ["a/north: ok -> unreachable: cut"] == [str(one) for one in changes([before, other], [after, other])]
    assert ["a/north: unreachable -> ok"] == [str(one) for one in changes([after], [before, other])]
    assert () == changes([], [before])


def test_health_is_read_back_as_it_was_written():
    """Runs keep it as JSON."""
    for one in check_clouds([strategy("a")], pace=hasty_pace()):
        assert one == health_of(json.loads(json.dumps(one.to_json())))


def test_a_cloud_that_lists_all_at_once_is_checked_once():
    """Its answer is of all regions."""
    one = strategy("a", without={Capability.REGIONAL_LISTS})

    assert [""] == [health.region for health in check_clouds([one], pace=hasty_pace())]
