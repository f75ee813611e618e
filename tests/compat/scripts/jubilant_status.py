"""What jubilant, or jubilant-backports, makes of `status --format json`, and which keys it looked for in vain.

Arguments: the package, the command, controller:model. jubilant-backports reads Juju 2.9's form too.
"""

import importlib
import json
import sys

from calls import calling
from watched import Asked, Watched

PACKAGE, COMMAND, MODEL = sys.argv[1:4]


def agents(status):
    found = {name: machine.juju_status for name, machine in status.machines.items()}
    for app in status.apps:
        for name, unit in status.get_units(app).items():
            found[name] = unit.juju_status
            found |= {name: subordinate.juju_status for name, subordinate in unit.subordinates.items()}
    return found


def main():
    client = importlib.import_module(PACKAGE)
    types = importlib.import_module(f"{PACKAGE}.statustypes")
    juju = client.Juju(cli_binary=COMMAND, model=MODEL)
    with calling("Juju.status") as told:
        status = juju.status()
        told.facts = {
            "model": status.model.version,
            "agents": {name: [agent.current, agent.version] for name, agent in agents(status).items()},
            "relations": {name: sorted(app.relations) for name, app in status.apps.items()},
            "related": {
                name: sorted({end.related_app for ends in app.relations.values() for end in ends})
                for name, app in status.apps.items()
            },
            "subordinate-to": {name: app.subordinate_to for name, app in status.apps.items()},
            "all_active": client.all_active(status),
            "all_agents_idle": client.all_agents_idle(status),
        }
        told.result = f"ok: {len(status.machines)} machines, {len(status.apps)} applications at {status.model.version}"
    with calling("statustypes.Status: each key that it knows") as told:
        asked = Asked()
        types.Status._from_dict(Watched(json.loads(juju.cli("status", "--format", "json")), asked))
        told.facts = {"absent": asked.absent(), "unread": asked.unread()}
        told.result = f"ok: {asked.count()}, {len(asked.absent())} of them absent; {len(asked.unread())} unknown to it"


main()
