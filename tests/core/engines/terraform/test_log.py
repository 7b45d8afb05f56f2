"""Terraform's events as people and the journal read them."""

import json

import pytest

from mcop_core.engines.mask import HIDDEN, Mask
from mcop_core.engines.state import StateFile
from mcop_core.engines.terraform.log import EventReader, LogLine, summary, tally

VPC = {"addr": "module.this.aws_vpc.main", "implied_provider": "aws", "resource_type": "aws_vpc"}
NULL = {"addr": "null_resource.x", "implied_provider": "null", "resource_type": "null_resource"}


def event(type_: str, **parts: object) -> str:
    return json.dumps({"@module": "terraform.ui", "@level": "info", "type": type_, **parts})


def hook(type_: str, resource: dict, action: str = "create", **parts: object) -> str:
    return event(type_, hook={"resource": resource, "action": action, **parts})


def read(*lines: str, mask: Mask | None = None) -> tuple[EventReader, list[LogLine], list[str]]:
    reader = EventReader(mask or Mask())
    parts = [reader.read(line) for line in lines]
    told = [line for lines_, _ in parts for line in lines_] + reader.close()
    return reader, told, [fact.event for _, facts in parts for fact in facts]


def test_an_apply_reads_as_groups_changes_and_durations():
    """Plan and apply are folded, each resource is a line with seconds and id, each step a record."""
    reader, lines, facts = read(
        event("version", terraform="1.11.4"),
        event("planned_change", change={"resource": VPC, "action": "replace", "reason": "cannot_update"}),
        event("change_summary", changes={"add": 1, "change": 0, "remove": 1, "operation": "plan"}),
        hook("apply_start", VPC, "delete", id_value="vpc-0"),
        hook("apply_complete", VPC, "delete", elapsed_seconds=1),
        hook("apply_start", VPC),
        hook("apply_progress", VPC, elapsed_seconds=10),
        hook("apply_complete", VPC, id_value="vpc-1", elapsed_seconds=12),
        event("change_summary", changes={"add": 1, "change": 0, "remove": 1, "operation": "apply"}),
    )

    name = VPC["addr"]
    assert [line.line for line in lines] == [
        "::group::plan",
        f"-/+ {name} will be replaced (cannot update)",
        "Plan: 1 to add, 0 to change, 1 to destroy.",
        "::endgroup::",
        "::group::apply",
        f"{name}: destroying …",
        f"{name}: destroyed in 1 s [vpc-0]",
        f"{name}: creating …",
        f"{name}: still creating after 10 s",
        f"{name}: created in 12 s [vpc-1]",
        "::endgroup::",
    ]
    assert facts == [
        "terraform",
        "resource_planned",
        *("resource_started", "resource_finished") * 2,
        "terraform_complete",
    ]
    assert [(resource["action"], resource["id"]) for resource in reader.resources] == [
        ("delete", "vpc-0"),
        ("create", "vpc-1"),
    ]
    assert reader.complete


def test_an_empty_plan_says_so():
    """No changes is a sentence, not three zeros."""
    _, lines, _ = read(event("change_summary", changes={"add": 0, "change": 0, "remove": 0, "operation": "plan"}))

    assert lines[0].line.startswith("No changes")


def test_a_drift_is_told_with_the_change_that_heals_it():
    """A resource that Terraform calls drifted without a change to make is not mentioned."""
    other = {**VPC, "addr": "aws_vpc.other"}
    _, lines, _ = read(
        event("resource_drift", change={"resource": VPC, "action": "update"}),
        event("resource_drift", change={"resource": other, "action": "update"}),
        event("planned_change", change={"resource": VPC, "action": "update"}),
    )

    assert [line.line for line in lines] == [
        f"~ {VPC['addr']} will be changed in place; it was changed outside of MCOP"
    ]


def test_an_error_has_detail_place_and_hint():
    """Each on a line of its own, at the level of an error, and kept for the exception."""
    reader, lines, _ = read(
        event(
            "diagnostic",
            diagnostic={
                "severity": "error",
                "summary": "creating VPC",
                "detail": "first\nNoSuchBucket",
                "address": VPC["addr"],
                "range": {"filename": "module/main.tf", "start": {"line": 7}},
            },
        )
    )

    assert {"error"} == {line.level for line in lines}
    assert [line.line for line in lines] == [
        "Error: creating VPC",
        "first",
        "NoSuchBucket",
        f"at {VPC['addr']}, module/main.tf:7",
        "Hint: The bucket does not exist in this account and region.",
    ]
    assert reader.diagnostics[0]["where"] == f"{VPC['addr']}, module/main.tf:7"


