"""
What an administrator lets a primitive hold although it is forbidden: the file that `MCOP_EXEMPTIONS` names.

    [[exemption]]                            # appliance 1.4.0
    template = "9f86d081884c7d65…"           # digest of its files, as the refusal says it
    rules = ["provisioner"]
    reason = "registers itself with its maker's program; reviewed by the platform team"

It is for those very files: another version of a primitive is another digest. The file lies on the machine that
publishes and on those that run Terraform, beside the other settings, so that nobody exempts what they publish.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from mcop_core.catalog.models import Model
from mcop_core.errors import InvalidInput, closest


class Exemption(Model):
    """One entry of the file."""

    template: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    rules: list[str] = Field(min_length=1)
    reason: Annotated[str, Field(min_length=1, max_length=1000)]


class _File(Model):
    exemption: tuple[Exemption, ...] = ()


def read_exemptions(path: str, rules: Collection[str]) -> dict[str, dict[str, str]]:
    """
    Return template digest -> rule -> reason, of the file *path*.

    Args:
        rules: The names that a rule can have.

    Raises:
        InvalidInput: The file cannot be read or is not of its form; says where, and the nearest rule.
    """
    try:
        entries = _File.model_validate(tomllib.loads(Path(path).read_text(encoding="utf-8"))).exemption
    except OSError as error:
        raise InvalidInput(f"MCOP_EXEMPTIONS names {path!r}, which cannot be read: {error.strerror}") from error
    except ValidationError as error:
        told = "; ".join(f"{_place(entry['loc'])}: {entry['msg']}" for entry in error.errors())
        raise InvalidInput(f"MCOP_EXEMPTIONS, {path}: {told}") from error
    except ValueError as error:  # no UTF-8, or no TOML
        raise InvalidInput(f"MCOP_EXEMPTIONS, {path}: {error}") from error
    found: dict[str, dict[str, str]] = {}
    for number, entry in enumerate(entries, 1):
        _check_rules(entry, rules, f"MCOP_EXEMPTIONS, {path}: exemption {number}")
        found.setdefault(entry.template, {}).update(dict.fromkeys(entry.rules, entry.reason))
    return found


def _place(path: tuple[int | str, ...]) -> str:
    return " ".join(str(part + 1) if isinstance(part, int) else part for part in path)


def _check_rules(entry: Exemption, rules: Collection[str], where: str) -> None:
    for rule in entry.rules:
        if rule not in rules:
            near = closest(rule, rules)
            hint = f' Did you mean "{near}"?' if near else ""
            raise InvalidInput(f"{where}: {rule!r} is no rule. Allowed: {', '.join(sorted(rules))}.{hint}")


def exempted(exemptions: Mapping[str, Mapping[str, str]], template: str) -> Mapping[str, str]:
    """Return rule -> reason of what the files with this digest may hold."""
    return exemptions.get(template, {})
