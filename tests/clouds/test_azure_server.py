"""The server that stands for Azure, asked by Azure's own unmodified SDK."""

from types import SimpleNamespace

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.core.pipeline.policies import RetryMode
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.containerservice import ContainerServiceClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient

from tests.clouds import azure_server
from tests.clouds.azure_server import CLIENT, GROUP, IMAGE, NETWORK, SECRET, SUBSCRIPTION, TENANT, AzureServer
from tests.clouds.rest_server import Does, running

TAGS = {"mcop-worker": "one"}


@pytest.fixture
def server(tmp_path):
    with running(AzureServer(tmp_path)) as server:
        yield server


@pytest.fixture
def sdk(server):
    trusted = {"connection_verify": str(server.certificate)}
    host = server.url.removeprefix("https://")
    credential = ClientSecretCredential(
        TENANT, CLIENT, SECRET, authority=host, disable_instance_discovery=True, retry_total=0, **trusted
    )
    # Pauses of nothing, so that a poll's Retry-After is what is waited for and nothing else.
    common = {"base_url": server.url, "credential_scopes": [f"{server.url}/.default"], "polling_interval": 0, **trusted}
    common |= {"retry_mode": RetryMode.Fixed, "retry_backoff_factor": 0}
    return SimpleNamespace(
        compute=ComputeManagementClient(credential, SUBSCRIPTION, **common),
        containers=ContainerServiceClient(credential, SUBSCRIPTION, **common),
        resources=ResourceManagementClient(credential, SUBSCRIPTION, **common),
        subscriptions=SubscriptionClient(credential, **common),
    )


def machine(server, location="westeurope", **changes):
    """The body of a machine with its own network interface and disk, both of which go with it."""
    publisher, offer, sku, version = IMAGE.split(":")
    subnet = f"{server.id_of('Microsoft.Network/virtualNetworks', f'{NETWORK}-{location}')}/subnets/default"
    address = {"name": "ip", "properties": {"subnet": {"id": subnet}, "primary": True}}
    nic = {"primary": True, "deleteOption": "Delete", "ipConfigurations": [address]}
    keys = [{"path": "/home/mcop/.ssh/authorized_keys", "keyData": azure_server.PUBLIC_KEY}]
    properties = {
        "hardwareProfile": {"vmSize": "Standard_B2s"},
        "storageProfile": {
            "imageReference": {"publisher": publisher, "offer": offer, "sku": sku, "version": version},
            "osDisk": {"name": "one-os", "createOption": "FromImage", "deleteOption": "Delete"},
        },
        "osProfile": {
            "computerName": "one",
            "adminUsername": "mcop",
            "linuxConfiguration": {"ssh": {"publicKeys": keys}},
        },
        "networkProfile": {
            "networkApiVersion": "2022-11-01",
            "networkInterfaceConfigurations": [{"name": "one-nic", "properties": nic, "tags": TAGS}],
        },
    }
    return {"location": location, "tags": TAGS, "properties": properties | changes}


def test_a_machine_comes_with_its_parts_and_goes_with_them(server, sdk):
    """The SDK's own pollers follow both operations to their end."""
    created = sdk.compute.virtual_machines.begin_create_or_update(GROUP, "one", machine(server)).result()
    parts = {part["name"] for part in server.parts}
    sdk.compute.virtual_machines.begin_delete(GROUP, "one").result()

    assert ("Succeeded", {"one-nic", "one-os"}) == (created.properties.provisioning_state, parts)
    assert ([], []) == (server.machines, server.parts)


def test_a_machine_that_finds_no_room_stays_and_says_why(server, sdk):
    """It was accepted: it is there, failed, until somebody deletes it."""
    server.exhausted.add("westeurope")
    with pytest.raises(HttpResponseError) as caught:
        sdk.compute.virtual_machines.begin_create_or_update(GROUP, "one", machine(server)).result()
    shown = sdk.compute.virtual_machines.get(GROUP, "one", expand="instanceView")

    assert "AllocationFailed" in str(caught.value)
    assert "ProvisioningState/failed/AllocationFailed" == shown.properties.instance_view.statuses[0].code


def test_a_machine_is_made_once_where_it_must_not_be_there(server, sdk):
    """`If-None-Match: *` is refused by the second one."""
    sdk.compute.virtual_machines.begin_create_or_update(GROUP, "one", machine(server)).result()
    with pytest.raises(ResourceModifiedError):
        sdk.compute.virtual_machines.begin_create_or_update(
            GROUP,
            "one",
            machine(server),
            etag="*",
            match_condition=MatchConditions.IfMissing,
            error_map={412: ResourceModifiedError},
        )


