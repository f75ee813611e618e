"""The program as a whole: help, errors, exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jujulab.cli import catalogue, main
from jujulab.cli.framework import JujuCommand
from jujulab.lab import pki
from jujulab.store import Store

CA = pki.make_ca("demo", datetime.now(UTC)).certificate


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name in ("JUJU_MODEL", "JUJU_CONTROLLER", "JUJULAB_CLIENT_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUJULAB_DATA", str(tmp_path))
    return Store(tmp_path)


@pytest.fixture
def with_controller(store: Store) -> Store:
    # Port 1 of the loopback refuses: whatever connects, fails at once.
    store.add_controller("aws", "u", ["127.0.0.1:1"], CA, "docker", "demo", "2.6.4", "admin", "x")
    store.set_models("aws", {"admin/default": "u2", "admin/controller": "u1"}, current="admin/default")
    return store


COMMANDS = sorted(catalogue.present())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = main.Program().get_command(None, name)  # type: ignore[arg-type]
    assert isinstance(command, JujuCommand)
    assert command.examples
    assert command.see_also
    assert set(command.aliases) == set(catalogue.COMMANDS[name].aliases)
    assert set(command.see_also) <= set(catalogue.COMMANDS)
    assert main.run([name, "--help"]) == 0
    shown = capsys.readouterr().out
    for part in ("Usage: jujulab", "Summary:", "Options:", "Examples:", "See also:"):
        assert part in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_help(name: str) -> None:
    command = main.Program().get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    missing = [param.opts for param in command.params if param.param_type_name == "option" and not param.help]  # type: ignore[attr-defined]
    assert not missing


@pytest.mark.parametrize("line", [[], ["-h"], ["--help"]])
def test_the_help_lists_the_commands_and_the_exit_codes(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(line) == 0
    shown = capsys.readouterr().out
    for name in COMMANDS:
        assert f"  {name} " in shown
    for code, _ in main.EXIT_CODES:
        assert f"\n  {code} " in shown


def test_help_imports_no_command_and_nothing_heavy() -> None:
    script = (
        "import sys; from jujulab.cli import main; main.run(['--help']);"
        "bad = [m for m in sys.modules if m.split('.')[0] in ('docker', 'paramiko', 'rich', 'yaml', 'cryptography')"
        " or m.startswith('jujulab.cli.commands.')]; sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("line", "code", "error"),
    [
        ("frobnicate", 2, 'ERROR "frobnicate" is not a jujulab command'),
        ("upgrade-modle", 2, "Next: did you mean `jujulab upgrade-model`?"),
        ("status --dev", 2, "ERROR option provided but not defined: --dev"),
        ("upgrade-model foo", 2, 'ERROR unrecognized args: ["foo"]'),
        ("upgrade-juju foo bar", 2, 'ERROR unrecognized args: ["foo" "bar"]'),
        ("upgrade-model --agent-version", 2, "ERROR option needs an argument: --agent-version"),
        ("status --format xml", 2, "ERROR invalid value for option --format"),
        ("heal x", 2, 'ERROR invalid value for ID: "x" is not a whole number\n'),
        ("add-machine -n x", 2, 'ERROR invalid value for option -n: "x" is not a whole number\n'),
        ("up --timeout x", 2, 'ERROR invalid value for option --timeout: "x" is not a number\n'),
        ("up --machines -1", 2, "ERROR invalid value for option --machines: -1 is not from 0 to 1000\n"),
        ("retry-upgrade --id 0", 2, "ERROR invalid value for option --id: 0 is below 1\n"),
        ("what-if", 2, "ERROR missing --client\n"),
        ("help upgrade-modle", 2, "Next: did you mean `jujulab upgrade-model`?"),
        ("status", 1, "ERROR No controllers registered.\nNext: make a lab with `jujulab up`"),
        ("controllers", 1, "ERROR No controllers registered."),
        ("destroy-model", 2, "ERROR missing [CONTROLLER:]MODEL"),
        ("remove-machine", 2, "ERROR no machines specified"),
        ("disable-command", 2, "ERROR missing command set (all, destroy-model, remove-object)"),
        ("disable-command upgrade", 2, "ERROR bad command set, valid options: all, destroy-model, remove-object"),
        ("add-model Bad_Name", 2, 'ERROR "Bad_Name" is not a valid name'),
        ("model-config a b", 2, "ERROR can only retrieve a single value, or all values"),
        ("model-config a b=c", 2, "ERROR cannot set and retrieve model values simultaneously"),
        ("model-config agent-version=2.7.0", 1, 'ERROR "agent-version"" must be set via "upgrade-model"'),
        ("model-config --reset agent-version", 1, 'ERROR "agent-version" cannot be reset'),
        ("debug-log --tail --no-tail", 2, "ERROR setting --tail and --no-tail not valid"),
        ("show-status-log ubuntu/0 -n 1 --days 2", 2, "ERROR specify at most one of"),
        ("upgrade-model --agent-version 4", 2, 'ERROR invalid version "4"'),
        ("upgrade-controller --agent-version v2.6.0", 2, 'ERROR invalid version "v2.6.0"'),
        ("upgrade-controller --batch many", 2, 'ERROR --batch is "many"'),
        ("upgrade-model --timeout soon", 2, 'ERROR invalid duration "soon"'),
        ("sync-agent-binaries --version 1.2.3", 2, "ERROR invalid major.minor version number 1.2.3"),
        ("sync-agent-binary --agent-version 1.2.3.4.5", 2, 'ERROR invalid version "1.2.3.4.5"'),
        ("sync-tools --stream ../x", 2, "ERROR"),
    ],
)
def test_errors_without_a_controller(
    store: Store, line: str, code: int, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(line.split()) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert error in captured.err
    assert "Traceback" not in captured.err
    assert not list(store.root.iterdir())


@pytest.mark.parametrize(
    ("line", "code", "error"),
    [
        ("status", 1, "ERROR cannot connect to 127.0.0.1:1: Connection refused\nNext: see whether the lab is up"),
        ("show-upgrade", 1, "ERROR cannot connect to 127.0.0.1:1: Connection refused\nNext: see whether the lab is up"),
        ("status -m gce:default", 1, "ERROR controller gce not found"),
        ("upgrade-model --agent-version 4", 2, 'ERROR invalid version "4"'),
        (
            "upgrade-model --build-agent --agent-version 3.2.8.4",
            2,
            "ERROR cannot specify build number when building an agent",
        ),
        ("upgrade-model --batch many", 2, 'ERROR --batch is "many"'),
        ("upgrade-model --health-time soon", 2, 'ERROR invalid duration "soon"'),
        ("upgrade-model --canary -1", 2, "ERROR invalid value for option --canary"),
        ("destroy-model controller", 1, "use 'juju destroy-controller' to destroy it"),
        ("sync-agent-binaries --dev", 1, "ERROR cannot connect to 127.0.0.1:1"),
    ],
)
def test_errors_with_a_controller_that_is_away(
    with_controller: Store, line: str, code: int, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(line.split()) == code
    captured = capsys.readouterr()
    assert error in captured.err
    assert "Traceback" not in captured.err


def test_destroying_a_model_asks(
    with_controller: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert main.run(["destroy-model", "default"]) == 1
    captured = capsys.readouterr()
    assert captured.out == (
        'WARNING! This command will destroy the "default" model.\n'
        "This includes all machines, applications, data and other resources.\n\nContinue [y/N]? "
    )
    assert captured.err == "ERROR model destruction aborted\n"


def test_a_traceback_only_with_debug(with_controller: Store, capsys: pytest.CaptureFixture[str]) -> None:
    for line in (["--debug", "status"], ["status", "--debug"]):
        assert main.run(line) == 1
        assert "Traceback" in capsys.readouterr().err


def test_whoami_and_switch(with_controller: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["whoami"]) == 0
    assert capsys.readouterr().out == "Controller:  aws\nModel:       default\nUser:        admin\n"
    assert main.run(["switch"]) == 0
    assert capsys.readouterr().out == "aws:admin/default\n"
    assert main.run(["switch", "controller"]) == 0
    assert capsys.readouterr().err == "aws:admin/default -> aws:admin/controller\n"
    assert main.run(["switch", "aws:controller"]) == 0
    assert capsys.readouterr().err == "aws:admin/controller (no change)\n"
    assert main.run(["-q", "switch", "default"]) == 0
    assert capsys.readouterr().err == ""
    assert main.run(["switch", "gce:default"]) == 1
    assert 'ERROR "gce:default" is not the name of a model or controller' in capsys.readouterr().err


def test_controllers(with_controller: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["controllers"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "Use --refresh option with this command to see the latest information.\n\n"
    assert captured.out == (
        "Controller  Model    User   Access     Cloud/Region  Models  Nodes    HA  Version\n"
        "aws*        default  admin  superuser  docker/demo        2      -  none  2.6.4\n"
    )


@pytest.mark.parametrize(
    ("line", "same"), [("help", "--help"), ("help status", "status --help"), ("help show-status", "show-status --help")]
)
def test_help_is_a_command_too(line: str, same: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for words in (line, same):
        assert main.run(words.split()) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]


def test_the_commands_of_juju_are_in_order() -> None:
    names = [name for name, entry in catalogue.COMMANDS.items() if entry.section == catalogue.JUJU]
    assert names == sorted(names)


def test_version(with_controller: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for line in ("version", "--version"):
        assert main.run([line]) == 0
        assert capsys.readouterr().out.startswith("2.6.4-bionic-")
    monkeypatch.setenv("JUJULAB_CLIENT_VERSION", "2.9.37")
    assert main.run(["version", "--format", "json", "--all"]) == 0
    assert capsys.readouterr().out.startswith('{"version":"2.9.37-ubuntu-')
    monkeypatch.setenv("JUJULAB_CLIENT_VERSION", "new")
    assert main.run(["version"]) == 2
    assert 'ERROR invalid version "new" in JUJULAB_CLIENT_VERSION' in capsys.readouterr().err


def test_a_reader_that_has_read_enough_is_no_error(with_controller: Store) -> None:
    script = "import sys; from jujulab.cli.main import main; sys.argv = ['jujulab', 'whoami']; main()"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", script], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")
