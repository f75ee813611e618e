"""jubilant over `jujulab`: what a test suite does with it. Arguments: the command, controller:model, the controller."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import jubilant
from calls import calling

COMMAND, MODEL, CONTROLLER = sys.argv[1:4]
TARGET = "3.6.4"


def refused(words, call):
    try:
        call()
    except jubilant.CLIError as error:
        said = error.stderr
    else:
        raise AssertionError(f"not refused; expected {words}")
    assert words in said, said
    return f"CLIError: {said.splitlines()[0]}"


def main():
    juju = jubilant.Juju(cli_binary=COMMAND, model=MODEL)
    with calling("Juju.version") as told:
        told.result = str(juju.version())
    with calling("Juju.status") as told:
        status = juju.status()
        assert sorted(status.machines) == ["0", "1"]
        assert {unit.juju_status.current for unit in status.get_units("ubuntu").values()} == {"idle"}
        assert {unit.workload_status.current for unit in status.get_units("ubuntu").values()} == {"active"}
        assert {machine.juju_status.version for machine in status.machines.values()} == {"3.6.1"}
        assert status.apps["ubuntu"].charm_origin == "charmhub"
        related = {"haproxy": "nrpe", "nrpe": "haproxy"}
        for name, other in related.items():
            ((end,),) = status.apps[name].relations.values()
            assert (end.related_app, end.interface, end.scope) == (other, "juju-info", "container"), end
        assert status.apps["nrpe"].subordinate_to == ["haproxy"]
        assert (
            list(status.get_units("haproxy")["haproxy/0"].subordinates) == list(status.get_units("nrpe")) == ["nrpe/0"]
        )
        told.result = f"{status.model.name} {status.model.version}, {len(status.machines)} machines"
    with calling("Juju.wait, all_active, any_error") as told:
        juju.wait(jubilant.all_active, error=jubilant.any_error, timeout=60)
    with calling("Juju.wait, all_agents_idle") as told:
        juju.wait(lambda status: jubilant.all_agents_idle(status, "ubuntu"), timeout=60)
    with calling("Juju.wait, error") as told:
        try:
            juju.wait(jubilant.any_error, error=jubilant.all_active, timeout=60)
        except jubilant.WaitError as error:
            told.result = f"WaitError: {str(error).splitlines()[0]}"
        else:
            raise AssertionError("no WaitError")
    with calling("Juju.show_model") as told:
        assert juju.show_model().short_name == "jubilant"
    with calling("Juju.model_config") as told:
        juju.model_config({"test-mode": True})
        assert juju.model_config()["test-mode"] is True
        juju.model_config(reset="test-mode")
        assert juju.model_config()["agent-version"] == "3.6.1"
    with calling("Juju.model_constraints") as told:
        juju.model_constraints({"arch": "amd64"})
        assert juju.model_constraints() == {"arch": "amd64"}
    with calling("Juju.deploy"):
        juju.deploy("ubuntu", "more", base="ubuntu@22.04", channel="stable", config={"hostname": "more"}, to="0")
        juju.wait(lambda status: jubilant.all_active(status, "more"), timeout=180)
    with calling("Juju.config"):
        assert juju.config("more")["hostname"] == "more"
        juju.config("more", {"hostname": "other", "port": 80})
        juju.config("more", reset="port")
        assert dict(juju.config("more")) == {"hostname": "other"}
    with calling("Juju.add_unit"):
        juju.add_unit("more", to="1")
        juju.wait(
            lambda status: len(status.get_units("more")) == 2 and jubilant.all_active(status, "more"), timeout=180
        )
    with calling("Juju.remove_unit"):
        juju.remove_unit("more/1")
        juju.wait(lambda status: len(status.get_units("more")) == 1, timeout=60)
    with calling("Juju.integrate"):
        juju.deploy("nrpe", "watch", num_units=0)
        juju.integrate("more", "watch", via="10.0.0.0/8")
        refused("not found", lambda: juju.integrate("ubuntu", "nothing"))
    with calling("Juju.remove_relation"):
        juju.remove_relation("more", "watch")
        refused("not found", lambda: juju.remove_relation("more", "watch"))
    with calling("Juju.trust, Juju.refresh"):
        juju.trust("more")
        juju.refresh("more", channel="stable")
    with calling("Juju.show_unit") as told:
        told.result = juju.show_unit("ubuntu/0").charm
    with calling("Juju.remove_application"):
        juju.remove_application("more", "watch")
        juju.wait(lambda status: sorted(status.apps) == ["haproxy", "nrpe", "ubuntu"], timeout=60)
    with calling("Juju.exec") as told:
        told.result = juju.exec("hostname", unit="ubuntu/0").stdout.strip()
        code = 0
        try:
            juju.exec("exit 3", machine=0)
        except jubilant.TaskError as error:
            code = error.task.return_code
        assert code == 3
    with calling("Juju.ssh") as told:
        told.result = juju.ssh("ubuntu/0", "hostname").strip()
    with calling("Juju.scp"), TemporaryDirectory() as directory:
        path = Path(directory) / "file"
        path.write_text("there and back\n")
        juju.scp(path, "ubuntu/0:/tmp/file")
        juju.scp("ubuntu/0:/tmp/file", path.with_name("back"))
        assert path.with_name("back").read_text() == "there and back\n"
    with calling("Juju.debug_log") as told:
        told.result = f"{len(juju.debug_log(limit=5).splitlines())} lines"
    with calling("Juju.cli") as told:
        assert '"models"' in juju.cli("models", "--format", "json", include_model=False)
    with calling("Juju.add_model, Juju.destroy_model"):
        other = jubilant.Juju(cli_binary=COMMAND)
        other.add_model("passing", controller=CONTROLLER, config={"test-mode": "true"})
        assert other.status().model.name == "passing"
        refused("already exists", lambda: jubilant.Juju(cli_binary=COMMAND).add_model("passing", controller=CONTROLLER))
        other.destroy_model("passing", destroy_storage=True, force=True)
    with calling("Juju.cli, refused") as told:
        told.result = refused("", lambda: juju.cli("upgrade-model", "--agent-version", "3.6.9"))
    with calling("Juju.wait, while an upgrade runs") as told:
        juju.cli("upgrade-model", "--agent-version", TARGET)
        seen = []

        def upgraded(status):
            versions = [machine.juju_status.version for machine in status.machines.values()]
            for app in status.apps:
                versions += [unit.juju_status.version for unit in status.get_units(app).values()]
            seen.append(versions)
            return set(versions) == {TARGET} and jubilant.all_active(status) and jubilant.all_agents_idle(status)

        juju.wait(upgraded, error=jubilant.any_error, timeout=180)
        told.result = f"{len(seen)} looks, all at {TARGET}"


main()
