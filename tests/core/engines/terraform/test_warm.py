"""
The pool of warm providers: who is lent which process, and when one ends.

What stands for a provider here is a program that answers as one does and works for nobody; `test_warm_clouds` has the
real one.
"""

import base64
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from mcop_core.engines.terraform import keeper, warm
from mcop_core.engines.terraform.loan import KeeperPaths
from mcop_core.engines.terraform.module_files import PACKAGES
from mcop_core.engines.terraform.warm import NO_POOL, Loan, WarmProviders
from mcop_core.runner.holder import started_at
from tests.core.engines.terraform.operations import Recorder
from tests.core.engines.terraform.test_lending import AWS, lock, root

ANSWERING = f"""#!{sys.executable}
import os, sys, time
assert os.environ["TF_PLUGIN_MAGIC_COOKIE"] and "5" in os.environ["PLUGIN_PROTOCOL_VERSIONS"]
print("1|5|unix|" + os.environ["TMPDIR"] + "/plugin" + str(os.getpid()) + "|grpc|", flush=True)
time.sleep(600)
"""
STRANGER = f"#!{sys.executable}\nprint('this is no plugin')\n"
SOON_S = 20.0


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Callable[..., WarmProviders]]:
    """Pools in one short folder; what is idle at the end is ended."""
    folder = Path("/tmp") / f"mcop-test-{os.getpid()}-{time.monotonic_ns()}"  # a socket's path must be short
    yield lambda size=1, idle_s=600.0: WarmProviders(folder, size, idle_s)
    WarmProviders(folder, 1).end_idle()
    assert not list(folder.glob("*.sock"))
    subprocess.run(["rm", "-rf", folder], check=True)


