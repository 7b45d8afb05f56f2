"""The Jenkinsfile as a template: what may stand in it, where placeholders stand, and values written into it."""

import pytest

from mcop_core.engines.jenkins.groovy import PLACE_BEGIN, PLACE_END
from mcop_core.engines.jenkins.structure import check_structure, tokens_are
from mcop_core.engines.jenkins.template import NotRendered, check_template, outlines, render_template

REFUSED = {
    "{{ a | safe }}": "filter",
    "{{ a() }}": "call",
    "{{ a.b() }}": "call",
    "{{ 'text' }}": "const",
    "{{ a ~ a }}": "concat",
    "{{ a + a }}": "add",
    "{{ [a] }}": "list",
    "{{ a if a else a }}": "condexpr",
    "{% set b = 1 %}": "assign",
    "{% include 'x' %}": "include",
    "{% import 'x' as y %}": "import",
    "{% extends 'x' %}": "extends",
    "{% macro m() %}{% endmacro %}": "macro",
    "{% block b %}{% endblock %}": "block",
    "{% filter upper %}{% endfilter %}": "filterblock",
    "{% for b in a if b %}{% endfor %}": "no condition",
    "{% for b, c in a %}{% endfor %}": "one name",
    "{% for b in range(9) %}{% endfor %}": "call",
    "{% if a is callable %}{% endif %}": "no test 'callable'",
    "{% if a | length %}{% endif %}": "filter",
    "{{ a": "cannot be read",
    "{{ self }}": "no input 'self'",
    "{{ aa }}": "no input 'aa'",
    "{% for b in a %}{% endfor %}{{ b }}": "no input 'b'",
    "{{ loop.index }}": "no input 'loop'",
    "{% if a %}" * 30 + "{% endif %}" * 30: "nested deeper",
    "{% for b in a %}" * 30 + "{% endfor %}" * 30: "nested deeper",
    f"echo {PLACE_BEGIN}0{PLACE_END}": "U+E000",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_placeholder_condition_or_loop_is_refused(text):
    """There is no way to text that is not quoted, and none to code of Jinja's or Python's."""
    (flaw,) = check_template(f"\n{text}", ["a"])

    assert 2 == flaw.line
    assert REFUSED[text] in flaw.message


def test_an_unknown_input_has_the_nearest():
    """A typing error is found at publish."""
    (flaw,) = check_template("{{ servce }}", ["service", "stage"])

    assert ("service", ("service", "stage")) == (flaw.suggestion, flaw.allowed)


PLACED = {
    "echo '{{ a }}'": "1:7 a string",
    'echo "x {{ a }}"': "1:9 a string",
    'echo "x ${ {{ a }} }"': "1:12 a string",
    "echo '''\n{{ a }}'''": "2:1 a string",
    "x = /a{{ a }}/": "1:7 a string",
    "x = $/{{ a }}/$": "1:7 a string",
    "// {{ a }}": "1:4 a comment",
    "/* \n{{ a }} */": "2:1 a comment",
    "x.{{ a }}": "1:3 behind '.'",
    "x.& {{ a }}": "1:5 behind '.&'",
    "x?.{{ a }}()": "1:4 behind '?.'",
    "@{{ a }}": "1:2 behind '@'",
    "foo{{ a }}": "1:4 must not touch",
    "{{ a }}foo": "1:1 must not touch",
    "x = 'a'{{ a }}": "1:8 must not touch",
    "x = {{ a }}{{ a }}": "1:5 must not touch",
    "x = 1{{ a }}": "1:6 must not touch",
    "sh {{ a }}": "1:4 what sh runs",
    "sh 'x ' + {{ a }}": "1:11 what sh runs",
    "sh(script: {{ a }})": "1:12 what sh runs",
    "bat returnStatus: true, script: {{ a }}": "1:33 what bat runs",
    "evaluate({{ a }})": "1:10 what evaluate runs",
}


@pytest.mark.parametrize("text", PLACED)
def test_a_placeholder_stands_where_a_literal_can(text):
    """Else quoting would not hold, or the value would be code: a flaw with line and column of the template."""
    (outline, *_) = outlines(text)
    found = check_structure(outline, is_whole=False)
    place, _, message = PLACED[text].partition(" ")

    assert place == f"{found[0].line}:{found[0].column}", found
    assert message in found[0].message


@pytest.mark.parametrize(
    "text",
    [
        "echo {{ a }}",
        "echo({{ a }})",
        "x = [a: {{ a }}, b: [{{ a }}]]",
        "x = a ? {{ a }} : {{ a }}",
        "x = 'a ' + {{ a }} + \" ${b} \"",
        "x = {{ a }}.size()",
        "withEnv(['A=' + {{ a }}]) { sh 'echo \"$A\"' }\necho {{ a }}",
        "this.sh {{ a }}",
    ],
)
def test_where_it_can_stand(text):
    """As an argument, an element, an operand."""
    assert [] == check_structure(next(outlines(text)))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{% if a %}\nx()\n{% elif b %}\ny(\n{% else %}\nz]\n{% endif %}\n", [[], ["4:2"], ["6:2"]]),
        ("{% if a %}x({% if b %}1{% else %}]{% endif %}){% endif %}\n", [[], ["1:34"]]),
        ("{% if a %}x({% if b %}1{% else %}]{% endif %}){% else %}y{% endif %}", [[], ["1:34"], []]),
        ("x\n{% for c in a %} {{ c }} {% else %} ' {% endfor %}\n", [[], ["2:37"]]),
        ("{%- if a -%}\n x \n{%- else -%}\n ( {%- endif %}\n", [[], ["4:2"]]),
    ],
)
def test_every_branch_is_looked_at(text, wanted):
    """In the lines and columns of the template."""
    found = [[f"{flaw.line}:{flaw.column}" for flaw in check_structure(one, is_whole=False)] for one in outlines(text)]

    assert wanted == found
    assert {len(text)} == {len(one) for one in outlines(text)}


