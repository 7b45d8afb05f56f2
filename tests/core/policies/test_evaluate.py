import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcop_core.policies.evaluate import MAX_MESSAGE, evaluate
from mcop_core.policies.folder import read_policies
from mcop_core.policies.models import Language, Level, Policy, Verdict

SHIPPED = read_policies(Path(__file__).parents[3] / "include" / "policies")
DOCUMENT = {"preview": {"x": "a"}, "execution": {}}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ATTRIBUTE = st.fixed_dictionaries(
    {"path": st.sampled_from(["acl", "policy", "tags", "tags.a", "block_public_acls"]) | JSON, "after": JSON},
    optional={"is_unknown": st.booleans() | JSON, "is_sensitive": st.booleans()},
)
RESOURCE = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["aws_s3_bucket_acl", "aws_s3_bucket_policy", "aws_s3_bucket_public_access_block"])
        | JSON
    },
    optional={
        "address": st.text(max_size=8),
        "action": st.just("create") | JSON,
        "attributes": st.lists(ATTRIBUTE) | JSON,
    },
)
COMPONENTS = st.lists(st.fixed_dictionaries({"resources": st.lists(RESOURCE, max_size=3) | JSON}), max_size=2)
PREVIEW = st.fixed_dictionaries({}, optional={"components": COMPONENTS | JSON, "counts": JSON, "complete": JSON})
DOCUMENTS = st.fixed_dictionaries({"preview": PREVIEW | JSON, "execution": JSON}) | st.dictionaries(st.text(), JSON)


def deny(name, message):
    return Policy(name, Language.REGO, f"package p\n\ndeny contains {message}\n\nwarn contains {message}\n")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=DOCUMENTS)
def test_no_document_makes_it_raise(document):
    """Whatever is in a preview, there is an answer, and the same one again."""
    first = evaluate(SHIPPED, document)

    assert first == evaluate(reversed(SHIPPED), document)
    assert all(isinstance(one, Verdict) and one.message.isprintable() for one in first)


def test_verdicts_come_in_one_order():
    """By policy, denials first, each once."""
    policies = [deny("b", '"2"'), deny("a", '"1"'), deny("a", '"1"')]

    assert [("a", "deny"), ("a", "warn"), ("b", "deny"), ("b", "warn")] == [
        (one.policy, one.level) for one in evaluate(policies, DOCUMENT)
    ]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"preview": {}},
        {"preview": [], "execution": {}},
        {"preview": {"x": float("nan")}, "execution": {}},
        {"preview": {"x": "\ud800"}, "execution": {}},
        {"preview": {"x": object()}, "execution": {}},
    ],
)
@pytest.mark.parametrize("policy", SHIPPED, ids=lambda policy: policy.name)
def test_what_is_no_document_is_denied(policy, document):
    """By every policy, also by one that would find nothing in it."""
    (found,) = evaluate([policy], document)

    assert (policy.name, Level.DENY) == (found.policy, found.level)


def test_a_broken_policy_denies():
    """It is not skipped, and the others are asked all the same."""
    found = evaluate(
        [Policy("broken", Language.REGO, 'package p\n\ndeny contains "x"\n\ngarbage here'), deny("whole", '"x"')],
        DOCUMENT,
    )

    assert ["broken", "whole", "whole"] == [one.policy for one in found]
    assert "the policy cannot be evaluated: broken: Invalid literal" in found[0].message


def test_no_message_forges_a_line_or_moves_the_cursor():
    """Line ends and escapes are shown, and what is too long is cut."""
    hostile = "x\n+ forged\x1b[2J\u2028\u202e" + "y" * 2 * MAX_MESSAGE
    found = evaluate([deny("p", "input.preview.x")], {"preview": {"x": hostile}, "execution": {}})

    assert all(one.message.isprintable() for one in found)
    assert found[0].message.startswith("x\\n+ forged\\u001b[2J\\u2028\\u202e")
    assert found[0].message.endswith("y…")


def test_the_document_stays_as_it_is():
    """It is the caller's."""
    document = {"preview": {"x": '{"a": "\\u0026"}'}, "execution": {}}
    before = json.dumps(document)
    evaluate(SHIPPED, document)

    assert before == json.dumps(document)


def test_no_interpreter_is_imported_before_it_is_needed():
    """Whoever imports this room pays nothing for it."""
    program = "import sys, mcop_core.policies.folder; print(sorted({'regopy', 'celpy', 'lark'} & set(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "[]" == finished.stdout.strip()


def test_libraries_of_the_same_process_do_no_harm():
    """The interpreter is native code; the libraries named here once made it crash."""
    program = (
        "import re2, grpc, pathlib\n"
        "from mcop_core.policies.evaluate import evaluate\n"
        "from mcop_core.policies.folder import read_policies\n"
        "re2.match('(a+)b', 'aab')\n"
        f"policies = read_policies(pathlib.Path({str(Path(__file__).parents[3] / 'include' / 'policies')!r}))\n"
        "print(all(evaluate(policies, {'preview': {}, 'execution': {}}) for _ in range(5)))\n"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert ("True", 0) == (finished.stdout.strip(), finished.returncode), finished.stderr
