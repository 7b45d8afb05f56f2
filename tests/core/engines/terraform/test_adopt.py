"""What was cut off is found again: paired with its address by what Terraform plans, taken into the state, or named."""

import json

import pytest

from mcop_core.engines.state import StateFile
from mcop_core.engines.terraform.adopt import adopt, doubles, type_of
from mcop_core.engines.terraform.imports import import_blocks
from mcop_core.errors import EngineFailed, Unreachable

SUBNET, VPC, ROUTE = "module.m.aws_subnet.zone", "module.m.aws_vpc.main", "module.m.aws_route.out"


class Cloud:
    """
    Resources by import id, and how Terraform plans their import to addresses whose configuration is known.

    Attributes:
        wanted: Address -> the attributes that its configuration gives; `vpc_id` forces a replacement.
        plans: The pairs of each plan that was asked for.
    """

    def __init__(self, wanted: dict[str, dict], **resources: dict[str, dict]) -> None:
        self.wanted, self.resources, self.plans = wanted, resources, []

    def search(self, type_: str) -> list[str]:
        return sorted(id_ for id_ in self.resources.get(type_, {}))

    def plan(self, pairs):
        self.plans.append(dict(pairs))
        gone = [address for address, id_ in pairs.items() if id_ not in self.resources.get(type_of(address), {})]
        if gone:
            entry = {"summary": "Cannot import non-existent remote object", "where": "", "address": ""}
            raise EngineFailed("x", diagnostics=tuple({**entry, "detail": f'import to "{one}", the'} for one in gone))
        read = {address: self.resources[type_of(address)][id_] for address, id_ in pairs.items()}
        return {
            "terraform_version": "1.11.4",
            "resource_changes": [self._change(address, pairs, read) for address in self.wanted],
            "prior_state": {"values": {"root_module": {"child_modules": [self._module(pairs, read)]}}},
        }

    def _change(self, address, pairs, read):
        wanted = self.wanted[address]
        if address not in pairs:
            return {"address": address, "change": {"actions": ["create"], "before": None, "after": wanted}}
        before = read[address]
        after = {**before, **wanted}
        actions = ["no-op"] if after == before else ["update"]
        actions = ["delete", "create"] if after.get("vpc_id") != before.get("vpc_id") else actions
        how = {"actions": actions, "before": before, "after": after, "importing": {"id": pairs[address]}}
        return {"address": address, "change": how}

    def _module(self, pairs, read):
        return {
            "address": "module.m",
            "resources": [
                {
                    "address": address,
                    "type": type_of(address),
                    "name": address.split(".")[3].partition("[")[0],
                    **({"index": int(address[:-1].partition("[")[2])} if "[" in address else {}),
                    "provider_name": "registry.terraform.io/hashicorp/aws",
                    "schema_version": 1,
                    "values": values,
                }
                for address, values in read.items()
            ],
        }


def zones(*cidrs: str) -> dict[str, dict]:
    """The subnets `zone[0]`, `zone[1]` … of these address ranges; the last part of the range forces a replacement."""
    return {f"{SUBNET}[{index}]": {"cidr_block": cidr, "vpc_id": cidr} for index, cidr in enumerate(cidrs)}


def subnets(**by_id: str) -> dict[str, dict]:
    return {f"subnet-{id_}": {"id": f"subnet-{id_}", "cidr_block": cidr, "vpc_id": cidr} for id_, cidr in by_id.items()}


def state_of(*resources: dict) -> StateFile:
    document = {"version": 4, "terraform_version": "1.11.4", "serial": 7, "lineage": "l", "resources": list(resources)}
    return StateFile.parse(json.dumps(document).encode(), "here")


def entry(type_: str, name: str, **attributes) -> dict:
    own = {"module": "module.m", "mode": "managed", "type": type_, "name": name}
    return {**own, "provider": "p", "instances": [{"schema_version": 1, "attributes": attributes}]}


