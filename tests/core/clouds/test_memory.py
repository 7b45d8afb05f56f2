"""The strategy of the cloud in a dict keeps the contract, with all that clouds differ in."""

import pytest

from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.memory import MemoryCloud, MemoryStrategy, Trouble, raising
from mcop_core.clouds.models import Addon, Cluster, ClusterState, NodePool, Problem
from mcop_core.clouds.strategy import Capability
from mcop_core.errors import CredentialsRefused, NoCapacity, NotInCloud, QuotaExceeded, Throttled, Unreachable
from tests.clouds.clock import QuickClock, quick_pace
from tests.contracts.cloud_strategy import Call, CloudStrategyContract, Does, Scene

CONFIG = CloudConfig(name="dict", provider="memory", region="north", size="small", image="linux", tags={"team": "a"})
CALLS = {
    Call.LIST: "instance_page",
    Call.GET: "get_instance",
    Call.CREATE: "create_instance",
    Call.DELETE: "delete_instance",
}
RAISED = {
    Does.THROTTLE: raising(Throttled("slow down", retry_after_s=1.0)),
    Does.FAIL: raising(Unreachable("503")),
    Does.LOSE: raising(Unreachable("the connection was cut")),
    Does.GARBLE: lambda: KeyError("Instances"),
    Does.REFUSE: raising(CredentialsRefused("403")),
    Does.NO_CAPACITY: raising(NoCapacity("nothing left", code="NoCapacity")),
    Does.NO_QUOTA: raising(QuotaExceeded("no more", code="Quota")),
    Does.HIDE: raising(NotInCloud("not yet")),
}


def put_cluster(cloud: MemoryCloud):
    def put(name: str, region: str) -> None:
        pools = (NodePool("workers", "small", 2, ClusterState.ACTIVE),)
        facts = {"version": "1.31", "endpoint": "https://apples.test", "ca_certificate": "Q0E="}
        addons = (Addon("dns", "1.0"),)
        cloud.clusters.append(
            Cluster("", "memory", region, name, name, ClusterState.ACTIVE, node_pools=pools, addons=addons, **facts)
        )

    return put


def memory_scene(without: set[Capability]) -> Scene:
    clock = QuickClock()
    cloud = MemoryCloud(clock=clock)

    def obey(does: Does, call: Call, times: int) -> None:
        if does is Does.NOT_START:
            # One creation takes it: the next one starts.
            cloud.fails_to_start = Problem.CAPACITY
            strategy.create_instance = failing_once
        else:
            cloud.troubles.append(Trouble(CALLS[call], RAISED[does], times, when_done=does is Does.LOSE))

    strategy = MemoryStrategy(CONFIG, cloud=cloud, without=without)
    create = strategy.create_instance

    def failing_once(order):
        made = create(order)
        cloud.fails_to_start = Problem.NONE
        return made

    return Scene(
        strategy,
        "north",
        "south",
        quick_pace(clock),
        lambda name, region, tags: cloud.put(name, region, tags),
        lambda: {one.id for one in cloud.running()},
        obey,
        frozenset(Does),
        cloud.page_size,
        put_cluster(cloud),
    )


DIFFERENCES = {
    "all": set(),
    "no tokens": {Capability.CREATE_TOKENS},
    "one list of all regions": {Capability.REGIONAL_LISTS},
    "neither, and no zones": {Capability.CREATE_TOKENS, Capability.REGIONAL_LISTS, Capability.ZONES},
}


class TestContract(CloudStrategyContract):
    @pytest.fixture(params=DIFFERENCES.values(), ids=DIFFERENCES)
    def scene(self, request) -> Scene:
        return memory_scene(request.param)
