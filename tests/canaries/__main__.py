"""
`python -m tests.canaries`: send the canaries through every door, search every sink, print the table.

Exit code 0 only if no canary stands outside of the state, every one that belongs there stands in it, and the search
found a canary that was planted in each sink.
"""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.canaries.sinks import search
from tests.canaries.world import AT_REST, SINKS, STATE, canaries

EVERY_S = 0.02
"""How often the command lines of all processes are read, seconds."""

Found = dict[str, dict[str, list[str]]]


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="mcop-canaries-") as name:
        sinks = run(Path(name))
        found = search(sinks, canaries())
        print(table(found))
        problems = [*leaks(found), *missing(found), *blind(sinks)]
    print("\n".join(problems) or "hits outside of the state: 0")
    return 1 if problems else 0


def run(folder: Path) -> dict[str, Path]:
    """Have the canaries fly in *folder*; return sink -> where it was written down."""
    log = folder / "task log"
    with log.open("wb") as out, command_lines(folder / "command lines"):
        world = [sys.executable, "-m", "tests.canaries.world", str(folder)]
        code = subprocess.run(world, stdout=out, stderr=out, check=False).returncode
    assert code == 0, log.read_text(errors="replace")[-5000:]
    lines = (folder / "command lines").read_bytes()
    assert all(seen in lines for seen in (b"mcop_core.runner.main", b"apply\0-input=false")), "nothing was sampled"
    places = {"task log": log, "command lines": folder / "command lines", "work and cache folders": folder / "work"}
    written = {sink: folder / "sinks" / sink for sink in SINKS if sink not in places}
    return {sink: {**places, **written}[sink] for sink in SINKS}


@contextmanager
def command_lines(file: Path) -> Iterator[None]:
    """Write every command line that any process has during the block to *file*."""
    ended, seen = threading.Event(), set[bytes]()

    def sample() -> None:
        while not ended.is_set():
            for process in (path for path in Path("/proc").iterdir() if path.name.isdigit()):
                with suppress(OSError):  # it has ended
                    seen.add((process / "cmdline").read_bytes())
            time.sleep(EVERY_S)

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield
    finally:
        ended.set()
        sampler.join()
        file.write_bytes(b"\n".join(sorted(seen)))


def leaks(found: Found) -> list[str]:
    """Say what stands outside of the state."""
    return [
        f"LEAK {name} in {sink}: {', '.join(files)}"
        for sink, its in found.items()
        if sink != STATE
        for name, files in its.items()
    ]


def missing(found: Found) -> list[str]:
    """Say which canaries never arrived, so that finding none of them elsewhere means nothing."""
    return [f"NEVER ARRIVED {name}" for name in sorted(AT_REST - found[STATE].keys())]


def blind(sinks: Mapping[str, Path]) -> list[str]:
    """Plant a canary in each sink; say in which the search does not see it."""
    planted, seen = {"planted": "0planted0canary0"}, []
    for place in sinks.values():
        file = place if place.is_file() else place / "planted"
        file.write_bytes((file.read_bytes() if file.exists() else b"") + planted["planted"].encode())
    found = search(sinks, planted)
    seen = [sink for sink, its in found.items() if its]
    return [f"NOT SEARCHED {sink}" for sink in sinks if sink not in seen]


def table(found: Found) -> str:
    """Return the table: one row a canary, one column a sink; the number of files that hold it."""
    names = list(canaries())
    width = max(map(len, names))
    lines = [f"{'':{width}}  " + " ".join(f"{number:>2}" for number, _ in enumerate(found, 1))]
    for name in names:
        counts = [len(its.get(name, ())) for its in found.values()]
        lines.append(f"{name:{width}}  " + " ".join(f"{count or '.':>2}" for count in counts))
    legend = [f"{number:>2} {sink}" for number, sink in enumerate(found, 1)]
    return "\n".join([*lines, "", *legend])


if __name__ == "__main__":
    sys.exit(main())