def test_one_resource_is_taken_into_the_state_as_the_plan_read_it():
    """A state that did not exist is made; the attributes, the index and the provider are the plan's."""
    cloud = Cloud(zones("a"), aws_subnet=subnets(x="a"))

    done = adopt([f"{SUBNET}[0]"], None, cloud.search, cloud.plan)

    assert {f"{SUBNET}[0]": "subnet-x"} == done.adopted == done.state.instances()
    (resource,) = done.state.document["resources"]
    assert resource["provider"] == 'provider["registry.terraform.io/hashicorp/aws"]'
    assert resource["instances"][0]["attributes"]["cidr_block"] == "a"
    assert len(cloud.plans) == 1


def test_what_was_recorded_stays_and_is_no_candidate():
    """A resource that the state holds is not adopted again, and an instance joins its siblings."""
    cloud = Cloud({f"{SUBNET}[1]": {"vpc_id": "b"}}, aws_subnet=subnets(old="a", new="b"))
    before = state_of(entry("aws_subnet", "zone", id="subnet-old", cidr_block="a"))

    done = adopt([f"{SUBNET}[1]"], before, cloud.search, cloud.plan)

    assert {SUBNET: "subnet-old", f"{SUBNET}[1]": "subnet-new"} == done.state.instances()
    assert len(done.state.document["resources"]) == 1
    assert (done.state.lineage, done.state.serial) == ("l", 8)
    assert before.serial == 7


@pytest.mark.parametrize("order", [("a", "b", "c", "d"), ("d", "c", "b", "a"), ("b", "d", "a", "c")])
def test_siblings_are_told_apart_by_what_they_would_become(order):
    """Whatever the order of the ids, each address gets the resource that need not be changed, in few plans."""
    ids = dict(zip("wxyz", order, strict=True))
    cloud = Cloud(zones("a", "b", "c", "d"), aws_subnet=subnets(**ids))

    done = adopt(list(cloud.wanted), None, cloud.search, cloud.plan)

    of = {cidr: f"subnet-{id_}" for id_, cidr in ids.items()}
    assert {f"{SUBNET}[{index}]": of[cidr] for index, cidr in enumerate("abcd")} == done.adopted
    assert done.adopted == done.state.instances()
    assert len(cloud.plans) <= 4


class Network(Cloud):
    """Networks, and subnets in them: into which network a subnet is planned depends on what is imported for it."""

    def _change(self, address, pairs, read):
        wanted = dict(self.wanted[address])
        parent = wanted.pop("in", None)
        if parent is not None:
            wanted["vpc_id"] = pairs.get(parent, "known after apply")
        return Cloud({address: wanted})._change(address, pairs, read)


@pytest.mark.parametrize("ids", [("vpc-1", "vpc-2"), ("vpc-2", "vpc-1")])
def test_what_belongs_to_something_else_in_doubt_is_tried_again_once_that_is_found(ids):
    """Both networks and their subnets are in doubt: a subnet tried while its network was mistaken is no stray."""
    first, second = f"{VPC}[0]", f"{VPC}[1]"
    nets = {id_: {"id": id_, "vpc_id": cidr, "cidr_block": cidr} for id_, cidr in zip(ids, "ab", strict=True)}
    there = {
        f"subnet-{name}": {"id": f"subnet-{name}", "cidr_block": name, "vpc_id": id_}
        for name, id_ in zip("wxyz", [ids[0], ids[0], ids[1], ids[1]], strict=True)
    }
    wanted = {first: {"vpc_id": "a"}, second: {"vpc_id": "b"}}
    wanted |= {
        f"{SUBNET}[{index}]": {"cidr_block": name, "in": parent}
        for index, (name, parent) in enumerate(zip("wxyz", [first, first, second, second], strict=True))
    }
    cloud = Network(wanted, aws_vpc=nets, aws_subnet=there)

    done = adopt(list(wanted), None, cloud.search, cloud.plan)

    assert () == done.strays == done.unknown
    assert {first: ids[0], second: ids[1]} == {address: done.adopted[address] for address in (first, second)}
    assert [f"subnet-{name}" for name in "wxyz"] == [done.adopted[f"{SUBNET}[{index}]"] for index in range(4)]
    assert len(cloud.plans) <= 8


