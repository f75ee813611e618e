"""Upgrade steps: what the new version does to the machine on its first start (section G.3)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

from jujulab_agent import wrench
from jujulab_agent.controllers import Controllers, OthersMissingError
from jujulab_agent.host import Host, save_conf, text
from jujulab_agent.logs import LOG
from jujulab_agent.session import Session
from jujulab_agent.space import check_free_space
from jujulab_agent.status import Status
from jujulab_agent.steps_table import DATABASE, select, table, targets
from jujulab_core import upgradetexts as texts
from jujulab_core.agentconf import Value
from jujulab_core.boundary import reach
from jujulab_core.errors import JujulabError
from jujulab_core.version import Number

ATTEMPTS = 5
RETRY_SECONDS = 120.0
# With the wrench `short-upgrade-timeout`, which shortens the waits of controllers for one another as well.
SHORT_RETRY_SECONDS = 1.0
_MODULE = "juju.worker.upgradesteps"
_UPGRADE_MODULE = "juju.upgrade"
_DATABASE_MODULE = "juju.worker.upgradedatabase"


class UpgradeSteps:
    """Runs the steps from ``upgradedToVersion`` to the running version, and then opens a gate."""

    def __init__(
        self,
        host: Host,
        conf: dict[str, Value],
        status: Status,
        session: Session,
        name: str,
        upgraded: threading.Event,
    ) -> None:
        """Looks whether there is anything to do; opens the gate at once if not.

        Args:
            host: Whose steps they are.
            conf: The agent's configuration; ``upgradedToVersion`` in it is brought up to date.
            status: Where progress is shown.
            session: How it is told.
            name: Such as ``machine 0``.
            upgraded: The gate.
        """
        self._host = host
        self._conf = conf
        self._status = status
        self._session = session
        self._name = name
        self._upgraded = upgraded
        kind = host.tag.partition("-")[0]
        self._is_machine = kind == "machine"
        self._category = f"{kind}-agent"
        self._busy, self._rested = ("started", "started") if self._is_machine else ("executing", "idle")
        # A configuration without the key is that of an agent that never finished an upgrade.
        self._from = Number.parse(text(conf, "upgradedToVersion") or str(host.version))
        if self._from.without_build() == host.version.without_build() and not self._wrench("always-try-upgrade"):
            LOG.info(_MODULE, f"upgrade steps for {host.version} have already been run.")
            if text(conf, "upgradedToVersion") != str(host.version):
                self._save()
            upgraded.set()

    def first_status(self) -> tuple[str, str]:
        """The agent's status and message when it logs in."""
        if self._upgraded.is_set():
            return self._rested, ""
        version = self._host.version
        return self._busy, (texts.upgrading_database if self._has_database_part() else texts.upgrading)(version)

    def completed(self) -> bool:
        """Whether the agent is fully upgraded; makes it so first if need be."""
        if not self._upgraded.is_set():
            self.run()
        return self._upgraded.is_set()

    def run(self) -> None:
        """Tries until the steps are done or the attempts are used up; opens the gate in the first case."""
        version = self._host.version
        if self._has_database_part() and not self._try(texts.upgrading_database(version), self._upgrade_database):
            return
        if self._wrench("fail-upgrade-start") or not self._try(texts.upgrading(version), self._upgrade):
            return
        self._status.set(self._rested, "", self._session)
        self._reach("steps-reported")
        LOG.info(_MODULE, f"upgrade to {version} completed successfully.")
        self._upgraded.set()

    def _try(self, busy: str, attempt: Callable[[], None]) -> bool:
        """Whether an attempt succeeded before there were too many of them."""
        pause = threading.Event()
        seconds = SHORT_RETRY_SECONDS if self._wrench("short-upgrade-timeout") else RETRY_SECONDS
        for left in reversed(range(ATTEMPTS)):
            self._status.set(self._busy, busy, self._session)
            try:
                attempt()
            except (JujulabError, OSError) as error:
                missing = isinstance(error, OthersMissingError)
                outcome = "will retry" if left and not missing else "giving up"
                version, tag = self._host.version, self._host.tag
                LOG.error(_MODULE, f'upgrade from {self._from} to {version} for "{tag}" failed ({outcome}): {error}')
                self._status.set("error", texts.failed(version, outcome, error), self._session)
                if missing:
                    self._controllers().give_up(str(error))
                    return False
                if left:
                    pause.wait(seconds)
                continue
            return True
        return False

    def _upgrade_database(self) -> None:
        """What comes first on a controller, from 2.7 on: the steps of the database, by the controller that leads it."""
        host, controllers = self._host, self._controllers()
        if not controllers.is_primary():
            self._status.set(self._busy, texts.waiting_on_primary(host.version), self._session)
        if wrench.active(host.data_dir, "upgrade-database", "watch-upgrade"):
            raise JujulabError("wrench")
        if not controllers.leads_database():
            self._status.set(self._busy, texts.confirmed_primary(host.version), self._session)
            return
        LOG.info(_DATABASE_MODULE, f'starting database upgrade from {self._from} to {host.version} for "{host.tag}"')
        self._status.set(self._busy, texts.upgrading_database(host.version), self._session)
        self._run_steps({DATABASE})
        controllers.done("database")
        self._status.set(self._busy, texts.database_completed(host.version), self._session)
        self._reach("database-steps-done")

    def _upgrade(self) -> None:
        host = self._host
        try:
            check_free_space(host.data_dir)
        except JujulabError as error:
            raise JujulabError(f"{self._name} cannot be upgraded: {error}") from error
        turn = self._controllers().wait_for_turn() if self._is_controller() else None
        LOG.info(_MODULE, f'starting upgrade from {self._from} to {host.version} for "{host.tag}"')
        self._reach("steps-begun")
        if self._wrench("fail-upgrade"):
            raise JujulabError("wrench")
        # Up to 2.6 the database's steps are among these, for the controller that leads it.
        has_database_steps = turn is not None and turn.leads and not self._has_database_part()
        self._run_steps(targets(self._conf) - (frozenset() if has_database_steps else {DATABASE}))
        LOG.info(_UPGRADE_MODULE, "All upgrade steps completed successfully.")
        if turn is not None and turn.is_awaited:
            # Before it is noted here: who is killed in between runs the steps again, and tells again.
            self._controllers().done("primary")
        self._save()
        self._reach("steps-recorded")

    def _run_steps(self, wanted: Collection[str]) -> None:
        # A unit's agent has no steps: it follows its machine (section G.3, step 9).
        steps = table() if self._is_machine else []
        for step in select(steps, wanted, self._from, self._host.version):
            LOG.info(_UPGRADE_MODULE, f"running upgrade step: {step.description}")
            try:
                step.operation(self._host, self._conf)
            except (JujulabError, OSError) as error:
                raise JujulabError(f"{step.description}: {error}") from error
            self._reach("step-done")

    def _has_database_part(self) -> bool:
        return self._is_controller() and texts.has_database_part(self._host.version)

    def _is_controller(self) -> bool:
        return self._is_machine and DATABASE in targets(self._conf)

    def _controllers(self) -> Controllers:
        return Controllers(self._session, self._host.version, short=self._wrench("short-upgrade-timeout"))

    def _save(self) -> None:
        self._conf["upgradedToVersion"] = str(self._host.version)
        save_conf(self._host.data_dir, self._host.tag, self._conf)

    def _reach(self, step: str) -> None:
        reach(self._host.data_dir, f"{self._category}/{step}")

    def _wrench(self, feature: str) -> bool:
        return wrench.active(self._host.data_dir, self._category, feature)
