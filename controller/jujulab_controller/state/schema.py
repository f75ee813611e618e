"""The tables as the newest migration leaves them.

Types are only those that SQLite's STRICT tables know (TEXT, INTEGER) and that PostgreSQL has as well; times
are RFC 3339 text; structured values are JSON text; truth is 0 or 1.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Index, Integer, MetaData, Table, Text
from sqlalchemy.schema import SchemaItem

metadata = MetaData()


def _table(name: str, *items: SchemaItem, autoincrement: bool = False) -> Table:
    table: Table = Table(name, metadata, *items, sqlite_strict=True, sqlite_autoincrement=autoincrement)
    return table


def _text(name: str, *, key: bool = False, empty: bool = True) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=False, server_default="" if empty and not key else None)


def _json(name: str, empty: str = "{}") -> Column[str]:
    return Column(name, Text, nullable=False, server_default=empty)


def _number(name: str, default: int = 0) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=str(default))


def _model_key() -> Column[str]:
    return Column("model_uuid", Text, ForeignKey("models.uuid", ondelete="CASCADE"), primary_key=True)


# One row: this controller.
controller = _table(
    "controller",
    Column("id", Integer, primary_key=True),
    _text("uuid"),
    _text("name"),
    _text("model_uuid"),
    _text("cloud"),
    _text("region"),
    _text("version"),
    _text("ca_cert"),
    _text("cert"),
    _text("key"),
    _json("api_endpoints", "[]"),
    _text("streams_url"),
    _text("streams_key"),
    _text("authorized_keys"),
    _text("orchestrator_hash"),
    _json("config"),
    _text("created"),
    # The number of the machine whose controller leads; and the versions to which it has upgraded the database and
    # itself, of the upgrade that the others follow it in.
    _text("primary_machine"),
    _text("database_upgraded_to"),
    _text("primary_upgraded_to"),
)

users = _table(
    "users",
    _text("name", key=True),
    _text("display_name"),
    _text("password_hash"),
    _text("access"),
    _text("created_by"),
    _text("created"),
    Column("last_connection", Text),
    _number("disabled"),
    _text("secret_hash"),
    _number("removed"),
)

models = _table(
    "models",
    _text("uuid", key=True),
    _text("name"),
    _text("owner"),
    _text("life"),
    _text("agent_version"),
    _json("config"),
    _json("constraints"),
    _text("status"),
    _text("status_message"),
    _text("status_since"),
    _text("available_version"),
    _number("next_machine"),
    _number("next_relation"),
    _text("created"),
    Index("models_by_name", "owner", "name", unique=True),
)

model_access = _table(
    "model_access",
    _model_key(),
    Column("user", Text, ForeignKey("users.name", ondelete="CASCADE"), primary_key=True),
    _text("access"),
    Column("last_connection", Text),
)

machines = _table(
    "machines",
    _model_key(),
    _text("id", key=True),
    _text("life"),
    _text("series"),
    _text("arch"),
    _text("instance_id"),
    _text("host_key"),
    _text("nonce"),
    _json("addresses", "[]"),
    _text("constraints"),
    _text("created"),
    _text("provisioned"),
    # Whether it is a controller; only machines of the controller model are.
    _number("manager"),
)

# What agents say of themselves; a machine or unit has its row from the moment it is made.
agents = _table(
    "agents",
    _model_key(),
    _text("tag", key=True),
    _text("machine_id"),
    _text("password_hash"),
    _text("version"),
    _text("binary"),
    _text("status"),
    _text("message"),
    _text("since"),
    _number("logins"),
    _text("staged"),
    _text("stage_state"),
    _text("stage_reason"),
    Index("agents_by_machine", "model_uuid", "machine_id"),
)

applications = _table(
    "applications",
    _model_key(),
    _text("name", key=True),
    _text("life"),
    _text("charm_url"),
    _text("charm_name"),
    _number("charm_rev", -1),
    _text("series"),
    _number("subordinate"),
    _number("exposed"),
    _json("config"),
    _text("constraints"),
    _text("workload_version"),
    _number("next_unit"),
    _text("since"),
    _text("charm_channel"),
)

units = _table(
    "units",
    _model_key(),
    _text("name", key=True),
    _text("application"),
    _number("number"),
    _text("machine_id"),
    _text("principal"),
    _text("life"),
    _number("port"),
    _text("workload_status"),
    _text("workload_message"),
    _text("workload_since"),
    ForeignKeyConstraint(
        ["model_uuid", "application"], ["applications.model_uuid", "applications.name"], ondelete="CASCADE"
    ),
    Index("units_by_machine", "model_uuid", "machine_id"),
)

relations = _table(
    "relations",
    _model_key(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    _text("key"),
    _text("interface"),
    _text("scope"),
    _json("endpoints", "[]"),
    _text("since"),
)

blocks = _table(
    "blocks",
    _model_key(),
    _text("type", key=True),
    _text("message"),
)

entity_annotations = _table(
    "annotations",
    _model_key(),
    _text("tag", key=True),
    _json("annotations"),
)

binaries = _table(
    "binaries",
    _model_key(),
    _text("version", key=True),
    _text("sha256"),
    _number("size"),
    _text("source"),
    _text("stored"),
)

metadata_seen = _table(
    "metadata_seen",
    _text("url", key=True),
    _text("updated"),
)

upgrades = _table(
    "upgrades",
    Column("id", Integer, primary_key=True),
    Column("model_uuid", Text, ForeignKey("models.uuid", ondelete="CASCADE"), nullable=False),
    _text("from_version"),
    _text("to_version"),
    _text("status"),
    _text("reason"),
    _text("started"),
    Column("finished", Text),
    _text("requested_by"),
    _json("options"),
    # Whether an abort also puts back the machines that are done.
    _number("roll_back"),
    _json("accepted", "[]"),
    _json("retries"),
    Index("upgrades_by_status", "status"),
    Index("upgrades_by_model", "model_uuid"),
    # The number of a removed model's upgrade is never given again.
    autoincrement=True,
)

upgrade_agents = _table(
    "upgrade_agents",
    Column("upgrade_id", Integer, ForeignKey("upgrades.id", ondelete="CASCADE"), primary_key=True),
    _text("tag", key=True),
    _text("machine_id"),
    _text("phase"),
    _text("reason"),
    _text("since"),
    Column("deadline", Text),
    # How often the agent had logged in when its exchange began; 0 if it never did.
    _number("logins_before"),
    # The version that it had then, which it would go back to.
    _text("version_before"),
)

# Only ever added to; it outlives the model that it is about.
upgrade_events = _table(
    "upgrade_events",
    Column("seq", Integer, primary_key=True),
    _text("time"),
    _number("upgrade_id"),
    _text("model_uuid"),
    _text("tag"),
    _text("phase"),
    _text("status"),
    _text("reason"),
    _text("done_by"),
    Index("upgrade_events_by_upgrade", "upgrade_id", "seq"),
    autoincrement=True,
)

quarantine = _table(
    "quarantine",
    _model_key(),
    _text("version", key=True),
    _text("since"),
    _text("done_by"),
    _text("reason"),
)

leases = _table(
    "leases",
    _text("name", key=True),
    _text("holder"),
    _number("token"),
    _text("expires"),
)

status_history = _table(
    "status_history",
    Column("id", Integer, primary_key=True),
    Column("model_uuid", Text, ForeignKey("models.uuid", ondelete="CASCADE"), nullable=False),
    _text("tag"),
    _text("kind"),
    _text("status"),
    _text("message"),
    _text("since"),
    Index("status_history_by_tag", "model_uuid", "tag", "id"),
)
