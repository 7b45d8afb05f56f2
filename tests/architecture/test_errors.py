"""The error tree keeps its promises."""

import inspect
import pickle

import pytest

from mcop_core import errors
from mcop_core.errors import Fault, InvalidDocuments, McopError


def tree(kind: type[McopError] = McopError) -> list[type[McopError]]:
    return [kind, *(child for sub in kind.__subclasses__() if sub.__module__ == errors.__name__ for child in tree(sub))]


@pytest.mark.parametrize("kind", tree(), ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling_with_its_facts(kind: type[McopError]):
    """Errors cross process borders: the runner, Airflow's supervisor, a pool."""
    again = pickle.loads(pickle.dumps(kind("what went wrong", name="vpc", faults=(Fault("wrong", path="a.b"),))))

    assert (kind, "what went wrong", "vpc") == (type(again), str(again), again.name)


@pytest.mark.parametrize("kind", tree(), ids=lambda kind: kind.__name__)
def test_the_tree_in_the_docstring_is_the_tree(kind: type[McopError]):
    """A reader finds every error in the drawing at the top of the file."""
    assert kind.__name__ in (inspect.getdoc(errors) or "")


def test_all_faults_are_told_at_once():
    """One line per fault: where, what, what was allowed, the nearest right answer."""
    error = InvalidDocuments.of(
        [
            Fault('"t9" is not allowed.', "pattern#web@1.0.0", "size", "web.yaml", 7, ("t3", "m5"), "t3"),
            Fault("unknown field"),
        ]
    )

    assert [
        'web.yaml:7, pattern#web@1.0.0, size: "t9" is not allowed. Allowed: t3, m5. Did you mean "t3"?',
        "unknown field",
    ] == str(error).splitlines()
