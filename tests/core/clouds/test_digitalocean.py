"""The strategy of DigitalOcean through pydo as it is installed, against a server that speaks its REST."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.context import CloudContext
from mcop_core.clouds.digitalocean import DigitalOceanStrategy
from mcop_core.clouds.models import Addon, ClusterState, NodePool
from mcop_core.clouds.ours import worker_name
from mcop_core.clouds.placing import WorkerRequest
from mcop_core.errors import CredentialsRefused, InvalidInput, Unreachable
from tests.clouds.clock import hasty_pace
from tests.clouds.digitalocean_server import (
    IMAGES,
    SIZES,
    TOKEN,
    DigitalOceanServer,
    running_digitalocean,
    said,
)
from tests.clouds.real import real_contract
from tests.clouds.rest_server import Answer
from tests.clouds.scenes import SdkContract, obeying
from tests.contracts.cloud_strategy import Call, Does, Scene
from tests.emulators import free_port

LINES = {
    Call.LIST: r"GET /v2/droplets$",
    Call.GET: r"GET /v2/droplets/\d+$",
    Call.CREATE: r"POST /v2/droplets$",
    Call.DELETE: r"DELETE /v2/droplets/\d+$",
}
SAID = {
    Does.THROTTLE: said(429, "too_many_requests", "API rate limit exceeded.", {"Retry-After": "1"}),
    Does.FAIL: said(503, "service_unavailable", "Service Unavailable"),
    Does.REFUSE: said(401, "Unauthorized", "Unable to authenticate you"),
    Does.NO_CAPACITY: said(422, "unprocessable_entity", "Size is not available in this region."),
    Does.NO_QUOTA: said(422, "unprocessable_entity", "creating this/these droplet(s) will exceed your droplet limit"),
}


def config(server: DigitalOceanServer | None = None, **changes) -> CloudConfig:
    usual = {"name": "ocean", "provider": "digitalocean", "region": "nyc3", "size": SIZES[0], "image": IMAGES[0]}
    reached = (
        {"endpoint": server.url, "options": {"ca_file": str(server.certificate), "page_size": 4}} if server else {}
    )
    return CloudConfig(**{**usual, **reached, **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("digitalocean")


@pytest.fixture
def server(folder) -> Iterator[DigitalOceanServer]:
    with running_digitalocean(folder) as server:
        yield server


@pytest.fixture
def strategy(server) -> DigitalOceanStrategy:
    return DigitalOceanStrategy(config(server), {"password": TOKEN})


class TestContract(SdkContract):
    extra, module, regions = "digitalocean", "pydo", "GET /v2/regions$"
    lines = LINES

    def opened(self, server, **changes):
        return DigitalOceanStrategy(config(server, **changes), {"password": TOKEN})

    @pytest.fixture
    def scene(self, server, strategy) -> Scene:
        # A second's patience, asked for by the server, is a real second here.
        return Scene(
            strategy,
            "nyc3",
            "fra1",
            hasty_pace(appears_s=0.5),
            server.put,
            server.ids,
            obeying(server, LINES, SAID, {Does.HIDE: lambda times: setattr(server, "unseen_looks", times)}),
            frozenset(SAID) | {Does.HIDE, Does.LOSE, Does.GARBLE, Does.UNKNOWN_SIZE},
            page_size=4,
            put_cluster=server.put_cluster,
        )


TestRealCloud = real_contract("digitalocean", DigitalOceanStrategy)


def test_nothing_is_asked_twice_for_the_regions(server, strategy):
    """One list has all regions: as many requests as pages."""
    for number in range(9):
        server.put(f"other-{number}", ("nyc3", "fra1")[number % 2], {})
    found = CloudContext(strategy, pace=hasty_pace()).list_instances()

    assert 9 == len(found.found)
    assert 3 == server.count(LINES[Call.LIST])


def test_a_cluster_has_pools_add_ons_and_a_ca_and_no_token(server, strategy):
    """The CA comes with credentials, which are not kept."""
    server.put_cluster("apples", "fra1")
    (cluster,) = CloudContext(strategy, pace=hasty_pace()).list_clusters(["fra1"]).found

    assert (NodePool("workers", "s-2vcpu-2gb", 2, ClusterState.ACTIVE, 1, 3),) == cluster.node_pools
    assert (Addon("container-registry"), Addon("routing-agent")) == cluster.addons
    assert {"k8s": "", "team": "fruit"} == cluster.tags
    assert "LS0t" == cluster.ca_certificate[:4]
    assert "a token of the cluster's" not in repr((cluster, cluster.raw))
    login = strategy.cluster_login(cluster)
    assert ("doctl", cluster.id) == (login.command, login.arguments[-1])


def test_quotas_are_told(server, strategy):
    """Of the whole account."""
    server.droplet_limit = 25
    server.put("one", "nyc3", {})
    (quota,) = strategy.check("nyc3")

    assert (1, 25, 24) == (quota.used, quota.limit, quota.headroom)


def test_a_region_that_takes_nothing_new_is_told(strategy):
    """It is listed, and not available."""
    assert ["sfo1"] == [one.name for one in strategy.regions() if not one.is_available]


def test_an_image_and_a_key_may_be_numbers(server, strategy):
    """DigitalOcean takes ids as numbers, slugs and fingerprints as text."""
    asked = []
    answer = server.answer
    server.answer = lambda one: asked.append(one.body) or answer(one)
    scene = Scene(strategy, "nyc3", "fra1", hasty_pace(), server.put, server.ids)
    strategy.create_instance(scene.order(key="289794"))
    with pytest.raises(InvalidInput, match="invalid image"):
        strategy.create_instance(scene.order(image="6918735"))

    assert [[289794], 6918735] == [asked[0]["ssh_keys"], asked[1]["image"]]


def test_without_a_token_nothing_is_asked():
    """There is no other way in."""
    with pytest.raises(CredentialsRefused, match="needs a token"):
        DigitalOceanStrategy(config(), {}).regions()


def test_a_token_is_never_in_an_error(server):
    """Neither in its message nor in its facts."""
    strategy = DigitalOceanStrategy(config(server), {"token": "dop_v1_hunter2"})
    with pytest.raises(CredentialsRefused, match="Unable to authenticate you") as caught:
        strategy.regions()

    assert "hunter2" not in repr((caught.value, caught.value.facts))


def test_a_server_that_is_not_there_or_not_trusted_is_unreachable(server):
    """Without the certificate nothing is said to it."""
    for changes in ({"endpoint": f"https://127.0.0.1:{free_port()}"}, {"options": {}}):
        with pytest.raises(Unreachable, match="cloud ocean: regions: no answer"):
            DigitalOceanStrategy(config(server, **changes), {"password": TOKEN}).regions()


def test_words_that_nobody_knows_are_kept(server, strategy):
    """A new state of DigitalOcean's is no error."""
    server.put("one", "nyc3", {})
    next(iter(server.droplets.values())).fields["status"] = "dreaming"
    (found,) = strategy.instance_page(None, None, None).items

    assert ("unknown", "dreaming") == (found.state, found.native_state)


