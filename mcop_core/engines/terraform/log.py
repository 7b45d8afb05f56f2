"""
Terraform's JSON events -> lines for people, facts for the journal, and what came of it. Pure.

One `EventReader` reads the events of one process: `plan` and `apply` become log groups, each planned change
and each resource one line, warnings and errors carry Terraform's own detail, the place and a hint. What is
not an event of `terraform.ui` is never shown: with a full disk Terraform writes the whole state to its
standard output. Known secrets are masked in everything that leaves.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcop_core.engines.mask import HIDDEN, Mask
from mcop_core.engines.state import StateFile
from mcop_core.engines.terraform.command import hint_for

"""Shorter texts are not masked: they stand in too many harmless lines."""

_WILL = {
    "create": "+ {} will be created",
    "update": "~ {} will be changed in place",
    "delete": "- {} will be destroyed",
    "replace": "-/+ {} will be replaced",
    "import": "= {} will be imported",
    "move": "> {} has moved",
    "forget": ". {} will be left alone and forgotten",
    "read": "? {} will be read",
}
_DOES = {"create": "creating", "update": "changing", "delete": "destroying", "read": "reading"}
_DID = {"create": "created", "update": "changed", "delete": "destroyed", "read": "read"}
_SAFE_TO_REPEAT = {"terraform", "null", "random", "time", "tls", "local"}
"""Providers whose resources lie in the state or on the worker alone: nothing is doubled by creating them again."""


_MODULES = {"terraform.ui", "tofu.ui"}
_TOOLS = {"terraform": "terraform", "tofu": "opentofu"}
"""The field of the first event that holds the version -> the tool."""
_PROVIDER_DIED = {"Plugin did not respond", "Request cancelled"}
"""Summaries of errors of a call to a provider whose process ended."""
_DIED_EARLY = (
    "Plugin did not respond",
    "Failed to read any lines from plugin's stdout",
    "plugin exited before we could connect",
    "Reattachment process not found",
)
"""What stands in an error of a provider whose process ended while it started or was asked for its schema."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line for the task's log; `level` is `info`, `warning` or `error`."""

    line: str
    level: str = "info"


@dataclass(frozen=True, slots=True)
class Fact:
    """One record for the journal."""

    event: str
    facts: Mapping[str, Any]


