import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mcop_core.embedded.tools import Tool, check_library, find_terraform, install_launcher, is_new_enough, read_version
from mcop_core.errors import EngineFailed, NotFound, Tampered


def program(folder, name, answer):
    """Write a program that answers `version -json`."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\ntest -z \"$TF_CLI_ARGS\" || exit 3\necho '{answer}'\n")
    path.chmod(0o755)
    return path


def version(number):
    return f'{{"terraform_version": "{number}"}}'


@pytest.fixture
def installed(tmp_path):
    return lambda folder: Tool(tmp_path / "installed", "1.15.5", "test")


@pytest.mark.parametrize(
    ("number", "expected"),
    [("1.10.0", True), ("1.9.8", False), ("1.15.5", True), ("2.0.0", True), ("1.10.0-rc1", True), ("0.15.0", False)],
)
def test_locks_by_file_need_a_version(number, expected):
    """The S3 backend can lock by a file since 1.10, in Terraform and in OpenTofu."""
    assert is_new_enough(number) == expected


def test_terraform_is_taken_from_path(tmp_path, installed):
    """Terraform comes before OpenTofu, and both before anything that would be put in place."""
    program(tmp_path / "a", "tofu", version("1.10.1"))
    terraform = program(tmp_path / "b", "terraform", version("1.11.4"))
    environment = {"PATH": f"{tmp_path / 'a'}:{tmp_path / 'b'}:/usr/bin:/bin"}

    found = find_terraform(environment, tmp_path / "tools", install=installed)
    assert found == Tool(terraform, "1.11.4", "PATH")


@pytest.mark.parametrize("answer", [version("1.5.7"), "no JSON", "{}"])
def test_what_cannot_be_used_is_passed_over(tmp_path, installed, answer):
    """An old Terraform, or something else of that name, makes way for OpenTofu."""
    program(tmp_path / "a", "terraform", answer)
    tofu = program(tmp_path / "a", "tofu", version("1.10.1"))

    found = find_terraform({"PATH": f"{tmp_path / 'a'}:/usr/bin:/bin"}, tmp_path / "tools", install=installed)
    assert found.path == tofu


def test_without_any_one_is_put_in_place(tmp_path, installed):
    """A machine without Terraform gets one."""
    assert find_terraform({"PATH": str(tmp_path)}, tmp_path / "tools", install=installed).version == "1.15.5"


def test_the_callers_terraform_variables_do_not_matter(tmp_path):
    """`TF_CLI_ARGS` of the caller is not passed on."""
    path = program(tmp_path / "a", "terraform", version("1.11.4"))

    assert read_version(path, {"PATH": "/usr/bin:/bin", "TF_CLI_ARGS": "-x"}) == "1.11.4"


def test_a_named_program_is_taken_or_refused(tmp_path, installed):
    """Whoever names a program gets that one, and no other in its place."""
    old = program(tmp_path / "a", "old", version("1.5.7"))
    good = program(tmp_path / "a", "good", version("1.12.0"))
    environment = {"PATH": "/usr/bin:/bin"}

    assert find_terraform(environment, tmp_path, named=str(good), install=installed).path == good
    with pytest.raises(EngineFailed, match=r"1\.5\.7: MCOP needs 1\.10"):
        find_terraform(environment, tmp_path, named=str(old), install=installed)
    with pytest.raises(NotFound, match="no such program"):
        find_terraform(environment, tmp_path, named="terrafrom", install=installed)


def test_a_library_that_was_changed_is_refused(tmp_path):
    """The file must have the checksum of the package's record."""
    path = tmp_path / "library"
    path.write_bytes(b"abc")
    good = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"

    check_library(path, "sha256", good)
    path.write_bytes(b"xyz")
    with pytest.raises(Tampered):
        check_library(path, "sha256", good)


# -- the launcher, for real ----------------------------------------------------------------------------------

MODULE = """
variable "text" { type = string }
resource "terraform_data" "first" { input = var.text }
resource "terraform_data" "slow" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" { command = "touch started; sleep ${var.text == "slow" ? 60 : 0}" }
}
resource "terraform_data" "last" { depends_on = [terraform_data.slow] }
output "text" { value = terraform_data.first.output }
"""


@pytest.fixture(scope="module")
def launcher(tmp_path_factory):
    folder = tmp_path_factory.mktemp("it's here")
    return install_launcher(folder).path


@pytest.fixture
def root(tmp_path):
    (tmp_path / "main.tf").write_text(MODULE)
    return tmp_path


def terraform(launcher, root, *arguments, check=True):
    environment = {"PATH": os.environ["PATH"], "HOME": str(root), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    command = (str(launcher), *arguments)
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=check)


@pytest.mark.terraform
def test_the_launcher_is_a_terraform(launcher, root):
    """Init, plan with its exit codes, apply, output and errors are Terraform's own; arguments arrive unchanged."""
    text = "-text=a 'b' \"c\" $HOME ü"
    terraform(launcher, root, "init", "-input=false")
    planned = terraform(launcher, root, "plan", "-input=false", "-detailed-exitcode", f"-var={text[1:]}", check=False)
    terraform(launcher, root, "apply", "-auto-approve", f"-var={text[1:]}")
    again = terraform(launcher, root, "plan", "-input=false", "-detailed-exitcode", f"-var={text[1:]}", check=False)
    wrong = terraform(launcher, root, "output", "nothing", check=False)

    assert (planned.returncode, again.returncode, wrong.returncode) == (2, 0, 1)
    assert terraform(launcher, root, "output", "-raw", "text").stdout == text.removeprefix("-text=")
    assert 'Output "nothing" not found' in wrong.stderr


@pytest.mark.terraform
def test_one_interrupt_stops_the_launcher_gracefully(launcher, root):
    """SIGINT to the launcher's pid is Terraform's own: it stops, and its state says what exists."""
    terraform(launcher, root, "init", "-input=false")
    environment = {"PATH": os.environ["PATH"], "HOME": str(root), "CHECKPOINT_DISABLE": "1"}
    command = (str(launcher), "apply", "-auto-approve", "-json", "-var=text=slow")
    with (root / "out").open("wb") as out:
        running = subprocess.Popen(command, cwd=root, env=environment, stdout=out, start_new_session=True)
        try:
            while not (root / "started").exists():
                time.sleep(0.05)
            running.send_signal(signal.SIGINT)
            code = running.wait(timeout=30)
        finally:
            running.kill()
            running.wait()

    assert code == 1
    assert "Gracefully shutting down" in (root / "out").read_text()
    assert terraform(launcher, root, "state", "list").stdout.split() == ["terraform_data.first", "terraform_data.slow"]
    assert not (root / ".terraform.tfstate.lock.info").exists()


@pytest.mark.terraform
def test_states_pass_between_the_launcher_and_terraform(launcher, root, real_terraform):
    """A project may change from one to the other and back."""
    terraform(launcher, root, "init", "-input=false")
    terraform(launcher, root, "apply", "-auto-approve", "-var=text=a")
    assert terraform(real_terraform, root, "plan", "-detailed-exitcode", "-var=text=a").returncode == 0

    terraform(real_terraform, root, "apply", "-auto-approve", "-var=text=b")
    assert terraform(launcher, root, "plan", "-detailed-exitcode", "-var=text=b").returncode == 0


def test_the_launcher_needs_nothing_of_the_environment(launcher):
    """It runs on the bare interpreter, whatever the caller's Python is told."""
    text = Path(launcher).read_text()

    assert "-I" in text
    assert "-S" in text
    assert sys.executable in text
