# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the action plugin follows a module's progress, and when it runs it as any other."""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any

import pytest
from ansible.plugins.action import ActionBase

from ansible_collections.alpine.cloud.plugins.module_utils._core.progress import FILE_VARIABLE
from ansible_collections.alpine.cloud.plugins.plugin_utils import _progress_action
from ansible_collections.alpine.cloud.plugins.plugin_utils._progress_action import ProgressAction


class Action(ProgressAction):
    """One whose module writes a line in two pieces, where it is given a file."""

    def __init__(self, *, transport: str = "local", become: bool = False, **task: Any) -> None:
        fields = {"async_val": 0, "check_mode": False, "environment": None, "action": "alpine.cloud.alpine_x"} | task
        attributes: dict[str, Any] = {
            "_task": types.SimpleNamespace(**fields),
            "_connection": types.SimpleNamespace(transport=transport),
            "_play_context": types.SimpleNamespace(become=become),
        }
        vars(self).update(attributes)
        self.wrapped_async: bool | None = None

    def _execute_module(self, *_arguments: Any, **arguments: Any) -> dict[str, Any]:
        self.wrapped_async = arguments.get("wrap_async")
        return {"changed": True, "environment": self._task.environment}


@pytest.fixture(autouse=True)
def _nothing_of_ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})


def file_of(result: dict[str, Any]) -> str | None:
    """The file that the module was told to write to."""
    return next((item[FILE_VARIABLE] for item in result["environment"] or [] if FILE_VARIABLE in item), None)


def test_a_local_module_is_followed() -> None:
    result = Action(environment=[{"HTTPS_PROXY": "http://proxy"}]).run()
    path = file_of(result)
    assert result["changed"]
    assert result["environment"][0] == {"HTTPS_PROXY": "http://proxy"}
    assert path is not None
    # Nothing is left of it.
    assert not Path(path).exists()


@pytest.mark.parametrize(
    "task",
    [{"async_val": 30}, {"check_mode": True}, {"transport": "ssh"}, {"become": True}],
    ids=lambda task: next(iter(task)),
)
def test_others_are_not(task: dict[str, Any]) -> None:
    action = Action(**task)
    assert file_of(action.run()) is None
    assert action.wrapped_async is bool(task.get("async_val"))


def test_a_line_may_come_in_pieces(tmp_path: Path) -> None:
    shown: list[dict[str, Any]] = []
    path = tmp_path / "progress"
    line = json.dumps({"step": "upload", "done": 1, "total": 2, "unit": "percent"}) + "\n"
    pieces = [line[:10], line[10:] + line[:20], line[20:]]
    path.touch()

    class Ended:
        """Writes a piece at each question whether the module has ended."""

        def wait(self, _seconds: float) -> bool:
            if not pieces:
                return True
            with path.open("a") as file:
                file.write(pieces.pop(0))
            return False

    follower = _progress_action._Follower(path, types.SimpleNamespace(report=shown.append))  # type: ignore[arg-type]
    follower._ended = Ended()  # type: ignore[assignment]
    follower._follow()
    assert shown == [json.loads(line)] * 2
