"""What docker-compose.yaml, the Dockerfile and the scripts beside them say, without starting any of it."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.distributed.compose import FILE, ROOT, interpolated, read, read_env

BIN = Path(sys.executable).parent
DOCUMENT = yaml.safe_load(FILE.read_text())
SERVICES = DOCUMENT["services"]
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY$|_CONN$|BROKER_URL|RESULT_BACKEND")
SCRIPTS = [path for path in sorted((ROOT / "deploy").iterdir()) if path.read_text().startswith("#!/bin/sh")]
WORKERS = {name for name in SERVICES if name.startswith("worker-")}


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    """Return the variables of a fresh `.env`."""
    return read_env(run(ROOT / "deploy/make-env").stdout)


def run(*command, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)


def test_the_file_is_valid():
    """By the compose specification's published schema."""
    checked = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", FILE)

    assert checked.returncode == 0, checked.stdout


def test_a_service_has_what_production_asks_of_it():
    """A version, a health check or an end, limits, bounded logs, and a restart."""
    lacking = {
        (name, what)
        for name, one in SERVICES.items()
        for what, is_there in {
            "a health check": one["healthcheck"].get("test") or one["healthcheck"] == {"disable": True},
            "limits": {"cpus", "memory", "pids"} <= set(one["deploy"]["resources"]["limits"]),
            "a restart": one["restart"],
            "bounded logs": one["logging"]["options"]["max-size"],
            "a version": re.search(r":\d[\w.]*", interpolated(one["image"], {})),
        }.items()
        if not is_there
    }

    assert set() == lacking
    assert ["init"] == [name for name, one in SERVICES.items() if "test" not in one["healthcheck"]]


def test_ours_run_as_nobody_in_particular_and_write_to_their_volumes_alone():
    """Not as root, without capabilities, with an image that is not written to."""
    ours = {name: one for name, one in SERVICES.items() if name not in ("postgres", "redis")}

    assert {"50000:0"} == {one["user"] for one in ours.values()}
    assert {True} == {one["read_only"] for one in ours.values()}
    assert {("ALL",)} == {tuple(one["cap_drop"]) for one in ours.values()}


def test_no_secret_stands_in_the_file(made):
    """Each comes from `.env`, without a default, and none is made up twice."""
    again = read_env(run(ROOT / "deploy/make-env").stdout)
    told = {(key, value) for one in SERVICES.values() for key, value in one.get("environment", {}).items()}
    fixed = {key for key, value in told if SECRET.search(key) and not re.search(r"\$\{\w+\?[^}]+\}", value)}
    secret = {key for key in made if SECRET.search(key) and not key.startswith("AWS_")}

    assert {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "MCOP_RECORD_KEY"} <= {key for key, _ in told}
    assert set() == fixed
    assert {key for key in secret if made[key] == again[key]} == set()
    assert min(len(made[key]) for key in secret) >= 32


def test_what_make_env_makes_is_all_that_is_needed(made):
    """And whoever forgot it is told."""
    assert set(SERVICES) == set(read(made))
    with pytest.raises(KeyError, match="run deploy/make-env"):
        read({})


def test_a_fernet_key_is_one(made):
    """Airflow encrypts with it."""
    from cryptography.fernet import Fernet

    assert Fernet(made["FERNET_KEY"]).encrypt(b"x")


def test_workers_share_no_volume_and_prove_records_alone():
    """No task relies on another task's disk; the key of the records is the workers'."""
    volumes = Counter(text.partition(":")[0] for one in SERVICES.values() for text in one.get("volumes", ()))
    keepers = {name for name, one in SERVICES.items() if "MCOP_RECORD_KEY" in one.get("environment", {})}

    assert {1} == set(volumes.values())
    assert set(volumes) == set(DOCUMENT["volumes"])
    assert len(WORKERS) == 2
    assert keepers == WORKERS


def test_the_emulator_is_at_the_address_that_make_env_says(made):
    """A number: below a name, buckets would be looked for at names of their own."""
    address = SERVICES["emulator"]["networks"]["default"]["ipv4_address"]

    assert made["AWS_ENDPOINT_URL"] == f"http://{address}:{SERVICES['emulator']['environment']['GATEWAY_PORT']}"


def test_the_dockerfile_is_linted_and_pins_what_it_is_made_of():
    """Every base by a version, every package by its hash; it does not end as root."""
    text = (ROOT / "Dockerfile").read_text()
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)$", text, re.MULTILINE))
    stages = set(re.findall(r" AS ([\w-]+)$", text, re.MULTILINE))
    bases = [interpolated(base, arguments) for base in re.findall(r"^FROM (?:--\S+ )?(\S+)", text, re.MULTILINE)]
    linted = run(BIN / "hadolint", "--no-color", ROOT / "Dockerfile")

    assert linted.returncode == 0, linted.stdout
    assert [] == [base for base in bases if base not in stages and not re.search(r":\d+\.\d+\.\d+", base)]
    assert {"amd64", "arm64"} <= set(re.findall(r"linux/(\w+)", (ROOT / "deploy/build-image").read_text()))
    assert text.count("--require-hashes") == 4
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["50000:0"]


