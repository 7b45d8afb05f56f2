from mcop_core.engines.changes import (
    Action,
    AttributeChange,
    ComponentChanges,
    Mode,
    OutputChange,
    Preview,
    ResourceChange,
)
from mcop_core.engines.summary import MAX_ALIKE, to_lines


def told(*components):
    return [line.text for line in to_lines(Preview("manifest#shop@1.0.0", "a" * 64, components))]


def test_a_preview_reads_as_terraforms_users_expect():
    """Signs, unknowns, sensitive values, what forces a replacement, outputs, and the counts."""
    vpc = ResourceChange(
        "aws_vpc.this",
        "aws_vpc",
        Action.REPLACE,
        "what changes cannot be changed in place",
        attributes=(
            AttributeChange("cidr_block", "10.0.0.0/8", "10.1.0.0/16", forces_replacement=True),
            AttributeChange("id", "vpc-1", None, is_unknown=True),
            AttributeChange("password", is_sensitive=True),
        ),
    )
    lines = told(ComponentChanges("w.p.vpc", Mode.MERGED, "", (vpc,), (OutputChange("id", "vpc-1", is_unknown=True),)))

    assert lines == [
        "w.p.vpc",
        "  -/+ aws_vpc.this  # what changes cannot be changed in place",
        '      cidr_block: "10.0.0.0/8" -> "10.1.0.0/16"  # forces replacement',
        '      id: "vpc-1" -> (known after apply)',
        "      password: (sensitive value)",
        '  output id: "vpc-1" -> (known after apply)',
        "",
        "Preview: 0 to add, 0 to change, 1 to replace, 0 to destroy, in 1 component.",
    ]


def test_what_is_left_out_is_said():
    """Deferred components, and those planned alone, with their reason; those that stay only count."""
    lines = told(
        ComponentChanges("w.p.a", Mode.MERGED),
        ComponentChanges("w.p.b", Mode.ALONE, "another version"),
        ComponentChanges("w.p.c", Mode.DEFERRED, "w.p.a.id is known after apply"),
    )

    assert "w.p.b (alone: another version)" in lines
    assert "w.p.c (deferred: w.p.a.id is known after apply)" in lines
    assert lines[-1] == "INCOMPLETE: what would be done to w.p.c cannot be told."
    assert "in 3 components" in lines[-2]
    assert not any("w.p.a" in line for line in lines[:2] if "deferred" not in line)


def test_hundreds_of_alike_are_collapsed():
    """The document has all of them."""
    many = tuple(ResourceChange(f"t.n[{number}]", "t", Action.DESTROY) for number in range(300))
    lines = told(ComponentChanges("w.p.a", Mode.MERGED, "", many))

    assert len(lines) < 30
    assert f"  - … and {300 - MAX_ALIKE} more t" in lines
    assert "300 to destroy" in lines[-1]


def test_no_value_forges_a_line_or_moves_the_cursor():
    """Line ends and escapes of values, keys and reasons are shown, not obeyed."""
    hostile = "x\n  + forged\x1b[2J\u2028\u202e"
    change = ResourceChange(
        f't.n["{hostile}"]', "t", Action.UPDATE, attributes=(AttributeChange(f"tags.{hostile}", hostile, hostile),)
    )
    lines = told(ComponentChanges("w.p.a", Mode.DEFERRED, hostile, (change,)))

    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("  + ") for line in lines)
