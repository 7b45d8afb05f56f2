"""What docker-compose.yaml says, read as `docker compose config` would print it: pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yaml"

_VARIABLE = re.compile(
    r"\$(?:(?P<escaped>\$)|\{(?P<name>\w+)(?:(?P<how>:?[-?])(?P<word>[^}]*))?\}|(?P<plain>[A-Za-z_]\w*))"
)


@dataclass(frozen=True)
class Service:
    """One service: its command, its variables, and how its health is asked; None where it ends by itself."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    health: tuple[str, ...] | None = None
    after: tuple[str, ...] = field(default=())


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """Return *text* with `${NAME}`, `${NAME:-word}`, `${NAME-word}`, `${NAME?why}` and `$$` as Compose reads them."""

    def value(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        name, how, word = match["name"] or match["plain"], match["how"] or "", match["word"] or ""
        found = variables.get(name)
        is_there = bool(found) if how.startswith(":") else found is not None
        if is_there:
            return found or ""
        if how.endswith("?"):
            raise KeyError(f"{name}: {word}")
        return word if how.endswith("-") else found or ""

    return _VARIABLE.sub(value, text)


def read(variables: Mapping[str, str], file: Path = FILE) -> dict[str, Service]:
    """Return name -> service; *variables* are those of `.env`."""
    document = _filled(yaml.safe_load(file.read_text()), variables)
    return {name: _service(name, one) for name, one in document["services"].items()}


def read_env(text: str) -> dict[str, str]:
    """Return the variables of an `.env` file."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return interpolated(value, variables)
    if isinstance(value, Mapping):
        return {key: _filled(one, variables) for key, one in value.items()}
    return [_filled(one, variables) for one in value] if isinstance(value, list) else value


def _service(name: str, one: Mapping[str, Any]) -> Service:
    health = one["healthcheck"].get("test")
    return Service(
        name,
        tuple(one["command"]),
        {key: str(text) for key, text in one.get("environment", {}).items()},
        _shell(health) if health else None,
        tuple(one.get("depends_on", ())),
    )


def _shell(test: list[str]) -> tuple[str, ...]:
    return tuple(test[1:]) if test[0] == "CMD" else ("sh", "-c", *test[1:])
