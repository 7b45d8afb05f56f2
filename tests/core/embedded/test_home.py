import json
import subprocess
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from mcop_core.embedded.home import Home, load_secrets, write_private, write_settings
from mcop_core.errors import InvalidInput
from mcop_core.settings import load_profile


def test_a_stack_needs_a_project(tmp_path):
    """In a folder without DAGs nothing is started; the message says where to run it."""
    with pytest.raises(InvalidInput, match=r"no dags/mcop_manifests\.py"):
        Home.of(tmp_path)


def test_everything_lies_in_one_folder(project, tmp_path):
    """By default that is `.mcop` of the project; another can be named."""
    assert Home.of(project).folder == project.resolve() / ".mcop"
    assert Home.of(project, tmp_path / "other").stack_file == tmp_path.resolve() / "other" / "stack.json"


def test_folders_are_private(home):
    """States, passwords and logs are their owner's alone."""
    assert [path.stat().st_mode & 0o777 for path in (home.folder, home.runs, home.cloud)] == [0o700] * 3


def test_secrets_are_made_once(home):
    """A restarted stack has the login and the keys it had."""
    first = load_secrets(home)

    assert load_secrets(home) == first
    assert json.loads(home.passwords_file.read_text()) == {"admin": first.password, "approver": first.approver}
    assert Fernet(first.fernet).decrypt(Fernet(first.fernet).encrypt(b"x")) == b"x"
    assert [path.stat().st_mode & 0o777 for path in (home.secrets_file, home.passwords_file)] == [0o600] * 2


def test_a_secret_that_an_older_stack_lacks_is_made(home):
    """The others stay as they are."""
    first = load_secrets(home)
    known = json.loads(home.secrets_file.read_text())
    home.secrets_file.write_text(json.dumps({name: value for name, value in known.items() if name != "approver"}))
    second = load_secrets(home)

    assert second.approver not in {"", first.approver}
    assert (second.password, second.jwt) == (first.password, first.jwt)
    assert json.loads(home.passwords_file.read_text())["approver"] == second.approver


def test_two_stacks_have_different_secrets(project, tmp_path):
    """Secrets are random, not derived."""
    homes = [Home.of(project, tmp_path / name) for name in ("a", "b")]
    for home in homes:
        home.create()

    assert len({load_secrets(home) for home in homes}) == 2


def test_settings_are_read_as_they_were_written(home):
    """`settings.env` is what `load_profile` and a shell read; real variables win."""
    kept = {"MCOP_DRIFT_SCHEDULE": "0 5 * * *", "MCOP_POLICIES": "", "MCOP_DRIFT_NOTIFIER": """{"a": "it's $HOME"}"""}
    write_settings(home, {**kept, "AWS_REGION": "us-east-1"})
    shown = 'printf "%s|%s|%s" "$MCOP_DRIFT_SCHEDULE" "$MCOP_POLICIES" "$MCOP_DRIFT_NOTIFIER"'
    sourced = subprocess.run(["bash", "-c", f". {home.settings_file}; {shown}"], capture_output=True, text=True)

    assert load_profile({"AWS_REGION": "eu-west-1"}, home.settings_file) == {**kept, "AWS_REGION": "eu-west-1"}
    assert (sourced.stdout, sourced.stderr) == ("|".join(kept.values()), "")


def test_a_file_is_replaced_whole(tmp_path):
    """A half-written file of a killed writer is not in the way."""
    target = Path(tmp_path / "file")
    target.with_name("file.new").write_text("half")
    write_private(target, "whole")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_text() == "whole"
