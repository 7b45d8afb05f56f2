"""A guide's commands, run as a person would type them in the project's folder."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.docs.blocks import Block, blocks


def follow(page: Path, checkout: Path, *, before: str = "") -> Iterator[str]:
    """
    Write the files of *page*, run its `bash` blocks, and yield what each printed.

    Args:
        before: What is typed before each block.
    """
    for block in blocks(page):
        if block.file:
            write(block, checkout)
        elif block.language == "bash":
            yield shell(f"{before}\n{block.text}", checkout)


def write(block: Block, checkout: Path) -> None:
    """Write the file that *block* is."""
    path = checkout / block.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text)


def shell(text: str, folder: Path, *, timeout_s: float = 400) -> str:
    """Run *text* in *folder* and return what it printed; it must succeed, and in time."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MCOP_", "AIRFLOW"))}
    try:
        finished = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as late:
        raise AssertionError(f"not ended after {timeout_s} s:\n{text}\n{(late.stdout or b'').decode()}") from late
    printed = finished.stdout.decode()
    assert finished.returncode == 0, f"{text}\n{printed}"
    return printed
