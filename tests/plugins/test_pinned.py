from datetime import UTC, datetime

from mcop_airflow.pinned import Standings, standings
from mcop_core.catalog.models import ValidationRule
from mcop_core.catalog.repository import CatalogEntry, Standing
from mcop_core.compiler.snapshot import pinned_objects
from mcop_core.refs import Kind, ObjectRef
from tests.plugins.plans import storefront

RULE = ObjectRef(Kind.RULE, "size", "1.0.0")


def entry(standing, reason=""):
    rule = ValidationRule(name="size", version="1.0.0", type="enum", values=("s", "m"))
    return CatalogEntry(rule, datetime(2026, 1, 1, tzinfo=UTC), standing, reason)


def test_a_plan_stands_on_everything_it_was_compiled_from():
    """Manifest, workflows, patterns, primitives, adapters and rules, each version once, sorted."""
    wanted = [
        "adapter#local-terraform@1.0.0",
        "manifest#storefront@3.1.0",
        "pattern#network@2.0.0",
        "primitive#thing@1.0.0",
        "rule#size@1.0.0",
        "workflow#platform@1.0.0",
    ]

    assert [str(ref) for ref in pinned_objects(storefront())] == wanted


def test_an_active_version_is_not_worth_a_word():
    """Nothing is said of a version that may be used."""
    assert standings([RULE], {RULE: entry(Standing.ACTIVE)}) == Standings()


def test_a_revoked_version_refuses():
    """A revocation carries its reason."""
    found = standings([RULE], {RULE: entry(Standing.REVOKED, "leaks")})

    assert found == Standings(revoked=("rule#size@1.0.0 is revoked: leaks",))


def test_a_deprecated_version_warns():
    """A deprecation carries its reason, or says that none was given."""
    found = standings([RULE], {RULE: entry(Standing.DEPRECATED)})

    assert found == Standings(warnings=("rule#size@1.0.0 is deprecated: no reason given",))


def test_a_version_that_vanished_warns():
    """A run has its own copy of what it is pinned to, so that it goes on."""
    assert "is not in the catalog any more" in standings([RULE], {}).warnings[0]
