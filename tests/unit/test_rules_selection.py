"""The tables of a Juju upgrade's choice: each row is typed as a command line and must give every byte."""

from __future__ import annotations

import io
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from jujulab.cli.main import run

DATA = Path(__file__).parent / "data"


class TextLoader(yaml.SafeLoader):
    """Takes numbers as text: a version such as 2.6 is not a number."""


TextLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in resolvers if tag not in ("tag:yaml.org,2002:float", "tag:yaml.org,2002:int")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

PROMPT = """
WARNING! using --reset-previous-upgrade when an upgrade is in progress
will cause the upgrade to fail. Only use this option to clear an
incomplete upgrade where the root cause has been resolved.

Continue [y/N]? """


def rows() -> list[Any]:
    params = []
    for name in ("selection.yaml", "selection_more.yaml"):
        table = yaml.load((DATA / name).read_text(), TextLoader)
        for case in table["cases"]:
            if case.get("available") == "L":
                case["available"] = table["L"]
            params.append(pytest.param(case, id=case["id"]))
    return params


def command_line(case: dict[str, Any]) -> list[str]:
    line = ["what-if", "--client", case["client"], "--agent", case["agent"]]
    line += ["--available", ",".join(case.get("available", "").split())]
    line += ["--command", case.get("command", "upgrade-model")]
    if case.get("rules", "2.6") != "own":
        line += ["--rules", case.get("rules", "2.6")]
    return [*line, *shlex.split(case.get("given", "")), "--", *shlex.split(case.get("flags", ""))]


def expected(case: dict[str, Any]) -> tuple[str, str, int]:
    kind, _, text = case["result"].partition(" ")
    stdout, stderr = "", [*case.get("before", ())]
    if "upload" in case:
        source = case.get("local", "local agent binary")
        stdout += f"no prepackaged agent binaries available, using {source} {case['upload']}\n"
    stdout += PROMPT if case.get("prompt") else ""
    if kind in ("START", "DRY"):
        stderr += ["best version:", f"    {text}"]
    if kind == "START":
        stdout += f"started upgrade to {text}\n"
    if kind == "NONE":
        stderr.append("no upgrades available")
    if kind in ("ERR", "INIT"):
        stderr.append(f"ERROR {text}")
    stderr += case.get("after", ())
    if kind == "DRY":
        build = " --build-agent" if "--build-agent" in case.get("flags", "") else ""
        stderr += ["upgrade to this version by running", f"    juju {case.get('command', 'upgrade-model')}{build}"]
    return stdout, "".join(f"{line}\n" for line in stderr), {"ERR": 1, "INIT": 2}.get(kind, 0)


@pytest.mark.parametrize("case", rows())
def test_the_row_is_printed_to_the_byte(
    case: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(case.get("stdin", "") + "\n"))
    code = run(command_line(case))
    printed = capsys.readouterr()
    assert (printed.out, printed.err, code) == expected(case)


def test_the_table_of_the_specification_is_whole() -> None:
    names = [param.id for param in rows()]
    assert names[:50] == [f"M{number:02}" for number in range(1, 51)]
    assert len(names) == len(set(names))
