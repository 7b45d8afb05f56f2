"""A guide's commands, run as a person would type them in the project's folder."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.docs.blocks import blocks


def follow(page: Path, checkout: Path, *, before: str = "") -> Iterator[str]:
    """
    Write the files of *page*, run its `bash` blocks, and yield what each printed.

    Args:
        before: What is typed before each block.
    """
    for block in blocks(page):
        if block.file:
            path = checkout / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
        elif block.language == "bash":
            yield shell(f"{before}\n{block.text}", checkout)


def shell(text: str, folder: Path) -> str:
    """Run *text* in *folder* and return what it printed; it must succeed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MCOP_", "AIRFLOW"))}
    finished = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert finished.returncode == 0, f"{text}\n{finished.stdout}\n{finished.stderr}"
    return finished.stdout + finished.stderr
