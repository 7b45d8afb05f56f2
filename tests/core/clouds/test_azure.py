"""The strategy of Azure keeps the contract, through Azure's own SDK; and what only Azure has."""

import pytest

from mcop_core.clouds.azure import AzureStrategy
from mcop_core.clouds.config import CloudConfig
from mcop_core.clouds.context import CloudContext
from mcop_core.clouds.kubeconfig import with_cluster
from mcop_core.clouds.models import ClusterState, InstanceState
from mcop_core.clouds.ours import own_tags
from mcop_core.clouds.placing import WorkerRequest
from mcop_core.clouds.strategy import Tag
from mcop_core.errors import (
    CloudFailed,
    Conflict,
    CredentialsRefused,
    InvalidDocuments,
    InvalidInput,
    Unsupported,
)
from tests.clouds import azure_server
from tests.clouds.azure_server import CLIENT, GROUP, IMAGE, KEY, NETWORK, SECRET, SUBSCRIPTION, TENANT, AzureServer
from tests.clouds.clock import hasty_pace
from tests.clouds.real import real_contract
from tests.clouds.rest_server import Answer, running
from tests.clouds.scenes import SdkContract, obeying
from tests.contracts.cloud_strategy import Call, Does, Scene

REGION, OTHER = "westeurope", "northeurope"
CREDENTIALS = {"login": CLIENT, "password": SECRET, "tenantId": TENANT, "subscriptionId": SUBSCRIPTION}
LINES = {
    Call.LIST: r"GET .*/virtualMachines$",
    Call.GET: r"GET .*/virtualMachines/[^/]+$",
    Call.CREATE: r"PUT .*/virtualMachines/",
    Call.DELETE: r"DELETE .*/virtualMachines/",
}
ANSWERS = {
    Does.THROTTLE: azure_server.throttled(1),
    Does.FAIL: azure_server.error(503, "ServerBusy", "The server is busy."),
    Does.REFUSE: azure_server.error(403, "AuthorizationFailed", "The client does not have authorization."),
    Does.NO_CAPACITY: azure_server.error(409, "SkuNotAvailable", "The requested size is currently not available."),
    Does.NO_QUOTA: azure_server.error(409, "OperationNotAllowed", "exceeding approved Total Regional Cores quota."),
    Does.HIDE: azure_server.error(404, "ResourceNotFound", "The Resource was not found."),
}


def configured(server: AzureServer, **changes) -> CloudConfig:
    options = {"resource_group": GROUP, "subnet": f"{NETWORK}-{{region}}/default", "authority": server.url}
    options |= {"ca_file": str(server.certificate), **changes.pop("options", {})}
    usual = {"region": REGION, "size": "Standard_B2s", "image": IMAGE, "key": KEY, "endpoint": server.url}
    return CloudConfig(name="blue", provider="azure", options=options, tags={"team": "a"}, **{**usual, **changes})


def azure(server: AzureServer, **changes) -> AzureStrategy:
    return AzureStrategy(configured(server, **changes), CREDENTIALS)


@pytest.fixture
def server(tmp_path):
    with running(AzureServer(tmp_path)) as server:
        server.page_size = 3
        yield server


def ids(server: AzureServer) -> set[str]:
    return {one["id"] for one in server.machines if one["properties"]["provisioningState"] != "Deleting"}


def scene_of(server: AzureServer) -> Scene:
    def put_cluster(name: str, region: str) -> None:
        pool = {"name": "system", "count": 2, "vmSize": "Standard_D4s_v5", "provisioningState": "Succeeded"}
        server.put_cluster(name, region, agentPoolProfiles=[pool], aadProfile={"managed": True, "tenantID": TENANT})

    return Scene(
        azure(server),
        REGION,
        OTHER,
        hasty_pace(),
        lambda name, region, tags: server.put_machine(name, region, tags=dict(tags)),
        lambda: ids(server),
        obeying(server, LINES, ANSWERS, {Does.NOT_START: lambda times: server.exhausted.add(REGION)}),
        frozenset(Does),
        server.page_size,
        put_cluster,
    )


class TestContract(SdkContract):
    extra, module, regions = "azure", "azure.core.exceptions", "/locations$"
    lines = LINES

    def opened(self, server, **changes):
        return azure(server, **changes)

    @pytest.fixture
    def scene(self, server) -> Scene:
        return scene_of(server)


TestRealCloud = real_contract("azure", AzureStrategy)


