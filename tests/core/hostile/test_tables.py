"""The corpus itself: `pytest -s tests/core/hostile/test_tables.py` prints how much there is of it."""

from __future__ import annotations

from pathlib import Path

from tests.core.hostile.tables import doors, read_table

CLASSES, VARIANTS = 70, 5
PAGE = Path(__file__).parents[3] / "docs" / "security-input.md"


def test_the_corpus_holds_what_the_documentation_says():
    """The page shows the count as it is printed here."""
    counts = {door: [len(says["variants"]) for says in read_table(door).values()] for door in doors()}
    counts["all"] = [count for found in counts.values() for count in found]
    printed = "\n".join(f"{door:<10} {len(n):>4} classes {sum(n):>5} variants" for door, n in counts.items())
    print(f"\n{printed}")

    assert printed in PAGE.read_text(encoding="utf-8")
    assert len(counts["all"]) >= CLASSES and min(counts["all"]) >= VARIANTS


def test_no_variant_stands_twice_in_its_class():
    """Five variants are five different ones."""
    repeated = [name for door in doors() for name, says in read_table(door).items() if doubles(says["variants"])]

    assert [] == repeated


def doubles(variants):
    """Whether two of *variants* are the same; lists and maps, some of them very deep, are left to the reader."""
    plain = [(type(variant), variant) for variant in variants if not isinstance(variant, list | dict)]
    return len(plain) != len(set(plain))
