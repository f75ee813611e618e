"""Where things are on a Juju machine (the Juju upgrade specification, section H)."""

from __future__ import annotations

DATA_DIR = "/var/lib/juju"
LOG_DIR = "/var/log/juju"
# Below the data directory of a controller: what all controllers of a lab share, where Juju has its database.
STATE = "db"
STATE_DIR = f"{DATA_DIR}/{STATE}"
# In there: a file for each model that migrates.
MIGRATING = "migrating"
API_PORT = 17070
# The one name that every controller certificate carries, whatever address it is reached at.
API_SERVER_NAME = "juju-apiserver"
# The ``user-data`` of a login by a part of the product; others are not told of the facades that Juju does not have.
OURS = "jujulab"
STREAMS_HOST = "streams.canonical.com"
STREAMS_URL = f"https://{STREAMS_HOST}/juju/tools"

# Juju refuses to stage below this much free space (section G.1, step 8).
MIN_FREE_BYTES = 250 * 1024 * 1024


def tools_dir(data_dir: str, binary: object) -> str:
    """The directory of an agent binary: ``/var/lib/juju/tools/2.6.5-bionic-amd64``."""
    return f"{data_dir}/tools/{binary}"


def tools_link(data_dir: str, tag: str) -> str:
    """An agent's symlink to the directory it runs from."""
    return f"{data_dir}/tools/{tag}"


def agent_dir(data_dir: str, tag: str) -> str:
    """The directory with an agent's ``agent.conf``."""
    return f"{data_dir}/agents/{tag}"


def agent_conf(data_dir: str, tag: str) -> str:
    """An agent's configuration file."""
    return f"{agent_dir(data_dir, tag)}/agent.conf"


def agent_service(tag: str) -> str:
    """The name of an agent's systemd service, without ``.service``."""
    return f"jujud-{tag}"
