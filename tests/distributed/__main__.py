"""
`python -m tests.distributed [pytest's arguments]`: run the distributed tests on a network of their own.

Services then listen where docker-compose.yaml says, on ports and addresses that nobody else on this machine sees or
has taken.
"""

import fcntl
import os
import shutil
import signal
import socket
import struct
import sys
from pathlib import Path

INSIDE = "MCOP_TESTS_INSIDE"
_UP, _FLAGS = 0x1, (0x8913, 0x8914)


def main(arguments: list[str]) -> int:
    if INSIDE not in os.environ:
        enter(arguments)
    raise_loopback()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # pytest then stops the services
    import pytest

    return int(pytest.main(["-m", "distributed", "-v", str(Path(__file__).parent), *arguments]))


def enter(arguments: list[str]) -> None:
    """Begin again in namespaces of this run's own; whoever is not root gets them as a user of its own."""
    program = shutil.which("unshare")
    if program is None:
        sys.exit("the distributed tests need `unshare` (util-linux) and Linux's namespaces")
    own_user = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
    again = [sys.executable, "-m", "tests.distributed", *arguments]
    os.execve(program, [program, *own_user, "--net", "--mount", *again], {**os.environ, INSIDE: "1"})


def raise_loopback() -> None:
    """Set the loopback interface up: a new network namespace has it down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH22x", b"lo", 0)
        flags = struct.unpack("16sH22x", fcntl.ioctl(any_socket, _FLAGS[0], request))[1]
        fcntl.ioctl(any_socket, _FLAGS[1], struct.pack("16sH22x", b"lo", flags | _UP))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