def eventually(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + SOON_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    return started_at(pid) is None


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def names_in_environment(pid: int) -> set[str]:
    entries = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return {entry.partition("=")[0] for entry in entries if entry}


def workspace(folder: Path, program: str = ANSWERING) -> tuple[Path, str]:
    """A workspace in which the AWS provider is installed, and the package's checksum."""
    package = folder / PACKAGES / AWS / "5.100.0" / "linux_amd64"
    package.mkdir(parents=True)
    binary = package / "terraform-provider-aws_v5.100.0_x5"
    binary.write_text(program)
    binary.chmod(0o755)
    listed = f"{hashlib.sha256(program.encode()).hexdigest()}  {binary.name}\n"
    return folder, base64.b64encode(hashlib.sha256(listed.encode()).digest()).decode()


class Operation:
    """Somebody who asks for a warm AWS provider in a workspace of their own."""

    def __init__(self, folder: Path, *, program: str = ANSWERING, digest: str = "", **environment: str) -> None:
        folder.mkdir(parents=True)
        self.directory, found = workspace(folder, program)
        self.files = root(locked=lock(AWS, digest=digest or found))
        self.environment = {"PATH": os.environ["PATH"], **environment}
        self.report = Recorder()

    def ask(self, pool: WarmProviders, stack: ExitStack) -> Loan:
        return stack.enter_context(pool.lent(self.files, self.directory, self.environment, self.report))


def pid_of(loan: Loan) -> int:
    return loan.providers[AWS]["Pid"]


def test_one_process_serves_one_operation_after_the_other(pool, tmp_path):
    pids = []
    for name in ("one", "two", "three"):
        with ExitStack() as stack:
            pids.append(pid_of(Operation(tmp_path / name).ask(pool(), stack)))

    assert 1 == len(set(pids))


def test_terraform_is_told_how_to_reach_it_and_not_to_end_it(pool, tmp_path):
    with ExitStack() as stack:
        loan = Operation(tmp_path / "one").ask(pool(), stack)
        told = json.loads(loan.begin_command()["TF_REATTACH_PROVIDERS"])

    address = told[AWS].pop("Addr")
    assert {"Protocol": "grpc", "ProtocolVersion": 5, "Pid": told[AWS]["Pid"], "Test": True} == told[AWS]
    assert address["Network"] == "unix"
    assert address["String"].startswith(str(pool().folder))


def test_each_command_is_led_to_the_types_first(pool, tmp_path):
    """Once it has been told of them, Terraform speaks to the provider itself; `test_warm_clouds` has it do so."""
    with ExitStack() as stack:
        loan = Operation(tmp_path / "one").ask(pool(), stack)
        loan.begin_command()
        way = Path(loan.providers[AWS]["Addr"]["String"])
        first = way.readlink()
        KeeperPaths(way.parent, way.stem).lead_to(tmp_path / "the provider")
        loan.begin_command()

    assert first == way.with_suffix(".schema") == way.readlink()


def test_two_operations_at_once_have_a_process_each(pool, tmp_path):
    with ExitStack() as stack:
        first, second = (Operation(tmp_path / name).ask(pool(2), stack) for name in ("one", "two"))

        assert pid_of(first) != pid_of(second)


def test_who_comes_when_all_are_lent_has_one_that_ends_with_the_operation(pool, tmp_path):
    with ExitStack() as first:
        kept = pid_of(Operation(tmp_path / "one").ask(pool(), first))
        with ExitStack() as stack:
            own = pid_of(Operation(tmp_path / "two").ask(pool(), stack))
            assert own != kept

        assert (False, True) == (is_gone(kept), is_gone(own))
    with ExitStack() as stack:
        assert pid_of(Operation(tmp_path / "three").ask(pool(), stack)) == kept


def test_who_comes_when_all_are_lent_waits_a_little_for_one(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(warm, "_PATIENCE_S", SOON_S)
    first = ExitStack()
    kept = pid_of(Operation(tmp_path / "one").ask(pool(), first))
    threading.Timer(0.3, first.close).start()
    with ExitStack() as stack:
        assert pid_of(Operation(tmp_path / "two").ask(pool(), stack)) == kept


def test_never_more_are_kept_than_there_is_room_for(pool, tmp_path):
    """Many ask at once, as two customers."""
    operations = [Operation(tmp_path / str(number), AWS_ACCESS_KEY_ID=str(number % 2)) for number in range(12)]

    def kept_beside(one: Operation) -> int:
        with ExitStack() as stack:
            assert not is_gone(pid_of(one.ask(pool(2), stack)))
            return sum(not path.name.startswith("own-") for path in pool().folder.glob("*.sock"))

    with ThreadPoolExecutor(6) as threads:
        assert max(threads.map(kept_beside, operations)) <= 2


def test_other_credentials_are_served_by_another_process_and_an_idle_one_makes_room(pool, tmp_path):
    with ExitStack() as stack:
        first = pid_of(Operation(tmp_path / "one", AWS_ACCESS_KEY_ID="one").ask(pool(), stack))
    with ExitStack() as stack:
        second = pid_of(Operation(tmp_path / "two", AWS_ACCESS_KEY_ID="two").ask(pool(), stack))
        eventually(lambda: is_gone(first))

        assert first != second


def test_where_a_keeper_listens_appears_when_it_does(tmp_path, monkeypatch):
    """Who is refused takes it for dead, and clears away what Terraform is about to connect to."""
    path, was_there = tmp_path / "one.sock", []

    class Watched(socket.socket):
        def listen(self, *backlog: int) -> None:
            was_there.append(path.exists())
            super().listen(*backlog)

    monkeypatch.setattr(keeper.socket, "socket", Watched)
    with keeper._listen(path), Watched(socket.AF_UNIX) as client:
        client.connect(str(path))

    assert [False] == was_there


def test_no_more_is_ended_than_makes_room(pool, tmp_path):
    """One of two customers' providers is left, and serves on."""
    with ExitStack() as stack:
        idle = {pid_of(Operation(tmp_path / name, AWS_ACCESS_KEY_ID=name).ask(pool(2), stack)) for name in ("a", "b")}
    with ExitStack() as stack:
        new = pid_of(Operation(tmp_path / "new", AWS_ACCESS_KEY_ID="c").ask(pool(2), stack))

    assert new not in idle
    assert 1 == sum(is_gone(pid) for pid in idle)


def test_the_provider_has_the_environment_of_its_terraform_and_no_other(pool, tmp_path, monkeypatch):
    monkeypatch.setenv("MCOP_RECORD_KEY", "x" * 32)
    with ExitStack() as stack:
        loan = Operation(tmp_path / "one", AWS_ACCESS_KEY_ID="one").ask(pool(), stack)
        has = names_in_environment(pid_of(loan))
        keeper_has = names_in_environment(parent_of(pid_of(loan)))

    assert {"PATH", "AWS_ACCESS_KEY_ID", "TMPDIR", "TF_PLUGIN_MAGIC_COOKIE", "PLUGIN_PROTOCOL_VERSIONS"} == has
    assert not {"AWS_ACCESS_KEY_ID", "MCOP_RECORD_KEY"} & keeper_has


def test_what_lies_where_terraform_works_is_found_by_the_same_relative_path(pool, tmp_path):
    """A module says `filename = "${path.module}/code.zip"`, and the provider opens that."""
    with ExitStack() as stack:
        one = Operation(tmp_path / "one")
        (one.directory / "module").mkdir()
        (one.directory / "module" / "code.zip").write_text("code")
        loan = one.ask(pool(), stack)
        seen = Path(f"/proc/{pid_of(loan)}/cwd/module/code.zip").read_text()
    with ExitStack() as stack:
        again = pid_of(Operation(tmp_path / "two").ask(pool(), stack))
        left = [entry.name for entry in Path(f"/proc/{again}/cwd/").iterdir() if entry.name == "module"]

    assert seen == "code"
    assert [] == left


def test_after_a_failure_in_the_middle_the_provider_ends(pool, tmp_path):
    with pytest.raises(RuntimeError), ExitStack() as stack:
        loan = Operation(tmp_path / "one").ask(pool(), stack)
        pid = pid_of(loan)
        raise RuntimeError

    eventually(lambda: is_gone(pid))
    eventually(lambda: not list(pool().folder.glob("*.sock")))


def test_after_a_terraform_that_failed_by_itself_it_is_lent_again(pool, tmp_path):
    with pytest.raises(RuntimeError), ExitStack() as stack:
        loan = Operation(tmp_path / "one").ask(pool(), stack)
        pid = pid_of(loan)
        loan.leave(is_sound=True)
        raise RuntimeError

    with ExitStack() as stack:
        assert pid_of(Operation(tmp_path / "two").ask(pool(), stack)) == pid


def test_it_is_lent_as_long_as_terraform_lives_and_ends_with_it(pool, tmp_path):
    """The runner dies, and its Terraform goes on; nobody says that it ended well."""
    with ExitStack() as stack:
        loan = Operation(tmp_path / "one").ask(pool(), stack)
        pid = pid_of(loan)
        terraform = subprocess.Popen(["sleep", "600"], pass_fds=loan.descriptors)
        loan.leave(is_sound=False)  # closes what the end of the runner's process would
        time.sleep(2 * keeper._LOOK_S)
        assert not is_gone(pid)
        assert pid_of(Operation(tmp_path / "two").ask(pool(), stack)) != pid

        terraform.kill()
        terraform.wait()
        eventually(lambda: is_gone(pid))


def test_a_provider_ends_with_its_keeper(pool, tmp_path):
    with ExitStack() as stack:
        pid = pid_of(Operation(tmp_path / "one").ask(pool(), stack))
        os.kill(parent_of(pid), signal.SIGKILL)
        eventually(lambda: is_gone(pid))
    with ExitStack() as stack:
        assert not is_gone(pid_of(Operation(tmp_path / "two").ask(pool(), stack)))

    assert 1 == len(list(pool().folder.glob("*.sock")))


def test_a_provider_that_died_is_not_lent(pool, tmp_path):
    with ExitStack() as stack:
        pid = pid_of(Operation(tmp_path / "one").ask(pool(), stack))
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not list(pool().folder.glob("*.sock")))

    with ExitStack() as stack:
        assert pid_of(Operation(tmp_path / "two").ask(pool(), stack)) != pid


def test_one_that_nobody_wants_ends(pool, tmp_path):
    with ExitStack() as stack:
        pid = pid_of(Operation(tmp_path / "one").ask(pool(idle_s=0.1), stack))
        time.sleep(2 * keeper._LOOK_S)
        assert not is_gone(pid)

    eventually(lambda: is_gone(pid))
    eventually(lambda: not list(pool().folder.glob("*.sock")))


@pytest.mark.parametrize(
    "how",
    [{"digest": "anothers"}, {"program": STRANGER}, {"program": "#!/bin/sh\nexit 1\n"}],
    ids=["not what was locked", "no provider", "fails"],
)
def test_what_cannot_be_kept_is_left_to_terraform(pool, tmp_path, how):
    with ExitStack() as stack:
        assert {} == Operation(tmp_path / "one", **how).ask(pool(), stack).begin_command()

    assert [] == list(pool().folder.glob("*.sock"))


def test_a_folder_that_others_may_look_into_is_not_used(pool, tmp_path):
    """It is said why, and Terraform starts its own provider."""
    pool().folder.mkdir(mode=0o755)
    with ExitStack() as stack:
        one = Operation(tmp_path / "one")

        assert {} == one.ask(pool(), stack).begin_command()
    assert "nobody else can read" in one.report.lines[-1][1]


def test_where_there_is_no_pool_terraform_starts_its_own(tmp_path):
    with ExitStack() as stack:
        assert {} == Operation(tmp_path / "one").ask(NO_POOL, stack).begin_command()


def test_an_operation_of_two_commands_has_one_of_its_own_that_ends_with_it(pool, tmp_path):
    """Where none are kept: nobody else is lent it, and it is gone when the operation is."""
    with ExitStack() as stack:
        first = pid_of(Operation(tmp_path / "one").ask(pool(0), stack))
        second = pid_of(Operation(tmp_path / "two").ask(pool(0), stack))
        assert first != second

    assert is_gone(first)
    assert is_gone(second)
    assert ["notes"] == [entry.name for entry in pool().folder.iterdir()]


def test_those_who_share_a_cache_share_a_pool(tmp_path):
    one, same, other = (WarmProviders.of(tmp_path / name, 1) for name in ("a", "a", "b"))

    assert one == same
    assert one.folder != other.folder
