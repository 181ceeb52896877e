"""The commands, the script and the manifest of the page on clusters, as far as they run without one."""

import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import click
import pytest
import yaml
from imported_ray import scripts
from page_commands import commands, configs

ROOT = Path(__file__).parent.parent
PAGE, FOLDER = ROOT / "docs" / "cluster.md", ROOT / "docs" / "cluster"


def check_ray(words: list[str]) -> None:
    """Let Ray's own parser take a command, without running it."""
    command = scripts.cli
    while isinstance(command, click.Group):
        name, *words = words
        command = command.get_command(None, name)
        assert command is not None, name
    assert not command.make_context(command.name, list(words)).args


def test_each_command_of_the_page_is_parsed_by_its_program():
    found, searches = commands(PAGE.read_text()), []
    programs = ("pip", "nasnet-search", "ray", "export", "docker", "kubectl", "sbatch")
    assert {words[0] for words in found} == {*programs}
    setup = (ROOT / "setup.py").read_text()
    for program, *words in found:
        if "--" in words:  # a command within a command
            inner = words[words.index("--") + 1 :]
            assert inner[0] == "nasnet-search"
            searches.append(inner[1:])
        match program:
            case "ray":
                check_ray(words)
            case "nasnet-search":
                searches.append(words)
            case "sbatch":
                assert (ROOT / words[0]) == FOLDER / "slurm.sbatch"
                searches.append(["--executor=ray", *words[1:]])
            case "pip":
                assert (
                    words[0] == "install" and (words[1:] in (["-e", ".[ray]"], ["ray[default]"])) and '"ray": ' in setup
                )
            case "export":
                assert words == ["RAY_AUTH_MODE=token"]
            case "docker":
                assert (ROOT / words[words.index("-f") + 1]).is_file()
            case "kubectl":
                assert words[0] != "apply" or (ROOT / words[2]).is_file()
    made = configs(searches)
    assert len(made) == len(searches) >= 4 and {one["executor"] for one in made} == {"ray"}
    assert [one["ray_address"] for one in made].count("10.0.0.5:6379") == 1


def test_flags_that_the_page_names_are_there():
    text = PAGE.read_text()
    ours = {"window", "max_concurrent", "executor", "ray_address", "cpus_per_child", "gpus_per_child", "child_retries"}
    theirs = {option for one in scripts.start.params for option in one.opts}
    named = set(re.findall(r"`(?:ray start )?--([\w-]+)", text)) | set(re.findall(r"`--([\w-]+)=", text))
    assert ours <= named
    known = configs([["--executor=ray", "--ray_resources=a100=1"]])[0].keys()
    assert all(name in known or f"--{name}" in theirs for name in named), named


def manifest() -> dict[str, dict]:
    return {one["kind"]: one for one in yaml.safe_load_all((FOLDER / "rayjob.yaml").read_text())}


