"""The examples for Ansible and Terraform: their own programs find no fault, and what they name exists."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docker.reading import DOCKER, read_document
from tests.programs import find_program, say_missing

PLAYBOOK = DOCKER / "ansible" / "site.yml"
TERRAFORM = DOCKER / "terraform"


def test_ansible_finds_no_fault_in_the_playbook(tmp_path: Path) -> None:
    ansible = Path(sys.executable).with_name("ansible-playbook")
    inventory = DOCKER / "ansible" / "inventory.example.yml"
    done = subprocess.run(
        [ansible, "--syntax-check", "--inventory", inventory, PLAYBOOK],
        env={**os.environ, "ANSIBLE_HOME": str(tmp_path), "LC_ALL": "C.UTF-8"},
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


def test_the_playbook_copies_files_that_exist_and_its_settings_are_in_the_example() -> None:
    (play,) = yaml.safe_load(PLAYBOOK.read_text(encoding="utf-8"))
    variables = read_document(DOCKER / "ansible" / "inventory.example.yml")["all"]["vars"]
    sources = [
        (task["ansible.builtin.copy"]["src"], task.get("loop", [""]))
        for task in play["tasks"]
        if "src" in task.get("ansible.builtin.copy", {})
    ]
    files = {src.replace("{{ item }}", str(item)) for src, items in sources for item in items}
    named = {file.removeprefix("{{ claw_release }}/docker/") for file in files}
    used = set(re.findall(r"(?<!\$)\bclaw_\w+", PLAYBOOK.read_text(encoding="utf-8")))
    registered = {task["register"] for task in play["tasks"] if "register" in task}

    assert {name for name in named if not (DOCKER / name).is_file()} == set()
    assert used - registered - play["vars"].keys() == variables.keys()


def test_the_playbook_shows_no_settings_whatever_it_is_asked_for() -> None:
    (play,) = yaml.safe_load(PLAYBOOK.read_text(encoding="utf-8"))
    telling = [task for task in play["tasks"] if "claw_settings" in str(task.get("ansible.builtin.copy", ""))]
    assert [task.get("diff") for task in telling] == [False]


def play(tasks: list[dict[str, Any]], folder: Path, **variables: Any) -> str:
    """Run a part of the playbook on this machine; return what Ansible says of it."""
    part = folder / "part.yml"
    part.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
    variables |= {"ansible_python_interpreter": sys.executable}
    return subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"), "--connection", "local", "--inventory",
            "claw.example.net,", "--extra-vars", json.dumps(variables), part,
        ],
        env={**os.environ, "ANSIBLE_HOME": str(folder), "LC_ALL": "C.UTF-8"},
        capture_output=True, text=True, timeout=100, check=True,
    ).stdout  # fmt: skip


def test_the_playbook_replaces_the_proxys_site_of_an_older_release_and_is_done_then(tmp_path: Path) -> None:
    site, certificate = tmp_path / "clawsite.conf", tmp_path / "here.pem"
    site.write_text("server { server_name claw.example.org; ssl_certificate /old.pem; }\n", encoding="utf-8")
    text = PLAYBOOK.read_text(encoding="utf-8").replace("/etc/nginx/conf.d/clawsite.conf", str(site))
    tasks = [task for task in yaml.safe_load(text)[0]["tasks"] if "site.conf" in str(task)]
    variables = {"claw_certificate": str(certificate), "claw_certificate_key": "/here.key"}

    assert "changed=1 " in play(tasks, tmp_path, claw_release=str(DOCKER.parent), **variables)
    wanted = (DOCKER / "nginx" / "site.conf").read_text(encoding="utf-8")
    for before, after in (
        ("claw.example.org", "claw.example.net"),
        ("/etc/ssl/clawsite/fullchain.pem", str(certificate)),
        ("/etc/ssl/clawsite/privkey.pem", "/here.key"),
    ):
        wanted = wanted.replace(before, after)
    assert site.read_text(encoding="utf-8") == wanted
    assert "changed=0 " in play(tasks, tmp_path, claw_release=str(DOCKER.parent), **variables)


def test_the_playbook_brings_new_settings_to_the_version_that_is_live(tmp_path: Path) -> None:
    release, said = tmp_path / "release", tmp_path / "said"
    (release / "docker").mkdir(parents=True)
    (tmp_path / "blue").symlink_to(release)
    deploy = release / "docker" / "deploy"
    broken = tmp_path / "broken"
    deploy.write_text(
        f'#!/bin/sh\n[ "$1" = status ] && echo "live: blue" && exit\n[ ! -e {broken} ] && echo "$1" >> {said}\n',
        encoding="utf-8",
    )
    deploy.chmod(0o755)
    text = PLAYBOOK.read_text(encoding="utf-8").replace("/etc/clawsite/", f"{tmp_path}/")
    wanted = ("Settings", "Which ", "Where the live place leads", "Switch to this version", "These settings")
    tasks = [task for task in yaml.safe_load(text)[0]["tasks"] if task["name"].startswith(wanted)]
    tasks = [task for task in tasks if task["name"] != "Settings of the two places"]
    for name in ("owner", "group"):
        del tasks[0]["ansible.builtin.copy"][name]

    def set_up(word: str) -> None:
        settings = {"claw_settings": {"CLAW_LANGUAGE": word}, "claw_public_url": "https://claw.example.net"}
        play(tasks, tmp_path, claw_root=str(tmp_path), claw_release=str(release), **settings)

    for word in ("a", "a", "b"):
        set_up(word)
    assert said.read_text(encoding="utf-8").split() == [str(release)] * 2

    broken.touch()
    with pytest.raises(subprocess.CalledProcessError):
        set_up("c")
    broken.unlink()
    for word in ("c", "c"):
        set_up(word)
    assert said.read_text(encoding="utf-8").split() == [str(release)] * 3


def test_terraform_is_given_each_value_that_its_files_name() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in TERRAFORM.glob("*.tf"))
    template = (TERRAFORM / "cloud-init.yaml.tftpl").read_text(encoding="utf-8")
    begun = re.search(r"templatefile\([^{]*\{path\.module\}/cloud-init\.yaml\.tftpl\", \{(.*?)\}\)", text, re.DOTALL)

    assert set(re.findall(r"\bvar\.(\w+)", text)) == set(re.findall(r'^variable "(\w+)"', text, re.MULTILINE))
    assert begun
    assert set(re.findall(r"^\s*(\w+)\s*=", begun[1], re.MULTILINE)) == set(re.findall(r"\$\{(\w+)\}", template))


@pytest.fixture
def terraform() -> str:
    return find_program("terraform") or say_missing("terraform is not on this machine; it is no Debian package")


def run(terraform: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [terraform, *arguments], cwd=folder, env={**os.environ, "TF_CLI_CONFIG_FILE": "", "CHECKPOINT_DISABLE": "1"},
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


@pytest.mark.containers
def test_terraform_finds_its_files_as_it_would_write_them(terraform: str) -> None:
    assert run(terraform, "fmt", "-check", "-diff", folder=TERRAFORM).stdout == ""


@pytest.mark.containers  # it fetches the provider of AWS
def test_terraform_finds_no_fault(terraform: str, tmp_path: Path) -> None:
    place = shutil.copytree(TERRAFORM, tmp_path / "terraform")
    begun = run(terraform, "init", "-backend=false", "-input=false", folder=place)
    if begun.returncode:
        say_missing("terraform cannot get the provider of AWS; TF_CLI_ARGS_init=-plugin-dir=... says where one is")
    done = run(terraform, "validate", "-no-color", folder=place)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_machine_calls_what_there_is() -> None:
    text = (TERRAFORM / "cloud-init.yaml.tftpl").read_text(encoding="utf-8")
    named = set(re.findall(r"/opt/clawsite/docker/([\w.-]+)", text))

    assert {"Dockerfile", "prepare", "deploy", "compose.prod.yaml"} <= named
    assert {name for name in named if not (DOCKER / name).is_file()} == set()
