"""@canonical/jujulib, unmodified, on Node."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.compat import environments
from tests.compat.table import Table
from tests.e2e.support import Lab

pytestmark = pytest.mark.e2e


def test_it_drives_a_model(table: Table, lab36: Lab, tmp_path: Path) -> None:
    client = environments.node("jujulib", "@canonical/jujulib 9.1.0", table)

    def stored(name: str) -> dict[str, str]:
        entry = yaml.safe_load((lab36.juju.data / name).read_text())["controllers"][lab36.controller]
        assert isinstance(entry, dict)
        return entry

    controller, account = stored("controllers.yaml"), stored("accounts.yaml")
    (tmp_path / "ca.pem").write_text(controller["ca-cert"])
    uuid = lab36.juju.json("show-model", f"{lab36.controller}:jujulib")["jujulib"]["model-uuid"]
    client.run(
        *("jujulib_drive.js", controller["api-endpoints"][0], str(tmp_path / "ca.pem")),
        *(account["user"], account["password"], "jujulib", uuid, "3.6.4"),
    ).check()
