"""How `--help` reads: plain text, every character as it is written, examples on lines of their own."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand

EXAMPLE = "Example: "
"""How a paragraph of a command's docstring begins that is a command line to copy."""

_MUST = re.compile(r"^\{(.*)\}(?=(?:\.\.\.)?$)")
"""What must be given, once or, with dots behind it, more than once."""

Function = TypeVar("Function", bound=Callable[..., Any])


class Command(TyperCommand):
    """A command whose examples are neither filled nor folded, so that they can be copied."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what stands in the usage line; what must be given stands there without braces."""
        pieces = super().collect_usage_pieces(ctx)
        return [_MUST.sub(r"\1", piece) for piece in pieces]

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write the text of the docstring, then its examples."""
        prose, examples = split_examples(self.help or "")
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(prose)
        if examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"{' ' * formatter.current_indent}{line}\n" for line in examples))


class Commands(typer.Typer):
    """A group of commands, with plain help."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            rich_markup_mode=None,
            no_args_is_help=True,
            pretty_exceptions_enable=False,
            context_settings={"help_option_names": ["-h", "--help"]},
            **options,
        )

    def command(self, name: str | None = None, **options: Any) -> Callable[[Function], Function]:
        """Register a function as a command; its docstring is its help."""
        return super().command(name, cls=Command, **options)


def split_examples(text: str) -> tuple[str, list[str]]:
    """Return a docstring's paragraphs without its examples, and the examples' command lines."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    prose = [paragraph for paragraph in paragraphs if not paragraph.startswith(EXAMPLE)]
    examples = [" ".join(paragraph.removeprefix(EXAMPLE).split()) for paragraph in paragraphs if paragraph not in prose]
    return "\n\n".join(prose), examples
