"""
What was created and no state knows: found again by its tag, and put into the state.

A process that dies between a cloud's answer and the state's next write leaves a resource that nothing refers to.
Such an address is *in doubt*. Here it ends in one of three ways: the resource is found and taken into the state, the
cloud does not hold it, or nobody can tell. Which of several resources belongs to which address, Terraform says: it
plans their import, and the right one is the one that need not be changed. Nothing is applied.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcop_core.engines.state import StateFile
from mcop_core.engines.terraform.imports import with_imported
from mcop_core.engines.terraform.search import KINDS, TAGGED_LATER
from mcop_core.errors import EngineFailed

_ROUNDS = 8
"""How many pairings are tried at most; each costs a plan."""

_INDEX = re.compile(r'\[(?:\d+|"(?:[^"\\]|\\.)*")\]')
_EC2_ID = re.compile(r"[a-z]+-[0-9a-z]+")
_MISSING = "non-existent remote object"
_NO_ASSOCIATION = re.compile(r"No association found between route table ID (\S+) and target ID (\S+)")
"""What the AWS provider says of an association that does not exist; it names no address."""
_HOMELESS = "Configuration for import target does not exist"

_REPEATABLE = re.compile(
    r"aws_s3_bucket_.+|aws_iam_role_policy(_attachment)?|aws_iam_user_policy(_attachment)?|aws_iam_policy_attachment"
    r"|aws_sns_topic_policy|aws_sqs_queue_policy|aws_cloudwatch_metric_alarm"
)
"""Types whose creation is a put: done twice it is done once."""

_CHILDREN: Mapping[str, Sequence[str]] = {
    "aws_route": (
        "{route_table_id}_{destination_cidr_block}",
        "{route_table_id}_{destination_ipv6_cidr_block}",
        "{route_table_id}_{destination_prefix_list_id}",
    ),
    "aws_route_table_association": ("{subnet_id}/{route_table_id}", "{gateway_id}/{route_table_id}"),
    "aws_vpc_endpoint_route_table_association": ("{vpc_endpoint_id}/{route_table_id}",),
    "aws_volume_attachment": ("{device_name}:{volume_id}:{instance_id}",),
    "aws_security_group_rule": tuple(
        "{security_group_id}_{type}_{protocol}_{from_port}_{to_port}_" + source
        for source in (
            *("{cidr_blocks}", "{ipv6_cidr_blocks}", "{cidr_blocks}_{ipv6_cidr_blocks}"),
            *("{prefix_list_ids}", "{source_security_group_id}", "{self}"),
        )
    ),
}
"""Type -> import ids made of planned values: of what has no tags, and belongs to what is the component's own."""

_PARENT = {
    "aws_vpc_security_group_ingress_rule": "security_group_id",
    "aws_vpc_security_group_egress_rule": "security_group_id",
}
"""Type of `TAGGED_LATER` -> the attribute that says what it belongs to: without a tag it may be somebody else's."""

