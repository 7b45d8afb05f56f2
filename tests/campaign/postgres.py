"""A Postgres server that can die."""

import os
import signal
import subprocess
import time
from pathlib import Path

from mcop_core.embedded.processes import start_mark
from tests.campaign.machine import children
from tests.emulators import free_port


class Postgres:
    """
    A server in *folder* that can be killed, or stopped as if the power went.

    It refuses to be root's, so it is nobody's, who must be let into the folders above.

    Args:
        port: A free one by default.
        options: Further ones of the server's command line.
    """

    def __init__(self, folder: Path, *, port: int = 0, options: str = "") -> None:
        self._data, self._port, self._options = folder / "data", port or free_port(), options
        self._user = {"user": "nobody"} if os.geteuid() == 0 else {}
        folder.mkdir()
        folder.chmod(0o777)
        self._run("initdb", "-D", str(self._data), "-U", "airflow", "-A", "trust", "--no-sync")
        self.start()
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self._port), "-U", "airflow", "airflow")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg2://airflow@127.0.0.1:{self._port}/airflow"

    def start(self) -> None:
        """Start it; it repairs its data by itself."""
        where = f"-p {self._port} -k '' -c listen_addresses=127.0.0.1 {self._options}"
        self._control("start", "-o", where, "-l", f"{self._data}.log")

    def stop(self) -> None:
        """Stop it without a checkpoint."""
        self._control("stop", "-m", "immediate")

    def kill(self) -> int:
        """Kill its first process, `kill -9`; the others end when they see that. Return how many there were."""
        note = self._data / "postmaster.pid"
        first = int(note.read_text().split()[0])
        others = children(first)
        os.kill(first, signal.SIGKILL)
        while any(map(start_mark, [first, *others])):
            time.sleep(0.1)
        note.unlink()  # a zombie keeps its pid until somebody collects it, and would count as another server
        return 1 + len(others)

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-w", "-D", str(self._data), *arguments)

    def _run(self, *command: str) -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **self._user)