LOOP = """\
{% for s in steps %}stage({{ s.name }}) { x({{ s['n'] }}, {{ loop.last }}) }
{% endfor %}{% raw %}{{ }}{% endraw %}{% if x is none %}y{% endif %}"""


def test_values_are_written_in():
    """Branches and loops by the values; maps in the order of their keys."""
    steps = [{"n": [1], "name": "a'b"}, {"name": "c", "n": {"z": 1, "a": None}}]
    rendered = render_template(LOOP, {"steps": steps, "x": None})

    assert "stage('a\\'b') { x(([1]), false) }\nstage('c') { x((['a': null, 'z': 1]), true) }\n{{ }}y" == rendered.text
    assert tokens_are(rendered.text, rendered.tokens)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("\n{{ a.missing }}", {"a": {"b": 1}}),
        ("\n{{ a.__class__ }}", {"a": {}}),
        ("\n{{ a.upper }}", {"a": "text"}),
        ("\n{{ a[3] }}", {"a": [1]}),
        ("\n{% for b in a %}{{ b.c }}{% endfor %}", {"a": [{}]}),
        ("\n{% for b in a %}{{ b }}{% endfor %}", {"a": 5}),
        ("\n{% if a < 5 %}{% endif %}", {"a": "text"}),
    ],
)
def test_what_a_value_does_not_have_is_told(text, values):
    """With the line of the template."""
    assert [] == check_template(text, values)
    with pytest.raises(NotRendered) as caught:
        render_template(text, values)

    assert 2 == caught.value.flaw.line


def test_what_would_be_too_long_is_not_written():
    """Nested loops are stopped while they write."""
    text = "{% for a in x %}{% for b in x %}{% for c in x %}{{ c }}\n{% endfor %}{% endfor %}{% endfor %}"
    with pytest.raises(NotRendered, match="more than"):
        render_template(text, {"x": list(range(500))})


def test_a_value_that_looks_like_a_placeholder_is_none():
    """Its private characters are text."""
    value = f"{PLACE_BEGIN}1{PLACE_END}"

    assert f"x('{value}', 'b')" == render_template("x({{ a }}, {{ b }})", {"a": value, "b": "b"}).text
