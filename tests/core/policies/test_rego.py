import json

import pytest

from mcop_core.errors import InvalidDocuments
from mcop_core.policies.evaluate import evaluate
from mcop_core.policies.models import Language, Level, Policy, Verdict
from mcop_core.policies.rego import compile_policy

HOSTILE = [
    'a"b',
    "a\nb",
    "\\",
    "\\u0041",
    "\x00",
    "\x1b[2J",
    "\u202e",
    "😀",
    '", "x',
    "${input}",
    "{{x}}",
    "%s%d",
    "\u2028",
    "",
]


def rego(body, name="p"):
    return Policy(name, Language.REGO, f"package {name}\n{body}\n")


def verdicts(policy, **preview):
    return list(compile_policy(policy)({"preview": preview, "execution": {}}))


def faults(policy):
    with pytest.raises(InvalidDocuments) as caught:
        compile_policy(policy)
    return [(fault.where, fault.line, fault.message) for fault in caught.value.faults]


@pytest.mark.parametrize("head", ["", "import rego.v1", "import future.keywords", "# a comment"])
def test_the_messages_of_deny_and_warn_are_verdicts(head):
    """Rego v1, with the imports that older files have."""
    policy = rego(
        f'{head}\ndeny contains "no" if input.preview.x > 1\n\nwarn contains "hm" if {{\n\tinput.preview.x > 1\n}}'
    )

    assert [Verdict("p", Level.DENY, "no"), Verdict("p", Level.WARN, "hm")] == verdicts(policy, x=2)
    assert [] == verdicts(policy, x=1)


@pytest.mark.parametrize("value", HOSTILE)
def test_every_text_arrives_and_leaves_as_it_is(value):
    """Quotes, escapes and control characters are neither lost nor read as anything else."""
    policy = rego("deny contains input.preview.x\n\nwarn contains input.preview[input.preview.x]")

    assert [value, "found"] == [one.message for one in verdicts(policy, **{"x": value, value: "found"})][
        :2
    ] or value == "x"


@pytest.mark.parametrize("value", [v for v in HOSTILE if v not in {"\x00", "\x1b[2J", "\\", "\\u0041"}])
def test_a_json_text_can_be_decoded(value):
    """Escapes inside of the text too, such as Terraform's own for the ampersand."""
    text = json.dumps({"a": value, "b": "&"}).replace("&", "\\u0026")
    policy = rego("deny contains json.unmarshal(input.preview.x).a\n\nwarn contains json.unmarshal(input.preview.x).b")

    assert [value, "&"] == [one.message for one in verdicts(policy, x=text)]


@pytest.mark.parametrize(
    ("line", "message", "body"),
    [
        (4, "Invalid literal", 'deny contains "x"\n\ngarbage here'),
        (
            4,
            "this ) closes no bracket",
            'deny contains m if {\n\tinput.y\n\tinput.x )\n\tm := "m"\n}',
        ),
        (
            3,
            "the variable inptu stands here only: misspelt? Write _ for one not needed",
            'deny contains m if {\n\tinptu.x\n\tm := "m"\n}',
        ),
        (
            3,
            'there is no function is_publik; did you mean "is_public"?',
            'deny contains m if {\n\tis_publik(input.x)\n\tm := "m"\n}\nis_public(x) if x',
        ),
        (
            2,
            "opa.runtime is not for policies: it gives away environment variables",
            "deny contains opa.runtime().env.HOME",
        ),
        (2, "time.now_ns is not for policies: it asks the clock", 'deny contains "x" if time.now_ns() > 3'),
        (2, "deny is no set of messages: write `deny contains message if { ... }`", 'deny[message] { message := "x" }'),
        (2, "deny is no set of messages: write `deny contains message if { ... }`", "default deny := false"),
        (
            0,
            "the policy has neither a rule `deny` nor a rule `warn` (rules begin where a line begins)",
            "allow := true",
        ),
    ],
)
def test_a_broken_policy_says_where_and_why(line, message, body):
    """The interpreter's own words, and what it would let pass without any."""
    assert ("p", line, message) in faults(rego(body))


def test_a_policy_without_package_is_refused():
    """Nothing could be asked for."""
    policy = Policy("p", Language.REGO, 'deny contains "x"')

    with pytest.raises(InvalidDocuments):
        compile_policy(policy)


@pytest.mark.parametrize(
    "body",
    [
        "deny contains 3",
        "deny contains x if x := 1 / 0",
        'deny contains x if x := to_number("x")',
        'deny contains "x" if upper(input.preview.x) == "A"',
        "deny contains json.unmarshal(input.preview.text)",
        'a := 1\na := 2\ndeny contains "x" if a',
        'a := b\nb := a\ndeny contains "x" if a',
    ],
)
def test_a_policy_that_fails_denies(body):
    """An error is no permission."""
    (found,) = evaluate([rego(body)], {"preview": {"x": 4, "text": "no json"}, "execution": {}})

    assert ("p", Level.DENY) == (found.policy, found.level)
    assert found.message.startswith("the policy cannot be evaluated: ")


def test_an_endless_computation_denies():
    """The interpreter counts its steps."""
    loop = "some a in numbers.range(1, 9000)\n\tsome b in numbers.range(1, 9000)\n\ta * b == -1"
    (found,) = evaluate([rego(f'deny contains "x" if {{\n\t{loop}\n}}')], {"preview": {}, "execution": {}})

    assert "Maximum statement count reached" in found.message
