import re

import pytest

from mcop_airflow import documentation
from tests.plugins.plans import group, layered, plan_of, step, storefront, workflow

HOSTILE = [
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "![x](http://evil/x.png)",
    "# heading\n\n- list",
    "`code` ``` fence",
    "{{ ti.xcom_pull() }} {% raw %}",
    "| a | b |",
    "https://evil.example",
    "&lt;b&gt;",
]
MARKUP = re.compile(r"(?<!\\)[\[\]<>`|{}#*_!()]")


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_holds_no_markup(text):
    """Every character that Markdown, HTML or Jinja would act on is escaped."""
    assert not MARKUP.search(documentation.escape(text))


@pytest.mark.parametrize("text", [*HOSTILE, "```", "a````b", "`"])
def test_no_text_leaves_its_code(text):
    """The fence around a text is longer than every run of backticks in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    block, span = documentation.code_block(text), documentation.code(text)

    assert block.startswith("`" * max(3, longest + 1)) and block.endswith("`" * max(3, longest + 1))
    assert span.startswith("`" * (longest + 1)) and span.endswith("`" * (longest + 1))


@pytest.mark.parametrize("text", HOSTILE)
def test_catalog_text_is_escaped_on_every_page(text):
    """Descriptions of manifests, workflows and patterns reach their pages escaped, names and values as code."""
    nasty = step("w.p.e", inputs={"name": layered(text)})
    plan = plan_of(workflow("w", group("w.p", nasty, description=text), description=text), description=text)
    pages = [
        documentation.plan_doc(plan, plan.digest),
        documentation.workflow_doc(plan.workflows[0]),
        documentation.pattern_doc(plan.workflows[0].groups[0]),
    ]

    assert all(documentation.escape(text) in page for page in pages)
    assert not any(text in page for page in pages if text != documentation.escape(text))


def test_pages_say_what_it_is_and_which_versions():
    """DAG, group and task pages name the objects with their versions, inputs and outputs."""
    plan = storefront()
    network = plan.workflows[0].groups[0]
    vpc = network.steps[0]

    page = documentation.plan_doc(plan, plan.digest)
    assert all(text in page for text in ("manifest#storefront@3.1.0", "primitive#thing@1.0.0", plan.digest))
    assert "pattern#network@2.0.0" in documentation.pattern_doc(network)
    assert "`cidr`: pattern element" in documentation.pattern_doc(network)
    assert '"name": "${cidr}"' in documentation.render_doc(vpc)
    assert "`token` (sensitive)" in documentation.apply_doc(vpc)


def test_sensitive_inputs_are_named_and_not_shown():
    """A page never holds the value of a sensitive input."""
    page = documentation.render_doc(storefront().workflows[0].groups[0].steps[0])

    assert "hunter2" not in page
    assert '"password": "(sensitive)"' in page


def test_no_page_is_taken_for_a_file():
    """Airflow opens a text that ends in .md; every page ends in a line break."""
    plan = plan_of(workflow("w", group("w.p", step("w.p.e"), description="see README.md"), description="x.md"))
    group_ = plan.workflows[0].groups[0]
    pages = [
        documentation.plan_doc(plan, ""),
        documentation.workflow_doc(plan.workflows[0]),
        documentation.pattern_doc(group_),
        documentation.render_doc(group_.steps[0]),
        documentation.apply_doc(group_.steps[0]),
    ]

    assert all(page.endswith("\n") for page in pages)


def test_long_values_are_cut():
    """A page stays small however much a manifest gives, and says where the rest is."""
    page = documentation.render_doc(step("w.p.e", inputs={"name": layered("x" * 100_000)}))

    assert len(page) < 4000
    assert "mcop plan --explain" in page


def test_a_tooltip_is_one_line():
    """A tooltip is plain text: reference and description, without line breaks."""
    assert documentation.tooltip("One\n two\n", "workflow#w@1.0.0") == "workflow#w@1.0.0 One two"