Search = Callable[[str], Sequence[str]]
"""Terraform type -> import ids of the component's resources of it."""
HalfMade = Callable[[str, Mapping[str, Any]], Sequence[str]]
"""(Terraform type, planned values) -> import ids of what is so and carries no tag yet."""
PlanImports = Callable[[Mapping[str, str]], Mapping[str, Any]]
"""Address -> import id, to the plan's JSON with these imports; raises `EngineFailed`."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """
    What became of the addresses in doubt.

    Attributes:
        state: The state with what was found; the one given if nothing was.
        adopted: Address -> import id.
        absent: Addresses that the cloud does not hold, or that may be created again without harm.
        unknown: Addresses of which nobody can tell.
        strays: `<type> <import id>` of resources that carry the tag and belong to no address.
    """

    state: StateFile | None
    adopted: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()


def adopt(
    doubtful: Sequence[str],
    state: StateFile | None,
    search: Search | None,
    plan: PlanImports,
    *,
    refused: Sequence[str] = (),
    half_made: HalfMade = lambda type_, values: (),
) -> Adoption:
    """
    Find out what became of the addresses in doubt.

    Args:
        state: What is recorded; none of *doubtful* is in it.
        search: None: nothing can be looked for by its tag.
        refused: Addresses of children, as `is_child` says, whose creation failed. One may be there since an answer was
            lost, or since somebody else made it: it is taken if it is as planned to the last value, and belongs to
            something that *state* holds.
        half_made: What was made as planned and not tagged yet. It is taken, too, if it belongs to nothing else or to
            something that *state* holds.

    Raises:
        EngineFailed: The imports cannot be planned.
        Unreachable: The cloud does not answer.
    """
    types = {address: type_of(address) for address in (*doubtful, *refused)}
    harmless = [address for address, type_ in types.items() if _REPEATABLE.fullmatch(type_)]
    asked = [address for address in types if address not in harmless]
    known = [address for address in asked if _can_be_told(types[address], search)]
    unknown = tuple(address for address in asked if address not in known)
    if not known:
        return Adoption(state, absent=tuple(harmless), unknown=unknown)
    own = frozenset(state.instances().values()) if state else frozenset()
    candidates = _candidates(known, state, search)
    pairing = _Pairing(known, candidates, plan, half_made, frozenset(refused), own)
    pairing.settle()
    return Adoption(
        with_imported(state, pairing.planned, pairing.found),
        adopted=pairing.found,
        absent=(*harmless, *pairing.absent),
        unknown=(*unknown, *pairing.homeless, *pairing.open),
        strays=pairing.strays,
    )


def doubles(state: StateFile, search: Search, *, gone: Collection[str] = ()) -> tuple[str, ...]:
    """
    Return `<type> <import id>` of what carries the component's tag and stands nowhere in *state*.

    A provider that hears no answer repeats its request, and a cloud that had done it does it again. Asked are the types
    that the state holds and that can be there twice.

    Args:
        gone: Ids of what was just destroyed: the cloud may list them for some seconds more.

    Raises:
        Unreachable: The cloud does not answer.
    """
    types = {type_of(address) for address in state.instances()}
    # Anywhere: the disk of a machine carries the machine's tag, and stands among its attributes.
    known = state.data.decode(errors="replace")
    return tuple(
        f"{type_} {one}"
        for type_ in sorted(types)
        if type_ in KINDS and KINDS[type_].doubles
        for one in search(type_)
        if one not in gone and json.dumps(one) not in known
    )


def _can_be_told(type_: str, search: Search | None) -> bool:
    return type_ in _CHILDREN or (type_ in KINDS and search is not None)


def _is_told_by_values(type_: str) -> bool:
    return type_ in _CHILDREN or type_ in TAGGED_LATER


def is_child(type_: str) -> bool:
    """Whether it has no tags, and is found by the ids of what it belongs to."""
    return type_ in _CHILDREN


def type_of(address: str) -> str:
    """Return the type in a managed resource's address, `module.a["k"].aws_vpc.main[0]` -> `aws_vpc`. Pure."""
    return _INDEX.sub("", address).split(".")[-2]


def _candidates(known: Iterable[str], state: StateFile | None, search: Search | None) -> dict[str, list[str]]:
    """Return type -> import ids that carry the tag and stand in no state."""
    types = sorted({type_of(address) for address in known if type_of(address) in KINDS})
    recorded = _recorded(state)
    return {
        type_: [one for one in search(type_) if not {("", one), (type_, one)} & recorded] for type_ in types if search
    }


def _recorded(state: StateFile | None) -> set[tuple[str, str]]:
    """Return (type, text) for whatever a recorded resource may be imported by; without the type if any may be."""
    resources = state.document.get("resources") or [] if state else []
    return {
        ("" if str(value).startswith("arn:") or _EC2_ID.fullmatch(str(value)) else resource["type"], str(value))
        for resource in resources
        for instance in resource.get("instances") or []
        for name, value in (instance.get("attributes") or {}).items()
        if name in ("id", "arn", "name") and value
    }