class EventReader:
    """
    Reads the events of one `terraform apply` in their order.

    Attributes:
        resources: `{"address", "type", "action", "id", "seconds"}` per finished change, in order.
        diagnostics: `{"summary", "detail", "where", "address"}` per error, masked.
        complete: Whether Terraform said that the apply is complete.
        versions: `terraform` or `opentofu` -> the version that wrote them.
    """

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._group = ""
        self._started: dict[str, tuple[str, str, str]] = {}
        self._failed: dict[str, tuple[str, str, str]] = {}
        self._created: dict[str, tuple[str, str, str]] = {}
        self._planned: dict[str, str] = {}
        self._drifted: set[str] = set()
        self._hidden = 0
        self.resources: list[dict[str, Any]] = []
        self.diagnostics: list[dict[str, str]] = []
        self.complete = False
        self.versions: dict[str, str] = {}

    def read(self, line: str) -> tuple[list[LogLine], list[Fact]]:
        """Return what *line* of standard output says to people and to the journal."""
        event = _event(line)
        if event is None:
            self._hidden += bool(line.strip())
            return [], []
        handler = getattr(self, f"_on_{event.get('type')}", None)
        lines, facts = handler(event) if handler else ([], [])
        return [LogLine(self._mask(text.line), text.level) for text in lines], facts

    def close(self) -> list[LogLine]:
        """Return the lines that end the log: what was withheld, and the end of the open group."""
        lines = []
        if self._hidden:
            line = f"{self._hidden} lines of Terraform's output are no events and are not shown"
            lines.append(LogLine(line, "warning"))
        return [*lines, *self._open("")]

    def unfinished(self) -> tuple[str, ...]:
        """Return the addresses that were started and neither finished nor failed, in order."""
        return tuple(self._started)

    def doubtful(self, recorded: Collection[str] = ()) -> tuple[str, ...]:
        """
        Return the creations that no state knows and that creating again might double, in order; none once complete.

        Those are the unfinished ones, the failed ones whose provider died under them, and the finished ones that
        Terraform did not live to write down.

        Args:
            recorded: The addresses that the state holds.
        """
        if self.complete:
            return ()
        crashed = {found["address"] for found in self.diagnostics if found["summary"] in _PROVIDER_DIED}
        lost = {address: entry for address, entry in list(self._failed.items()) if address in crashed}
        doubtful = {**self._created, **lost, **dict(list(self._started.items()))}
        return tuple(
            address
            for address, (action, provider, _) in doubtful.items()
            if action == "create" and provider not in _SAFE_TO_REPEAT and address not in recorded
        )

    def planned(self, recorded: Collection[str] = ()) -> tuple[str, ...]:
        """Return the creations that were planned and are not *recorded*, in order; none once complete."""
        if self.complete:
            return ()
        return tuple(
            address
            for address, provider in list(self._planned.items())
            if provider not in _SAFE_TO_REPEAT and address not in recorded
        )

    def failed(self, recorded: Collection[str] = ()) -> tuple[str, ...]:
        """Return the creations that failed and are not *recorded*: the answer may have been lost, not the request."""
        return tuple(
            address
            for address, (action, provider, _) in self._failed.items()
            if action == "create" and provider not in _SAFE_TO_REPEAT and address not in recorded
        )

    def corrected(self, state: StateFile) -> StateFile:
        """
        Return *state* as what was told says that it is, for an OpenTofu that may have died before it wrote that down.

        What was destroyed is not in it, and what something was being created in the place of is deposed. OpenTofu
        writes a local state every 20 s at most; Terraform does so after every change, and what it wrote stands.
        """
        if "opentofu" not in self.versions:
            return state
        done = {(one["address"], one["id"]): one["action"] for one in self.resources if one["id"]}
        gone: dict[str, set[str]] = {}
        for (address, id_), action in done.items():
            if action == "delete":
                gone.setdefault(address, set()).add(id_)
        begun = {address: id_ for address, (action, _, id_) in self._created.items() if HIDDEN not in id_}
        begun |= {address: "" for address, (action, _, _) in list(self._started.items()) if action == "create"}
        return state.without(gone).with_deposed(begun)

    def unheard(self, recorded: Collection[str] = ()) -> tuple[str, ...]:
        """
        Return the planned creations that are not *recorded*, if some of what Terraform said was lost; else none.

        A disk that is full loses Terraform's output as it does the state: it then fails without a reason, or writes
        what is no event.
        """
        return () if self.diagnostics and not self._hidden else self.planned(recorded)

    @property
    def provider_died(self) -> bool:
        """Whether a provider's process ended under Terraform."""
        return any(
            found["summary"] in _PROVIDER_DIED
            or any(words in found["summary"] + found["detail"] for words in _DIED_EARLY)
            for found in self.diagnostics
        )

    def _open(self, name: str) -> list[LogLine]:
        if self._group == name:
            return []
        lines = [LogLine("::endgroup::")] if self._group else []
        self._group = name
        return [*lines, LogLine(f"::group::{name}")] if name else lines

    # One method per type of event; each gives (lines, facts).

    def _on_version(self, event: Mapping[str, Any]) -> tuple[list[LogLine], list[Fact]]:
        self.versions = {tool: str(event[field]) for field, tool in _TOOLS.items() if event.get(field)}
        return self._open("plan"), [Fact("terraform", {"version": "".join(self.versions.values())})]

    def _on_resource_drift(self, event: Mapping[str, Any]) -> tuple[list[LogLine], list[Fact]]:
        # Told only with a planned change: after any apply, Terraform calls `tags: null -> {}` a drift.
        self._drifted.add(event["change"]["resource"]["addr"])
        return [], []

    def _on_planned_change(self, event: Mapping[str, Any]) -> tuple[list[LogLine], list[Fact]]:
        change = event["change"]
        address, action = change["resource"]["addr"], change["action"]
        reason = f" ({change['reason'].replace('_', ' ')})" if change.get("reason") else ""
        drift = "; it was changed outside of MCOP" if address in self._drifted else ""
        if action in ("create", "replace"):
            self._planned[address] = change["resource"]["implied_provider"]
        line = _WILL.get(action, "{} " + action).format(address) + reason + drift
        facts = {"address": address, "action": action, "drifted": bool(drift)}
        return [LogLine(line)], [Fact("resource_planned", facts)]

    def _on_change_summary(self, event: Mapping[str, Any]) -> tuple[list[LogLine], list[Fact]]:
        changes = event["changes"]
        if changes["operation"] != "plan":
            self.complete = True
            return [], [Fact("terraform_complete", dict(changes))]
        return [LogLine(_plan_summary(changes))], []

    def _on_apply_start(self, event: Mapping[str, Any]) -> tuple[list[LogLine], list[Fact]]:
        hook = event["hook"]
        resource, action = hook["resource"], hook["action"]
        if action == "read":
            return [], []
        known = self._mask(str(hook.get("id_value") or ""))
        self._started[resource["addr"]] = (action, resource["implied_provider"], known)
        line = LogLine(f"{resource['addr']}: {_DOES.get(action, action)} …")
        fact = Fact("resource_started", {"address": resource["addr"], "action": action, "id": known})
        return [*self._open("apply"), line], [fact]

    def _on_apply_progress(self, event: Mapping[str, Any]) -> tuple[list[LogLine], list[Fact]]:
        hook = event["hook"]
        doing = _DOES.get(hook["action"], hook["action"])
        return [LogLine(f"{hook['resource']['addr']}: still {doing} after {hook['elapsed_seconds']:.0f} s")], []

    def _on_apply_complete(self, event: Mapping[str, Any]) -> tuple[list[LogLine], list[Fact]]:
        hook = event["hook"]
        resource, action, seconds = hook["resource"], hook["action"], hook["elapsed_seconds"]
        if action == "read":
            return [], []
        _, _, known = self._started.pop(resource["addr"], ("", "", ""))
        done = {
            "address": resource["addr"],
            "type": resource["resource_type"],
            "action": action,
            "id": self._mask(str(hook.get("id_value") or "")) or known,
            "seconds": seconds,
        }
        self.resources.append(done)
        if action == "create":
            self._created[done["address"]] = (action, resource["implied_provider"], done["id"])
        named = f" [{done['id']}]" if done["id"] else ""
        line = f"{done['address']}: {_DID.get(action, action)} in {seconds:.0f} s{named}"
        return [LogLine(line)], [Fact("resource_finished", done)]

    def _on_apply_errored(self, event: Mapping[str, Any]) -> tuple[list[LogLine], list[Fact]]:
        hook = event["hook"]
        address, action = hook["resource"]["addr"], hook["action"]
        self._failed[address] = self._started.pop(address, (action, hook["resource"]["implied_provider"], ""))
        line = LogLine(f"{address}: {_DOES.get(action, action)} failed after {hook['elapsed_seconds']:.0f} s", "error")
        return [line], [Fact("resource_failed", {"address": address, "action": action})]

    def _on_provision_progress(self, event: Mapping[str, Any]) -> tuple[list[LogLine], list[Fact]]:
        hook = event["hook"]
        return [LogLine(f"{hook['resource']['addr']} ({hook['provisioner']}): {hook['output']}")], []

    def _on_diagnostic(self, event: Mapping[str, Any]) -> tuple[list[LogLine], list[Fact]]:
        found = self._diagnostic(event["diagnostic"])
        level = "error" if event["diagnostic"]["severity"] == "error" else "warning"
        if level == "error":
            self.diagnostics.append(found)
        hint = hint_for(f"{found['summary']} {found['detail']}")
        lines = [f"{level.title()}: {found['summary']}", *found["detail"].splitlines()]
        lines += [f"at {found['where']}"] if found["where"] else []
        lines += [f"Hint: {hint}"] if hint else []
        return [LogLine(line, level) for line in lines if line], [Fact("diagnostic", {"severity": level, **found})]

    def _diagnostic(self, diagnostic: Mapping[str, Any]) -> dict[str, str]:
        span = diagnostic.get("range") or {}
        place = f"{span['filename']}:{span['start']['line']}" if span else ""
        address = str(diagnostic.get("address") or "")
        return {
            "summary": self._mask(str(diagnostic.get("summary") or "")),
            "detail": self._mask(str(diagnostic.get("detail") or "")),
            "where": ", ".join(part for part in (address, place) if part),
            "address": address,
        }


def _event(line: str) -> Mapping[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and event.get("@module") in _MODULES else None


def _plan_summary(changes: Mapping[str, Any]) -> str:
    counts = [(changes["add"], "to add"), (changes["change"], "to change"), (changes["remove"], "to destroy")]
    counts += [(changes["import"], "to import")] if changes.get("import") else []
    if not any(count for count, _ in counts):
        return "No changes: the infrastructure is as the artifact says."
    return "Plan: " + ", ".join(f"{count} {what}" for count, what in counts) + "."


def tally(resources: Sequence[Mapping[str, Any]]) -> tuple[int, int, int]:
    """Return how many of *resources* were (created, changed, destroyed); a replaced one counts as both."""
    actions = [resource["action"] for resource in resources]
    return actions.count("create"), actions.count("update"), actions.count("delete")


def summary(resources: Sequence[Mapping[str, Any]], outputs: int) -> str:
    """Return the log's last line for a successful operation."""
    added, changed, destroyed = tally(resources)
    what = f"{added} added, {changed} changed, {destroyed} destroyed" if resources else "no changes"
    return f"Done: {what}; {outputs} output{'' if outputs == 1 else 's'}."
