"""The corpus itself: `pytest -s tests/core/hostile/test_tables.py` prints how much there is of it."""

from __future__ import annotations

from tests.core.hostile.tables import doors, read_table

VARIANTS = 5


def test_the_corpus_holds_what_the_documentation_says():
    """At least 70 classes, of five variants that differ, and none whose variants are fewer."""
    counts = {door: {name: len(says["variants"]) for name, says in read_table(door).items()} for door in doors()}
    for door, classes in counts.items():
        print(f"{door:<10} {len(classes):>4} classes {sum(classes.values()):>5} variants")
    total = sum(len(classes) for classes in counts.values())
    print(f"{'all':<10} {total:>4} classes {sum(sum(c.values()) for c in counts.values()):>5} variants")

    assert total >= 70
    assert [] == [(door, name) for door in counts for name, found in counts[door].items() if found < VARIANTS]
    repeated = [name for door in doors() for name, says in read_table(door).items() if doubles(says["variants"])]
    assert [] == repeated


def doubles(variants):
    """Whether two of *variants* are the same; deep ones are told apart by their place in the table."""
    shallow = [variant for variant in variants if not isinstance(variant, list | dict)]
    return len(shallow) != len({(type(variant), variant) for variant in shallow})
