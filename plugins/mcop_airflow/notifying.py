"""Airflow notifiers, as settings name them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow.sdk.module_loading import import_string

from mcop_core.errors import InvalidInput

if TYPE_CHECKING:
    from airflow.sdk import BaseNotifier


def open_notifier(text: str) -> BaseNotifier | None:
    """
    Return the notifier that *text* describes, None if it is empty.

    Args:
        text: JSON in the form in which Airflow is told its DAG bundles,
            `{"classpath": "airflow.providers.smtp.notifications.smtp.SmtpNotifier", "kwargs": {"to": "ops@acme.io"}}`.

    Raises:
        InvalidInput: It is not of that form, or there is no such notifier.
    """
    if not text:
        return None
    try:
        found: dict[str, Any] = json.loads(text)
        notifier: BaseNotifier = import_string(found["classpath"])(**found.get("kwargs", {}))
    except (ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        form = '{"classpath": "package.module.Notifier", "kwargs": {…}}'
        raise InvalidInput(f"{text!r} names no notifier ({error}). Write {form}") from error
    return notifier
