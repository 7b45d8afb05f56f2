"""The one JSON text of a value, which digests are taken of; imported by processes that read no document."""

from __future__ import annotations

import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """Return the one JSON text of *value*: sorted keys, no spaces, ASCII; refuses NaN and infinities."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()
