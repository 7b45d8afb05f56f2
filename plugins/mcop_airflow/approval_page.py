"""
What a person is shown before they approve: a preview as Markdown.

Values stand in code blocks that they cannot close. A page has a limit; what is over it is in the document, which the
page names by its digest and by the command that prints it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mcop_airflow.documentation import code, code_block
from mcop_core.engines.changes import COUNTED, ComponentChanges, Mode, Preview
from mcop_core.engines.summary import component_lines, conclusion

MAX_PAGE = 60_000
"""Characters of one page; a browser shows that many at once."""


def preview_page(preview: Preview, execution: str, digest: str) -> str:
    """Return the page of a whole preview, whose document has *digest*; its counts stand in the question's subject."""
    touched = [one for one in preview.components if one.resources or one.mode is Mode.DEFERRED]
    head = [f"**{sentence}**" for sentence in conclusion(preview)[1:]]
    return "\n\n".join([*head, _table(touched), *_details(touched, execution), _origin(preview, execution, digest)])


def deviation_page(strange: ComponentChanges, execution: str) -> str:
    """Return the page of what a step would do that nobody approved."""
    head = "This step's own plan would do what was **not** in the approved preview. Everything else is as approved."
    return "\n\n".join([head, *_details([strange], execution)])


def _table(components: Sequence[ComponentChanges]) -> str:
    if not components:
        return ""
    rows = [f"| {code(one.step)} | {' | '.join(_cells(one))} |" for one in components]
    return "\n".join(["| component | add | change | replace | destroy |", "|---|---|---|---|---|", *rows])


def _cells(component: ComponentChanges) -> list[str]:
    if component.mode is Mode.DEFERRED:
        return ["cannot be told", "", "", ""]
    actions = [change.action for change in component.resources]
    return [str(actions.count(action) or "") for action in COUNTED]


def _details(components: Iterable[ComponentChanges], execution: str) -> list[str]:
    found: list[str] = []
    for component in components:
        # Airflow shows a block without a language on one line.
        block = code_block("\n".join(line.text for line in component_lines(component)), "text")
        if sum(map(len, found)) + len(block) > MAX_PAGE:
            return [*found, f"More is in the whole preview: {code(f'mcop executions preview {execution}')}"]
        found.append(block)
    return found


def _origin(preview: Preview, execution: str, digest: str) -> str:
    return (
        f"{code(preview.manifest)}, preview {code(digest)}. Each step makes its own plan and is applied only if that "
        f"does nothing but this. The whole document: {code(f'mcop executions preview {execution} --json')}."
    )