def test_fewer_resources_than_addresses_leave_the_others_to_be_created():
    """Of three in doubt one exists; the two others are absent, and nothing is unknown."""
    cloud = Cloud(zones("a", "b", "c"), aws_subnet=subnets(x="c"))

    done = adopt(list(cloud.wanted), None, cloud.search, cloud.plan)

    assert {f"{SUBNET}[2]": "subnet-x"} == done.adopted == done.state.instances()
    assert (f"{SUBNET}[0]", f"{SUBNET}[1]") == done.absent
    assert done.unknown == done.strays == ()


def test_more_resources_than_addresses_are_named():
    """A doubled creation: one belongs to the address, the other is nobody's, and is never taken or removed."""
    cloud = Cloud(zones("a"), aws_subnet=subnets(x="a", y="a"))

    done = adopt(list(cloud.wanted), None, cloud.search, cloud.plan)

    assert ["subnet-x"] == list(done.adopted.values())
    assert ("aws_subnet subnet-y",) == done.strays


def test_what_would_be_replaced_is_not_taken():
    """The only resource found is of another make: it is named, and so is the address."""
    cloud = Cloud(zones("a"), aws_subnet=subnets(x="other"))

    done = adopt(list(cloud.wanted), None, cloud.search, cloud.plan)

    assert done.state is None and not done.adopted
    assert ((f"{SUBNET}[0]",), ("aws_subnet subnet-x",)) == (done.unknown, done.strays)


def test_what_was_cut_off_half_made_is_taken_and_changed_later():
    """A difference that needs no replacement does not keep it from being adopted."""
    cloud = Cloud({VPC: {"enable_dns_hostnames": True}}, aws_vpc={"vpc-1": {"enable_dns_hostnames": False, "id": "1"}})

    assert {VPC: "vpc-1"} == adopt([VPC], None, cloud.search, cloud.plan).adopted


def test_a_child_without_tags_is_found_by_its_parents():
    """Its import id is made of the values that its creation was planned with; if it is not there it is absent."""
    wanted = {ROUTE: {"route_table_id": "rtb-1", "destination_cidr_block": "0.0.0.0/0"}}
    there = Cloud(wanted, aws_route={"rtb-1_0.0.0.0/0": {**wanted[ROUTE], "id": "r"}})
    gone = Cloud(wanted)

    assert {ROUTE: "rtb-1_0.0.0.0/0"} == adopt([ROUTE], None, there.search, there.plan).adopted
    assert (ROUTE,) == adopt([ROUTE], None, gone.search, gone.plan).absent


def test_an_association_that_is_not_there_is_absent():
    """Its import fails with words of its own, which name no address; the others are taken."""
    association = "module.m.aws_route_table_association.public"
    wanted = {association: {"subnet_id": "subnet-1", "route_table_id": "rtb-1"}, VPC: {}}
    cloud = Cloud(wanted, aws_vpc={"vpc-1": {}})

    def plan(pairs):
        if association in pairs:
            text = "No association found between route table ID rtb-1 and target ID subnet-1"
            raise EngineFailed("x", diagnostics=({"summary": text, "detail": "", "where": ""},))
        return cloud.plan(pairs)

    done = adopt([association, VPC], None, cloud.search, plan)

    assert ({VPC: "vpc-1"}, (association,)) == (done.adopted, done.absent)


OURS = state_of(entry("aws_route_table", "public", id="rtb-1"))
"""A state that holds the route's parent."""


