"""The strategy of Google Cloud keeps the contract, through Google's own SDK; and what only Google Cloud has."""

import json

import pytest

from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.context import CloudContext
from mcop_core.clouds.gcp import GcpStrategy
from mcop_core.clouds.kubeconfig import with_cluster
from mcop_core.clouds.models import ClusterRef, InstanceRef, InstanceState, Problem
from mcop_core.clouds.placing import Place, WorkerRequest
from mcop_core.errors import (
    Conflict,
    CredentialsRefused,
    InvalidDocuments,
    InvalidInput,
    NoCapacity,
    NotInCloud,
    QuotaExceeded,
)
from tests.clouds import gcp_server
from tests.clouds.clock import hasty_pace
from tests.clouds.gcp_server import IMAGE, GcpServer
from tests.clouds.real import real_contract
from tests.clouds.rest_server import running
from tests.clouds.scenes import SdkContract, obeying
from tests.contracts.cloud_strategy import Call, Does, Scene

REGION, OTHER = "europe-west1", "us-central1"
ZONE = f"{REGION}-b"
LINES = {
    Call.LIST: r"GET .*/aggregated/instances$",
    Call.GET: r"GET .*/zones/[^/]+/instances/[^/]+$",
    Call.CREATE: r"POST .*/instances$",
    Call.DELETE: r"DELETE .*/instances/",
}
ANSWERS = {
    Does.THROTTLE: gcp_server.throttled(1),
    Does.FAIL: gcp_server.error(503, "backendError", "Backend Error"),
    Does.REFUSE: gcp_server.error(403, "forbidden", "Required 'compute.instances.list' permission is missing."),
    Does.NO_CAPACITY: gcp_server.failed_at_once("ZONE_RESOURCE_POOL_EXHAUSTED"),
    Does.NO_QUOTA: gcp_server.error(403, "quotaExceeded", "Quota 'CPUS' exceeded. Limit: 24.0 in region europe-west1."),
    Does.HIDE: gcp_server.error(404, "notFound", "The resource was not found"),
}


def configured(server: GcpServer, **changes) -> CloudConfig:
    usual = {"region": REGION, "size": "e2-small", "image": IMAGE, "tags": {"team": "a"}, "endpoint": server.url}
    return CloudConfig(name="green", provider="gcp", **{**usual, **changes})


def gcp(server: GcpServer, **changes) -> GcpStrategy:
    return GcpStrategy(configured(server, **changes), {"keyfile_dict": json.dumps(server.service_account)})


@pytest.fixture
def server():
    with running(GcpServer()) as server:
        server.page_size = 3
        yield server


def ids(server: GcpServer) -> set[str]:
    return {f"{zone}/{name}" for (zone, name), one in server.instances.items() if one["status"] != "STOPPING"}


def zones(region: str) -> set[str]:
    return {f"{region}-{letter}" for letter in gcp_server.REGIONS[region]}


def scene_of(server: GcpServer) -> Scene:
    def put(name: str, region: str, tags) -> str:
        zone = f"{region}-{gcp_server.REGIONS[region][0]}"
        server.put_instance(name, zone, labels=dict(tags))
        return f"{zone}/{name}"

    def put_cluster(name: str, region: str) -> None:
        server.put_cluster(name, f"{region}-b", pools=("burst",))

    return Scene(
        gcp(server),
        REGION,
        OTHER,
        hasty_pace(),
        put,
        lambda: ids(server),
        obeying(server, LINES, ANSWERS, {Does.NOT_START: lambda times: server.exhausted.update(zones(REGION))}),
        frozenset(Does),
        server.page_size,
        put_cluster,
    )


class TestContract(SdkContract):
    extra, module, regions = "gcp", "google.api_core.exceptions", "/regions$"
    lines = LINES

    def opened(self, server, **changes):
        return gcp(server, **changes)

    @pytest.fixture
    def scene(self, server) -> Scene:
        return scene_of(server)


TestRealCloud = real_contract("gcp", GcpStrategy)


# -- what only Google Cloud has ----------------------------------------------------------------------------


def test_a_worker_takes_its_disk_with_it(server):
    """Both are made by one request, and gone when the call returns."""
    context = CloudContext(gcp(server), pace=hasty_pace())
    made = context.create_workers(WorkerRequest(("one",)))
    disks = list(server.disks.values())
    assert context.delete_workers(["one"]).is_whole

    assert made.is_whole, made.failures
    assert ["one"] == disks
    assert ({}, {}) == (server.instances, server.disks)
    assert 1 == server.count("^POST ")


FAILED = {"capacity": (NoCapacity, "does not have enough resources"), "quota": (QuotaExceeded, "Quota 'CPUS' exceeded")}


@pytest.mark.parametrize("why", FAILED)
def test_why_a_creation_failed_later_is_told_by_its_operation(server, why):
    """The instance is not there to say it."""
    kind, said = FAILED[why]
    if why == "capacity":
        server.exhausted |= zones(REGION)
    else:
        server.cpu_limit = 1
    strategy = gcp(server)
    made = strategy.create_instance(scene_of(server).order())
    seen = [strategy.get_instance(made.ref) for _ in range(2)][-1]
    (failure,) = CloudContext(strategy, pace=hasty_pace()).create_workers(WorkerRequest(("two",))).failures

    assert (InstanceState.FAILED, Problem(why)) == (seen.state, seen.problem)
    assert isinstance(failure.error, kind)
    assert said in seen.detail
    assert said in str(failure)
    assert {} == server.instances