# -- what only Azure has -----------------------------------------------------------------------------------


def test_a_worker_is_one_request_and_takes_its_parts_with_it(server):
    """Network interface and disk come with the machine, carry names of their own, and go when it goes."""
    context = CloudContext(azure(server), pace=hasty_pace())
    made = context.create_workers(WorkerRequest(("one",)))
    parts = {part["name"]: part.get("tags") for part in server.parts}
    assert context.delete_workers(["one"]).is_whole

    assert made.is_whole, made.failures
    assert {"one-nic": {**own_tags(context.strategy.config, "one"), "team": "a"}, "one-os": None} == parts
    assert ([], []) == (server.machines, server.parts)
    assert 1 == server.count("^PUT ")


def test_a_network_interface_that_was_left_alone_is_a_failed_worker(server):
    """It is listed, taken away when all are, and nobody else's is."""
    strategy = azure(server)
    tags = own_tags(strategy.config, "one")
    facts = {"ipConfigurations": []}
    nic = "Microsoft.Network/networkInterfaces"
    server.put(server.id_of(nic, "one-nic"), REGION, tags=tags, properties=dict(facts))
    server.put(server.id_of(nic, "two-nic"), REGION, tags={"team": "b"}, properties=dict(facts))
    context = CloudContext(strategy, pace=hasty_pace())
    found = context.list_workers().found
    gone = context.delete_all_workers(1)

    assert [("one", InstanceState.FAILED)] == [(one.name, one.state) for one in found]
    assert gone.is_whole, gone.failures
    assert ["two-nic"] == [part["name"] for part in server.parts]


def test_a_machine_of_somebody_else_is_not_taken_over(server):
    """Its name is taken, and nothing of it is touched."""
    server.put_machine("one", REGION, tags={"team": "b"})
    made = CloudContext(azure(server), pace=hasty_pace()).create_workers(WorkerRequest(("one",)))

    assert [Conflict] == [type(failure.error) for failure in made.failures]
    assert "the machine one is there and is another one" in str(made.failures[0])


STATES = {
    "running": InstanceState.RUNNING,
    "starting": InstanceState.PENDING,
    "deallocated": InstanceState.STOPPED,
    "stopped": InstanceState.STOPPED,
    "deallocating": InstanceState.STOPPING,
    "hibernated": InstanceState.UNKNOWN,
}


@pytest.mark.parametrize("power", STATES)
def test_what_a_machine_does_is_told_alike_by_a_list_and_by_a_look(server, power):
    """Azure's lists of machines do not say it; the list of their states is joined to them."""
    id = server.put_machine("one", REGION, power=power)
    strategy = azure(server)
    (listed,) = strategy.instance_page(None, None, None).items
    looked = strategy.get_instance(listed.ref)

    assert (id, STATES[power], STATES[power]) == (listed.id, listed.state, looked.state)


def test_addresses_are_told_alike_by_a_list_and_by_a_look(server):
    """Private ones stand in the network interface, public ones in resources of their own."""
    server.put_public_nic(server.put_machine("one", REGION), REGION, "20.1.2.3")
    strategy = azure(server)
    (listed,) = strategy.instance_page(None, None, None).items
    looked = strategy.get_instance(listed.ref)

    for one in (listed, looked):
        assert (("10.0.0.200",), ("20.1.2.3",)) == (one.private_addresses, one.public_addresses)


def test_a_machine_that_runs_and_whose_last_update_failed_runs(server):
    """The provisioning state is that of the last thing that was asked for."""
    id = server.put_machine("one", REGION)
    server.resources[id.lower()]["properties"]["provisioningState"] = "Failed"
    (listed,) = azure(server).instance_page(None, None, None).items

    assert (InstanceState.RUNNING, "PowerState/running") == (listed.state, listed.native_state)


def test_a_list_costs_the_pages_of_three_lists(server):
    """Machines, what they do, and their addresses: nothing is asked per machine."""
    for number in range(7):
        server.put_machine(f"m{number}", REGION)
    context = CloudContext(azure(server), pace=hasty_pace())

    assert 7 == len(context.list_instances([REGION]).found)
    assert (6, 1) == (server.count("/virtualMachines$"), server.count("/networkInterfaces$"))
    assert 0 == server.count("/publicIPAddresses")


FAULTY = {
    "options.subnet": {"options": {"subnet": "only-a-network"}},
    "resource_grup": {"options": {"resource_grup": "x"}},
    "kubelogin": {"options": {"kubelogin": "magic"}},
}


