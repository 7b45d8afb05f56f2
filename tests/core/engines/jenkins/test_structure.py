"""Is it a Jenkinsfile? By cases on disk; what Jenkins itself says of the right ones is in the guide."""

from pathlib import Path

import pytest
import yaml

from mcop_core.engines.jenkins.groovy import MAX_FLAWS, PLACE_BEGIN, PLACE_END
from mcop_core.engines.jenkins.structure import check_structure

CASES = yaml.safe_load((Path(__file__).parents[3] / "cases" / "jenkinsfile" / "structure.yaml").read_text())


@pytest.mark.parametrize("name", CASES)
def test_structure(name):
    """Every flaw has its line and column and, where one is near, the right word."""
    case = CASES[name]
    found = check_structure(case["text"])
    wanted = sorted(case.get("flaws", []), key=lambda text: [int(part) for part in text.split()[0].split(":")])

    assert len(wanted) == len(found), found
    for text, flaw in zip(wanted, found, strict=True):
        place, _, message = text.partition(" ")
        assert place == f"{flaw.line}:{flaw.column}", flaw
        assert message in flaw.message
    assert case.get("suggestion") in [None, *(flaw.suggestion for flaw in found)]


def test_what_is_missing_is_not_told_where_parts_are_left_out():
    """A branch of a template that was not taken may hold it."""
    text = "pipeline {\n    agent any\n    stages {\n    }\n}\n"

    assert 1 == len(check_structure(text))
    assert [] == check_structure(text, is_whole=False)


NESTED = "pipeline {\nagent any\nstages {\n" + "stage('a') { stages {\n" * 2000 + "} }\n" * 2000 + "}\n}\n"
BROKEN = {
    "braces": "{" * 2000,
    "interpolations": '"${' * 2000,
    "brackets": "[" * 2000 + "]" * 2000,
    "pipelines": "pipeline {" * 500,
    "slashes": "/" * 9999,
    "stages": NESTED,
    "escapes": "'" + "\\u0027" * 20_000 + "'",
    "shells": "sh " * 50_000,
    "strings": "'" + "x" * 500_000 + "'",
    "quotes": "'' " * 50_000,
    "closing": "}" * 50_000,
    "places in a string": "'" + f"{PLACE_BEGIN}{PLACE_END}" * 20_000 + "'",
}


@pytest.mark.parametrize("name", BROKEN)
def test_no_text_breaks_it(name):
    """What is large or nested beyond reason is a flaw, or nothing; never a crash, and soon told."""
    assert len(check_structure(BROKEN[name])) <= 2 * MAX_FLAWS