def test_the_manifest_holds_together():
    parts = manifest()
    assert {*parts} == {"PersistentVolumeClaim", "RayJob"} and parts["RayJob"]["apiVersion"] == "ray.io/v1"
    spec = parts["RayJob"]["spec"]
    assert spec["backoffLimit"] > 0 and spec["shutdownAfterJobFinishes"] is True
    cluster = spec["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    docker = (FOLDER / "Dockerfile").read_text()
    assert f"FROM rayproject/ray:{cluster['rayVersion']}-py311" in docker and "[ray]" in docker
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    options = {option for one in scripts.start.params for option in one.opts}
    images = set()
    for group in groups:
        assert all(f"--{name}" in options and isinstance(value, str) for name, value in group["rayStartParams"].items())
        pod = group["template"]["spec"]
        (container,) = pod["containers"]
        images.add(container["image"])
        assert pod["volumes"] == [{"name": "studies", "persistentVolumeClaim": {"claimName": "studies"}}]
        assert container["volumeMounts"] == [{"name": "studies", "mountPath": "/studies"}]
        assert container["resources"]["requests"]["memory"] == container["resources"]["limits"]["memory"]
    assert len(images) == 1 and parts["PersistentVolumeClaim"]["metadata"]["name"] == "studies"
    assert parts["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteMany"]
    assert images.pop() in PAGE.read_text()


def test_the_command_of_the_manifest_is_a_search_in_the_shared_volume():
    spec = manifest()["RayJob"]["spec"]
    program, *words = shlex.split(spec["entrypoint"])
    (config,) = configs([words])
    assert program == "nasnet-search" and config["executor"] == "ray" and config["workdir"].startswith("/studies/")
    (workers,) = spec["rayClusterSpec"]["workerGroupSpecs"]
    (container,) = workers["template"]["spec"]["containers"]
    slots = workers["replicas"] * int(float(container["resources"]["requests"]["cpu"]) / config["cpus_per_child"])
    assert slots * 8 <= config["window"] <= config["trials"]


# --- SLURM

_STAND_INS = {
    "srun": """#!/bin/bash
nodes=1
while [[ $1 == --* ]]; do [[ $1 == --nodes=* ]] && nodes=${1#--nodes=}; echo "srun $1" >> "$LOG"; shift; done
trap 'kill $(jobs -p); wait; exit 143' TERM
for ((i = 0; i < nodes; i++)); do "$@" & done
wait
""",
    "ray": """#!/bin/bash
[[ $1 == start ]] && trap 'echo "ray ended" >> "$LOG"; exit 0' TERM
echo "ray $* (${#RAY_AUTH_TOKEN} $RAY_AUTH_MODE)" >> "$LOG"
case $1 in
  start)
    [[ $BROKEN ]] && exit 1
    [[ $2 == --head ]] && touch "$LOG.head"
    while :; do sleep 0.05; done ;;
  health-check) [[ -e $LOG.head ]] ;;
esac
""",
    "nasnet-search": """#!/bin/bash
trap 'echo "told to stop" >> "$LOG"; sleep 0.3; echo "has stopped" >> "$LOG"; exit 5' TERM
while (( $(grep -c '^ray start' "$LOG") < SLURM_NNODES )); do sleep 0.05; done
echo "search $* ($RAY_ADDRESS)" >> "$LOG"
for ((i = 0; i < STEPS; i++)); do sleep 0.05; done
exit "$CODE"
""",
}


@pytest.fixture
def allocation(tmp_path):
    """A function that starts the script in an allocation of some nodes."""
    (tmp_path / "bin").mkdir()
    for name, text in _STAND_INS.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    log = tmp_path / "log"
    log.touch()
    started = []

    def start(nodes: int, steps: int = 2, code: int = 0, broken: str = "") -> tuple[subprocess.Popen, Path]:
        slurm = {"SLURM_JOB_ID": "123456", "SLURM_NNODES": str(nodes), "SLURM_CPUS_ON_NODE": "8"}
        ours = {"LOG": str(log), "STEPS": str(steps), "CODE": str(code), "BROKEN": broken, "SLURMD_NODENAME": "n01"}
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        command = ["bash", str(FOLDER / "slurm.sbatch"), "--workdir=/shared/a b", "--trials=9"]
        process = subprocess.Popen(
            command, env={**os.environ, **slurm, **ours, "PATH": path}, stderr=subprocess.PIPE, start_new_session=True
        )
        started.append(process)
        return process, log

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_the_script_searches_on_all_nodes_of_an_allocation(allocation):
    process, log = allocation(nodes=3)
    assert process.wait(30) == 0, process.stderr.read()
    lines = log.read_text().splitlines()
    starts = [line for line in lines if line.startswith("ray start")]
    assert len(starts) == 3 and "--head" in starts[0], "the head comes first"
    address = re.search(r"--node-ip-address=(\S+) --port=(\d+)", starts[0])
    assert all(f"ray start --address={address[1]}:{address[2]} " in line for line in starts[1:])
    assert all(line.endswith("--num-cpus=8 --disable-usage-stats --block (64 token)") for line in starts)
    (search,) = [line for line in lines if line.startswith("search")]
    assert search == f"search --executor=ray --workdir=/shared/a b --trials=9 ({address[1]}:{address[2]})"
    assert lines.index(search) > lines.index(starts[0]) and lines.count("ray ended") == 3
    assert {"srun --nodes=2", "srun --exclude=n01", "srun --nodelist=n01"} <= {*lines}
    for line in starts:
        check_ray(line.removeprefix("ray ").split(" (")[0].split())


@pytest.mark.parametrize("code", [0, 3])
def test_the_script_ends_as_the_search_does(code, allocation):
    process, log = allocation(nodes=1, code=code)
    assert process.wait(30) == code
    assert log.read_text().count("ray start") == 1 and log.read_text().count("ray ended") == 1


def test_a_search_is_told_to_stop_before_the_allocation_ends(allocation):
    process, log = allocation(nodes=2, steps=10_000)
    until = time.monotonic() + 30
    while log.read_text().count("ray start") < 2 or "search" not in log.read_text():
        assert time.monotonic() < until
        time.sleep(0.05)
    process.terminate()
    assert process.wait(30) == 5, "it waits for the search, and ends as it does"
    text = log.read_text()
    assert text.index("told to stop") < text.index("has stopped") < text.index("ray ended")
    assert text.count("ray ended") == 2, "nothing is left"


def test_an_allocation_without_ray_is_an_error_and_no_search(allocation):
    process, log = allocation(nodes=2, broken="yes")
    assert process.wait(30) != 0 and "search" not in log.read_text()
