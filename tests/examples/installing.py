"""The packages of docs/examples, installed with pip where nothing else is."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "mcop-engine-files"
ALONE = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]


def install(package: Path, target: Path) -> Path:
    """Install *package* into the folder *target*, without asking any registry; return that folder."""
    command = [sys.executable, "-m", "pip", "install", *ALONE, "--target", str(target), str(package)]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return target


@contextmanager
def found(target: Path) -> Iterator[None]:
    """Inside the block, this process and those that it starts find what is installed in *target*."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(target)
        patch.setenv("PYTHONPATH", str(target))
        yield
    names = {path.stem for path in target.iterdir()}
    for name in [name for name in set(sys.modules) - before if name.partition(".")[0] in names]:
        del sys.modules[name]
