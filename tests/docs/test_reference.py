"""The pages of the catalogs that come with MCOP."""

from tests.docs.reference import PAGES, pages


def test_the_pages_say_what_the_catalogs_say():
    """`make reference` writes them; none is left of a catalog that is gone."""
    expected = dict(pages())

    assert set(PAGES.glob("*.md")) == set(expected)
    assert [path.name for path, text in expected.items() if path.read_text() != text] == []
