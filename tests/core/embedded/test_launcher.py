import subprocess
import sys

from mcop_core.embedded import launcher
from mcop_core.embedded.tools import find_library


def test_the_launcher_stands_alone():
    """Its file runs on an interpreter that has no packages; the exit code is Terraform's."""
    command = (sys.executable, "-I", "-S", launcher.__file__, str(find_library()), "no-such-command")
    done = subprocess.run(command, capture_output=True, text=True, env={}, check=False)

    assert done.returncode == 1
    assert 'Terraform has no command named "no-such-command"' in done.stderr
