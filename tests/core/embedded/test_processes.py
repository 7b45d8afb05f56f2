import os
import signal
import socket
import time

import pytest

from mcop_core.embedded.processes import (
    Register,
    Started,
    await_end,
    choose_ports,
    is_free,
    session_members,
    start_mark,
    tail,
    terminate,
    wait_until_healthy,
)
from mcop_core.errors import EngineFailed
from tests.core.embedded.conftest import IGNORE, SLEEP


def until(condition):
    while not condition():
        time.sleep(0.02)


def test_a_component_runs_in_a_session_of_its_own(register, python):
    """A signal to the terminal's processes does not reach it."""
    started = register.start(python(SLEEP))

    assert os.getsid(started.pid) == started.pid
    assert started.is_alive


def test_a_component_has_the_environment_it_was_given_and_no_other(register, python, monkeypatch):
    """Nothing of the caller's environment goes in by itself."""
    monkeypatch.setenv("AWS_PROFILE", "work")
    component = python("import os; print(sorted(os.environ))", environment={"MINE": "1"})
    started = register.start(component)
    until(lambda: not started.is_alive)

    assert "'MINE', 'PATH'" in component.log.read_text()
    assert "AWS_PROFILE" not in component.log.read_text()


def test_what_was_started_is_found_again(register, python):
    """Another call reads the same processes from the file."""
    started = register.start(python(SLEEP))
    register.ports = {"api": 1234}
    register.save()

    again = Register.load(register.path)
    assert (again.components, again.ports) == ({"part": started}, {"api": 1234})
    assert again.components["part"].is_alive


def test_the_register_is_private(register, python):
    """Only its owner reads what was started."""
    register.start(python(SLEEP))

    assert register.path.stat().st_mode & 0o777 == 0o600


def test_a_program_that_is_not_there_cannot_be_started(register, python):
    """The part is named, and nothing is written down as running."""
    component = python(SLEEP)
    missing = type(component)("part", ("/no/such/program",), {}, {}, component.log)

    with pytest.raises(EngineFailed, match="part cannot be started"):
        register.start(missing)
    assert register.components == {}


def test_stopping_ends_the_process_and_forgets_it(register, python):
    """After a stop there is no process and no entry."""
    started = register.start(python(SLEEP))
    register.stop("part")

    assert not started.is_alive
    assert Register.load(register.path).components == {}


def test_stopping_what_does_not_run_is_nothing(register):
    """A stop can be repeated."""
    register.stop("part")

    assert register.components == {}


def test_a_deaf_process_is_killed(register, python):
    """What does not heed SIGTERM is killed when its time is over."""
    component = python(IGNORE, stop_s=0.5)
    started = register.start(component)
    until(lambda: "deaf" in component.log.read_text())
    register.stop("part")

    assert not started.is_alive


def test_children_do_not_outlive_their_component(register, python):
    """What a process leaves behind in its session is killed, though it ignores signals and has a group of its own."""
    child = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {IGNORE!r}], process_group=0)"
    component = python(f"{child}; {SLEEP}")
    started = register.start(component)
    until(lambda: len(session_members(started.pid)) == 2 and "deaf" in component.log.read_text())
    register.stop("part")

    assert session_members(started.pid) == {}


def test_orphans_of_a_killed_component_are_killed(register, python):
    """A component that was killed from outside leaves children; stopping it ends them."""
    child = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {IGNORE!r}])"
    component = python(f"{child}; {SLEEP}")
    started = register.start(component)
    until(lambda: "deaf" in component.log.read_text())
    os.kill(started.pid, signal.SIGKILL)
    until(lambda: not started.is_alive)
    assert len(session_members(started.pid)) == 1

    register.stop("part")
    assert session_members(started.pid) == {}


def test_a_recycled_pid_is_not_killed(register, python):
    """A process that has the pid of a component but started at another moment is somebody else's."""
    stranger = register.start(python(SLEEP))
    recycled = Started("old", stranger.pid, "another moment", "", stranger.log)

    terminate(recycled)
    await_end(recycled)

    assert not recycled.is_alive
    assert stranger.is_alive


def test_a_process_that_ended_has_no_mark(register, python):
    """A process that was not waited for is not taken for alive."""
    started = register.start(python("pass"))
    until(lambda: start_mark(started.pid) is None)

    assert not started.is_alive


def test_one_signal_is_sent(register, python):
    """Asking twice signals once: the second signal would mean "at once" to many a program."""
    program = "import signal, time\nsignal.signal(15, lambda *_: print('asked', flush=True))\nprint('up', flush=True)\n"
    component = python(program + "while True: time.sleep(0.05)", stop_s=0.5)
    register.start(component)
    until(lambda: "up" in component.log.read_text())
    register.ask_to_stop("part")
    register.ask_to_stop("part")
    register.stop("part")

    assert component.log.read_text().split() == ["up", "asked"]


def test_health_is_waited_for(register, python):
    """Waiting ends when the part says that it is healthy."""
    component = python(f"print('ready', flush=True); {SLEEP}")
    started = register.start(component)

    wait_until_healthy([started], lambda: "ready" in component.log.read_text(), timeout_s=30)
    assert started.is_alive


def test_a_part_that_dies_is_told_at_once(register, python):
    """A dead part is named, with its log and the end of it; nobody waits for its time to be over."""
    component = python("raise SystemExit('no such table: dag')")
    started = register.start(component)

    with pytest.raises(EngineFailed) as caught:
        wait_until_healthy([started], lambda: False, timeout_s=600)
    assert "part has stopped" in caught.value.message
    assert str(component.log) in caught.value.message
    assert "  no such table: dag" in caught.value.message


def test_a_part_that_stays_unhealthy_is_told(register, python):
    """Time over, the parts are named with their logs."""
    started = register.start(python(SLEEP))
    ticks = iter(range(100))

    with pytest.raises(EngineFailed, match="part: not healthy after 3 s"):
        wait_until_healthy([started], lambda: False, timeout_s=3, clock=lambda: next(ticks))


def test_the_end_of_a_long_log(tmp_path):
    """Of a long log the last lines are shown; a log that is not there or empty is no fault."""
    log = tmp_path / "log"
    assert tail(log) == "  (no log)"
    log.write_text("")
    assert tail(log) == "  (empty log)"
    log.write_text("".join(f"{number}\n" for number in range(50_000)))
    assert tail(log, 2) == "  49998\n  49999"


def test_ports_are_kept_if_they_are_free(python):
    """A restarted stack has its addresses again, unless somebody took them."""
    before = choose_ports(["api", "logs"], {})
    assert choose_ports(["api", "logs"], before) == before

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", before["api"]))
        taken.listen()
        after = choose_ports(["api", "logs"], before)

        assert not is_free(before["api"])
        assert after["logs"] == before["logs"]
        assert after["api"] != before["api"]


def test_two_names_never_share_a_port():
    """A port that was recorded twice is given once."""
    port = choose_ports(["api"], {})["api"]

    assert len(set(choose_ports(["a", "b"], {"a": port, "b": port}).values())) == 2


def test_the_fingerprint_is_of_what_decides(python):
    """Another command, variable or version makes another component; another terminal does not."""
    base = python(SLEEP, environment={"A": "1"})
    same = type(base)(base.name, base.command, {"A": "1"}, {"PATH": "/elsewhere"}, base.log)

    assert same.fingerprint == base.fingerprint
    assert python(SLEEP, environment={"A": "2"}).fingerprint != base.fingerprint
    assert python(SLEEP, environment={"A": "1"}, version="2").fingerprint != base.fingerprint
    assert python("pass", environment={"A": "1"}).fingerprint != base.fingerprint
