"""What differs between two documents, as values and as lines for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from mcop_core.catalog.models import CatalogObject


class Nothing(Enum):
    """The one value that stands where a side has nothing; `null` is something."""

    NOTHING = "nothing"


NOTHING: Final = Nothing.NOTHING


@dataclass(frozen=True, slots=True)
class Difference:
    """
    One place where two documents differ.

    Attributes:
        path: Dotted path, `elements.vpc.version`; places in a list by number from 0. Empty for the whole.
        before: JSON value, or `NOTHING` where it was added.
        after: JSON value, or `NOTHING` where it was removed.
    """

    path: str
    before: Any
    after: Any

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON; the side that has nothing is left out."""
        sides = {"before": self.before, "after": self.after}
        return {"path": self.path, **{side: value for side, value in sides.items() if value is not NOTHING}}

    def __str__(self) -> str:
        if self.before is NOTHING:
            return f"+ {self.path}: {_shown(self.after)}"
        if self.after is NOTHING:
            return f"- {self.path}: {_shown(self.before)}"
        return f"~ {self.path}: {_shown(self.before)} -> {_shown(self.after)}"


def difference(before: CatalogObject, after: CatalogObject) -> list[Difference]:
    """Return where the documents of two versions differ, their version fields left out."""
    return [found for found in differences(before.document(), after.document()) if found.path != "version"]


def differences(before: Any, after: Any, path: str = "") -> list[Difference]:
    """
    Return every place where two JSON values differ, by path, as deep as both have the same shape.

    Lists are compared place by place; `1` and `1.0` and `true` differ, since their JSON does.
    """
    return list(_compared(before, after, path))


def _compared(before: Any, after: Any, path: str) -> Iterator[Difference]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _by_key(before, after, path)
    elif _is_list(before) and _is_list(after):
        yield from _by_key(dict(enumerate(before)), dict(enumerate(after)), path)
    elif type(before) is not type(after) or before != after:
        yield Difference(path, before, after)


def _by_key(before: Mapping[Any, Any], after: Mapping[Any, Any], path: str) -> Iterator[Difference]:
    for key in sorted({*before, *after}):
        yield from _compared(before.get(key, NOTHING), after.get(key, NOTHING), f"{path}.{key}" if path else str(key))


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
