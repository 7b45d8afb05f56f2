from mcop_core.cli.tables import shortened, table_lines


def test_columns_stand_below_each_other():
    """Every row is one line, whatever is in it, and nothing trails."""
    lines = table_lines(
        [("STEP", "NAME", "VALUE"), ("longer step", None, "two\nlines"), ("a", 3, "[x]"), ("b", "", "")]
    )

    assert lines == [
        "STEP         NAME  VALUE",
        "longer step        two lines",
        "a            3     [x]",
        "b",
    ]


def test_a_long_cell_is_not_folded():
    """A row is as wide as it is."""
    assert table_lines([("a", "x" * 300)]) == [f"a  {'x' * 300}"]


def test_no_rows_are_no_lines():
    """An empty table prints nothing."""
    assert table_lines([]) == []


def test_a_value_is_cut_short_where_asked():
    """A hundred characters stay whole; of more, the cut shows."""
    assert shortened("x" * 100) == "x" * 100
    assert shortened("x" * 101) == "x" * 99 + "…"
