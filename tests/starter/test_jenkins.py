"""The starter catalog's Jenkinsfiles: what they become, and what their shell does."""

import json
import os
import re
import subprocess

import pytest
import yaml

from mcop_core.catalog.models import AdapterSettings, Interface
from mcop_core.engines.base import RenderRequest
from mcop_core.engines.jenkins.render import render
from mcop_core.engines.jenkins.structure import check_structure
from tests.contracts.engine import ADDRESS
from tests.starter.schemas import ROOT, STARTER

TEMPLATES = STARTER / "jenkins" / "templates" / "jenkins" / "ci"
CASES = yaml.safe_load((ROOT / "tests" / "cases" / "starter" / "jenkins.yaml").read_text())
ADAPTER = yaml.safe_load((STARTER / "jenkins" / "adapters" / "ci-jenkins.yaml").read_text())
BACKEND = {"type": "s3", "bucket": "state", "region": "us-east-1", "use_lockfile": True}
HOSTILE = "a'; sh 'id' // \" ${System.exit(1)} \\' ''' $(id) `id`\n"


def jenkinsfile(name, inputs):
    """Render the primitive *name*, as a step would."""
    files = {path.name: path.read_bytes() for path in (TEMPLATES / name / "1.0.0").iterdir() if path.suffix != ".md"}
    settings = AdapterSettings(**ADAPTER["settings"])
    request = RenderRequest(ADDRESS, files, Interface(), inputs, settings, {}, BACKEND)
    return render(request).files["Jenkinsfile"].decode()


def shell(text, n=0):
    """Return what the n-th `sh` of a Jenkinsfile runs."""
    return re.findall(r"\bsh '''(.*?)'''", text, re.DOTALL)[n]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_primitive_renders_as_a_jenkinsfile(case):
    """Its structure is that of a declarative pipeline, and its values stand where they belong."""
    text = jenkinsfile(case["primitive"], case["inputs"])

    assert [str(flaw) for flaw in check_structure(text)] == []
    assert [line for line in case["has"] if line not in text] == []
    assert [line for line in case["has_not"] if line in text] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_value_stays_a_value(case):
    """Every text can hold quotes, interpolation and commands, and the Jenkinsfile has the same code around it."""
    texts = {name: value for name, value in case["inputs"].items() if isinstance(value, str)}
    for name, value in texts.items():
        usual = jenkinsfile(case["primitive"], {**case["inputs"], name: value})
        hostile = jenkinsfile(case["primitive"], {**case["inputs"], name: HOSTILE})

        assert check_structure(hostile) == check_structure(usual) == []
        assert shells(hostile) == shells(usual)


def shells(text):
    """Return all that a Jenkinsfile gives to shells."""
    return re.findall(r"^\s*sh ('''.*?'''|'[^'\n]*')$", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def programs(tmp_path):
    """A folder of programs that write down how they were called; `fails` names the calls that fail."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def write(name, body):
        (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "$CALLS"\n{body}\n')
        (folder / name).chmod(0o755)

    return write


def run(text, folder, **environment):
    """Run a shell's text in *folder*, and return its exit code and what it called."""
    calls = folder / "calls"
    given = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "CALLS": str(calls), "WORKSPACE_TMP": str(folder)}
    done = subprocess.run(["sh", "-c", text], cwd=folder, env=given | environment, capture_output=True, text=True)
    return done.returncode, calls.read_text().splitlines() if calls.exists() else []


BUILD = next(case for case in CASES if case["primitive"] == "build-and-push")
DEPLOY = next(case for case in CASES if case["primitive"] == "deploy")


def test_a_build_signs_in_and_pushes_under_its_tag(programs, tmp_path):
    """The password goes in by standard input, and what Docker keeps of it is gone afterwards."""
    programs("docker", 'test "$1" = login && cat > "$CALLS.password"; exit 0')
    code, calls = run(
        shell(jenkinsfile("build-and-push", BUILD["inputs"])),
        tmp_path,
        REPOSITORY="registry.example.org/shop",
        TAG="v1",
        DOCKERFILE="Dockerfile",
        REGISTRY_USER="robot",
        REGISTRY_PASSWORD="hush",
    )

    assert code == 0
    assert calls[0] == "docker login --username robot --password-stdin registry.example.org"
    assert calls[1].startswith("docker buildx build --pull --push")
    assert "--tag registry.example.org/shop:v1" in calls[1]
    assert "hush" not in " ".join(calls)
    assert (tmp_path / "calls.password").read_text() == "hush"
    assert not (tmp_path / "docker").exists()


def test_an_image_is_named_by_its_digest(programs, tmp_path):
    """Of the digests in what buildx writes, the image's own is taken; without one the build fails."""
    text = shell(jenkinsfile("build-and-push", BUILD["inputs"]), 1)
    digests = {"containerimage.config.digest": "sha256:" + "1" * 64, "containerimage.digest": "sha256:" + "2" * 64}
    (tmp_path / "build.json").write_text(json.dumps(digests, indent=2))
    code, _ = run(text, tmp_path, REPOSITORY="registry.example.org/shop")

    assert code == 0
    image = json.loads((tmp_path / "image.json").read_text())["image"]
    assert image == "registry.example.org/shop@sha256:" + "2" * 64
    (tmp_path / "build.json").write_text("{}")
    assert run(text, tmp_path, REPOSITORY="registry.example.org/shop")[0] != 0


DEPLOYED = {"IMAGE": "shop@sha256:1", "NAMESPACE": "shop", "DEPLOYMENT": "web", "ROLLOUT_MINUTES": "10"}


def test_a_deployment_says_what_runs(programs, tmp_path):
    """Once the pods are ready."""
    programs("kubectl", "exit 0")
    code, calls = run(shell(jenkinsfile("deploy", DEPLOY["inputs"])), tmp_path, **DEPLOYED)

    assert (code, json.loads((tmp_path / "deployed.json").read_text())) == (0, {"image": "shop@sha256:1"})
    assert calls == [
        "kubectl --namespace shop set image deployment/web *=shop@sha256:1",
        "kubectl --namespace shop rollout status deployment/web --timeout 10m",
    ]


def test_a_deployment_that_does_not_become_ready_is_taken_back(programs, tmp_path):
    """And the build fails, so that the next apply tries again."""
    programs("kubectl", 'test "$4" != status')
    code, calls = run(shell(jenkinsfile("deploy", DEPLOY["inputs"])), tmp_path, **DEPLOYED)

    assert code == 1
    assert calls[-1] == "kubectl --namespace shop rollout undo deployment/web"
    assert not (tmp_path / "deployed.json").exists()
