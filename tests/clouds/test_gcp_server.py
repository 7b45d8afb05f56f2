"""The server that stands for Google Cloud, asked by Google's own unmodified SDK over REST."""

import uuid
from types import SimpleNamespace

import pytest
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.cloud import compute_v1, container_v1
from google.oauth2 import service_account

from tests.clouds import gcp_server
from tests.clouds.gcp_server import IMAGE, PROJECT, GcpServer
from tests.clouds.rest_server import Does, running

ZONE = "europe-west1-b"


@pytest.fixture
def server():
    with running(GcpServer()) as server:
        yield server


@pytest.fixture
def sdk(server):
    return clients(server, server.service_account)


def clients(server, account):
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    credentials = service_account.Credentials.from_service_account_info(account, scopes=scopes)
    common = {"credentials": credentials, "client_options": ClientOptions(api_endpoint=server.url), "transport": "rest"}
    return SimpleNamespace(
        instances=compute_v1.InstancesClient(**common),
        operations=compute_v1.ZoneOperationsClient(**common),
        regions=compute_v1.RegionsClient(**common),
        clusters=container_v1.ClusterManagerClient(**common),
    )


def instance(name="one", size="e2-small"):
    disk = {"boot": True, "auto_delete": True, "initialize_params": {"source_image": IMAGE}}
    return compute_v1.Instance(
        name=name,
        machine_type=f"zones/{ZONE}/machineTypes/{size}",
        disks=[disk],
        network_interfaces=[{"network": "global/networks/default"}],
        labels={"mcop-worker": name},
    )


def insert(sdk, one=None, **request):
    request |= {"project": PROJECT, "zone": ZONE, "instance_resource": one or instance()}
    return sdk.instances.insert(compute_v1.InsertInstanceRequest(**request))


def get(sdk, name="one"):
    return sdk.instances.get(project=PROJECT, zone=ZONE, instance=name)


def test_an_instance_comes_with_its_disk_and_goes_with_it(server, sdk):
    """An operation each, followed by looks at it."""
    operation = insert(sdk)
    states = [sdk.operations.get(project=PROJECT, zone=ZONE, operation=operation.name).status.name for _ in range(2)]
    shown, disks = get(sdk), dict(server.disks)
    sdk.instances.delete(project=PROJECT, zone=ZONE, instance="one")
    stopping = get(sdk).status
    with pytest.raises(exceptions.NotFound):
        get(sdk)

    assert (["RUNNING", "DONE"], "RUNNING", "STOPPING") == (states, shown.status, stopping)
    assert ({(ZONE, "one"): "one"}, {}) == (disks, server.disks)


FAILED = {
    "ZONE_RESOURCE_POOL_EXHAUSTED": lambda server: server.exhausted.add(ZONE),
    "QUOTA_EXCEEDED": lambda server: setattr(server, "cpu_limit", 1),
}


@pytest.mark.parametrize("code", FAILED)
def test_a_creation_that_fails_says_so_in_its_operation_and_leaves_nothing(server, sdk, code):
    """It was accepted with 200; the instance was never to be."""
    FAILED[code](server)
    server.create_looks = 0
    operation = insert(sdk)
    ended = sdk.operations.get(project=PROJECT, zone=ZONE, operation=operation.name)

    assert [code] == [one.code for one in ended.error.errors]
    assert ({}, {}) == (server.instances, server.disks)


def test_one_request_id_makes_one_instance(server, sdk):
    """The same operation comes back, also when it is over; another request for the name is refused."""
    request_id = str(uuid.uuid4())
    first, second = insert(sdk, request_id=request_id), insert(sdk, request_id=request_id)
    with pytest.raises(exceptions.Conflict):
        insert(sdk, request_id=str(uuid.uuid4()))

    assert first.name == second.name


def test_labels_change_under_the_fingerprint_that_was_read(server, sdk):
    """A stale one is refused."""
    insert(sdk)
    stale = get(sdk).label_fingerprint

    def set_labels(fingerprint):
        wanted = {"labels": {"mcop-worker": "one", "keep": "yes"}, "label_fingerprint": fingerprint}
        sdk.instances.set_labels(
            project=PROJECT, zone=ZONE, instance="one", instances_set_labels_request_resource=wanted
        )

    set_labels(stale)
    with pytest.raises(exceptions.PreconditionFailed):
        set_labels(stale)

    assert {"mcop-worker": "one", "keep": "yes"} == dict(get(sdk).labels)


def test_the_list_over_all_zones_is_paged(server, sdk):
    """Every page names every zone; the pages together have each instance once, filtered by a label if it is asked."""
    server.page_size = 2
    for number in range(5):
        zone = ZONE if number % 2 else "us-central1-f"
        server.put_instance(f"i{number}", zone, labels={"team": "a" if number < 3 else "b"})

    def listed(**request):
        pages = sdk.instances.aggregated_list(compute_v1.AggregatedListInstancesRequest(project=PROJECT, **request))
        return sorted(one.name for _, scope in pages for one in scope.instances)

    assert [f"i{number}" for number in range(5)] == listed()
    assert ["i0", "i1", "i2"] == listed(filter="labels.team=a")
    assert ["i1", "i3"] == [one.name for one in sdk.instances.list(project=PROJECT, zone=ZONE)]


def test_regions_quotas_and_clusters_are_told(server, sdk):
    """The listing that health asks for, and what describes a cluster."""
    server.put_cluster("shop", "europe-west1")
    region = sdk.regions.get(project=PROJECT, region="europe-west1")
    name = f"projects/{PROJECT}/locations/europe-west1/clusters/shop"
    cluster = sdk.clusters.get_cluster(name=name)

    assert list(gcp_server.REGIONS) == [one.name for one in sdk.regions.list(project=PROJECT)]
    assert {"CPUS": 100, "INSTANCES": 600} == {one.metric: one.limit for one in region.quotas}
    assert gcp_server.CA == cluster.master_auth.cluster_ca_certificate
    assert ["shop"] == [
        one.name for one in sdk.clusters.list_clusters(parent=f"projects/{PROJECT}/locations/-").clusters
    ]


def test_a_throttled_question_says_for_how_long(server, sdk):
    """In the header that the SDK hands on."""
    server.refuse("GET .*/regions", gcp_server.throttled(7))
    with pytest.raises(exceptions.TooManyRequests) as caught:
        list(sdk.regions.list(project=PROJECT))

    assert "7" == caught.value.response.headers["Retry-After"]


def test_another_key_is_refused_and_so_is_an_account_without_rights(server, sdk):
    """The token is what the account's own key signed."""
    server.forbids = True
    with pytest.raises(exceptions.Forbidden):
        get(sdk)
    strange = {**server.service_account, "private_key": GcpServer().service_account["private_key"]}
    with pytest.raises(exceptions.Unauthorized):
        clients(server, strange).instances.get(project=PROJECT, zone=ZONE, instance="one")


def test_an_answer_that_is_lost_was_carried_out(server, sdk):
    """And what was not found yet is found later."""
    server.unseen_looks = 1
    server.add(Does.LOSE_ANSWER, "POST .*/instances")
    with pytest.raises(Exception, match="Connection"):
        insert(sdk)
    with pytest.raises(exceptions.NotFound):
        get(sdk)

    assert "one" == get(sdk).name
