"""
EDGE subprocess: the Terraform binary, run to its end or followed while it works.

How it is run decides whether resources are lost (`docs/decisions`, faults F01 to F06):

* a process of its own session, so that no signal to the caller's group reaches it or its providers;
* its output goes to files, not pipes: when the process that follows it dies, Terraform neither notices nor
  dies of a broken pipe, and whoever comes next finds it by its command line and follows on;
* it is stopped by one SIGINT to its own pid, never by SIGTERM, never by a second SIGINT.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcop_core.errors import Cancelled, EngineFailed
from mcop_core.telemetry import Begun, begin, span

PLAN_FILE = "mcop.tfplan"
IMPORT_FILE = "mcop-import.tf.json"
IMPORT_PLAN_FILE = "mcop-import.tfplan"
_SPAN = "terraform"
"""Operation of the spans of its commands; OpenTofu's are called so, too."""
POLL_S = 0.05
"""How often a followed process's files are looked at, seconds."""


@dataclass(frozen=True, slots=True)
class Finished:
    """
    A command that ran to its end.

    Attributes:
        exit_code: Negative: the number of the signal that killed it.
    """

    exit_code: int
    stdout: str
    stderr: str


def run(binary: str, args: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> Finished:
    """
    Run a short command to its end, in a session of its own, with nothing on its input.

    Args:
        environment: All of it; nothing is inherited.

    Raises:
        EngineFailed: The binary cannot be started.
    """
    with span(_SPAN, command=next(iter(args), "")) as told:
        try:
            done = subprocess.run(
                [binary, *args],
                cwd=cwd,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                start_new_session=True,
                check=False,
            )
        except OSError as error:
            raise _cannot_start(binary, error) from error
        if done.returncode:
            told.fail(_ended(done.returncode))
    return Finished(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def _ended(exit_code: int | None) -> str:
    """Return what a trace says of an exit code; empty for success, and where nobody can ask for one."""
    return f"exit code {exit_code}" if exit_code else ""


def show_plan(binary: str, plan_file: str, *, cwd: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """
    Return what `terraform show -json` prints of a plan file; it holds sensitive values in clear.

    Raises:
        EngineFailed: The file cannot be read.
    """
    shown = run(binary, ["show", "-json", plan_file], cwd=cwd, environment=environment)
    if shown.exit_code != 0:
        raise failure(binary, "show", shown.exit_code, (), shown.stderr)
    document: dict[str, Any] = json.loads(shown.stdout)
    return document


def read_plan(
    binary: str, plan_file: str, versions: Mapping[str, str], *, cwd: Path, environment: Mapping[str, str]
) -> dict[str, Any]:
    """
    Return what `show_plan` does of a plan file, as far as MCOP reads that; `show` is asked where it must be.

    Args:
        versions: Tool -> version, as the process that wrote the file said.

    Raises:
        EngineFailed: As `show_plan`.
    """
    # Imported here: an apply without a gate reads no plan.
    from mcop_core.engines.terraform.plan_file import Unreadable, read_document

    try:
        return read_document((cwd / plan_file).read_bytes(), versions)
    except (Unreadable, OSError):
        return show_plan(binary, plan_file, cwd=cwd, environment=environment)


def _cannot_start(binary: str, error: OSError) -> EngineFailed:
    return EngineFailed(
        f"{binary} cannot be started: {error.strerror}. Set MCOP_TERRAFORM to the path of Terraform or OpenTofu, and "
        "MCOP_OPENTOFU to that of OpenTofu for adapters that ask for it.",
        diagnostics=(),
        hint="The binary is named by MCOP_TERRAFORM, or MCOP_OPENTOFU.",
    )


class Process:
    """
    A Terraform command that is followed while it works: started here, or found running.

    Its standard output goes to `<name>.out` and its errors to `<name>.err` in its directory, mode 0600.

    Attributes:
        pid: Terraform's own process id.
    """

    def __init__(
        self,
        pid: int,
        directory: Path,
        name: str,
        child: subprocess.Popen[bytes] | None,
        begun: Begun | None = None,
    ) -> None:
        self.pid = pid
        self._begun = begun
        self._directory = directory
        self._name = name
        self._child = child
        self._interrupted = False

    @classmethod
    def start(
        cls,
        binary: str,
        args: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        name: str,
        descriptors: Sequence[int] = (),
    ) -> Process:
        """
        Start `binary -chdir=<directory> args…` in its own session.

        Args:
            directory: The root module, absolute: also how `find` recognises the process.
            environment: All of it; nothing is inherited.
            name: Of the output files; what they held is lost.
            descriptors: What it inherits beside its input and output.

        Raises:
            EngineFailed: The binary cannot be started.
        """
        out, err = (_private_file(directory / f"{name}.{end}") for end in ("out", "err"))
        try:
            child = subprocess.Popen(
                [binary, f"-chdir={directory}", *args],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                umask=0o077,
                pass_fds=descriptors,
            )
        except OSError as error:
            raise _cannot_start(binary, error) from error
        finally:
            os.close(out)
            os.close(err)
        return cls(child.pid, directory, name, child, begin(_SPAN, command=next(iter(args), "")))

    @classmethod
    def find(cls, directory: Path, *, name: str) -> Process | None:
        """Return the Terraform that works in *directory*, started by somebody who is gone; None if none does."""
        pids = pids_by_argument(f"-chdir={directory}")
        return cls(pids[0], directory, name, None) if pids else None

    def lines(self, cancelled: Callable[[], bool], *, idle: Callable[[], None] = lambda: None) -> Iterator[str]:
        """
        Yield each line of standard output from the first on, until the process has ended.

        Args:
            cancelled: Asked several times a second; once True the process gets its one SIGINT.
            idle: Called as often, for what else must be looked after.
        """
        with (self._directory / f"{self._name}.out").open(errors="replace") as stream:
            pending = ""
            while True:
                ended = not self.is_running()
                for part in stream:
                    pending += part
                    if pending.endswith("\n"):
                        yield pending.rstrip("\n")
                        pending = ""
                if ended:
                    break
                if cancelled():
                    self.interrupt()
                idle()
                time.sleep(POLL_S)
        if self._begun:
            self._begun.end(_ended(self.exit_code))
        if pending:
            yield pending

    def interrupt(self) -> None:
        """Send SIGINT to Terraform's own pid, once; called again it does nothing."""
        if self._interrupted:
            return
        self._interrupted = True
        if self.is_running():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGINT)

    def is_running(self) -> bool:
        """Whether the process has not ended yet."""
        if self._child is not None:
            return self._child.poll() is None
        return self.pid in pids_by_argument(f"-chdir={self._directory}")

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs, and for a found process, which nobody can ask."""
        return self._child.poll() if self._child is not None else None

    @property
    def stderr(self) -> str:
        """What it wrote to standard error so far."""
        path = self._directory / f"{self._name}.err"
        return path.read_text(errors="replace") if path.exists() else ""


def _private_file(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def pids_by_argument(argument: str) -> list[int]:
    """Return the processes of this machine that have *argument* on their command line, zombies left out."""
    return _pids(lambda words: argument in words)


def pids_by_prefix(prefix: str) -> list[int]:
    """Return those that have an argument which begins with *prefix*."""
    return _pids(lambda words: any(word.startswith(prefix) for word in words))


def _pids(is_meant: Callable[[list[str]], bool]) -> list[int]:
    proc = Path("/proc")
    if not (proc / "self" / "cmdline").exists():
        return _pids_by_ps(is_meant)
    return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit() and is_meant(_arguments(entry))]


def _arguments(entry: Path) -> list[str]:
    try:
        data = (entry / "cmdline").read_bytes()  # a zombie's is empty
    except OSError:
        return []
    return os.fsdecode(data).split("\0")


def _pids_by_ps(is_meant: Callable[[list[str]], bool]) -> list[int]:
    listed = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True)  # noqa: S607
    split = (line.split() for line in listed.stdout.splitlines())
    return [int(words[0]) for words in split if is_meant(words[1:])]


# -- what went wrong -----------------------------------------------------------------------------------

_HINTS = (
    (("no space left on device",), "The worker's disk is full: make room under MCOP_WORK_DIR and run the step again."),
    (("error acquiring the state lock", "resource temporarily unavailable"), "Another Terraform works on this state."),
    (
        ("failed to query available provider packages", "does not match any of the checksums", "missing provider"),
        "The provider is not where Terraform looks: check MCOP_TERRAFORM_PLUGIN_MIRROR, or publish the primitive "
        "again so that its provider lock is renewed.",
    ),
    (("required plugins are not installed",), "The provider mirror changed under the run: run the step again."),
    (
        (
            "no valid credential sources",
            "expiredtoken",
            "requestexpired",
            "invalidclienttokenid",
            "authfailure",
            "unable to locate cred",
        ),
        "The credentials are missing or have run out: the runner hands on the AWS_* variables of the worker.",
    ),
    (("accessdenied", "unauthorizedoperation", "not authorized to perform"), "The role lacks a permission."),
    (("nosuchbucket",), "The bucket does not exist in this account and region."),
    (
        ("connection refused", "no such host", "i/o timeout", "context deadline exceeded"),
        "The cloud's endpoint did not answer: check the network, and AWS_ENDPOINT_URL if it is set.",
    ),
    (
        ("alreadyexists", "already exists", "entityalreadyexists", "bucketalreadyownedbyyou"),
        "Something of this name exists outside this state: import it, or choose another name.",
    ),
    (("requestlimitexceeded", "throttling", "too many requests"), "The cloud throttles: run the step again later."),
)


def hint_for(text: str) -> str:
    """Return what MCOP knows about an error with *text* in it; empty when it knows nothing."""
    low = text.lower()
    return next((hint for signs, hint in _HINTS if any(sign in low for sign in signs)), "")


def failure(
    binary: str, command: str, exit_code: int | None, diagnostics: Sequence[Mapping[str, str]], stderr: str
) -> EngineFailed:
    """
    Return the error for a command that failed.

    Args:
        binary: What ran, named in the error: Terraform or OpenTofu.
        command: `init`, `apply`, `destroy`.
        diagnostics: `{"summary", "detail", "where"}` each, as Terraform said them, masked.
        stderr: What it wrote beside, masked; used when there are no diagnostics.
    """
    said = "; ".join(_sentence(entry) for entry in diagnostics) or _last_lines(stderr) or "it gave no reason"
    ended = _ending(exit_code)
    hint = hint_for(" ".join([said, *(entry["detail"] for entry in diagnostics)])) or _killed_hint(exit_code)
    text = f"{Path(binary).name} {command} {ended}: {said}" + (f" Hint: {hint}" if hint else "")
    return EngineFailed(text, diagnostics=tuple(dict(entry) for entry in diagnostics), hint=hint, exit_code=exit_code)


def cancelled(command: str) -> Cancelled:
    """Return the error for a command that a person stopped."""
    return Cancelled(f"{command} was cancelled; what it had done is in the state, and the lock is free")


def _sentence(entry: Mapping[str, str]) -> str:
    where = f"{entry['where']}: " if entry["where"] else ""
    return where + entry["summary"] + (f": {entry['detail']}" if entry["detail"] else "")


def _ending(exit_code: int | None) -> str:
    if exit_code is None:
        return "ended unseen"
    return f"failed with exit code {exit_code}" if exit_code >= 0 else f"was killed by signal {-exit_code}"


def _killed_hint(exit_code: int | None) -> str:
    if exit_code is not None and -exit_code == signal.SIGKILL:
        return "The machine may have run out of memory; run the step again, it goes on from the state."
    return ""


def _last_lines(text: str) -> str:
    lines = [line.strip("│╷╵ ") for line in text.splitlines()]
    return " ".join([line for line in lines if line][-12:])
