"""How often a task is tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

OUTLASTS: dict[str, Any] = {
    "retries": 6,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=5),
}
"""
How a task that changes the cloud is tried again: after 10 s, 20 s, 40 s, 80 s, 160 s and 300 s at least.

So a store may be away for ten minutes in the middle of an apply, however quickly each attempt finds that out.
"""
