"""What people are shown before they approve."""

from mcop_airflow.approval_page import MAX_PAGE, deviation_page, preview_page
from mcop_core.engines.changes import Action, AttributeChange, ComponentChanges, Mode, Preview, ResourceChange


def resource(name="vpc", action="create", *attributes, reason=""):
    return ResourceChange(f"aws_vpc.{name}", "aws_vpc", Action(action), reason, attributes=attributes)


def page(*components):
    return preview_page(Preview("manifest#shop@1.0.0", "a" * 64, components), "mcop.shop/run1", "d" * 64)


def test_a_page_sums_up_and_then_tells():
    """A row for each component that is touched, then the changes in the signs of Terraform."""
    text = page(
        ComponentChanges(
            "w.p.vpc", Mode.MERGED, "", (resource("vpc", "create", AttributeChange("cidr", None, "10/8")),)
        ),
        ComponentChanges("w.p.idle", Mode.MERGED),
    )
    assert "| `w.p.vpc` | 1 |  |  |  |" in text
    assert '```text\nw.p.vpc\n  + aws_vpc.vpc\n      cidr: "10/8"\n```' in text
    assert "w.p.idle" not in text
    assert "mcop executions preview mcop.shop/run1 --json" in text and "d" * 64 in text


def test_what_cannot_be_told_is_said_first():
    """An incomplete preview says so in its head and in its row."""
    text = page(ComponentChanges("w.p.vpc", Mode.DEFERRED, "w.p.x.id is known after apply"))
    assert "**INCOMPLETE: what would be done to w.p.vpc cannot be told.**" in text
    assert "| `w.p.vpc` | cannot be told |" in text and "w.p.x.id is known after apply" in text


def test_thousands_of_changes_stay_readable():
    """Alike ones are counted, components over the limit are left to the document; the page says so."""
    many = tuple(resource(f"v{n}", "create", AttributeChange("cidr", None, "x" * 200)) for n in range(500))
    text = page(*(ComponentChanges(f"w.p.e{n}", Mode.MERGED, "", many) for n in range(100)))
    assert len(text) < MAX_PAGE + 10_000
    assert "… and 480 more aws_vpc" in text and "More is in the whole preview" in text


def test_values_cannot_leave_their_block():
    """Backticks, Markdown and HTML in values are shown as they are."""
    text = page(
        ComponentChanges(
            "w.p.e", Mode.MERGED, "", (resource("v", "create", AttributeChange("a", None, "```\n# Approved <b>")),)
        )
    )
    assert "````text\nw.p.e" in text and "\n# Approved" not in text


def test_a_deviation_is_shown_alone():
    """With the reason why it is none of what was approved."""
    strange = ComponentChanges("w.p.e", Mode.ALONE, "", (resource("v", "destroy", reason="update was approved"),))
    text = deviation_page(strange, "mcop.shop/run1")
    assert "**not** in the approved preview" in text and "- aws_vpc.v  # update was approved" in text
