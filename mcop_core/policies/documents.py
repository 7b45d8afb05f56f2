"""A document as the one JSON text that every interpreter is given."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mcop_core.errors import InvalidInput
from mcop_core.policies.models import MEMBERS, Document


def to_text(document: Document) -> str:
    """
    Return *document* as JSON in which only quotes, backslashes and control characters are escaped.

    Raises:
        InvalidInput: It lacks a member, is no plain JSON, or holds half a character (a lone surrogate).
    """
    for member in MEMBERS:
        if not isinstance(document.get(member), Mapping):
            raise InvalidInput(f"the document has no {member}")
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"the document is no plain JSON: {error}") from error
    return text