def test_a_warning_is_no_failure():
    """It is told as a warning, and is not among the reasons of a failure."""
    reader, lines, _ = read(event("diagnostic", diagnostic={"severity": "warning", "summary": "old", "detail": ""}))

    assert lines == [LogLine("Warning: old", "warning")]
    assert reader.diagnostics == []


@pytest.mark.parametrize("line", ['{"version": 4, "outputs": "hush"}', "hush", "[1]", '"hush"'])
def test_what_is_no_event_is_withheld_and_counted(line):
    """A state on standard output reaches no log."""
    _, lines, _ = read(line, "")

    assert lines == [LogLine("1 lines of Terraform's output are no events and are not shown", "warning")]


def test_an_event_of_an_unknown_kind_is_passed_over():
    """A newer Terraform may say more."""
    assert read(event("a_new_kind", anything=1))[1:] == ([], [])


def test_secrets_are_masked_in_lines_ids_and_diagnostics():
    """As text, line by line, inside JSON; short ones are left alone."""
    secret = 'two\nlines "quoted"'
    mask = Mask([{"a": [secret, 12345, None, True]}, "abc"])

    _, lines, _ = read(hook("apply_complete", VPC, id_value="12345-x", elapsed_seconds=0), mask=mask)

    assert lines[0].line.endswith(f"[{HIDDEN}-x]")
    assert mask(f"<{secret}> {json.dumps(secret)} True abc") == f'<{HIDDEN}> "{HIDDEN}" True abc'
    assert mask('only "lines "quoted"') == f'only "{HIDDEN}'


def test_a_creation_that_nobody_saw_end_is_doubtful():
    """Unless its provider holds nothing outside of the state, or the outcome was reported."""
    died = {"severity": "error", "summary": "Plugin did not respond", "detail": "", "address": "aws_vpc.died"}
    reader, _, _ = read(
        hook("apply_start", VPC),
        hook("apply_start", NULL),
        hook("apply_start", {**VPC, "addr": "aws_vpc.failed"}),
        hook("apply_errored", {**VPC, "addr": "aws_vpc.failed"}, elapsed_seconds=1),
        hook("apply_start", {**VPC, "addr": "aws_vpc.died"}),
        hook("apply_errored", {**VPC, "addr": "aws_vpc.died"}, elapsed_seconds=1),
        hook("apply_start", {**VPC, "addr": "aws_vpc.updated"}, "update"),
        event("diagnostic", diagnostic=died),
    )

    assert reader.unfinished() == (VPC["addr"], NULL["addr"], "aws_vpc.updated")
    assert set(reader.doubtful()) == {VPC["addr"], "aws_vpc.died"}
    assert reader.failed() == ("aws_vpc.failed", "aws_vpc.died")
    assert reader.provider_died


@pytest.mark.parametrize(
    ("summary", "detail"),
    [
        ("Unrecognized remote plugin message: \nFailed to read any lines from plugin's stdout\nThis usually means", ""),
        ("Failed to load plugin schemas", "Could not load the schema: plugin exited before we could connect."),
        ("Failed to load plugin schemas", "failed to retrieve schema from provider: Plugin did not respond: The"),
    ],
)
def test_a_provider_that_died_before_it_was_asked_for_anything_has_died(summary, detail):
    """Nothing was asked of it, so nothing is in doubt; Terraform can be started again."""
    reader, _, _ = read(event("diagnostic", diagnostic={"severity": "error", "summary": summary, "detail": detail}))

    assert reader.provider_died and reader.doubtful() == ()


def test_a_creation_that_terraform_did_not_live_to_write_down_is_doubtful():
    """It was told before the state was written: unless the state holds it, or the whole apply was complete."""
    told = [hook("apply_start", VPC), hook("apply_complete", VPC, id_value="vpc-1", elapsed_seconds=1)]
    killed, _, _ = read(*told)
    whole, _, _ = read(*told, event("change_summary", changes={"operation": "apply", "add": 1}))

    assert killed.doubtful() == (VPC["addr"],)
    assert killed.doubtful({VPC["addr"]}) == ()
    assert whole.doubtful() == ()