# -- which belongs to which ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Pairing:
    """
    Finds the address of each candidate, one plan per round.

    Attributes:
        half_made: As `adopt`; asked once for each address.
        refused: As `adopt`.
        own: Ids of what the state holds.
        found: Address -> import id, of those that need not be replaced.
        planned: The plan in which all of *found* are imported.
        homeless: Addresses that the configuration does not have any more.
    """

    addresses: list[str]
    candidates: dict[str, list[str]]
    plan: PlanImports
    half_made: HalfMade
    refused: frozenset[str]
    own: frozenset[str]
    found: dict[str, str] = field(default_factory=dict)
    planned: Mapping[str, Any] = field(default_factory=dict)
    homeless: tuple[str, ...] = ()
    _tried: set[tuple[str, str]] = field(default_factory=set)
    _wanted: dict[str, dict[str, Any]] = field(default_factory=dict)
    _seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    _nearest: dict[tuple[str, str], int] = field(default_factory=dict)
    _half_made: dict[str, Sequence[str]] = field(default_factory=dict)

    def settle(self) -> None:
        """Pair until nothing is left to try; whatever is found stands in one last plan."""
        if not any(self.candidates.values()) and not any(_is_told_by_values(type_of(one)) for one in self.addresses):
            return
        for _ in range(_ROUNDS):
            tried = self._next()
            if not tried and self.planned:
                break
            self._learn(self._plan({**self.found, **tried}), tried)
        self._take_nearest()

    def _next(self) -> dict[str, str]:
        """Return a pairing of what is open that was not tried yet, the most promising pairs first."""
        pairs = [
            (self._promise(address, one), address, one)
            for address in self.addresses
            if address not in self.found
            for one in self._free(address)
            if (address, one) not in self._tried
        ]
        chosen: dict[str, str] = {}
        for _, address, one in sorted(pairs, key=lambda pair: -pair[0]):
            if address not in chosen and (type_of(address), one) not in {(type_of(a), c) for a, c in chosen.items()}:
                chosen[address] = one
        return chosen

    def _free(self, address: str) -> list[str]:
        type_ = type_of(address)
        taken = {one for other, one in self.found.items() if type_of(other) == type_}
        found = [*self.candidates.get(type_, []), *self._made(address, type_)]
        return [one for one in dict.fromkeys(found) if one not in taken]

    def _made(self, address: str, type_: str) -> Sequence[str]:
        """Return what may have been made for *address*, by its planned values."""
        wanted = self._wanted.get(address)
        if wanted is None:
            return ()
        if type_ in _CHILDREN:
            return _import_ids(type_, wanted, self.own if address in self.refused else None)
        if address not in self._half_made:
            is_ours = type_ not in _PARENT or wanted.get(_PARENT[type_]) in self.own
            self._half_made[address] = self.half_made(type_, wanted) if is_ours else ()
        return self._half_made[address]

    def _promise(self, address: str, one: str) -> float:
        wanted, seen = self._wanted.get(address), self._seen.get(one)
        if not wanted or seen is None:
            return 0.5
        return sum(1 for name, value in wanted.items() if seen.get(name) == value) / len(wanted)

    def _plan(self, pairs: dict[str, str]) -> Mapping[str, Any]:
        """Plan the imports of *pairs*, without those that Terraform cannot find."""
        while True:
            self._tried |= set(pairs.items())
            try:
                return self.plan(pairs)
            except EngineFailed as error:
                gone = {**_named(error, _MISSING, pairs), **_not_associated(error, pairs)}
                homeless = _named(error, _HOMELESS, pairs)
                if not gone and not homeless:
                    raise
                self.homeless += tuple(homeless)
                self.addresses = [address for address in self.addresses if address not in homeless]
                left_out = {**gone, **homeless}
                pairs = {address: one for address, one in pairs.items() if address not in left_out}
                self.found = {address: one for address, one in self.found.items() if address not in left_out}
                for address, one in gone.items():
                    self._drop(type_of(address), one)

    def _drop(self, type_: str, one: str) -> None:
        self.candidates[type_] = [other for other in self.candidates.get(type_, []) if other != one]

    def _learn(self, planned: Mapping[str, Any], tried: Mapping[str, str]) -> None:
        """Take from a plan what it tells of the pairs *tried* in it."""
        before = set(self.found.values())
        self._read(planned, tried)
        self._try_again(set(self.found.values()) - before)

    def _try_again(self, settled: set[str]) -> None:
        """Let what belongs to one of *settled* be paired anew: before, it was planned into something else."""
        waiting = {one for one, values in self._seen.items() if settled & _texts(values) - {one}}
        self._tried = {(address, one) for address, one in self._tried if one not in waiting}

    def _read(self, planned: Mapping[str, Any], tried: Mapping[str, str]) -> None:
        self.planned = planned
        for change in planned.get("resource_changes") or []:
            address, how = change["address"], change["change"]
            if address in self.found or address not in self.addresses or "deposed" in change:
                continue
            if not how.get("importing"):
                self._wanted[address] = _known(how)
                continue
            one = tried[address]
            different = _different(how)
            self._seen[one] = how.get("before") or {}
            self._wanted[address] = {**self._wanted.get(address, {}), **different}
            if how["actions"] == ["no-op"]:
                self.found[address] = one
            elif "delete" not in how["actions"] and address not in self.refused:
                self._nearest[address, one] = len(different)

    def _take_nearest(self) -> None:
        """Take what need only be changed in place: it was cut off before it was finished."""
        taken = dict(self.found)
        for (address, one), _ in sorted(self._nearest.items(), key=lambda entry: entry[1]):
            if address not in taken and one in self._free(address):
                taken[address] = one
                self.found[address] = one
        imported = {change["address"] for change in self.planned.get("resource_changes") or [] if _is_import(change)}
        if set(self.found) - imported or self._holds_other():
            self.planned = self._plan(dict(self.found))

    def _holds_other(self) -> bool:
        """Whether the last plan imported something else to an address that was found."""
        return any(
            change["change"]["importing"].get("id") != self.found[change["address"]]
            for change in self.planned.get("resource_changes") or []
            if _is_import(change) and change["address"] in self.found
        )

    @property
    def _left(self) -> dict[str, list[str]]:
        """Return type -> candidates that no address was found for."""
        taken = {(type_of(address), one) for address, one in self.found.items()}
        return {
            type_: [one for one in ids if (type_, one) not in taken] for type_, ids in self.candidates.items() if ids
        }

    @property
    def open(self) -> tuple[str, ...]:
        """Addresses that were not found although something of their type is left."""
        return tuple(a for a in self.addresses if a not in self.found and self._left.get(type_of(a)))

    @property
    def absent(self) -> tuple[str, ...]:
        """Addresses that nothing in the cloud can belong to."""
        return tuple(a for a in self.addresses if a not in self.found and not self._left.get(type_of(a)))

    @property
    def strays(self) -> tuple[str, ...]:
        """What is left."""
        return tuple(f"{type_} {one}" for type_, ids in self._left.items() for one in ids)


