"""What an administrator writes so that a test's module may hold what is forbidden otherwise."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mcop_core.artifacts.templates import template_digest


def exempt(path: Path, files: Mapping[str, bytes], rules: Sequence[str] = ("provisioner",)) -> None:
    """Add an exemption for a primitive of these *files* to the file *path*, which MCOP_EXEMPTIONS names."""
    entry = f'[[exemption]]\ntemplate = "{template_digest(files)}"\nrules = {list(rules)}\nreason = "a test\'s"\n'
    with path.open("a") as written:
        written.write(entry)


def module_files(rendered) -> dict[str, bytes]:
    """Return the files of the module that an artifact holds."""
    return {path.removeprefix("module/"): data for path, data in rendered.files.items() if path.startswith("module/")}
