"""The command ``what-if`` itself: its options, its explanation, its prompt."""

from __future__ import annotations

import io

import pytest

from jujulab.cli.main import run

BASE = ["what-if", "--client", "2.6.10", "--agent", "2.6.3", "--available", "2.6.10"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--agent", "2.6"], 'invalid version "2.6"'),
        (["--available", "2.6.10,x"], 'invalid version "x"'),
        (["--storage", "2"], 'invalid version "2"'),
        (["--major-map", "3"], 'invalid value for option --major-map: "3" is not MAJOR:VERSION'),
        (["--major-map", "x:2.9.0"], 'invalid value for option --major-map: "x:2.9.0" is not MAJOR:VERSION'),
        (["--agents-behind", "2.6.0"], 'invalid value for option --agents-behind: "2.6.0" is not VERSION:TAG,TAG'),
        (["--agents-behind", "2.6.0:"], 'invalid value for option --agents-behind: "2.6.0:" is not VERSION:TAG,TAG'),
        (["--agents-behind", "2.6.0:bob"], '"bob" is not a valid tag'),
        (["--agents-behind", "x:machine-0"], 'invalid version "x"'),
        (
            ["--controller-agent", "2.7.0"],
            "--controller-agent differs from --agent, but the controller model runs the controller's own version",
        ),
        (["--dev"], "option provided but not defined: --dev"),
        (["--", "--dev"], "option provided but not defined: --dev"),
        (["--", "a", "b c"], 'unrecognized args: ["a" "b c"]'),
        (["--", "--hosted"], "option provided but not defined: --hosted"),
        (["--", "--dry-run", "--client=2.6.9"], "option provided but not defined: --client"),
        (
            ["--hosted", "--command", "upgrade-controller"],
            "--hosted contradicts --command upgrade-controller, which upgrades the controller model",
        ),
    ],
)
def test_a_wrong_command_line(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*BASE, *options]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[0] == f"ERROR {message}"


def test_client_and_agent_are_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["what-if", "--agent", "2.6.3"]) == 2
    assert capsys.readouterr().err.startswith("ERROR missing")


@pytest.mark.parametrize("separator", [[], ["--"]])
def test_the_upgrades_flags_may_stand_behind_two_dashes(
    separator: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*BASE, *separator, "--agent-version", "2.6.10", "--dry-run"]) == 0
    assert capsys.readouterr() == (
        "",
        "best version:\n    2.6.10\nupgrade to this version by running\n    juju upgrade-model\n",
    )


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ([], "C.1 step 11: nothing of the next minor version, so the newest of the same"),
        (["--available", "2.7.0"], "C.1 step 11: the newest version of the next minor version"),
        (["--agent-version", "x"], "C.1 step 1: the flags"),
        (["--agent-version", "2.6.1"], "C.1 step 7: no downgrade"),
        (["--upgrade-record"], "D.2 row 11: an upgrade record exists"),
        (["--blocked", ""], "D.2 row 3: block all"),
        (["--access", "admin"], "C.1 step 2: up to 2.8.6 the client must read the controller model's config"),
        (["--rules", "2.9.33"], "C.1 step 11: nothing of the next minor version, so the newest of the same"),
        (
            ["--rules", "2.9.33", "--agent-version", "2.6.9"],
            "C.3 item 2: the version asked for must be in the list exactly, its build included",
        ),
        (["--rules", "3.6"], "C.5: upgrade-model does not upgrade the controller model"),
        (["--rules", "3.6", "--hosted"], "C.5: exactly the controller's version"),
        (["--rules", "3.6", "--command", "upgrade-controller"], "C.5: the newest patch of the same minor version"),
    ],
)
def test_the_rule_that_decided_is_the_last_line(
    options: list[str], rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = run([*BASE, *options])
    without = capsys.readouterr()
    assert run([*BASE, *options, "--explain"]) == plain
    explained = capsys.readouterr()
    assert explained == (without.out, f"{without.err}rule: {rule}\n")


@pytest.mark.parametrize(
    ("typed", "code", "last"), [("y\n", 0, "started upgrade to 2.6.10\n"), ("n\n", 1, ""), ("", 1, "")]
)
def test_the_prompt_takes_its_answer_from_stdin(
    typed: str, code: int, last: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert run([*BASE, "--upgrade-record", "--", "--reset-previous-upgrade"]) == code
    printed = capsys.readouterr()
    before, prompt, after = printed.out.partition("Continue [y/N]? ")
    assert (before.count("WARNING!"), prompt, after) == (1, "Continue [y/N]? ", last)
    assert printed.err.startswith("best version:\n    2.6.10\n")
    assert printed.err.count("best version:") == 1
