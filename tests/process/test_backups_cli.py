"""The backup commands: flags refused with Juju's words, and a journey against a real controller's process."""

from __future__ import annotations

import shlex
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from jujulab.cli import main
from jujulab.lab import restore
from jujulab.store import Store
from jujulab_core.errors import JujulabError
from tests.support.controller_process import ADMIN_PASSWORD, Controller, add_model, running

NOT_HERE = "backups are only supported from the controller model\nUse juju switch to select the controller model"


class Done(NamedTuple):
    code: int
    out: str
    err: str


class Lab:
    def __init__(self, controller: Controller, capsys: pytest.CaptureFixture[str]) -> None:
        self.controller = controller
        self._capsys = capsys

    def __call__(self, line: str) -> Done:
        code = main.run(shlex.split(line))
        return Done(code, *self._capsys.readouterr())


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Lab]:
    for name in ("JUJU_MODEL", "JUJU_CONTROLLER", "JUJULAB_CLIENT_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUJULAB_DATA", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    with running(tmp_path / "controller") as controller:
        store = Store.default()
        endpoints = [f"127.0.0.1:{controller.port}"]
        store.add_controller(
            "aws", controller.uuid, endpoints, controller.ca, "docker", "test", "2.6.4", "admin", ADMIN_PASSWORD
        )
        with controller.admin() as admin:
            add_model(admin)
        store.switch("aws", "admin/controller")
        yield Lab(controller, capsys)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("create-backup --no-download --filename x", "cannot mix --no-download and --filename"),
        ("create-backup --filename ''", "missing filename"),
        (
            "create-backup --no-download --keep-copy=false",
            "--no-download cannot be set when --keep-copy is not: the backup will not be created",
        ),
        ("download-backup", "missing ID"),
        ("restore-backup", "you must specify either a file or a backup id."),
        ("restore-backup --id x --file y", "you must specify either a file or a backup id but not both."),
        ("create-backup --nothing", "option provided but not defined: --nothing"),
    ],
)
def test_flags_that_juju_refuses(line: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(shlex.split(line)) == 2
    assert f"ERROR {text}\n" in capsys.readouterr().err


def restart_when_it_ends(controller: Controller) -> threading.Thread:
    """What systemd does for a real controller."""

    def again() -> None:
        controller.wait()
        controller.start()

    thread = threading.Thread(target=again)
    thread.start()
    return thread


def test_a_backup_is_made_downloaded_and_restored(lab: Lab, tmp_path: Path) -> None:
    assert lab("backups") == (0, "", "No backups to display.\n")
    assert lab("model-config -m default when=before").code == 0
    made = lab('create-backup "before it all"')
    (archive,) = tmp_path.glob("juju-backup-*.tar.gz")
    assert made == (0, "", f"Remote backup was not created.\nDownloaded to {archive.name}.\n")
    assert archive.stat().st_mode & 0o777 == 0o600
    assert lab("backups").out == ""
    lab("model-config -m default when=after")
    restarting = restart_when_it_ends(lab.controller)
    assert lab(f"restore-backup --file {archive.name}") == (0, f'restore from "{archive.name}" completed\n', "")
    restarting.join(20)
    assert lab("model-config -m default when").out == "before\n"
    # What was uploaded is kept, and can be restored by its name again.
    (backup,) = lab("backups").out.split()
    restarting = restart_when_it_ends(lab.controller)
    assert lab(f"restore-backup --id {backup}").out == f'restore from "{backup}" completed\n'
    restarting.join(20)


def test_what_is_kept_on_the_controller(lab: Lab, tmp_path: Path) -> None:
    made = lab("create-backup --no-download")
    (backup,) = lab("backups").out.split()
    assert made.err == (
        "WARNING downloading backup archives is recommended; backups stored remotely are not guaranteed to be "
        f"available.\nRemote backup stored on the controller as {backup}.\n"
    )
    name = f"juju-backup-{backup.partition('.')[0]}.tar.gz"
    assert lab(f"download-backup {backup}") == (0, f"{name}\n", "")
    with tarfile.open(tmp_path / name) as archive:
        assert archive.getnames()[0] == "juju-backup/metadata.json"
    both = lab("create-backup --keep-copy --filename mine.tar.gz")
    assert "Remote backup stored on the controller as " in both.err
    assert "Downloaded to mine.tar.gz." in both.err
    described = lab("backups --verbose").out
    assert f"backup ID:       {backup}\n" in described
    assert described.count("juju version:    2.6.4") == 2
    assert lab("download-backup nothing").err == 'ERROR backup metadata "nothing" not found (not found)\n'
    assert lab("download-backup nothing --filename gone/x").err.startswith("ERROR cannot write gone/x: ")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_what_is_refused(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in ("create-backup -m default", "backups -m default", "restore-backup -m default --id x"):
        assert lab(line) == (1, "", f"ERROR {NOT_HERE}\n"), line
    missing = "ERROR cannot read nowhere: No such file or directory\n"
    assert lab("restore-backup --file nowhere") == (2, "", missing)
    assert 'backup metadata "x" not found' in lab("restore-backup --id x").err
    (tmp_path / "junk").write_text("junk")
    assert lab("restore-backup --file junk").err.startswith("ERROR cannot read the backup archive: it is not a gzipped")
    monkeypatch.setenv("JUJULAB_CLIENT_VERSION", "2.9.0")
    done = lab("restore-backup --id x")
    assert done.code == 2
    assert "ERROR restore-backup is not a command of Juju 2.9" in done.err
    assert 'backup metadata "x" not found' in lab("restore-backup --id x --juju-restore").err


def test_a_controller_that_waits_for_its_state_keeps_machines_from_being_removed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    restore.refuse_while_awaited(store, "lab")
    store.lab_dir("lab")
    restore.expect(store, "lab")
    with pytest.raises(JujulabError, match="is new and does not know its machines"):
        restore.refuse_while_awaited(store, "lab")
    restore.done(store, "lab")
    restore.refuse_while_awaited(store, "lab")
