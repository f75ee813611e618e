"""When a backup may be made and restored (the Juju upgrade specification, section J); no I/O."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from jujulab_controller.backups import Here, Metadata, create_refusal, make_id, restore_refusal
from jujulab_core.errors import RpcError
from jujulab_core.version import Number

MODEL = "11111111-2222-4333-8444-555555666666"
HERE = Here("uuid", Number.parse("2.6.5"), "bionic", controllers=1, ready=1, schema="0002", machine="0")
BACKUP = Metadata(
    id=f"20260102-030405.{MODEL}",
    started="2026-01-02T03:04:05.000000Z",
    finished="2026-01-02T03:04:06.000000Z",
    notes="",
    model=MODEL,
    machine="0",
    hostname="juju-666666-0",
    version="2.6.3",
    series="bionic",
    ca_cert="PEM",
)


def test_the_id_and_the_file_say_when_it_was_begun() -> None:
    assert make_id(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), MODEL) == BACKUP.id
    assert BACKUP.file_name == "juju-backup-20260102-030405.tar.gz"


def test_metadata_is_read_as_it_was_written() -> None:
    assert Metadata.from_json(BACKUP.to_json()) == BACKUP


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        BACKUP.to_json() | {"Version": 2},
        BACKUP.to_json() | {"ID": "../../etc/passwd"},
        BACKUP.to_json() | {"ID": ""},
    ],
)
def test_what_is_no_metadata_is_refused(content: Any) -> None:
    with pytest.raises(RpcError, match="cannot read the backup archive: its "):
        Metadata.from_json(content)


@pytest.mark.parametrize(
    ("backup", "here", "uuid", "schema", "text"),
    [
        ({}, {}, "uuid", "0002", None),
        ({"version": "2.6.11"}, {}, "uuid", "0002", None),
        ({"version": "2.8.0"}, {}, "uuid", "0001", None),
        (
            {"series": "xenial"},
            {},
            "uuid",
            "0002",
            'cannot restore a backup made in a machine with series "xenial" into',
        ),
        (
            {"version": "1.25.6"},
            {},
            "uuid",
            "0002",
            "Juju version 2.6.5 cannot restore backups made using Juju version 1.25.6",
        ),
        ({}, {"version": Number(3, 6)}, "uuid", "0002", "Juju version 3.6.0 cannot restore backups made using"),
        (
            {},
            {"controllers": 3, "ready": 3},
            "uuid",
            "0002",
            "unable to restore backup in HA configuration.  "
            "For help see https://docs.jujucharms.com/stable/controllers-backup",
        ),
        ({"version": "2.9.1"}, {"controllers": 3, "version": Number(2, 9)}, "uuid", "0002", None),
        ({}, {}, "uuid", "0003", "the backup's database is newer"),
        ({}, {}, "other", "0002", "the backup is of another controller"),
        ({}, {"machine": "1"}, "uuid", "0002", None),
        ({}, {"machine": "2"}, "uuid", "0002", "the backup is of the controllers on machines 0, 1, and this one is on"),
        ({}, {"machine": "2"}, "other", "0002", "the backup is of another controller"),
    ],
)
def test_restore_refusals(
    backup: dict[str, Any], here: dict[str, Any], uuid: str, schema: str, text: str | None
) -> None:
    refusal = restore_refusal(replace(BACKUP, **backup), uuid, schema, ["0", "1"], replace(HERE, **here))
    assert (refusal is None) == (text is None)
    assert text is None or str(refusal).startswith(text)


@pytest.mark.parametrize(
    ("controllers", "ready", "refusal"),
    [(1, 0, None), (1, 1, None), (3, 1, "HA not ready; try again later"), (3, 3, None)],
)
def test_a_young_set_of_controllers_makes_no_backup(controllers: int, ready: int, refusal: str | None) -> None:
    assert create_refusal(replace(HERE, controllers=controllers, ready=ready)) == refusal
