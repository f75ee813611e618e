"""Everything about one model in one read, for the builders of status and deltas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from jujulab_controller.state import agents, applications, machines, models


@dataclass(frozen=True)
class Snapshot:
    """A consistent view of a model; the rows are those of the tables of the same names."""

    controller: Row[Any]
    model: Row[Any]
    machines: list[Row[Any]]
    agents: dict[str, Row[Any]]
    applications: list[Row[Any]]
    units: list[Row[Any]]
    relations: list[Row[Any]]
    annotations: dict[str, dict[str, str]]

    @property
    def is_controller(self) -> bool:
        """Whether this is the controller model."""
        return bool(self.model.uuid == self.controller.model_uuid)


def load(db: Connection, model_uuid: str) -> Snapshot:
    """Reads a model.

    Raises:
        RpcError: There is no such model.
    """
    return Snapshot(
        controller=models.the_controller(db),
        model=models.get(db, model_uuid),
        machines=machines.of_model(db, model_uuid),
        agents=agents.of_model(db, model_uuid),
        applications=applications.of_model(db, model_uuid),
        units=applications.units_of_model(db, model_uuid),
        relations=applications.relations_of_model(db, model_uuid),
        annotations=models.annotations_of(db, model_uuid),
    )
