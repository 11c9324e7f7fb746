# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running one role as a user does, by include_role, and reading the fact that it sets."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.support.disks import SmallDisk
from tests.support.playbook import changed_tasks, start_playbook


def image_facts(disk: SmallDisk, *formats: str, **others: Any) -> dict[str, Any]:
    """What role alpine_image tells the provider roles of ``disk``.

    :param formats: what is in ``files``: names of fields of :class:`SmallDisk`.
    :param others: facts that are to be others.
    """
    return {
        "name": "alpine-3.24.2-x86_64-tiny-r0",
        "release": "3.24.2",
        "version": "3.24",
        "revision": 0,
        "architecture": "x86_64",
        "firmware": "hybrid",
        "bootstrap": "tiny",
        "machine": "vm",
        "path": str(disk.qcow2),
        "sha256": disk.sha256,
        "virtual_size": disk.raw.stat().st_size,
        "partition_table": "gpt",
        "end_of_life": "2028-05-01",
        "tags": {
            "alpine-image": "alpine-3.24.2-x86_64-tiny-r0",
            "alpine-release": "3.24.2",
            "alpine-revision": "0",
            "alpine-end-of-life": "2028-05-01",
        },
        "clouds": ["aws", "azure", "gcp", "oci"],
        "obstacles": {},
        "files": {name: str(getattr(disk, name)) for name in formats},
        **others,
    }


@dataclasses.dataclass(frozen=True)
class RoleRun:
    """A run of a role that succeeded."""

    stdout: str
    changed: int
    """How many tasks have changed something."""
    result: dict[str, Any]
    """The fact that the role has set."""


@dataclasses.dataclass(frozen=True)
class Role:
    """A role of the collection, with what all its runs in a test have in common."""

    name: str
    home: Path
    vars_files: tuple[Path, ...] = ()
    image: Mapping[str, Any] | None = None
    """``alpine_image_result``, for the provider roles."""
    variables: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def succeeds(self, *arguments: str, **settings: Any) -> RoleRun:
        """Run it with these arguments of ansible-playbook, and settings as :meth:`_start` knows them.

        :raises AssertionError: with the output, if the run fails.
        """
        returncode, stdout = self._run(arguments, **settings)
        assert returncode == 0, stdout
        # The callback plugin prints it in one line, whatever its length.
        found = re.search(r"^\tRUN: (.+)$", stdout, re.MULTILINE)
        assert found, stdout
        return RoleRun(stdout, changed_tasks(stdout), json.loads(found[1])["result"])

    def fails(self, *arguments: str, **settings: Any) -> str:
        """Run it likewise, and return the output.

        :raises AssertionError: with the output, if the run succeeds.
        """
        returncode, stdout = self._run(arguments, **settings)
        assert returncode != 0, stdout
        return stdout

    def start(self, *arguments: str, **settings: Any) -> subprocess.Popen[str]:
        """Start it likewise."""
        return self._start(arguments, **settings)

    def _run(self, arguments: tuple[str, ...], **settings: Any) -> tuple[int, str]:
        with self._start(arguments, **settings) as process:
            stdout, _stderr = process.communicate()
        return process.returncode, stdout

    def _start(
        self,
        arguments: tuple[str, ...],
        *,
        image: Mapping[str, Any] | None = None,
        hosts: str = "localhost,",
        environment: Mapping[str, str] | None = None,
        **variables: Any,
    ) -> subprocess.Popen[str]:
        """Start it.

        :param image: facts of the image that are others in this run.
        :param hosts: the inventory.
        :param variables: variables of the play, besides those that all runs have.
        """
        play = {
            "hosts": "all",
            "connection": "local",
            "gather_facts": False,
            "tasks": [
                {"ansible.builtin.include_role": {"name": f"alpine.cloud.{self.name}"}},
                # Runs no module, so that it costs next to nothing, and neither check mode nor --diff matters to it.
                {
                    "ansible.builtin.set_stats": {
                        "data": {"result": f"{{{{ {self.name}_result }}}}"},
                        "aggregate": False,
                    }
                },
            ],
        }
        playbook = self.home / f"{self.name}.yml"
        playbook.write_text(yaml.safe_dump([play]))
        given: dict[str, Any] = {"ansible_python_interpreter": "{{ ansible_playbook_python }}", **self.variables}
        if self.image is not None:
            given["alpine_image_result"] = {**self.image, **(image or {})}
        return start_playbook(
            playbook,
            "--inventory",
            hosts,
            *arguments,
            home=self.home,
            variables=given | variables,
            vars_files=self.vars_files,
            environment={"ANSIBLE_SHOW_CUSTOM_STATS": "true", **(environment or {})},
        )
