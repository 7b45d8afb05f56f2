"""`--help` of every command: all of it, as it was written."""

import inspect
import re

import pytest
from typer.main import get_command

from mcop_core.cli import console
from mcop_core.cli.help import EXAMPLE, split_examples
from mcop_core.cli.main import app

WIDTH = 80


def commands(command=None, path=()):
    command = command or get_command(app)
    yield " ".join(path), command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


ALL = dict(commands())
LEAVES = {name: command for name, command in ALL.items() if not hasattr(command, "commands")}


def help_of(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    with pytest.raises(SystemExit) as ended:
        app([*name.split(), "--help"], prog_name="mcop")
    assert ended.value.code == 0
    return capsys.readouterr().out


def words(text):
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_shows_its_whole_docstring(name, capsys, monkeypatch):
    """No character of it is taken for markup, and each has an example."""
    prose, examples = split_examples(inspect.getdoc(LEAVES[name].callback))
    shown = help_of(name, capsys, monkeypatch)

    assert words(prose) in words(shown)
    assert f"mcop {name}" in examples[0]
    assert all(f"  {example}" in shown.splitlines() for example in examples)


@pytest.mark.parametrize("name", ALL)
def test_help_fits_a_terminal(name, capsys, monkeypatch):
    """Nothing but an example is wider than a terminal, and no command's summary is cut short."""
    lines = help_of(name, capsys, monkeypatch).splitlines()

    assert [line for line in lines if len(line) > WIDTH and not line.startswith("  mcop ")] == []
    assert [line for line in lines if line.endswith("...") and not line.startswith("Usage: ")] == []


def test_a_list_in_an_example_keeps_its_brackets(capsys, monkeypatch):
    """What stands in square brackets is the command's, not the help's."""
    shown = help_of("execute", capsys, monkeypatch)

    assert "--set 'zones=[a, b]'" in shown
    assert "[a, b] a list" in shown


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("workers delete", "Usage: mcop workers delete [OPTIONS] NAME..."),
        ("workers create", "Usage: mcop workers create [OPTIONS] [NAME]..."),
        ("catalog get", "Usage: mcop catalog get [OPTIONS] KIND#NAME[@VERSION]"),
    ],
)
def test_what_must_be_given_stands_in_the_usage_without_braces(name, usage, capsys, monkeypatch):
    """Once, or more often; what may be left out stands in brackets."""
    assert usage == help_of(name, capsys, monkeypatch).splitlines()[0]


def test_the_exit_codes_are_told(capsys, monkeypatch):
    """Each code stands on a line with what it means, those of errors too."""
    lines = [line.strip() for line in help_of("", capsys, monkeypatch).splitlines()]

    assert all(f"{code:<5}{meaning}" in lines for code, meaning in console.MEANINGS.items())
    assert set(console.EXIT_CODES.values()) < set(console.MEANINGS)


def test_examples_are_taken_out_of_the_text():
    """A paragraph that begins as an example is one, folded or not; order stays."""
    text = f"Do it.\n\n{EXAMPLE}mcop a\n  b\n\nMore.\n\n{EXAMPLE}mcop c"

    assert split_examples(text) == ("Do it.\n\nMore.", ["mcop a b", "mcop c"])
