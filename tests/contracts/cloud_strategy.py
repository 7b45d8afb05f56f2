"""
What every `CloudStrategy` does: inherit `CloudStrategyContract` and give the fixture `scene`, a cloud that is empty.

The first half asks the strategy itself, the second half speaks through a `CloudContext`, as callers do. What a scene
cannot make go wrong is skipped, by name. Against a real cloud a scene says so with `is_real`: what only a cloud that
obeys can show is skipped, and what was created is deleted in the end.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from enum import StrEnum
from itertools import count

import pytest

from mcop_core.clouds.context import CloudContext
from mcop_core.clouds.creating import How
from mcop_core.clouds.models import ClusterState, InstanceRef, InstanceState, Order
from mcop_core.clouds.ours import OWNER_TAG, PROTECTED_TAG, WORKER_TAG, own_tags, worker_name
from mcop_core.clouds.patience import Pace
from mcop_core.clouds.placing import Place, WorkerRequest
from mcop_core.clouds.strategy import Capability, CloudStrategy, Page, Tag
from mcop_core.errors import (
    CloudFailed,
    Conflict,
    CredentialsRefused,
    InvalidInput,
    NoCapacity,
    NotInCloud,
    QuotaExceeded,
    Refused,
    Throttled,
    Unreachable,
)


class Does(StrEnum):
    """What a cloud may do to a call."""

    THROTTLE = "do nothing and ask for a second of patience"
    FAIL = "fail with 5xx, nothing done"
    LOSE = "do it and lose the answer"
    GARBLE = "answer what is no answer of this API"
    REFUSE = "refuse the credentials"
    NO_CAPACITY = "have none of that size left"
    NO_QUOTA = "let the account have no more"
    HIDE = "not show what was created, for a moment"
    UNKNOWN_SIZE = "refuse a size that it does not know"
    NOT_START = "accept a creation that never runs, for want of capacity"


class Call(StrEnum):
    """Calls that something may be done to."""

    LIST = "list instances"
    GET = "get an instance"
    CREATE = "create an instance"
    DELETE = "delete an instance"


@dataclass
class Scene:
    """
    One empty cloud and what a test may do behind the strategy's back.

    Attributes:
        region, other: Two regions of it.
        pace: Whose deadlines a cloud that behaves meets.
        put: (name, region, tags) -> id of an instance that MCOP did not make, and that runs.
        ids: The ids of everything that is there and not being deleted, as the cloud itself has it.
        obey: (what, to which call, how many times) -> nothing: the next calls meet it.
        can: What `obey` knows.
        page_size: Of the cloud's lists.
        put_cluster: (name, region) -> nothing: a cluster that is active, with one node pool; None: it has none.
        says_how_long: Whether the cloud says for how long it asks for patience.
        says_ca: Whether clusters have a CA; not every emulator's do.
        has_tokens: Whether what answers keeps the promise of `CREATE_TOKENS`; not every emulator does.
    """

    strategy: CloudStrategy
    region: str
    other: str
    pace: Pace
    put: Callable[[str, str, Mapping[str, str]], str]
    ids: Callable[[], set[str]]
    obey: Callable[[Does, Call, int], None] = lambda does, call, times: None
    can: frozenset[Does] = frozenset()
    page_size: int = 3
    put_cluster: Callable[[str, str], None] | None = None
    says_how_long: bool = True
    says_ca: bool = True
    has_tokens: bool = True
    is_real: bool = False

    @property
    def context(self) -> CloudContext:
        return CloudContext(self.strategy, pace=self.pace)

    def order(self, name: str = "one", **changes: str) -> Order:
        """An order for a worker as the configuration says, with a token of its own."""
        config = self.strategy.config
        tags = {**config.tags, **own_tags(config, name)}
        made = Order(name, self.region, "", config.size, config.image, config.key, tags, uuid.uuid4().hex)
        return replace(made, **changes)

    def created(self, name: str = "one") -> InstanceRef:
        """A worker that was created and runs."""
        made = self.context.create_workers(WorkerRequest((name,)))
        assert made.is_whole, made.failures
        return made.found[0].worker.ref

    def makes(self, does: Does, call: Call, times: int = 1) -> None:
        """Make the cloud do so, or skip the test if this scene cannot."""
        if does not in self.can:
            pytest.skip(f"this scene cannot {does}")
        self.obey(does, call, times)

    def has(self, capability: Capability) -> None:
        """Skip the test if this cloud has it not."""
        if capability not in self.strategy.capabilities:
            pytest.skip(f"this cloud cannot {capability}")

    def listed(self, only: Tag | None = None) -> list:
        """All that the strategy lists of `region`, page by page."""
        scope = self.region if Capability.REGIONAL_LISTS in self.strategy.capabilities else None
        found, cursor, pages = [], None, 0
        while True:
            page = self.strategy.instance_page(scope, cursor, only)
            assert isinstance(page, Page)
            found += [one for one in page.items if one.region == self.region and not one.is_gone]
            cursor, pages = page.cursor, pages + 1
            assert pages < 100, "the pages have no end"
            if cursor is None:
                return found


TOLD = {
    Does.THROTTLE: (Call.LIST, Throttled),
    Does.FAIL: (Call.LIST, Unreachable),
    Does.REFUSE: (Call.LIST, CredentialsRefused),
    Does.NO_CAPACITY: (Call.CREATE, NoCapacity),
    Does.NO_QUOTA: (Call.CREATE, QuotaExceeded),
}


class CloudStrategyContract:
    # -- the strategy's own calls ------------------------------------------------------------------------

    def test_its_capabilities_are_named(self, scene: Scene):
        """What a cloud can do is known before anything is asked."""
        assert scene.strategy.capabilities <= set(Capability)
        assert Capability.LIST_INSTANCES in scene.strategy.capabilities

    def test_its_regions_are_named(self, scene: Scene):
        """By the words that orders use."""
        found = {one.name: one for one in scene.strategy.regions()}

        assert {scene.region, scene.other} <= set(found)
        assert found[scene.region].is_available

    def test_what_is_created_has_its_name_its_tags_and_its_time(self, scene: Scene):
        """From the first moment, in the shape of every cloud."""
        order = scene.order()
        made = scene.strategy.create_instance(order)
        found = scene.strategy.get_instance(scene.created())

        for one in (made, found):
            assert (order.name, order.region) == (one.name, one.region)
            assert (scene.strategy.config.name, scene.strategy.config.provider) == (one.cloud, one.provider)
            assert order.tags.items() <= dict(one.tags).items()
            assert one.id
            assert one.native_state
        assert (order.size, InstanceState.RUNNING) == (found.size, found.state)
        assert found.created_at is not None
        assert timedelta(0) == found.created_at.utcoffset()
        assert found.created_at.tzinfo is UTC
        assert found.raw
        assert found.private_addresses or found.public_addresses

    def test_what_is_not_there_is_not_found(self, scene: Scene):
        """Neither looked at nor deleted."""
        ref = scene.created()
        scene.context.delete_workers(["one"])
        nowhere = replace(ref, id=ref.id[:-1] + ("0" if ref.id[-1] != "0" else "1"), operation="")

        with pytest.raises(NotInCloud):
            scene.strategy.get_instance(nowhere)
        with pytest.raises(NotInCloud):
            scene.strategy.delete_instance(nowhere)

    def test_lists_are_read_to_their_last_page(self, scene: Scene):
        """Each instance once."""
        if scene.is_real:
            pytest.skip("a page of a real cloud has hundreds")
        ids = {scene.put(f"other-{number}", scene.region, {}) for number in range(2 * scene.page_size + 1)}

        found = [one.id for one in scene.listed()]

        assert sorted(ids) == sorted(found)

    def test_a_tag_finds_what_carries_it(self, scene: Scene):
        """Whether the cloud looks for it or gives everything."""
        scene.has(Capability.WORKERS)
        ref = scene.created()
        scene.put("other", scene.region, {"team": "shop"})
        only = Tag(WORKER_TAG, "one")

        assert {ref.id} == {one.id for one in scene.listed(only) if one.tags.get(only.key) == only.value}

    def test_the_same_token_makes_nothing_twice(self, scene: Scene):
        """So that an answer that was lost can be asked for again."""
        scene.has(Capability.CREATE_TOKENS)
        if not scene.has_tokens:
            pytest.skip("this emulator ignores tokens")
        order = scene.order()

        assert scene.strategy.create_instance(order).id == scene.strategy.create_instance(order).id
        assert 1 == len(scene.ids())

    @pytest.mark.parametrize("does", TOLD, ids=lambda does: does.name.lower())
    def test_what_goes_wrong_is_told_apart(self, scene: Scene, does: Does):
        """The rules of a worker's life go by it."""
        call, kind = TOLD[does]
        scene.makes(does, call)

        with pytest.raises(kind) as caught:
            scene.listed() if call is Call.LIST else scene.strategy.create_instance(scene.order())

        assert kind is type(caught.value)
        if kind is Throttled:
            assert (0 < caught.value.retry_after_s <= 2) or not scene.says_how_long

    def test_a_size_that_it_does_not_know_is_an_input_that_is_wrong(self, scene: Scene):
        """And no failure of the cloud's, which another place might mend."""
        if Does.UNKNOWN_SIZE not in scene.can:
            pytest.skip("this scene takes any size")

        with pytest.raises(InvalidInput):
            scene.strategy.create_instance(scene.order(size="enormous"))

    def test_clusters_are_described_with_pools_and_add_ons(self, scene: Scene):
        """Endpoint and CA as a kubeconfig has them."""
        if scene.put_cluster is None:
            pytest.skip("this scene has no clusters")
        scene.put_cluster("apples", scene.region)

        found = scene.context.list_clusters([scene.region])

        assert () == found.failures
        (cluster,) = found.found
        assert ("apples", scene.region, ClusterState.ACTIVE) == (cluster.name, cluster.region, cluster.state)
        assert cluster.endpoint.startswith("https://")
        assert cluster.ca_certificate or not scene.says_ca
        assert cluster.version
        (pool,) = cluster.node_pools
        assert (2, ClusterState.ACTIVE) == (pool.nodes, pool.state)
        assert pool.size
        login = scene.strategy.cluster_login(cluster)
        assert login.command and login.hint
        with pytest.raises(NotInCloud):
            scene.strategy.get_cluster(replace(cluster.ref, name="pears", id="pears"))

    def test_a_check_needs_credentials(self, scene: Scene):
        """And tells quotas only where the cloud says them."""
        quotas = scene.strategy.check(scene.region)

        assert Capability.QUOTAS in scene.strategy.capabilities or not quotas
        assert all(one.used >= 0 and one.limit >= 0 for one in quotas)

    # -- workers' life -----------------------------------------------------------------------------------

    def test_a_worker_is_created_once_however_often_it_is_asked_for(self, scene: Scene):
        """It runs when the call returns; the second call adopts it."""
        first, second = (scene.context.create_workers(WorkerRequest(("one", "two"))) for _ in range(2))

        assert [How.CREATED] * 2 == [one.how for one in first.found]
        assert [How.ADOPTED] * 2 == [one.how for one in second.found]
        assert {one.worker.id for one in first.found} == {one.worker.id for one in second.found} == scene.ids()
        assert {InstanceState.RUNNING} == {one.worker.state for one in first.found}
        assert ["one", "two"] == sorted(worker_name(one) for one in scene.context.list_workers().found)

    def test_a_worker_that_was_deleted_can_be_created_again(self, scene: Scene):
        """What the cloud remembers of the first one does not stand in the way."""
        scene.created()
        assert scene.context.delete_workers(["one"]).is_whole
        again = scene.created()

        assert {again.id} == scene.ids()
        assert InstanceState.RUNNING is scene.context.get_worker("one").state

    def test_deleting_all_touches_only_what_is_ours(self, scene: Scene):
        """Counted, gone when the call returns; another owner's and everybody else's stay."""
        scene.created("one")
        scene.created("two")
        others = {scene.put("three", scene.region, {OWNER_TAG: "somebody", WORKER_TAG: "three"})}
        others |= {scene.put("four", scene.region, {})}
        with pytest.raises(Conflict, match="2 workers"):
            scene.context.delete_all_workers(3)
        assert 2 == len(scene.context.delete_all_workers(dry_run=True).found)
        assert 4 == len(scene.ids())

        gone = scene.context.delete_all_workers(2)

        assert gone.is_whole
        assert others == scene.ids()
        assert () == scene.context.list_workers().found

    def test_a_protected_worker_is_not_deleted(self, scene: Scene):
        """By name it is refused; with all others it stays."""
        tags = {**own_tags(scene.strategy.config, "one"), PROTECTED_TAG: "yes"}
        ident = scene.put("one", scene.region, tags)
        (failure,) = scene.context.delete_workers(["one"]).failures

        assert isinstance(failure.error, Refused)
        assert () == scene.context.delete_all_workers(0).found
        assert {ident} == scene.ids()

    def test_a_worker_that_is_not_there_is_named_with_the_nearest(self, scene: Scene):
        """When it is looked for, and when it is to be deleted."""
        scene.created("builder")
        with pytest.raises(NotInCloud, match='Did you mean "builder"'):
            scene.context.get_worker("bulider")
        (failure,) = scene.context.delete_workers(["bulider"]).failures

        assert 'Did you mean "builder"' in str(failure)

    @pytest.mark.parametrize("call", Call, ids=lambda call: call.name.lower())
    @pytest.mark.parametrize("does", [Does.THROTTLE, Does.FAIL], ids=lambda does: does.name.lower())
    def test_what_passes_is_waited_for(self, scene: Scene, does: Does, call: Call):
        """Two bad answers in a row change nothing of what comes out."""
        scene.makes(does, call, 2)
        scene.created()

        assert 1 == len(scene.ids())
        assert scene.context.delete_workers(["one"]).is_whole
        assert set() == scene.ids()

    def test_an_answer_that_was_lost_makes_nothing_twice(self, scene: Scene):
        """What the cloud made is found, by its token or by its tags."""
        scene.makes(Does.LOSE, Call.CREATE)
        made = scene.context.create_workers(WorkerRequest(("one",)))

        assert made.is_whole, made.failures
        assert {made.found[0].worker.id} == scene.ids()

    def test_what_is_not_shown_at_once_is_waited_for(self, scene: Scene):
        """Not found right after its creation means: not yet."""
        scene.makes(Does.HIDE, Call.GET, 2)
        scene.created()

        assert 1 == len(scene.ids())

    def test_where_one_place_has_nothing_left_the_next_is_tried(self, scene: Scene):
        """In the order of the request; the answer says why it is not the first."""
        scene.makes(Does.NO_CAPACITY, Call.CREATE)
        places = (Place(region=scene.region), Place(region=scene.other))
        made = scene.context.create_workers(WorkerRequest(("one",), places))

        assert made.is_whole, made.failures
        (one,) = made.found
        assert scene.other == one.worker.region
        assert [NoCapacity] == [type(tried.error) for tried in one.instead_of]
        assert 1 == len(scene.ids())

    def test_a_creation_that_fails_later_leaves_nothing_behind(self, scene: Scene):
        """Accepted, never running: it is deleted, and the next place tried."""
        scene.makes(Does.NOT_START, Call.CREATE)
        places = (Place(region=scene.region), Place(region=scene.other))
        made = scene.context.create_workers(WorkerRequest(("one",), places))

        assert made.is_whole, made.failures
        assert [scene.other] == [one.worker.region for one in made.found]
        assert {made.found[0].worker.id} == scene.ids()

    def test_what_cannot_be_created_takes_nothing_else_with_it(self, scene: Scene):
        """Successes and failures come side by side."""
        scene.makes(Does.NO_QUOTA, Call.CREATE)
        made = scene.context.create_workers(WorkerRequest(("one", "two", "three")))

        assert (2, 1) == (len(made.found), len(made.failures))
        assert isinstance(made.failures[0].error, QuotaExceeded)
        assert 2 == len(scene.ids())

    def test_an_answer_that_is_none_is_a_failure_with_a_name(self, scene: Scene):
        """And nothing else that Python raises."""
        scene.makes(Does.GARBLE, Call.LIST)
        found = scene.context.list_instances([scene.region])

        assert [scene.strategy.config.name] == [failure.cloud for failure in found.failures]
        assert isinstance(found.failures[0].error, CloudFailed | Unreachable)

    def test_a_kill_in_the_middle_leaves_no_worker_unknown(self, scene: Scene):
        """The next call adopts what was begun, and creates the rest."""
        names = tuple(f"worker-{number}" for number in range(4 if scene.is_real else 10))
        request = WorkerRequest(names)
        killed = CloudContext(Killed(scene.strategy, after=len(names) // 2), pace=scene.pace)
        with pytest.raises(KeyboardInterrupt):
            killed.create_workers(request)
        begun = scene.ids()
        made = scene.context.create_workers(request)

        assert made.is_whole, made.failures
        assert len(names) // 2 <= len(begun) <= len(names)
        assert sorted(names) == sorted(worker_name(one.worker) for one in made.found)
        assert {one.worker.id for one in made.found} == scene.ids()
        assert begun <= scene.ids()


class Killed:
    """A strategy whose process dies right after some creations were accepted: their answers reach nobody."""

    def __init__(self, strategy: CloudStrategy, after: int):
        self._strategy = strategy
        self._left = count(after - 1, -1)

    def __getattr__(self, name: str):
        return getattr(self._strategy, name)

    def create_instance(self, order: Order):
        made = self._strategy.create_instance(order)
        if next(self._left) <= 0:
            raise KeyboardInterrupt
        return made
