import pytest

from mcop_core.policies.rego_source import faults_of_source, package_of, rules_of


def faults(source):
    return list(faults_of_source(source, {"count", "json.is_valid"}.__contains__))


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("a", "package a"),
        ("a.b_c", "# package x\npackage a.b_c # why\r\n"),
        (None, '# package a\ndeny contains "package b"'),
    ],
)
def test_a_package_is_what_the_code_names(package, source):
    """Not what a comment or a text says."""
    assert package == package_of(source)


def test_rules_are_what_lines_begin_with():
    """Indented lines belong to a rule."""
    source = 'package p\nimport rego.v1\ndeny contains "x" if {\n\tcount(x)\n}\ndefault limit := 3\nf(x) := x\n'

    assert {"deny", "limit", "f"} == rules_of(source)


def test_a_sound_policy_has_no_fault():
    """Loops, comprehensions, functions, imports, texts with brackets, and `_`."""
    source = (
        "package p\n\nimport rego.v1\nimport input.preview as seen\nimport data.p.limits\n\n"
        'deny contains m if {\n\tsome _, c in seen.components # ) }\n\tevery r in c.resources { r.x != "{" }\n'
        "\tn := count([y | y := c.l[_]; y > limits.low])\n\tn > 3\n\tok(c)\n\tm := `))`\n}\n\n"
        "ok(c) if json.is_valid(c.text)\n\nlimits := {`low`: 3}\n"
    )

    assert [] == faults(source)


@pytest.mark.parametrize(
    ("line", "word", "source"),
    [
        (3, "mgs", 'package p\ndeny contains m if {\n\tmgs := "m"\n\tm\n}'),
        (2, "limti", 'package p\ndeny contains "x" if input.x > limti\nlimit := 3\n'),
        (2, "cuont", 'package p\ndeny contains "x" if cuont(input.x) > 3'),
        (2, "http.send", 'package p\ndeny contains "x" if http.send({}).ok'),
        (2, "opa.runtime", 'package p\ndeny contains "x" if opa.runtime ().env.HOME'),
        (2, "opa.runtime", 'package p\ndeny contains "x" if input.x with count as opa.runtime'),
        (3, "]", 'package p\ndeny contains "x" if {\n\tinput.x ]\n}'),
        (1, "package", 'deny contains "x"'),
    ],
)
def test_what_the_interpreter_lets_pass_is_found(line, word, source):
    """A name that stands once, a function that nobody has, a bracket too many."""
    assert [(line, True)] == [(found, word in message) for found, message in faults(source)][:1]
