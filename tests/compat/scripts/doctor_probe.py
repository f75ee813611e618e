"""A probe of juju-doctor, as a user's own would be: every agent is there, and runs its model's version."""


def status(juju_statuses: dict[str, dict], **kwargs):
    for found in juju_statuses.values():
        wrong = [f"{name} is {agent['current']}" for name, agent in agents(found) if agent["current"] not in WELL]
        model = found["model"]["version"]
        wrong += [f"{name} runs {agent['version']}" for name, agent in agents(found) if agent["version"] != model]
        assert not wrong, "; ".join(wrong)


WELL = ("started", "idle")


def agents(found):
    for name, machine in found["machines"].items():
        yield f"machine {name}", machine["juju-status"]
    for application in found["applications"].values():
        for name, unit in application.get("units", {}).items():
            yield name, unit["juju-status"]
            for subordinate, entry in unit.get("subordinates", {}).items():
                yield subordinate, entry["juju-status"]
