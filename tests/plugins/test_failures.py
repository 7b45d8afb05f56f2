import pytest
from airflow.sdk.exceptions import AirflowFailException

from mcop_airflow.failures import final_unless_unreachable
from mcop_core.errors import Cancelled, EngineFailed, InvalidInput, Refused, Tampered, Unreachable


@pytest.mark.parametrize("kind", [EngineFailed, Refused, Cancelled, InvalidInput, Tampered])
def test_what_a_retry_does_not_mend_fails_at_once(kind):
    """The failure names the error's class and message, and keeps the error as its cause."""
    with pytest.raises(AirflowFailException, match=rf"{kind.__name__}: it is so") as raised, final_unless_unreachable():
        raise kind("it is so")

    assert isinstance(raised.value.__cause__, kind)


def test_what_is_unreachable_is_tried_again():
    """`Unreachable` passes as it is, and so does what is no error of MCOP's."""
    for error in (Unreachable("S3 does not answer"), OSError("disk")):
        with pytest.raises(type(error)), final_unless_unreachable():
            raise error
