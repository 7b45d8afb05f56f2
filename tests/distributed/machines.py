"""
Services of docker-compose.yaml as processes: each has a process table, a host name and a disk of its own.

What differs from containers is said in `Machines`; all else, commands and variables, is what the file says.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from tests.campaign.postgres import Postgres
from tests.distributed.compose import ROOT, Service

_BIN = Path(sys.executable).parent
_START_S = 240.0
EMULATOR = "172.31.250.10"
_OTHERS = ("postgres", "redis", "emulator")
"""Services that listen on 127.0.0.1, and need not know what they are called."""
_FOLDERS = {"/var/lib/mcop": "lib", "/var/cache/mcop": "cache", "/var/log/airflow": "log", "/opt/airflow": "home"}
"""Where a container has a volume -> the folder of the service's disk."""

# The first process of a service's machine: names it, hides the other disks, and collects orphans, as `init: true` does.
_INIT = """
hostname "$1"; mount --bind "$2" /etc/hosts; shift 2
while [ "$1" != -- ]; do mount -t tmpfs -o mode=000 none "$1"; shift; done; shift
trap 'kill -TERM "$main"' TERM
"$@" & main=$!
wait "$main"; code=$?
while kill -0 "$main" 2>/dev/null; do wait "$main"; code=$?; done
exit "$code"
"""


class Machines:
    """
    The machines of one run, below *folder*.

    What differs from containers: paths are those of the service's disk in place of its volumes, and the emulator's
    address is 127.0.0.1; the code is this checkout and not an image's; both workers' log servers would listen on one
    port, so that the second has another; Postgres is the one that this machine has; nothing limits memory and
    processors.
    """

    def __init__(self, folder: Path, services: Mapping[str, Service]) -> None:
        self.folder = folder
        self.services = services
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._postgres: Postgres | None = None
        self.dags = folder / "dags"
        folder.chmod(0o755)
        shutil.copytree(ROOT / "dags", self.dags, ignore=shutil.ignore_patterns("__pycache__"))
        # An address each, so that looking up one's own gives one's own name, as on Docker's network.
        own = [f"127.0.1.{number} {name}" for number, name in enumerate(services, 1) if name not in _OTHERS]
        (folder / "hosts").write_text("\n".join([f"127.0.0.1 localhost {' '.join(_OTHERS)}", *own, ""]))

    def disk(self, name: str) -> Path:
        return self.folder / "disks" / name

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def start(self, name: str) -> None:
        """Start a service; what it needs must be up."""
        service = self.services[name]
        for part in ("lib", "cache", "log", "home", "tmp"):
            (self.disk(name) / part).mkdir(parents=True, exist_ok=True)
        if name == "postgres":
            options = " ".join(service.command[1:])
            self._postgres = Postgres(self.disk(name) / "lib" / "server", port=5432, options=options)
            return
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                self._inside(name, [self._here(name, word) for word in service.command]),
                env=self.environment(name),
                cwd=self.disk(name) / "home",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def finish(self, name: str) -> None:
        """Run a service that ends to its end; its log is in the error if it fails."""
        self.start(name)
        code = self._running.pop(name).wait(timeout=_START_S)
        assert code == 0, f"{name} ended with {code}:\n{self.log(name).read_text()[-4000:]}"

    def await_health(self, *names: str) -> None:
        """Ask each service's health check, as the file has it, until it is good."""
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._await_health, names))

    def _await_health(self, name: str) -> None:
        ends = time.monotonic() + _START_S
        while not self.is_healthy(name):
            self.check_alive()
            assert time.monotonic() < ends, f"{name} is not healthy:\n{self.log(name).read_text()[-4000:]}"
            time.sleep(1)

    def check_alive(self) -> bool:
        """Fail, with the end of its log, if a service has ended that was not to."""
        ended = [name for name, process in self._running.items() if process.poll() is not None]
        logs = "\n".join(f"{name} has ended:\n{self.log(name).read_text()[-4000:]}" for name in ended)
        assert not ended, logs
        return True

    def is_healthy(self, name: str) -> bool:
        """Whether the service's health check is good now."""
        health = self.services[name].health
        assert health is not None, f"{name} has no health check"
        command = [self._here(name, word) for word in health]
        asked = subprocess.run(
            self._entered(name, command), env=self.environment(name), cwd=self.folder, capture_output=True, timeout=120
        )
        return asked.returncode == 0

    def environment(self, name: str) -> dict[str, str]:
        """Return the service's variables, and what a container has beside them."""
        given = {key: self._here(name, text) for key, text in self.services[name].environment.items()}
        second = {"AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": "8795"} if name == "worker-2" else {}
        system = {
            "PATH": f"{_BIN}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "HOSTNAME": name,
            "TMPDIR": str(self.disk(name) / "tmp"),
            "HOME": str(self.disk(name) / "home"),
        }
        return {**system, **given, **second}

    def pids(self, name: str) -> dict[int, list[str]]:
        """Return the processes of a service's machine, by this machine's pids, with their command lines."""
        first = self._running[name].pid
        found, ahead = {}, [first]
        while ahead:
            pid = ahead.pop()
            with suppress(OSError):
                found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            with suppress(OSError):
                tasks = Path(f"/proc/{pid}/task").glob("*/children")
                ahead += [int(child) for path in tasks for child in path.read_text().split()]
        return found

    def burn_down(self, name: str) -> None:
        """End every process of a service's machine at once, and remove its disk."""
        process = self._running.pop(name)
        (init,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(init), signal.SIGKILL)  # the first process of a process table: the kernel kills the others
        process.wait(timeout=60)
        shutil.rmtree(self.disk(name))

    def stop(self) -> None:
        """End everything."""
        for name in [name for name in self._running if name != "emulator"] + ["emulator"]:
            process = self._running.pop(name, None)
            if process is not None and process.poll() is None:
                process.kill()
                process.wait(timeout=60)
        if self._postgres:
            self._postgres.stop()

    # -- one machine ---------------------------------------------------------------------------------------

    def _here(self, name: str, text: str) -> str:
        """Return *text* with a container's paths as they are here."""
        moved = {inside: str(self.disk(name) / own) for inside, own in _FOLDERS.items()}
        code = {"/opt/mcop/dags": str(self.dags), "/opt/mcop": str(ROOT)}
        for inside, own in {**moved, **code, EMULATOR: "127.0.0.1"}.items():
            text = text.replace(inside, own)
        return text

    def _inside(self, name: str, command: Sequence[str]) -> list[str]:
        hidden = [str(self.disk(other)) for other in self.services if other != name]
        for path in hidden:
            Path(path).mkdir(parents=True, exist_ok=True)
        namespaces = ("unshare", "--uts", "--pid", "--mount", "--mount-proc", "--fork", "--kill-child")
        return [*namespaces, "bash", "-c", _INIT, "init", name, str(self.folder / "hosts"), *hidden, "--", *command]

    def _entered(self, name: str, command: Sequence[str]) -> list[str]:
        process = self._running.get(name)
        if process is None:
            return list(command)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return (
            ["nsenter", "--uts", "--pid", "--mount", "--target", children[0], "--", *command] if children else ["false"]
        )