def test_an_answer_without_json_has_its_status(server, strategy):
    """As a proxy between gives it."""
    server.refuse(r"GET /v2/regions", Answer(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"}))
    with pytest.raises(Unreachable, match="502"):
        strategy.regions()


CREATE_TEN = """
import sys
from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.context import CloudContext
from mcop_core.clouds.digitalocean import DigitalOceanStrategy
from mcop_core.clouds.placing import WorkerRequest
from tests.clouds.clock import hasty_pace

config = CloudConfig.model_validate_json(sys.argv[1])
context = CloudContext(DigitalOceanStrategy(config, {"password": sys.argv[2]}), pace=hasty_pace())
context.create_workers(WorkerRequest(tuple(f"worker-{number}" for number in range(10))))
"""


def test_a_process_that_is_killed_among_ten_creations_leaves_none_unknown(server, strategy):
    """SIGKILL, once some of them are there: the next call has ten, each once."""
    server.create_looks = 10_000
    told = config(server, at_once=3).model_dump_json()
    program = subprocess.Popen([sys.executable, "-c", CREATE_TEN, told, TOKEN])
    deadline = time.monotonic() + 60
    while not 2 <= len(server.ids()) < 10:
        assert time.monotonic() < deadline and program.poll() is None
        time.sleep(0.005)
    program.send_signal(signal.SIGKILL)
    program.wait()
    server.create_looks = 1
    with server.lock:
        begun = server.ids()
        for one in server.droplets.values():
            one.starting = 1
    names = tuple(f"worker-{number}" for number in range(10))
    made = CloudContext(strategy, pace=hasty_pace()).create_workers(WorkerRequest(names))

    assert made.is_whole, made.failures
    assert 2 <= len(begun) < 10
    assert begun <= server.ids()
    assert sorted(names) == sorted(worker_name(one.worker) for one in made.found)
    assert 10 == len(server.ids())
