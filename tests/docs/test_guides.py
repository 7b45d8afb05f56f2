"""The guides' blocks are run as they stand, in their order; links and commands lead somewhere."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.blocks import blocks

ROOT = Path(__file__).parents[2]
TOP = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG", "SECURITY")]
PAGES = [*TOP, *sorted((ROOT / "docs").rglob("*.md"))]
HEAD = re.compile(r"[A-Z][A-Z-]*(?: [A-Z-]+)*(?: {2,}[A-Z][A-Z-]*(?: [A-Z-]+)*)+ *")
"""The first line of a table."""


@pytest.mark.parametrize("guide", sorted((ROOT / "docs" / "guides").glob("*.md")), ids=lambda path: path.stem)
def test_a_guide_works_as_written(guide: Path, tmp_path: Path):
    """
    Files are written where the block says, commands run in a shell that stops at the first failure.

    A table that is shown has the head that a command printed.
    """
    environment = os.environ | {"PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}", "CHECKOUT": str(ROOT)}
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    printed: set[str] = set()
    for block in blocks(guide):
        head = block.text.partition("\n")[0]
        if block.language == "text" and HEAD.fullmatch(head):
            assert squeezed(head) in printed, f"no command before it printed this table:\n{head}"
        if block.file:
            path = tmp_path / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
        elif block.language == "sh":
            finished = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block.text],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
            )
            assert finished.returncode == 0, f"{block.text}\n{finished.stdout}\n{finished.stderr}"
            printed |= {squeezed(line) for line in finished.stdout.splitlines()}


def squeezed(line: str) -> str:
    """Return *line* with one space where there are several: how wide a column is depends on what is in it."""
    return " ".join(line.split())


def test_the_code_that_a_guide_shows_of_an_example_is_the_examples():
    """Whoever reads it and whoever copies the example see the same."""
    sources = [path.read_text() for path in (ROOT / "docs" / "examples").rglob("*.*") if path.is_file()]
    guides = [ROOT / "docs" / "guides" / name for name in ("engines.md", "strategies.md")]
    shown = [block.text for guide in guides for block in blocks(guide) if block.language in ("python", "toml")]

    assert shown
    assert [] == [text for text in shown if not any(text in source for source in sources)]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_names_what_exists(page: Path):
    """Relative links, and files named in backticks, are there; `make` targets are the Makefile's."""
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    named = re.findall(r"`((?:mcop_core|plugins|include|tests|dags|docs|bench)/[\w./-]+)`", text)
    targets = set(re.findall(r"`?make ([a-z-]+)", text))
    makefile = (ROOT / "Makefile").read_text()

    assert [] == [link for link in links if not (page.parent / link).exists()]
    assert [] == [name for name in named if not (ROOT / name).exists()]
    assert [] == [target for target in targets if f"\n{target}:" not in makefile and target != "sure"]
