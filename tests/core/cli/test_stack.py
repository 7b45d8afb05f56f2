"""`mcop up`, `down` and `status` where nothing is started; the whole is in the system tests."""

import json

import pytest


@pytest.fixture
def project(tmp_path):
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "mcop_manifests.py").write_text("")
    return str(tmp_path)


@pytest.mark.parametrize("command", ["up", "down", "status"])
def test_a_stack_needs_a_project(mcop, command, tmp_path):
    """Elsewhere nothing is started, and the message says where to go."""
    code, _, err = mcop(command, "--project", str(tmp_path))

    assert code == 2
    assert "run this in the project's folder" in err
    assert list(tmp_path.iterdir()) == []


def test_a_stack_that_does_not_run_is_not_healthy(mcop, project):
    """The exit code says so, the table and the JSON say what is missing."""
    code, out, err = mcop("status", "--project", project, "--json")

    assert code == 1
    assert {part["state"] for part in json.loads(out)["components"]} == {"stopped"}
    assert "mcop up repairs it" in err


def test_stopping_what_does_not_run(mcop, project):
    """`down` can be called at any time."""
    code, out, _ = mcop("down", "--project", project)

    assert code == 0
    assert "the data stays in" in out
