# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting and stopping the clouds' processes, and talking to them while they run."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.sandbox._certificates import create_certificates
from tests.sandbox._cloud import ADDRESSES, CLOUDS, MIRROR
from tests.sandbox._mirror._images import image_parts
from tests.sandbox._sparse import copy_sparse
from tests.support.disks import make_small_disk

_REPOSITORY = Path(__file__).resolve().parents[2]
_PIPE = Path(__file__).with_name("_machines") / "_pipe.py"
_START_SECONDS = 120
_STOP_SECONDS = 15


class SandboxError(Exception):
    """A command could not be carried out."""


class Sandbox:
    """A running sandbox, seen from outside."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def requests_file(self) -> Path:
        return self.directory / "requests.jsonl"

    def logged_requests(self, since: int = 0) -> list[dict[str, Any]]:
        """Every request so far, oldest first.

        :param since: how many of them to leave out.
        """
        with self.requests_file.open() as lines:
            return [json.loads(line) for line in itertools.islice(lines, since, None)]

    def mark(self) -> int:
        """How many requests there were so far: the ``since`` of those that follow."""
        return len(self.logged_requests())

    def writes(self, since: int = 0) -> list[str]:
        """The operations of the requests that can change state, oldest first."""
        return [request["operation"] for request in self.logged_requests(since) if request["write"]]

    def is_running(self) -> bool:
        pid_file = self.directory / "supervisor.pid"
        return pid_file.exists() and is_alive(int(pid_file.read_text()))

    def _state(self, cloud: str) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads((self.directory / f"{cloud}.json").read_text())
        except FileNotFoundError:
            raise SandboxError(f"{cloud} is not running in {self.directory}: start it with `make sandbox`") from None
        return state

    def _call(self, method: str, cloud: str, path: str, **arguments: Any) -> requests.Response:
        with requests.Session() as session:
            # The machine's own proxies and CA bundles have no say on loopback.
            session.trust_env = False
            session.verify = str(self.directory / "ca.pem")
            url = f"{self._state(cloud)['control']}{path}"
            try:
                response = session.request(method, url, timeout=300, **arguments)
            except requests.ConnectionError:
                raise SandboxError(f"{cloud} does not answer: it was stopped, or has crashed") from None
        if response.status_code >= 400:
            with contextlib.suppress(ValueError):
                raise SandboxError(f"{cloud}: {response.json()['error']}")
            raise SandboxError(f"{cloud}: HTTP {response.status_code}: {response.text[:2000]}")
        return response

    def order_fault(self, cloud: str, **fault: Any) -> None:
        self._call("POST", cloud, "/faults", json={key: value for key, value in fault.items() if value is not None})

    def clear_faults(self, cloud: str) -> None:
        self._call("DELETE", cloud, "/faults")

    def faults(self, cloud: str) -> list[dict[str, Any]]:
        faults: list[dict[str, Any]] = self._call("GET", cloud, "/faults").json()
        return faults

    def holdings(self, cloud: str) -> dict[str, list[str]]:
        """The ids of what launched machines are made of, by kind; kinds of which there are none are left out."""
        found: dict[str, list[str]] = self._call("GET", cloud, "/holdings").json()
        return {kind: ids for kind, ids in found.items() if ids}

    def export(self, cloud: str, resource_id: str, region: str | None, output: Path) -> None:
        """Write the raw disk of an imported image to ``output``."""
        answer = self._call("GET", cloud, "/export", params={"id": resource_id, "region": region}).json()
        exported = Path(answer["file"])
        try:
            exported.replace(output)
        except OSError:  # It is on another file system.
            copy_sparse(exported, output)
            exported.unlink()

    def stop(self, cloud: str | None) -> None:
        """Stop one cloud, or the supervisor and with it all of them."""
        if cloud:
            pid = self._state(cloud)["pid"]
        else:
            try:
                pid = int((self.directory / "supervisor.pid").read_text())
            except FileNotFoundError:
                raise SandboxError(f"no sandbox runs in {self.directory}") from None
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + _STOP_SECONDS
        while is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)


def ssh_arguments(directory: Path) -> str:
    """What leads ssh from a machine's public address to its port on 127.0.0.1."""
    command = shlex.join([sys.executable, "-I", "-S", str(_PIPE), f"{directory}/{ADDRESSES}/%h"])
    return f"-o ProxyCommand={shlex.quote(command)}"


