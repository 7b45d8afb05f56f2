"""The measurements can begin, and the floor of `bench.dags` builds what MCOP builds."""

import importlib
import subprocess
import sys

import pytest

from bench import catalog, sweep
from bench.__main__ import NAMES, main, report
from bench.dags import measure
from bench.measure import Figure, compare
from bench.plans import write_plans


@pytest.mark.parametrize("name", NAMES)
def test_a_measurement_can_begin(name):
    """It finds what it measures where that lies now."""
    assert callable(importlib.import_module(f"bench.{name}").run)


def test_the_floor_builds_the_same_dags(tmp_path):
    """Else the measurement ends instead of giving a ratio."""
    building, *sizes = measure(write_plans(tmp_path, 1), pairs=1)

    assert "x the floor" in building.unit
    assert [figure.name for figure in sizes] == [
        "serialised size of mcop.shop0",
        "serialised size of mcop.shop0.destroy",
    ]
    assert all(figure.is_met for figure in sizes)


MET = Figure("building", 1.2, 1.2, "x the floor")
MISSED = Figure("building", 1.21, 1.2, "x the floor", "load 0.1")


@pytest.mark.parametrize(
    ("figures", "code"),
    [
        ([MET, "a remark"], 0),
        ([MET, MISSED], 1),
        ([Figure("nothing", float("nan"), 1.2, "x")], 1),
        (["a remark"], 0),
        ([], 1),
    ],
)
def test_the_exit_code_says_whether_every_target_is_met(figures, code, capsys):
    """What is no number meets none; what tells nothing proves nothing, and what has no target can miss none."""
    assert report({"dags": lambda: figures}) == code
    assert f"{sum(figure == MET for figure in figures)} of" in capsys.readouterr().out


@pytest.mark.parametrize("error", [SystemExit("the sides find different changes"), OSError("no emulator")])
def test_a_measurement_that_fails_keeps_no_other_from_being_made(error, capsys):
    """It counts as missed; the others say something all the same."""

    def fails():
        yield MET
        raise error

    assert report({"preview": fails, "dags": lambda: [MET]}) == 1
    said = capsys.readouterr().out
    assert f"FAILED preview: {type(error).__name__}: {error}" in said
    assert said.endswith("2 of 2 targets met, 1 measurements failed\n")


def test_a_line_says_figure_target_and_where_it_comes_from():
    """The ratio is the median of the pairs' own."""
    figure = compare("building", [(1.0, 1.0), (3.0, 1.0), (2.0, 1.0)]).held_to(1.2)

    assert figure.line().startswith(
        "MISSED building: 2.00x the floor, at most 1.20 (2.000 s against 1.000 s, 3 pairs, load "
    )
    assert MISSED.line() == "MISSED building: 1.21x the floor, at most 1.20 (load 0.1)"


def test_an_unknown_measurement_is_refused(capsys):
    """Nothing is measured then, not even what is known."""
    assert main(["dags", "dag"]) == 2
    assert "unknown measurement 'dag'; known: dags" in capsys.readouterr().err


def test_terraforms_commands_are_counted(tmp_path):
    """By their first word that is no option; what stands for Terraform ends as it does."""
    commands = sweep.Commands(tmp_path / "commands", "/bin/false")
    for words in (["-chdir=/a", "plan", "-json", "-out=plan"], ["-chdir=/a", "get"], ["plan"]):
        assert subprocess.run([commands.program, *words], check=False).returncode == 1

    assert commands.take() == {"plan": 2, "get": 1}
    assert commands.take() == {}


def test_the_memory_of_a_process_is_its_own_peak():
    """What it gave back counts; what its parent and its children have does not."""
    held = bytearray(b"x") * (256 << 20)
    script = (
        "import subprocess, sys; from bench.sweep import peak_mb; before = peak_mb(); bytearray(b'x') * (64 << 20);"
        "peak = peak_mb(); subprocess.run([sys.executable, '-c', \"bytearray(b'x') * (128 << 20)\"], check=True);"
        "print(before, peak, peak_mb())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    before, peak, after = map(float, done.stdout.split())

    assert before + 48 <= peak <= before + 96
    assert after == pytest.approx(peak, abs=16)
    assert before < len(held) >> 20


@pytest.mark.emulator
def test_the_catalogs_requests_are_counted():
    """A refresh is one GetItem, a publication has one file parsed again, a plan takes as many at 200 as at 20."""
    publishing, refreshing, parsing, *resolving = catalog.run(manifests=2)

    assert publishing.name == "2 publications, one by one"
    assert (refreshing.value, refreshing.told) == (1, "1 GetItem")
    assert (parsing.value, parsing.is_met) == (1, True)
    assert [(figure.value, figure.told) for figure in resolving] == [
        (3, "1 GetItem, 2 GetObject; 20 take 3"),
        (1, "1 GetItem; 20 take 1"),
        (5, "3 BatchGetItem, 2 GetItem; 20 take 3"),
    ]
    assert all(figure.is_met for figure in resolving)