@pytest.mark.parametrize(
    ("state", "gateway", "adopted"),
    [(OURS, "igw-1", {ROUTE: "rtb-1_0.0.0.0/0"}), (OURS, "igw-2", {}), (state_of(), "igw-1", {})],
    ids=["as planned", "another target", "of somebody else's table"],
)
def test_a_child_that_was_refused_is_taken_if_it_can_only_be_our_own(state, gateway, adopted):
    """It is as planned to the last value, and its parent is recorded; else somebody else may have made it."""
    wanted = {"route_table_id": "rtb-1", "destination_cidr_block": "0.0.0.0/0", "gateway_id": "igw-1"}
    cloud = Cloud({ROUTE: wanted}, aws_route={"rtb-1_0.0.0.0/0": {**wanted, "gateway_id": gateway}})

    done = adopt([], state, None, cloud.plan, refused=[ROUTE])

    assert adopted == done.adopted
    assert (() if adopted else (ROUTE,)) == done.absent
    assert done.unknown == done.strays == ()


RULE = "module.m.aws_security_group_rule.http"


@pytest.mark.parametrize(
    ("source", "one"),
    [
        ({"cidr_blocks": ["10.0.0.0/8", "10.1.0.0/16"], "self": False}, "10.0.0.0/8_10.1.0.0/16"),
        ({"source_security_group_id": "sg-2"}, "sg-2"),
        ({"self": True}, "self"),
    ],
    ids=["ranges", "group", "itself"],
)
def test_a_rule_of_a_security_group_is_found_by_what_it_lets_through(source, one):
    """Its import id says group, direction, protocol, ports, and from where."""
    wanted = {"security_group_id": "sg-1", "type": "ingress", "protocol": "tcp", "from_port": 0, "to_port": 80}
    id_ = f"sg-1_ingress_tcp_0_80_{one}"
    cloud = Cloud({RULE: {**wanted, **source}}, aws_security_group_rule={id_: {**wanted, **source}})

    assert {RULE: id_} == adopt([RULE], None, None, cloud.plan).adopted


BUCKET = "module.m.aws_s3_bucket.assets"


@pytest.mark.parametrize(("there", "adopted", "absent"), [(["ours"], {BUCKET: "ours"}, ()), ([], {}, (BUCKET,))])
def test_what_was_cut_off_before_it_was_tagged_is_found_by_its_name(there, adopted, absent):
    """A bucket of the planned name without a tag; not one that somebody uses. It is asked for once."""
    cloud = Cloud({BUCKET: {"bucket": "ours", "tags": {"a": "b"}}}, aws_s3_bucket={"ours": {"bucket": "ours"}})
    asked = []

    def look(*what):
        asked.append(what)
        return there

    found = adopt([BUCKET], None, lambda type_: [], cloud.plan, half_made=look)

    assert (dict(found.adopted), found.absent, found.unknown, found.strays) == (adopted, absent, (), ())
    assert asked == [("aws_s3_bucket", cloud.wanted[BUCKET])]


TAGGED_RULE = "module.m.aws_vpc_security_group_ingress_rule.http"


@pytest.mark.parametrize(("group", "adopted"), [("sg-1", {TAGGED_RULE: "sgr-1"}), ("sg-2", {})])
def test_a_rule_that_was_not_tagged_yet_is_taken_in_a_group_of_our_own(group, adopted):
    """In another's group it may be another's rule."""
    wanted = {"security_group_id": group, "cidr_ipv4": "10.0.0.0/8"}
    cloud = Cloud({TAGGED_RULE: {**wanted, "tags": {"a": "b"}}}, aws_vpc_security_group_ingress_rule={"sgr-1": wanted})
    ours = state_of(entry("aws_security_group", "app", id="sg-1"))

    found = adopt([TAGGED_RULE], ours, lambda type_: [], cloud.plan, half_made=lambda type_, values: ["sgr-1"])

    assert adopted == found.adopted


def test_a_resource_that_went_since_it_was_listed_is_absent():
    """What the tags still name and Terraform cannot read is left out, and the others are adopted."""
    cloud = Cloud({**zones("a"), VPC: {}}, aws_subnet=subnets(x="a"))
    found = {"aws_vpc": ["vpc-gone"], "aws_subnet": ["subnet-x"]}

    done = adopt(list(cloud.wanted), None, found.__getitem__, cloud.plan)

    assert {f"{SUBNET}[0]": "subnet-x"} == done.adopted
    assert (VPC,) == done.absent