def test_the_image_gets_what_it_is_made_of_and_no_secrets():
    """All is left out but what is named, and what is copied is named."""
    lines = (ROOT / ".dockerignore").read_text().split("\n")
    let_in = {line[1:] for line in lines if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sources = {word.split("/")[0] for words in copied for word in words.split()}

    assert "*" in lines
    assert sources == let_in
    assert {"/.env", ".env"} & set((ROOT / ".gitignore").read_text().split())


def test_the_locks_of_the_images_are_of_the_one_lock():
    """What the tests ran with is what the image holds."""

    def pins(name: str) -> set[str]:
        return set(re.findall(r"^([\w.-]+==\S+)", (ROOT / name).read_text(), re.MULTILINE))

    assert pins("requirements-image.txt") < pins("requirements.txt")
    assert pins("requirements-emulator.txt") < pins("requirements.txt")
    assert any(pin.startswith("apache-airflow-providers-celery==") for pin in pins("requirements-image.txt"))
    assert not any(pin.startswith(("pytest==", "moto==")) for pin in pins("requirements-image.txt"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_one_that_every_shell_reads(script: Path):
    """And may be run as it stands."""
    assert run("sh", "-n", script).returncode == 0
    assert os.access(script, os.X_OK)


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose `mcop`, `docker` and `other` write down how they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("mcop", "docker", "other"):
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/called\n')
        program.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(tmp_path)}


@pytest.mark.parametrize(("given", "expected"), [((), "mcop once"), (("other", "a b"), "other a b")])
def test_the_entrypoint_runs_one_manifest_or_what_is_given(programs, tmp_path, given, expected):
    """A service of docker-compose.yaml gives its command."""
    run(ROOT / "deploy/entrypoint", *given, env=programs, check=True)

    assert (tmp_path / "called").read_text() == f"{expected}\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clean checkout with what the build script reads."""
    folder = tmp_path / "checkout"
    (folder / "deploy").mkdir(parents=True)
    shutil.copy(ROOT / "deploy/build-image", folder / "deploy")
    shutil.copy(ROOT / "pyproject.toml", folder)
    git = ("git", "-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.org")
    run("git", "init", "-q", folder, check=True)
    run(*git, "add", "-A", check=True)
    run(*git, "commit", "-qm", "one", check=True)
    return folder


def test_an_image_is_built_for_every_platform_and_tagged_by_version_and_commit(programs, tmp_path, checkout):
    """Both images, pushed; nothing but the version and the commit goes in as an argument."""
    script, repository = checkout / "deploy/build-image", "registry.example.org:5000/platform/mcop"
    commit = run("git", "-C", checkout, "rev-parse", "--short=12", "HEAD").stdout.strip()

    done = run(script, "--push", repository, env=programs)

    runtime, emulator = (tmp_path / "called").read_text().splitlines()
    assert done.returncode == 0, done.stderr
    assert "--target runtime " in runtime
    assert "--target emulator " in emulator
    for line, name in ((runtime, repository), (emulator, f"{repository}-emulator")):
        assert f"--tag {name}:0.1.0 --tag {name}:{commit}" in line
        assert "--push --platform linux/amd64,linux/arm64" in line
        assert {"VERSION", "REVISION"} == set(re.findall(r"--build-arg (\w+)=", line))


def test_without_push_nothing_leaves_the_machine(programs, tmp_path, checkout):
    """The image is loaded into the engine."""
    run(checkout / "deploy/build-image", "mcop", env=programs, check=True)

    called = (tmp_path / "called").read_text()
    assert called.count("--load") == 2
    assert "--push" not in called


REFUSED = {
    "no repository": ((), 2, "usage"),
    "two": (("a", "b"), 2, "usage"),
    "an unknown option": (("--pull", "mcop"), 2, "--pull is no option"),
    "a name that no registry takes": (("Mcop",), 2, "'Mcop' is no repository"),
    "a tag": (("mcop:latest",), 2, "is no repository"),
}


@pytest.mark.parametrize(("arguments", "code", "said"), REFUSED.values(), ids=REFUSED)
def test_a_bad_repository_is_refused(programs, tmp_path, checkout, arguments, code, said):
    """Before anything is built."""
    done = run(checkout / "deploy/build-image", *arguments, env=programs)

    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "called").exists()


def test_changes_that_are_not_committed_are_refused(programs, checkout):
    """A tag names a commit."""
    (checkout / "pyproject.toml").write_text("")

    done = run(checkout / "deploy/build-image", "mcop", env=programs)

    assert (done.returncode, "not committed" in done.stderr) == (5, True)