def _import_ids(type_: str, values: Mapping[str, Any], own: Collection[str] | None = None) -> list[str]:
    """Return the import ids that *values* give; with *own*, those in which one of these stands."""
    made = []
    for form in _CHILDREN[type_]:
        texts = {name: _text(name, values.get(name)) for name in re.findall(r"\{(\w+)\}", form)}
        if all(texts.values()) and (own is None or any(text in own for text in texts.values())):
            made.append(form.format(**texts))
    return made


def _text(name: str, value: Any) -> str:
    """Return how a value stands in an import id: a flag by its name, a list joined; empty if it is not known."""
    if isinstance(value, bool):
        return name if value else ""
    if isinstance(value, list):
        return "_".join(map(str, value))
    return str(value) if isinstance(value, (str, int)) else ""


def _texts(values: Mapping[str, Any]) -> set[str]:
    """Return the texts among *values*, and those in lists among them."""
    listed = (item for value in values.values() if isinstance(value, list) for item in value)
    return {item for item in (*values.values(), *listed) if isinstance(item, str)}


def _is_import(change: Mapping[str, Any]) -> bool:
    return bool(change["change"].get("importing"))


def _known(how: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that a creation gives a value that is known and not empty."""
    return {name: value for name, value in (how.get("after") or {}).items() if value not in (None, [], {}, "")}


def _different(how: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that would be changed after the import, with what they would become."""
    before = how.get("before") or {}
    return {name: value for name, value in _known(how).items() if before.get(name) != value}


def _named(error: EngineFailed, summary: str, pairs: Mapping[str, str]) -> dict[str, str]:
    """Return those of *pairs* whose address Terraform names in an error with *summary*."""
    told = [f"{entry['detail']} " for entry in error.facts["diagnostics"] if summary in entry["summary"]]
    return {
        address: one
        for address, one in pairs.items()
        if any(f'"{address}"' in detail or f" {address} " in detail for detail in told)
    }


def _not_associated(error: EngineFailed, pairs: Mapping[str, str]) -> dict[str, str]:
    """Return those of *pairs* that the provider looked for among the associations of a route table, in vain."""
    told = [_NO_ASSOCIATION.search(entry["summary"]) for entry in error.facts["diagnostics"]]
    absent = {f"{found[2]}/{found[1]}" for found in told if found}
    return {address: one for address, one in pairs.items() if one in absent}
