"""What hides known secrets in the lines that people read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

HIDDEN = "(sensitive value)"
_SHORTEST_SECRET = 4


class Mask:
    """
    Replaces known secrets in texts by `(sensitive value)`.

    Args:
        secrets: Values of any JSON shape; every text in them of four characters or more is masked, as it
            is and as JSON writes it.
    """

    def __init__(self, secrets: Iterable[Any] = ()) -> None:
        texts = {text for secret in secrets for text in _texts(secret) if len(text) >= _SHORTEST_SECRET}
        written = texts | {json.dumps(text)[1:-1] for text in texts} | {line for text in texts for line in _lines(text)}
        self._texts = sorted(written, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return *text* without the secrets."""
        for secret in self._texts:
            text = text.replace(secret, HIDDEN)
        return text


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for part in value.values() for text in _texts(part)]
    if isinstance(value, (list, tuple)):
        return [text for part in value for text in _texts(part)]
    return [] if value is None or isinstance(value, bool) else [str(value)]


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if len(line) >= _SHORTEST_SECRET]
