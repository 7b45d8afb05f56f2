"""Addresses, as immutable values: of catalog objects, of steps, of outputs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from mcop_core.errors import InvalidName

NAME_PATTERN = r"[a-z][a-z0-9_-]{0,62}"
"""Names of objects, patterns, elements: ASCII, whole. Source: design, section 3."""

_NAME = re.compile(NAME_PATTERN, re.ASCII)


class Kind(StrEnum):
    """The kinds of catalog object, in the order in which they refer to each other."""

    RULE = "rule"
    ADAPTER = "adapter"
    INTERFACE = "interface"
    PRIMITIVE = "primitive"
    PATTERN = "pattern"
    WORKFLOW = "workflow"
    MANIFEST = "manifest"


def check_name(name: str, what: str = "name") -> str:
    """
    Return *name* unchanged if it is one.

    Raises:
        InvalidName: It does not match `NAME_PATTERN` as a whole.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidName(f"{what} {name!r} is not allowed: it must match {NAME_PATTERN}", name=name)
    return name


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """The address of one published version, `pattern#network@2.0.0`."""

    kind: Kind
    name: str
    version: str

    @classmethod
    def parse(cls, text: str) -> ObjectRef:
        """
        Read `kind#name@version`.

        Raises:
            InvalidName: *text* is not of that form, or the kind is unknown.
        """
        kind, hash_, rest = text.partition("#")
        name, at, version = rest.partition("@")
        if not (hash_ and at and version) or kind not in set(Kind):
            raise InvalidName(f"{text!r} is not of the form kind#name@version", name=text)
        return cls(Kind(kind), check_name(name), version)

    @property
    def key(self) -> str:
        """`kind#name`, the same for all versions."""
        return f"{self.kind}#{self.name}"

    def __str__(self) -> str:
        return f"{self.key}@{self.version}"


@dataclass(frozen=True, slots=True, order=True)
class StepRef:
    """
    The address of one element in a manifest, `platform.network.vpc`.

    Where several manifests are looked at together it is `namespace/manifest/platform.network.vpc`.
    """

    workflow: str
    pattern: str
    element: str

    @property
    def group(self) -> str:
        """`workflow.pattern`."""
        return f"{self.workflow}.{self.pattern}"

    def of(self, manifest: str) -> StepRef:
        """Return the address beside those of other manifests; *manifest* is `namespace/manifest`, empty: unchanged."""
        return replace(self, workflow=f"{manifest}/{self.workflow}") if manifest else self

    def __str__(self) -> str:
        return f"{self.group}.{self.element}"


@dataclass(frozen=True, slots=True, order=True)
class OutputRef:
    """The address of one output in a manifest, `platform.network.vpc.vpc_id`."""

    step: StepRef
    output: str

    @classmethod
    def parse(cls, text: str) -> OutputRef:
        """
        Read `workflow.pattern.element.output`.

        Raises:
            InvalidName: *text* has not four parts.
        """
        parts = text.split(".")
        if len(parts) != 4 or not all(parts):
            raise InvalidName(f"{text!r} is not of the form workflow.pattern.element.output", name=text)
        return cls(StepRef(*parts[:3]), parts[3])

    def __str__(self) -> str:
        return f"{self.step}.{self.output}"
