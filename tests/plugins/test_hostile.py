"""Hostile confs of a run: Airflow itself refuses them before there is a run, or the first task does."""

import copy

import pytest
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import ParamValidationError

from mcop_airflow.admit import check_confirmed, check_run_overrides
from mcop_airflow.run_conf import destroy_params, params
from mcop_core.compiler.run_conf import requester, run_overrides, run_slice
from mcop_core.errors import InvalidDocuments, Refused
from tests.core.hostile.catalog import Door
from tests.core.hostile.tables import each


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    door = Door(tmp_path_factory.mktemp("hostile"))
    door.publish()
    return door.plan()


@each("conf")
def test_a_conf_is_refused_with_its_key(case, plan):
    """By the form's schema or by `admit`; no task that could reach a cloud has run."""
    with pytest.raises((ParamValidationError, InvalidDocuments, Refused)) as caught:
        (destroy if case.says.get("destroys") else execute)(plan, case.variant)

    assert case.says["says"] in str(caught.value)


@pytest.mark.parametrize("forged", ["admin", "", ["admin"], {"user": "admin"}, "ann\n"])
def test_a_requester_cannot_be_forged(forged):
    """Whoever Airflow says triggered the run is who asked for it, whatever the conf says."""
    assert "ann" == requester("ann", {"mcop.requested_by": forged})


def execute(plan, conf):
    validate(params(plan), conf)
    run_slice(plan, conf)
    check_run_overrides(plan, run_overrides(plan, conf))


def destroy(plan, conf):
    validate(destroy_params("shop"), conf)
    check_confirmed("shop", conf)


def validate(declared, conf):
    """Check *conf* as Airflow does when a run is created."""
    merged = ParamsDict(copy.deepcopy(declared))
    merged.update(conf)
    merged.validate()
