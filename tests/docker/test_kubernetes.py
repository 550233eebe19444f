"""The Kubernetes manifests: they hang together, every pod is confined and bounded, and probes ask what there is."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from clawsite.management.roles import ROLES
from clawsite.web.entry import _plain
from tests.docker.reading import DOCKER, read_document, read_documents
from tests.test_house import settings_read

PLACE = DOCKER / "kubernetes"
KUSTOMIZATION = read_document(PLACE / "kustomization.yaml")
OBJECTS = [found for name in KUSTOMIZATION["resources"] for found in read_documents(PLACE / name)]
DEPLOYMENTS = {found["metadata"]["labels"]["role"]: found for found in OBJECTS if found["kind"] == "Deployment"}
# The fields of a kind, where they are not the usual ones.
FIELDS = {
    "Namespace": {"metadata"},
    "ConfigMap": {"metadata", "data"},
}
USUAL = {"metadata", "spec"}


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [found for found in OBJECTS if found["kind"] == kind]


def pod(role: str) -> dict[str, Any]:
    spec: dict[str, Any] = DEPLOYMENTS[role]["spec"]["template"]["spec"]
    return spec


def test_every_object_has_the_fields_of_its_kind_and_a_name_of_its_own() -> None:
    odd = [each for each in OBJECTS if each.keys() - {"apiVersion", "kind"} != FIELDS.get(each["kind"], USUAL)]
    assert odd == []
    names = [(found["kind"], found["metadata"]["name"]) for found in OBJECTS]
    assert len(set(names)) == len(names)
    files = {path.name for path in PLACE.glob("*.yaml")} - {"kustomization.yaml", "secret.example.yaml"}
    assert files == set(KUSTOMIZATION["resources"])


def test_there_is_a_deployment_for_each_role() -> None:
    assert DEPLOYMENTS.keys() == ROLES.keys()
    for role in ROLES:
        (container,) = pod(role)["containers"]
        assert container["args"] == ["up", "--roles", role, "--no-migrate"]
        assert DEPLOYMENTS[role]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@pytest.mark.parametrize("role", ROLES)
def test_a_role_begins_anew_before_its_pod_is_killed(role: str) -> None:
    (container,) = pod(role)["containers"]
    own = {each["name"]: each["value"] for each in container.get("env", [])}
    megabytes = int(own.get("CLAW_ROLE_MEGABYTES", settings.CLAW_ROLE_MEGABYTES))
    limit = container["resources"]["limits"]["memory"]
    assert megabytes < int(limit[:-2]) * {"Mi": 1, "Gi": 1024}[limit[-2:]]


@pytest.mark.parametrize("role", ROLES)
def test_a_pod_is_confined_and_bounded(role: str) -> None:
    spec = pod(role)
    context = spec["securityContext"]
    assert (context["runAsNonRoot"], context["runAsUser"]) == (True, 10001)
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for container in (*spec["containers"], *spec["initContainers"]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"].keys() == {"requests", "limits"}
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in spec["volumes"]}


def test_probes_ask_for_pages_that_exist_under_a_name_that_is_let_in() -> None:
    (web,) = pod("web")["containers"]
    probes = [web[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")]

    assert {probe["path"] for probe in probes} == {"/startupz", "/readyz", "/healthz"} <= _plain.keys()
    assert [probe["httpHeaders"] for probe in probes] == [[{"name": "Host", "value": "127.0.0.1"}]] * 3
    assert {probe["port"] for probe in probes} == {web["ports"][0]["name"]}


@pytest.mark.parametrize("role", ["bots", "worker"])
def test_a_role_without_pages_is_probed_by_its_sign_of_life(role: str) -> None:
    (container,) = pod(role)["containers"]
    probes = [container["startupProbe"], container["livenessProbe"]]
    assert [probe["exec"]["command"] for probe in probes] == [["healthcheck", "--alive"]] * 2
    # A role that hangs is killed by its supervisor first.
    assert probes[1]["periodSeconds"] * probes[1]["failureThreshold"] > settings.CLAW_HANG_SECONDS


def test_selectors_find_pods_and_the_ingress_finds_services() -> None:
    labels = [found["spec"]["template"]["metadata"]["labels"].items() for found in DEPLOYMENTS.values()]
    wanted = [found["spec"]["selector"].items() for found in of_kind("Service") if "selector" in found["spec"]]
    wanted += [found["spec"]["selector"]["matchLabels"].items() for found in of_kind("PodDisruptionBudget")]
    wanted += [found["spec"]["podSelector"]["matchLabels"].items() for found in of_kind("NetworkPolicy")]
    services = {found["metadata"]["name"] for found in of_kind("Service")}
    paths = [path for found in of_kind("Ingress") for path in found["spec"]["rules"][0]["http"]["paths"]]
    backends = {path["backend"]["service"]["name"] for path in paths}

    assert [each for each in wanted if not any(each <= pod_labels for pod_labels in labels)] == []
    assert backends <= services


def test_the_ingress_logs_no_link_of_the_first_admin() -> None:
    quiet = {
        path["path"]
        for found in of_kind("Ingress")
        if found["metadata"]["annotations"].get("nginx.ingress.kubernetes.io/enable-access-log") == "false"
        for path in found["spec"]["rules"][0]["http"]["paths"]
    }
    assert quiet == {"/first-login"}


def test_no_pod_makes_a_link_of_the_first_admin_that_nobody_is_shown() -> None:
    """Each new one takes the place of the one before, and what an init container prints is hardly ever read."""
    for role in ROLES:
        (before,) = pod(role)["initContainers"]
        assert before["args"] == ["prepare", "--no-link"]


def test_settings_exist_and_their_secrets_are_in_the_example() -> None:
    (config,) = of_kind("ConfigMap")
    secret = read_document(PLACE / "secret.example.yaml")
    files = {value.rpartition("/")[2] for name, value in config["data"].items() if name.endswith("_FILE")}

    assert {name for name in config["data"] if name.removesuffix("_FILE") not in settings_read()} == set()
    assert files == secret["stringData"].keys()
