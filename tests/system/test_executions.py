"""The guide to executions, as it is written, with the API that Airflow serves for the plugin."""

import json

import pytest

from mcop_core.embedded.home import load_secrets
from tests.system.conftest import ROOT
from tests.system.guide import follow

pytestmark = pytest.mark.system


def test_the_guide_works_as_written(stack, checkout):
    """Two executions billed, compared, replayed byte by byte, read by HTTP with a token and not without, exported."""
    page = ROOT / "docs" / "guides" / "executions.md"
    printed = follow(page, checkout, before=f"ADMIN_PASSWORD={load_secrets(stack.home).password}")
    executed, settled, billed, compared, replayed, served, exported = printed

    assert executed.count("COMPLETED") == 4
    assert "SETTLING" not in settled and "COMPLETED" in settled
    assert "days=30" in billed and "hashicorp/aws" in billed and "run override" in billed
    assert "~ diary.diary.log.retention_days.value: 7 -> 30" in compared
    assert "identical" in replayed and '"retention_days": 7' in replayed
    assert served.splitlines() == ["MCOP", "{'days': 30}", "without a token: 401"]
    assert "0 executions before" in exported
    bill = json.loads((checkout / "bill.json").read_text())
    assert [step["outcome"] for step in bill["steps"]] == ["applied"]
    assert bill["snapshot"] and bill["objects"] and len(bill["steps"][0]["artifact"]) == 64
    assert list(bill["steps"][0]["versions"]) == ["mcop", "terraform"]