def planned(address: str, action: str = "create", provider: str = "aws") -> str:
    resource = {"addr": address, "implied_provider": provider}
    return event("planned_change", change={"resource": resource, "action": action})


def held(id_: str, **rest: str) -> dict:
    return {"attributes": {"id": id_}, **rest}


def network(*instances: dict) -> StateFile:
    vpc = {"mode": "managed", "module": "module.this", "type": "aws_vpc", "name": "main", "instances": list(instances)}
    return StateFile.of({"version": 4, "serial": 3, "lineage": "one", "resources": [vpc] if instances else []})


DELETED = (
    hook("apply_start", VPC, "delete", id_value="vpc-0"),
    hook("apply_complete", VPC, "delete", elapsed_seconds=1),
)
CREATED = (hook("apply_start", VPC), hook("apply_complete", VPC, id_value="vpc-1", elapsed_seconds=12))
AGAIN = (hook("apply_start", VPC), hook("apply_complete", VPC, id_value="vpc-0", elapsed_seconds=12))
STATES = {
    "nothing was told": ((), ["vpc-0"], []),
    "destroyed": (DELETED, [], []),
    "begun to be destroyed": (DELETED[:1], ["vpc-0"], []),
    "destroyed, and created": ((*DELETED, *CREATED), [], []),
    "destroyed, and created under the same id": ((*DELETED, *AGAIN), ["vpc-0"], []),
    "created before it is destroyed": (CREATED, [], ["vpc-0"]),
    "begun to be created before it is destroyed": (CREATED[:1], [], ["vpc-0"]),
    "created, then destroyed": ((*CREATED, *DELETED), [], []),
}


@pytest.mark.parametrize(("told", "current", "deposed"), STATES.values(), ids=STATES)
def test_a_state_that_opentofu_wrote_late_is_held_against_what_it_told_of(told, current, deposed):
    """What is gone is taken out, and what makes room for another is deposed, as OpenTofu itself would have written."""
    state = network(held("vpc-0"))
    reader, _, _ = read(event("version", tofu="1.12.6"), *told)

    found = reader.corrected(state).instances()

    assert current == [id_ for address, id_ in found.items() if "deposed" not in address]
    assert deposed == [id_ for address, id_ in found.items() if "deposed" in address]
    assert read(event("version", terraform="1.11.4"), *told)[0].corrected(state) is state


def test_a_state_that_opentofu_has_written_stays():
    """The new one is in it, and the deposed one until it is gone."""
    reader, _, _ = read(event("version", tofu="1.12.6"), *CREATED)
    state = network(held("vpc-1"), held("vpc-0", deposed="d0"))

    assert reader.corrected(state) is state


def test_what_was_planned_is_not_heard_of_where_words_were_lost():
    """A failure without a reason, and lines that are no events: a full disk. Not where Terraform gave its reason."""
    plan = [
        planned("aws_vpc.a"),
        planned("aws_vpc.b", "replace"),
        planned("aws_vpc.c", "update"),
        planned("x.d", "create", "null"),
    ]
    error = event("diagnostic", diagnostic={"severity": "error", "summary": "refused", "detail": ""})
    silent, _, _ = read(*plan)
    torn, _, _ = read(*plan, error, '{"version": 4, "resou')
    explained, _, _ = read(*plan, error)
    whole, _, _ = read(*plan, event("change_summary", changes={"operation": "apply", "add": 1}))

    assert ("aws_vpc.a", "aws_vpc.b") == silent.unheard() == torn.unheard()
    assert ("aws_vpc.b",) == silent.unheard({"aws_vpc.a"})
    assert () == explained.unheard() == whole.unheard()


def test_the_last_line_counts():
    """A replaced resource counts as one added and one destroyed."""
    resources = [{"action": action} for action in ("create", "delete", "update")]

    assert tally(resources) == (1, 1, 1)
    assert summary(resources, 1) == "Done: 1 added, 1 changed, 1 destroyed; 1 output."
    assert summary([], 2) == "Done: no changes; 2 outputs."
