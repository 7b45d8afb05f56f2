import pytest

from mcop_core.errors import InvalidDocuments
from mcop_core.policies import cel_bounded
from mcop_core.policies.cel import compile_policy
from mcop_core.policies.evaluate import evaluate
from mcop_core.policies.models import Language, Level, Policy, Verdict


def cel(source):
    return Policy("p", Language.CEL, source)


def verdicts(source, **preview):
    return list(compile_policy(cel(source))({"preview": preview, "execution": {"namespace": "team"}}))


def test_a_condition_that_is_true_is_a_verdict():
    """Each with the message below it; comments and blank lines are skipped."""
    source = (
        "# why\ndeny: preview.x > 1\nmessage: No: x is big.\n\n"
        '  # and\nwarn: execution.namespace == "team"\nmessage: hm\n'
    )

    assert [Verdict("p", Level.DENY, "No: x is big."), Verdict("p", Level.WARN, "hm")] == verdicts(source, x=2)
    assert [Verdict("p", Level.WARN, "hm")] == verdicts(source, x=1)


@pytest.mark.parametrize("value", ['a"b', "a\nb", "\\", "\\u0041", "\x00", "a\x00b", "\x1b", "\u202e", "😀", "'''"])
def test_every_text_is_compared_whole(value):
    """Nothing ends a text early."""
    assert [] == verdicts(
        "deny: preview.x != preview.l[0] || size(preview.x) != preview.n\nmessage: m", x=value, l=[value], n=len(value)
    )


@pytest.mark.parametrize(
    ("line", "message", "source"),
    [
        (1, "'dney' is not what comes here. Allowed: deny, warn. Did you mean \"deny\"?", "dney: true\nmessage: m"),
        (2, "'deny' is not what comes here. Allowed: message.", "deny: true\ndeny: true"),
        (1, "'message' is not what comes here. Allowed: deny, warn.", "message: m"),
        (1, "this deny has no message", "deny: true"),
        (1, "this deny is empty", "deny:\nmessage: m"),
        (2, "this message is empty", "deny: true\nmessage:"),
        (2, "column 17: this is no CEL: preview.x > 3 &&& true", "\ndeny: preview.x > 3 &&& true\nmessage: m"),
        (1, 'there is no name preivew; did you mean "preview"?', "deny: preivew.x\nmessage: m"),
        (0, "the policy has no condition", "# nothing"),
    ],
)
def test_a_broken_policy_says_where_and_why(line, message, source):
    """The form, the grammar and the names are checked before anything is previewed."""
    with pytest.raises(InvalidDocuments) as caught:
        compile_policy(cel(source))

    (fault,) = caught.value.faults
    assert (line, "p") == (fault.line, fault.where)
    assert str(fault).endswith(message)


@pytest.mark.parametrize(
    "condition",
    [
        "preview.nope > 1",
        "preview.x",
        "1 / 0 > 1",
        'preview.x > "1"',
        "nope(preview)",
        "preview.l.exists(a, a.b)",
        'preview.t.matches("((")',
    ],
)
def test_a_policy_that_fails_denies(condition):
    """A missing member, another type or an error of a function is no permission."""
    (found,) = evaluate(
        [cel(f"warn: {condition}\nmessage: m")], {"preview": {"x": 1, "l": [1], "t": "a"}, "execution": {}}
    )

    assert Level.DENY is found.level
    assert found.message.startswith("the policy cannot be evaluated: ")


def test_an_endless_computation_denies(monkeypatch):
    """Steps of loops in loops count together."""
    monkeypatch.setattr(cel_bounded, "MAX_STEPS", 2000)
    loops = "preview.l.all(a, preview.l.all(b, preview.l.all(c, true)))"
    (found,) = evaluate([cel(f"deny: {loops}\nmessage: m")], {"preview": {"l": list(range(20))}, "execution": {}})

    assert "the policy cannot be evaluated: the condition takes more than 2000 steps" == found.message
