"""What an installation is told by its environment."""

from dataclasses import asdict
from pathlib import Path

import pytest

from mcop_core.errors import InvalidInput
from mcop_core.limits import LIMIT_PREFIX, Limits
from mcop_core.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "security-input.md"


def test_no_secret_is_in_what_settings_look_like():
    """They end in tracebacks and logs."""
    secrets = {"record_key": "hunter2-key", "airflow_password": "hunter2", "airflow_token": "hunter2-token"}
    assert "hunter2" not in repr(Settings(**secrets))


def test_settings_are_read_as_they_are_written():
    """A worker hands its runner the same."""
    settings = Settings(lease_s=2.5, policies="/p q", record_key="k" * 32, limits=Limits(code_bytes=7))
    assert Settings.from_environment(settings.to_environment()) == settings


def test_the_documentation_names_every_limit_and_its_default():
    """The page's table is what the settings are."""
    rows = [f"| `{LIMIT_PREFIX}{name.upper()}` | {value} |" for name, value in asdict(Limits()).items()]
    page = PAGE.read_text(encoding="utf-8")

    assert [] == [row for row in rows if row not in page]
    assert page.count(f"| `{LIMIT_PREFIX}") == len(rows)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("MCOP_LEASE_S", "soon", "MCOP_LEASE_S is 'soon': it must be a number"),
        ("MCOP_LEASE_S", "-1", "it must be 0 or more"),
        ("MCOP_LEASE_S", "inf", "it must be a number"),
        ("MCOP_LIMIT_CODE_BYTES", "0", "it must be a whole number from 1"),
        ("MCOP_LIMIT_CODE_BYTES", "1e6", "it must be a whole number from 1"),
        ("MCOP_LIMIT_CODE_BYTE", "1", 'Did you mean "MCOP_LIMIT_CODE_BYTES"'),
        ("MCOP_LIMITS", "1", "no setting of MCOP"),
        ("MCOP_LEASES", "1", 'no setting of MCOP. Did you mean "MCOP_LEASE_S"'),
    ],
)
def test_a_setting_that_is_none_is_refused(name, text, said):
    """Named, with the nearest."""
    with pytest.raises(InvalidInput, match=said):
        Settings.from_environment({name: text})
