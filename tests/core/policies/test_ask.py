"""Policies asked in a process of their own: whatever keeps them from answering denies."""

import pytest

from mcop_core.errors import Refused
from mcop_core.policies import ask
from mcop_core.policies.ask import ask_policies, refuse_denied
from mcop_core.policies.models import Level, Verdict

DOCUMENT = {
    "preview": {"components": [], "counts": {"destroy": 1}, "complete": True},
    "execution": {"manifest": "shop", "namespace": "team", "action": "apply", "requested_by": "", "overrides": {}},
}


def write(folder, name, text):
    (folder / name).write_text(text)
    return str(folder)


def test_without_a_folder_nothing_is_asked():
    """No policies are set up: nobody objects."""
    assert ask_policies("", DOCUMENT) == ()


def test_verdicts_come_back_as_they_were_given(tmp_path):
    """Denials and warnings, of both languages."""
    write(tmp_path, "a.cel", 'deny: preview.counts["destroy"] > 0\nmessage: nothing goes\n')
    folder = write(tmp_path, "b.rego", 'package b\n\nwarn contains "look" if input.preview.complete\n')
    assert ask_policies(folder, DOCUMENT) == (
        Verdict("a", Level.DENY, "nothing goes"),
        Verdict("b", Level.WARN, "look"),
    )


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda folder: str(folder / "nowhere"), "there is no folder"),
        (lambda folder: write(folder, "a.cel", "deny: 1 +\nmessage: x\n"), "a.cel:1"),
    ],
)
def test_what_cannot_be_asked_denies(tmp_path, prepare, said):
    """A folder that is not there, a policy that is broken."""
    (verdict,) = ask_policies(prepare(tmp_path), DOCUMENT)
    assert verdict.level is Level.DENY and said in verdict.message


def test_what_takes_too_long_denies(tmp_path, monkeypatch):
    """The interpreter has no limit of its own."""
    monkeypatch.setattr(ask, "PATIENCE_S", 0.01)
    (verdict,) = ask_policies(write(tmp_path, "a.cel", "warn: true\nmessage: x\n"), DOCUMENT)
    assert verdict.level is Level.DENY and "longer than" in verdict.message


def test_only_denials_refuse():
    """A warning is shown elsewhere."""
    refuse_denied((Verdict("a", Level.WARN, "look"),))
    with pytest.raises(Refused, match="denied by policy: a: no; b: never"):
        refuse_denied((Verdict("a", Level.DENY, "no"), Verdict("b", Level.DENY, "never")))