def test_a_zone_without_capacity_is_followed_by_the_next_one(server):
    """In the order of the request."""
    server.exhausted.add(f"{REGION}-b")
    places = (Place(region=REGION, zone=f"{REGION}-b"), Place(region=REGION, zone=f"{REGION}-c"))
    made = CloudContext(gcp(server), pace=hasty_pace()).create_workers(WorkerRequest(("one",), places))

    assert made.is_whole, made.failures
    assert f"{REGION}-c" == made.found[0].worker.zone
    assert [NoCapacity] == [type(tried.error) for tried in made.found[0].instead_of]


def test_workers_without_a_zone_are_spread_and_each_has_its_own(server):
    """The same name asks for the same zone again, so that a second request meets the first one."""
    names = tuple(f"worker-{number}" for number in range(12))
    made = CloudContext(gcp(server), pace=hasty_pace()).create_workers(WorkerRequest(names))
    again = gcp(server).create_instance(scene_of(server).order("worker-3"))

    assert made.is_whole, made.failures
    assert zones(REGION) == {one.worker.zone for one in made.found}
    assert again.id in {one.worker.id for one in made.found}
    assert 12 == len(server.instances)


def test_an_instance_of_somebody_else_is_not_taken_over(server):
    """Its name is taken in its zone."""
    server.put_instance("one", ZONE, labels={"team": "b"})
    context = CloudContext(gcp(server, zone=ZONE), pace=hasty_pace())
    made = context.create_workers(WorkerRequest(("one",)))

    assert [Conflict] == [type(failure.error) for failure in made.failures]
    assert f"the instance {ZONE}/one is there and is another one" in str(made.failures[0])


STATES = {
    "PROVISIONING": InstanceState.PENDING,
    "STAGING": InstanceState.PENDING,
    "RUNNING": InstanceState.RUNNING,
    "STOPPING": InstanceState.STOPPING,
    "TERMINATED": InstanceState.STOPPED,
    "SUSPENDED": InstanceState.STOPPED,
    "LEVITATING": InstanceState.UNKNOWN,
}


@pytest.mark.parametrize("status", STATES)
def test_a_status_is_a_state_or_unknown(server, status):
    """What is terminated is stopped, and can be started again."""
    server.put_instance("one", ZONE, status=status)
    (found,) = gcp(server).instance_page(None, None, None).items

    assert (STATES[status], status, REGION, ZONE) == (found.state, found.native_state, found.region, found.zone)


def test_one_list_has_all_zones(server):
    """As many requests as there are pages, whatever the number of regions."""
    for number in range(7):
        server.put_instance(f"i{number}", ZONE if number % 2 else "us-central1-f")
    context = CloudContext(gcp(server), pace=hasty_pace())

    assert 7 == len(context.list_instances().found)
    assert 3 == server.count("/aggregated/instances")


FAULTY = {
    "keyfile_dict": ({}, {"keyfile_dict": "{}", "project": "p"}),
    "options.project": ({}, {}),
    "netwrok": ({"options": {"netwrok": "x"}}, {"project": "p"}),
}


@pytest.mark.parametrize("told", FAULTY)
def test_what_cannot_be_used_is_told(server, told):
    """Before anything is asked."""
    changes, credentials = FAULTY[told]
    with pytest.raises(InvalidDocuments, match=told):
        GcpStrategy(configured(server, **changes), credentials)

    assert [] == server.asked


def test_a_key_is_told_how_it_is_written(server):
    """A key without its user is for nobody."""
    with pytest.raises(InvalidInput, match="write user:ssh-ed25519"):
        gcp(server).create_instance(scene_of(server).order(key="ssh-ed25519 AAAA"))


def test_the_key_of_a_service_account_may_be_the_whole_secret(server):
    """As the file is that Google gives; it says the project, too."""
    strategy = GcpStrategy(configured(server), server.service_account)

    assert list(gcp_server.REGIONS) == [one.name for one in strategy.regions()]


def test_another_key_is_refused_and_not_told(server):
    """By the cloud, which knows the account's real one."""
    account = {**server.service_account, "private_key": GcpServer().service_account["private_key"]}
    strategy = GcpStrategy(configured(server), {"keyfile_dict": json.dumps(account)})
    with pytest.raises(CredentialsRefused) as caught:
        strategy.regions()

    assert "PRIVATE KEY" not in str(caught.value)


def test_an_id_of_another_cloud_is_none_of_this_one(server):
    """Nothing is asked for it."""
    with pytest.raises(NotInCloud, match="an id is zone/name"):
        gcp(server).get_instance(InstanceRef(REGION, "i-0123456789"))

    assert [] == server.asked


def test_a_cluster_has_its_nodes_of_all_zones(server):
    """A pool is an instance group in each of its zones; what scales has its bounds over all of them."""
    server.put_cluster("apples", REGION)
    strategy = gcp(server)
    (ref,) = strategy.cluster_page(None, None).items
    cluster = strategy.get_cluster(ref)

    assert ClusterRef(REGION, "apples", "apples") == ref
    assert [(3, None, None), (6, 3, 15)] == [(one.nodes, one.minimum, one.maximum) for one in cluster.node_pools]
    assert ["gce_persistent_disk_csi_driver_config", "http_load_balancing"] == [one.name for one in cluster.addons]
    assert {"cluster_ca_certificate": gcp_server.CA} == cluster.raw["master_auth"]
    entry = with_cluster({}, cluster, strategy.cluster_login(cluster))
    program = entry["users"][0]["user"]["exec"]
    assert ("gke-gcloud-auth-plugin", True) == (program["command"], program["provideClusterInfo"])
    assert {"server": "https://203.0.113.7", "certificate-authority-data": gcp_server.CA} == entry["clusters"][0][
        "cluster"
    ]