def test_what_the_configuration_does_not_have_any_more_is_named():
    """The manifest changed since: there is no address to adopt it to, and both are told."""
    cloud = Cloud({VPC: {}}, aws_vpc={"vpc-1": {}}, aws_subnet=subnets(x="a"))

    def plan(pairs):
        if SUBNET in pairs:
            text = f"The configuration for the given import target {SUBNET} does not exist."
            entry = {"summary": "Configuration for import target does not exist", "detail": text, "where": ""}
            raise EngineFailed("x", diagnostics=(entry,))
        return cloud.plan(pairs)

    done = adopt([SUBNET, VPC], None, cloud.search, plan)

    assert {VPC: "vpc-1"} == done.adopted
    assert ((SUBNET,), ("aws_subnet subnet-x",)) == (done.unknown, done.strays)


def test_a_creation_that_is_a_put_is_repeated():
    """Nothing is asked for it."""
    done = adopt(["module.m.aws_s3_bucket_policy.p"], None, None, None)

    assert ("module.m.aws_s3_bucket_policy.p",) == done.absent


def test_what_cannot_be_looked_for_is_unknown():
    """A type that nothing is known of, and any type where there is no tag."""
    other = "module.m.other_thing.x"

    assert (other,) == adopt([other], None, lambda type_: [], None).unknown
    assert (VPC,) == adopt([VPC], None, None, None).unknown


def test_what_is_there_once_more_than_the_state_knows_is_a_double():
    """Of the types that the state holds; what stands anywhere in it, as a machine's disk does, is none."""
    state = state_of(
        entry("aws_vpc", "main", id="vpc-1"),
        entry("aws_instance", "app", id="i-1", root_block_device=[{"volume_id": "vol-1"}]),
        entry("aws_ebs_volume", "data", id="vol-2"),
    )
    found = {"aws_vpc": ["vpc-1", "vpc-2", "vpc-3"], "aws_ebs_volume": ["vol-1", "vol-2"]}

    assert ("aws_vpc vpc-2", "aws_vpc vpc-3") == doubles(state, found.__getitem__)
    assert ("aws_vpc vpc-2",) == doubles(state, found.__getitem__, gone={"vpc-3"})


def test_what_cannot_be_there_twice_is_not_looked_for():
    """Nothing is asked for a type whose names are unique, one that lingers after its end, and one that is not known."""
    types = ("aws_iam_role", "aws_instance", "other_thing")

    assert () == doubles(state_of(*(entry(type_, "x", id="x") for type_ in types)), {}.__getitem__)


def test_where_nothing_is_found_nothing_is_planned():
    """A search without a result costs no Terraform."""
    assert (VPC,) == adopt([VPC], None, lambda type_: [], None).absent


def test_errors_pass():
    """A cloud that does not answer, and a plan that fails for another reason, decide nothing."""

    def fail(pairs):
        raise EngineFailed("x", diagnostics=({"summary": "other", "detail": "", "where": ""},))

    def silent(type_):
        raise Unreachable("down", service="EC2")

    with pytest.raises(EngineFailed):
        adopt([VPC], None, lambda type_: ["vpc-1"], fail)
    with pytest.raises(Unreachable):
        adopt([VPC], None, silent, fail)


@pytest.mark.parametrize(
    "address",
    ["aws_vpc.x", "module.a.aws_vpc.x[0]", 'module.a["b.c"].module.d.aws_vpc.x["e.f[0]"]', 'aws_vpc.x["\\"].a.b[\\""]'],
)
def test_the_type_is_read_from_any_address(address):
    """Keys may hold dots, brackets and quotes."""
    assert "aws_vpc" == type_of(address)


def test_an_import_id_is_never_evaluated():
    """What stands in it is itself, were it a template."""
    (block,) = json.loads(import_blocks({VPC: "a${file()}%{b"}))["import"]

    assert {"to": VPC, "id": "a$${file()}%%{b"} == block
