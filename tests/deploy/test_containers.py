"""The files for Compose and Kubernetes: what the schemas allow, and what they have to hold."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from config.proxy import FILE_SECONDS
from tests.setup.prose import ROOT

KUBERNETES = sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
OURS = {name for name, service in COMPOSE.items() if service["image"] == "waypost"}
TAKEN = 100  # connections that PostgreSQL takes, unless it is told otherwise
RESERVED = 3  # of those, for superusers
Manifest = dict[str, Any]


def manifests() -> Iterator[Manifest]:
    for file in KUBERNETES:
        yield from yaml.safe_load_all(file.read_text())


def of_kind(kind: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in manifests() if each["kind"] == kind}


def pods() -> dict[str, Manifest]:
    """The pods of each deployment and job."""
    return {
        name: each["spec"]["template"]["spec"]
        for kind in ("Deployment", "Job")
        for name, each in of_kind(kind).items()
    }


def settings(container: Manifest) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container.get("env", [])}


@pytest.mark.parametrize("version", ["1.31", "1.37"])
@pytest.mark.parametrize("file", KUBERNETES, ids=lambda file: file.stem)
def test_kubernetes_knows_every_field(file: Path, version: str) -> None:
    for manifest in yaml.safe_load_all(file.read_text()):
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_rolling_update_has_a_new_web_before_an_old_one_goes() -> None:
    web = of_kind("Deployment")["waypost-web"]["spec"]
    assert web["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    pod = web["template"]["spec"]
    (container,) = pod["containers"]
    asked = {
        name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")
    }
    # A new one gets requests only when its tables are right; those of an old one are no longer, and it stays.
    assert asked == {"startup": "/readyz", "readiness": "/livez", "liveness": "/livez"}
    # Requests still come while it is taken out of the service; then those under way are answered.
    waits = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    given = settings(container)
    assert waits > container["readinessProbe"]["periodSeconds"]
    ends = int(given["GRANIAN_WORKERS_KILL_TIMEOUT"])
    assert ends >= FILE_SECONDS
    assert pod["terminationGracePeriodSeconds"] > waits + ends
    assert given["GRANIAN_HTTP1_KEEP_ALIVE"] == "false"


def test_a_node_that_is_emptied_takes_no_kind_of_process_whole() -> None:
    deployments = of_kind("Deployment")
    for name, budget in of_kind("PodDisruptionBudget").items():
        assert budget["spec"]["selector"] == deployments[name]["spec"]["selector"]
        assert budget["spec"]["minAvailable"] < deployments[name]["spec"]["replicas"]
    assert set(deployments) - set(of_kind("PodDisruptionBudget")) == {"waypost-beat"}
    beat = deployments["waypost-beat"]["spec"]
    assert (beat["replicas"], beat["strategy"]["type"]) == (1, "Recreate")


def test_pods_may_do_little_and_have_limits() -> None:
    for pod in pods().values():
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]


def test_postgresql_takes_the_connections_of_all_pods() -> None:
    most = 0
    for name, pod in pods().items():
        deployment = of_kind("Deployment").get(name, {"spec": {"replicas": 1}})["spec"]
        surge = deployment.get("strategy", {}).get("rollingUpdate", {}).get("maxSurge", 0)
        (container,) = pod["containers"]
        processes = int(settings(container).get("GRANIAN_WORKERS", "1"))
        most += (deployment["replicas"] + surge) * processes * int(settings(container)["DATABASE_POOL_SIZE"])
    assert most <= TAKEN - RESERVED


def test_postgresql_takes_the_connections_of_all_containers() -> None:
    """With a command that somebody runs in a web's container meanwhile."""
    of_each = {name: COMPOSE[name]["environment"] for name in OURS}
    most = sum(
        int(env.get("GRANIAN_WORKERS", 1)) * int(env["DATABASE_POOL_SIZE"]) for env in of_each.values()
    )
    most += int(of_each["web"]["DATABASE_POOL_SIZE"])
    assert most <= TAKEN - RESERVED
    assert f"max_connections=${{POSTGRES_MAX_CONNECTIONS:-{TAKEN}}}" in COMPOSE["postgres"]["command"]


def test_a_container_fills_neither_the_memory_nor_the_disk() -> None:
    for name, service in COMPOSE.items():
        assert service["mem_limit"], name
        assert {"max-size", "max-file"} <= service["logging"]["options"].keys(), name


def test_a_container_may_do_little() -> None:
    for name, service in COMPOSE.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["pids_limit"], name
    assert {name for name, service in COMPOSE.items() if "cap_add" in service} == {"postgres"}
    assert "requirepass $$REDIS_PASSWORD" in " ".join(COMPOSE["redis"]["command"])


def test_every_package_of_the_image_has_its_hash() -> None:
    (install,) = re.findall(r"^RUN pip install (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert install == "--require-hashes -r requirements.lock"
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    named = [at for at, line in enumerate(lines) if re.match(r"[a-z0-9]", line)]
    assert len(named) > 50
    assert [lines[at] for at in named if "--hash=sha256:" not in lines[at + 1]] == []


def test_images_of_others_are_named_by_their_digest() -> None:
    """A tag is another image every few weeks."""
    named = re.findall(r"\$\{\w+_IMAGE:-(\S+)\}", (ROOT / "compose.yaml").read_text())
    named += re.findall(r"^ARG \w+_IMAGE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {name.partition(":")[0] for name in named} == {"python", "postgres", "redis"}
    assert len(set(named)) == 3, "compose and the Dockerfile name the same Python"
    for name in named:
        assert re.fullmatch(r"\w+:[\w.-]+@sha256:[0-9a-f]{64}", name), name


def test_pods_run_the_very_image_that_was_pushed(tmp_path: Path) -> None:
    """The manifests cannot be started before the command of the documents has filled the digest in."""
    (command,) = re.findall(r"^sed .+$", (ROOT / "docs" / "deployment.md").read_text(), re.MULTILINE)
    folder = tmp_path / "deploy" / "kubernetes"
    shutil.copytree(ROOT / "deploy" / "kubernetes", folder)
    digest = "sha256:" + "0af3" * 16
    for image in ("eu.registry.example/shop/waypost", "other.example:5000/waypost"):
        subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env={"IMAGE": image, "DIGEST": digest}, check=True
        )
        named = [
            container["image"]
            for file in folder.glob("*.yaml")
            for each in yaml.safe_load_all(file.read_text())
            if each["kind"] in ("Deployment", "Job")
            for container in each["spec"]["template"]["spec"]["containers"]
        ]
        assert named == [f"{image}@{digest}"] * 5
    shipped = [container["image"] for pod in pods().values() for container in pod["containers"]]
    assert [image for image in shipped if re.fullmatch(r"[\w./:-]+(@sha256:[0-9a-f]{64})?", image)] == []


def test_two_webs_take_turns() -> None:
    web, second = COMPOSE["web"], COMPOSE["second-web"]
    assert (web["ports"], second["ports"]) == (
        ["127.0.0.1:${PORT:-8000}:8000"],
        ["127.0.0.1:${SECOND_PORT:-8001}:8000"],
    )
    assert web | {"ports": second["ports"]} == second
    grace = int(web["stop_grace_period"].removesuffix("s"))
    assert grace > int(web["environment"]["GRANIAN_WORKERS_KILL_TIMEOUT"]) >= FILE_SECONDS