@pytest.mark.parametrize("told", FAULTY)
def test_options_that_cannot_be_are_told(server, told):
    """Before anything is asked."""
    with pytest.raises(InvalidDocuments) as caught:
        azure(server, **FAULTY[told])

    assert all(word in str(caught.value) for word in told.split("."))
    assert [] == server.asked


def test_half_a_service_principal_is_told(server):
    """A secret without its client; the value of none is named."""
    with pytest.raises(InvalidDocuments, match="has password alone") as caught:
        AzureStrategy(configured(server), {"password": SECRET, "subscriptionId": SUBSCRIPTION})

    assert SECRET not in str(caught.value)


def test_a_worker_without_a_subnet_or_a_key_is_told_what_it_needs(server):
    """Inventory needs neither."""
    strategy = azure(server, key="", options={"subnet": ""})
    failure = CloudContext(strategy, pace=hasty_pace()).create_workers(WorkerRequest(("one",))).failures[0]

    assert isinstance(failure.error, InvalidInput)
    assert "need options.subnet, key" in str(failure)
    with pytest.raises(InvalidInput, match=r"need options\.resource_group"):
        azure(server, options={"resource_group": ""}).instance_page(None, None, Tag("mcop-owner", "mcop"))


def test_an_unknown_key_and_an_unknown_image_are_inputs_that_are_wrong(server):
    """With what Azure calls them."""
    for changes, said in (({"key": "taem"}, "no SSH key 'taem'"), ({"image": "ubuntu"}, "'ubuntu' is no image")):
        made = CloudContext(azure(server, **changes), pace=hasty_pace()).create_workers(WorkerRequest(("one",)))

        assert isinstance(made.failures[0].error, InvalidInput)
        assert said in str(made.failures[0])


def test_credentials_that_are_refused_are_told_without_the_secret(server):
    """By the token service as by the resource manager."""
    server.secret = "another"
    with pytest.raises(CredentialsRefused, match="AADSTS7000215") as caught:
        azure(server).regions()

    assert SECRET not in str(caught.value)


def test_a_cluster_without_entra_id_has_no_login_without_a_secret(server):
    """The one with it gets its token from kubelogin."""
    server.put_cluster("apples", REGION, aadProfile={"managed": True, "tenantID": TENANT})
    server.put_cluster("pears", REGION)
    strategy = azure(server)
    apples, pears = (
        strategy.get_cluster(ref) for ref in sorted(strategy.cluster_page(None, None).items, key=lambda ref: ref.name)
    )
    login = strategy.cluster_login(apples)

    program = with_cluster({}, apples, login)["users"][0]["user"]["exec"]

    assert ("kubelogin", "get-token", False) == (program["command"], program["args"][0], program["provideClusterInfo"])
    assert TENANT in program["args"]
    assert SECRET not in str(program)
    assert (azure_server.CA, ["azurepolicy"]) == (apples.ca_certificate, [addon.name for addon in apples.addons])
    assert [(3, None, None), (1, 1, 5)] == [(one.nodes, one.minimum, one.maximum) for one in apples.node_pools]
    with pytest.raises(Unsupported, match="Entra ID"):
        strategy.cluster_login(pears)


def test_a_stopped_cluster_is_none_that_works(server):
    """Its provisioning succeeded all the same."""
    server.put_cluster("apples", REGION, powerState={"code": "Stopped"})
    strategy = azure(server)
    (ref,) = strategy.cluster_page(None, None).items

    assert ClusterState.DEGRADED is strategy.get_cluster(ref).state


def test_a_reader_sees_clusters_without_their_ca(server):
    """Its credentials are a right of their own."""
    server.put_cluster("apples", REGION)
    refused = azure_server.error(403, "AuthorizationFailed", "no")
    server.refuse("listClusterUserCredential", refused)
    strategy = azure(server)
    (ref,) = strategy.cluster_page(None, None).items

    assert "" == strategy.get_cluster(ref).ca_certificate


def test_an_answer_of_an_unknown_kind_is_a_failure_with_azures_code(server):
    """Nothing is taken for something that it is not."""
    server.refuse("/usages$", Answer(422, {"error": {"code": "Odd", "message": "Something new."}}))
    with pytest.raises(CloudFailed, match="Odd: Something new") as caught:
        azure(server).check(REGION)

    assert "Odd" == caught.value.code