def is_alive(pid: int) -> bool:
    """Whether the process is there, and not only waits for its parent to take note of its end."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def _prepare_directory(directory: Path) -> None:
    pid_file = directory / "supervisor.pid"
    if Sandbox(directory).is_running():
        raise SandboxError(f"a sandbox already runs in {directory} (process {pid_file.read_text()})")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    pid_file.write_text(str(os.getpid()))
    create_certificates(directory)
    (directory / "requests.jsonl").touch()


def _await_ready(directory: Path, processes: dict[str, subprocess.Popen[bytes]]) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    deadline = time.monotonic() + _START_SECONDS
    for cloud, process in processes.items():
        ready = directory / f"{cloud}.json"
        while not ready.exists():
            if process.poll() is not None:
                log = (directory / f"{cloud}.log").read_text()[-4000:]
                raise SandboxError(f"{cloud} ended with code {process.returncode} while starting:\n{log}")
            if time.monotonic() > deadline:
                raise SandboxError(f"{cloud} did not start within {_START_SECONDS} seconds")
            time.sleep(0.05)
        variables.update(json.loads(ready.read_text())["vars"])
    return variables


@contextlib.contextmanager
def running(
    directory: Path,
    vars_file: Path,
    clouds: list[str],
    *,
    operation_seconds: float,
    images: Sequence[Path] = (),
    integration_config: Path | None = None,
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Run the clouds for as long as the context lasts.

    :param vars_file: is written, and points the roles at the clouds.
    :param integration_config: likewise for the targets of ``ansible-test integration``.
    :param clouds: of ``SERVICES``.
    :param images: what ``alpine_images`` in ``vars_file`` names, by release where the mirror runs, and else by path.
        The mirror has them too.
    """
    _prepare_directory(directory)
    with contextlib.ExitStack() as cleanup:
        processes: dict[str, subprocess.Popen[bytes]] = {}
        cleanup.callback((directory / "supervisor.pid").unlink, missing_ok=True)
        cleanup.callback(_stop_processes, processes)
        for cloud in clouds:
            log = cleanup.enter_context((directory / f"{cloud}.log").open("wb"))
            command = [sys.executable, "-m", "tests.sandbox._run", cloud, "--directory", str(directory)]
            command += [f"--image={image}" for image in images]
            processes[cloud] = subprocess.Popen(
                [*command, "--operation-seconds", str(operation_seconds)],
                cwd=_REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        variables = _await_ready(directory, processes)
        variables["alpine_boot_test_ssh_args"] = ssh_arguments(directory)
        variables["alpine_clouds"] = [cloud for cloud in clouds if cloud in CLOUDS]
        if images:
            variables["alpine_images"] = [
                _by_release(image) if MIRROR in clouds else {"path": str(image)} for image in images
            ]
        cleanup.enter_context(_written(vars_file, variables))
        if integration_config:
            (directory / "disk").mkdir()
            variables |= make_small_disk(directory / "disk").as_vars() | {
                "sandbox_directory": str(directory),
                "sandbox_requests_file": str(directory / "requests.jsonl"),
            }
            cleanup.enter_context(_written(integration_config, variables))
        yield processes


@contextlib.contextmanager
def _written(vars_file: Path, variables: dict[str, Any]) -> Iterator[None]:
    """Have a file of variables, credentials among them, for as long as the context lasts."""
    vars_file.parent.mkdir(parents=True, exist_ok=True)
    vars_file.touch(mode=0o600)
    vars_file.write_text("---\n" + yaml.safe_dump(variables))
    try:
        yield
    finally:
        vars_file.unlink(missing_ok=True)


def _by_release(image: Path) -> dict[str, Any]:
    """As a user would name it, who wants this very image."""
    parts = image_parts(image.name)
    named = {key: parts[key] for key in ("release", "arch", "bootstrap", "firmware") if parts[key]}
    return named | {"revision": int(parts["revision"])}


def _stop_processes(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    for process in processes.values():
        process.terminate()
    for process in processes.values():
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()


def serve(
    directory: Path,
    vars_file: Path,
    clouds: list[str],
    *,
    operation_seconds: float,
    images: Sequence[Path],
    integration_config: Path | None,
) -> None:
    """Run in the foreground until Ctrl-C or SIGTERM."""

    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)  # scripts start what they put in the background with this one ignored
    try:
        with running(
            directory,
            vars_file,
            clouds,
            operation_seconds=operation_seconds,
            images=images,
            integration_config=integration_config,
        ) as processes:
            print(
                f"The sandbox runs: {', '.join(clouds)}.\n  Vars file:   {vars_file}\n  Request log: "
                f"{directory / 'requests.jsonl'}\nStop it with Ctrl-C.",
                flush=True,
            )
            while processes:
                time.sleep(0.2)
                for cloud, process in list(processes.items()):
                    if process.poll() is not None:
                        print(f"{cloud} has stopped (code {process.returncode}).", flush=True)
                        del processes[cloud]
    except KeyboardInterrupt:
        print("\nThe sandbox has stopped.", flush=True)
