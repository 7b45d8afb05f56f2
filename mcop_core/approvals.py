"""Which executions need a person, who may be that person, and what their answer comes to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mcop_core.catalog.models import ApprovalPolicy
from mcop_core.engines.changes import Preview

APPROVE, APPROVE_INCOMPLETE, REJECT = "Approve", "Approve although incomplete", "Reject"


@dataclass(frozen=True, slots=True)
class Person:
    """Who answered, as Airflow authenticated them; `at` is ISO 8601, UTC."""

    id: str
    name: str
    at: str = ""


class Decision(StrEnum):
    """What an answer comes to."""

    APPROVED = "approved"
    REJECTED = "rejected"
    ASK_ON = "ask_on"


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What an answer comes to, why, and who has approved by now.

    Attributes:
        people: For the next question, or the approval.
    """

    decision: Decision
    reason: str
    people: tuple[Person, ...]


def why_nobody_is_needed(policy: ApprovalPolicy, preview: Preview) -> str:
    """Say why *preview* may be applied without asking anybody; empty if somebody must be asked."""
    if preview.is_empty:
        return "nothing would be changed"
    if policy.when == "destructive" and not preview.is_destructive:
        return "nothing would be replaced or destroyed"
    return "" if policy.is_asked else "the manifest asks for no approval"


def options_for(preview: Preview) -> list[str]:
    """Return what may be answered; a preview that leaves something out can only be approved by saying so."""
    return [APPROVE_INCOMPLETE if preview.deferred else APPROVE, REJECT]


def group_id(group: str) -> str:
    """Return the id by which a question says that it is for the members of *group*; no user has it."""
    return f"group:{group}"


def may_answer(policy: ApprovalPolicy, requester: str) -> tuple[str, ...]:
    """Return the ids of the users and groups that the question is for; none: whoever Airflow lets."""
    users = (user for user in policy.users if policy.requester or user != requester)
    return (*users, *map(group_id, policy.groups))


def judge(policy: ApprovalPolicy, answer: str, person: Person, *, requester: str, people: Sequence[Person]) -> Verdict:
    """
    Say what *person*'s *answer* comes to; whoever may not approve is not counted, and the question stays open.

    Args:
        requester: Who asked for the execution; empty if nobody is known.
        people: Who approved before.
    """
    before = tuple(people)
    if answer == REJECT:
        return Verdict(Decision.REJECTED, f"rejected by {person.name}", before)
    objection = _objection(policy, person, requester, before)
    if objection:
        return Verdict(Decision.ASK_ON, objection, before)
    now = (*before, person)
    if len(now) < policy.count:
        return Verdict(Decision.ASK_ON, f"approved by {person.name}, {policy.count - len(now)} more must approve", now)
    return Verdict(Decision.APPROVED, f"approved by {', '.join(one.name for one in now)}", now)


def _objection(policy: ApprovalPolicy, person: Person, requester: str, before: Sequence[Person]) -> str:
    # Who is in a group only Airflow's auth manager knows: it has let the person answer.
    if policy.users and not policy.groups and person.id not in policy.users:
        return f"{person.name} may not approve; the manifest names {', '.join(policy.users)}"
    if not policy.requester and requester in {person.id, person.name}:
        return f"{person.name} asked for this execution and may not approve it"
    if person.id in {one.id for one in before}:
        return f"{person.name} has approved already; somebody else must, too"
    return ""
