"""`python -m tests.docs.reference`: write `docs/reference` anew, a page for each catalog that comes with MCOP."""

from collections.abc import Iterator
from pathlib import Path

from mcop_core.bootstrap import open_engine
from mcop_core.publishing.reference import read_described, reference
from mcop_core.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "reference"


def pages() -> Iterator[tuple[Path, str]]:
    """Yield the path of each page, and what is to stand in it."""
    for folder in (ROOT / "include" / "catalog", *sorted((ROOT / "include" / "starter").glob("*/"))):
        found = read_described(folder, lambda name: open_engine(name, Settings()))
        yield PAGES / f"{folder.name}.md", reference(found, f"What `{folder.relative_to(ROOT)}` takes and gives")


if __name__ == "__main__":
    PAGES.mkdir(exist_ok=True)
    for path, text in pages():
        path.write_text(text)