REFUSED = {
    "SkuNotAvailable": lambda server: server.not_offered.add("westeurope"),
    "OperationNotAllowed": lambda server: setattr(server, "cores_limit", 1),
    "PlatformImageNotFound": lambda server: None,
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_cannot_be_made_is_refused_with_azures_own_code(server, sdk, code):
    """Nothing is left behind by what was refused at once."""
    REFUSED[code](server)
    body = machine(server)
    if code == "PlatformImageNotFound":
        body["properties"]["storageProfile"]["imageReference"]["sku"] = "servre"
    with pytest.raises(HttpResponseError) as caught:
        sdk.compute.virtual_machines.begin_create_or_update(GROUP, "one", body)

    assert code == caught.value.error.code
    assert ([], []) == (server.machines, server.parts)


def test_lists_are_paged_by_whole_addresses(server, sdk):
    """The SDK follows `nextLink`, in both listings of machines and in that of resources by tag."""
    server.page_size = 2
    for number in range(5):
        server.put_machine(f"m{number}", "northeurope", tags={"team": "a" if number < 3 else "b"})

    assert [f"m{number}" for number in range(5)] == [one.name for one in sdk.compute.virtual_machines.list_all()]
    assert 5 == len([one.properties.instance_view for one in sdk.compute.virtual_machines.list_all(status_only="true")])
    assert 3 == len(list(sdk.resources.resources.list(filter="tagName eq 'team' and tagValue eq 'a'")))


def test_locations_quotas_and_clusters_are_told(server, sdk):
    """The listing that health asks for, and what describes a cluster."""
    server.put_cluster("shop", "westeurope")
    usage = {one.name.value: (one.current_value, one.limit) for one in sdk.compute.usage.list("westeurope")}
    cluster = sdk.containers.managed_clusters.get(GROUP, "shop")
    credentials = sdk.containers.managed_clusters.list_cluster_user_credentials(GROUP, "shop")
    locations = [one.name for one in sdk.subscriptions.subscriptions.list_locations(SUBSCRIPTION)]

    assert [*azure_server.LOCATIONS, "europe"] == locations
    assert {"cores": (0, 100), "virtualMachines": (0, 25000)} == usage
    assert ["system", "burst"] == [pool.name for pool in cluster.properties.agent_pool_profiles]
    assert azure_server.CA.encode() in credentials.kubeconfigs[0].value


def test_a_throttled_question_is_asked_again_after_the_time_that_is_said(server, sdk):
    """The SDK's own retries read Retry-After."""
    server.refuse("GET .*/locations", azure_server.throttled(0), times=2)

    assert len(list(sdk.subscriptions.subscriptions.list_locations(SUBSCRIPTION))) == len(azure_server.LOCATIONS) + 1
    assert server.count("GET .*/locations") == 3


def test_what_was_just_made_may_not_be_found_yet(server, sdk):
    """As often as is said, and then it is."""
    server.unseen_looks = 1
    sdk.compute.virtual_machines.begin_create_or_update(GROUP, "one", machine(server), polling=False)
    with pytest.raises(ResourceNotFoundError):
        sdk.compute.virtual_machines.get(GROUP, "one")

    assert "one" == sdk.compute.virtual_machines.get(GROUP, "one").name


def test_a_wrong_secret_is_refused_and_so_is_a_client_without_rights(server, sdk):
    """By the token service the one, by the resource manager the other."""
    server.forbids = True
    with pytest.raises(HttpResponseError, match="AuthorizationFailed"):
        sdk.resources.resource_groups.get(GROUP)
    server.secret = "another"
    wrong = ClientSecretCredential(
        TENANT,
        CLIENT,
        SECRET,
        authority=server.url,
        disable_instance_discovery=True,
        connection_verify=str(server.certificate),
    )
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        wrong.get_token("https://management.azure.com/.default")


def test_an_answer_that_is_lost_was_carried_out(server, sdk):
    """And one that was garbage was not."""
    server.add(Does.LOSE_ANSWER, "PUT .*/virtualMachines/one")
    with pytest.raises(Exception, match="Connection"):
        sdk.compute.virtual_machines.begin_create_or_update(GROUP, "one", machine(server), polling=False, retry_total=0)

    assert ["one"] == [one["name"] for one in server.machines]
