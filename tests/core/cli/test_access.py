"""`mcop access …` on a file of rules."""

import json

import pytest

RULES = '[shop]\nops = ["execute"]\n\n["*"]\nowners = ["approve", "destroy"]\n'


@pytest.fixture
def rules(tmp_path, monkeypatch):
    path = tmp_path / "access.toml"
    path.write_text(RULES)
    monkeypatch.setenv("MCOP_ACCESS", str(path))
    return path


def test_who_may_do_what(mcop, rules):
    """One line for each namespace and role, with what a right includes."""
    code, shown, _ = mcop("access", "show")

    assert code == 0
    assert [line.split() for line in shown.splitlines()] == [
        ["NAMESPACE", "ROLE", "RIGHTS"],
        ["*", "owners", "view,", "approve,", "destroy"],
        ["shop", "ops", "view,", "execute"],
    ]


def test_the_roles_for_airflow(mcop, rules):
    """What `airflow roles import` reads: name, resource, actions joined by commas."""
    found = json.loads(mcop("access", "roles")[1])

    assert {"name": "ops", "resource": "DAG Runs", "action": "can_edit,can_read"} in found
    assert {one["name"] for one in found} == {"ops", "owners"}


def test_without_rules_it_says_where_they_go(mcop, monkeypatch):
    """Neither a file nor the setting: exit code 2, and both are named."""
    monkeypatch.delenv("MCOP_ACCESS", raising=False)
    code, _, said = mcop("access", "show")

    assert code == 2 and "--file" in said and "MCOP_ACCESS" in said
