"""Is it a Jenkinsfile? By cases on disk; what Jenkins itself says of the right ones is in the guide."""

from pathlib import Path

import pytest
import yaml

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


@pytest.mark.parametrize("text", ["{" * 2000, '"${' * 2000, "[" * 2000 + "]" * 2000, "pipeline {" * 500, "/" * 9999])
def test_no_text_breaks_it(text):
    """What is nested beyond reason is a flaw, or nothing; never a crash."""
    assert isinstance(check_structure(text), list)
