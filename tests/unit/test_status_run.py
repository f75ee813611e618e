"""Running a command on many machines: whom the options name, and both forms of the results."""

from __future__ import annotations

from typing import Any

import click
import pytest

from jujulab.cli import running
from jujulab.cli.running import Result
from jujulab_core.errors import JujulabError, UsageError

STATUS: dict[str, Any] = {
    "machines": {
        name: {"dns-name": f"10.0.0.{name}", "instance-id": f"juju-0a0a0a-{name}"} for name in ("0", "1", "10")
    },
    "applications": {
        "ubuntu": {
            "units": {"ubuntu/0": {"machine": "0", "subordinates": {"nrpe/0": {}}}, "ubuntu/1": {"machine": "10"}}
        },
        "nrpe": {"units": {}},
    },
}
NOBODY: dict[str, Any] = {"everywhere": False, "machines": [], "applications": [], "units": []}
RESULTS = [Result("0", "0", 0, "a\n", ""), Result("ubuntu/1", "1", 3, "", "no\n"), Result("2", "2", None, "", "")]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"everywhere": True}, ["0", "1", "10"]),
        ({"machines": ["10", "1"]}, ["1", "10"]),
        ({"applications": ["ubuntu"]}, ["ubuntu/0", "ubuntu/1"]),
        ({"units": ["nrpe/0", "ubuntu/1"], "machines": ["0"]}, ["0", "nrpe/0", "ubuntu/1"]),
    ],
)
def test_whom_the_options_name(options: dict[str, Any], expected: list[str]) -> None:
    assert list(running.choose(STATUS, **NOBODY | options)) == expected


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({}, UsageError, "You must specify a target"),
        ({"everywhere": True, "units": ["ubuntu/0"]}, UsageError, "You cannot specify --all and"),
        ({"units": ["ubuntu"]}, UsageError, '"ubuntu" is not a valid unit name'),
        ({"machines": ["x"]}, UsageError, '"x" is not a valid machine id'),
        ({"applications": ["mysql"]}, JujulabError, 'application "mysql" not found'),
        ({"machines": ["7"]}, JujulabError, "machine 7 not found"),
    ],
)
def test_what_cannot_be_named(options: dict[str, Any], kind: type[JujulabError], said: str) -> None:
    with pytest.raises(kind, match=said):
        running.choose(STATUS, **NOBODY | options)


def test_the_form_of_juju_2() -> None:
    assert running.list_of(RESULTS) == [
        {"MachineId": "0", "Stdout": "a\n"},
        {"MachineId": "1", "UnitId": "ubuntu/1", "Stdout": "", "Stderr": "no\n", "ReturnCode": 3},
        {"MachineId": "2", "Error": "command timed out", "Stdout": ""},
    ]


def test_the_form_of_juju_3() -> None:
    tree = running.tasks(RESULTS[:2])
    assert tree["0"] == {
        "id": "1",
        "status": "completed",
        "results": {"return-code": 0, "stdout": "a\n"},
        "machine": "0",
    }
    assert tree["ubuntu/1"]["status"] == "failed"
    assert tree["ubuntu/1"]["results"] == {"return-code": 3, "stderr": "no\n"}


def test_a_failure_is_told_in_the_words_that_programs_look_for() -> None:
    running.fail_if_any_did(RESULTS[:2], 300, is_new=False)
    with pytest.raises(JujulabError, match='the following task failed:\n - id "2" with return code 3'):
        running.fail_if_any_did(RESULTS[:2], 300, is_new=True)
    with pytest.raises(JujulabError, match="timed out waiting for 2 after 300s"):
        running.fail_if_any_did(RESULTS, 300, is_new=False)


def test_one_target_is_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    with click.Context(click.Command("run")), pytest.raises(click.exceptions.Exit) as ended:
        running.pass_on(RESULTS[1], 300)
    assert ended.value.exit_code == 3
    assert capsys.readouterr().err == "no\n"
