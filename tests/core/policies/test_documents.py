import json

import pytest

from mcop_core.errors import InvalidInput
from mcop_core.policies.documents import to_text

EMPTY = {"preview": {}, "execution": {}}


def test_a_document_is_one_text():
    """That says the same, with no more escapes than JSON needs."""
    document = {"preview": {"a": ["é", "\x00", '"', 2**70, 1.5, None]}, "execution": {}}

    assert document == json.loads(to_text(document))
    assert "é" in to_text(document)


@pytest.mark.parametrize(
    "document",
    [{}, {"preview": {}}, EMPTY | {"preview": []}, *(EMPTY | {"x": x} for x in (float("inf"), {1, 2}, "\ud800"))],
)
def test_what_is_no_document_is_refused(document):
    """A member is missing, or a value has no JSON."""
    with pytest.raises(InvalidInput):
        to_text(document)
