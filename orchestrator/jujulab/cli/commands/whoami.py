"""``whoami``."""

from __future__ import annotations

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import format_option


@juju_command(examples=[("Where am I?", "jujulab whoami")], see_also=["controllers", "switch", "users"])
@format_option()
def command(output_format: str) -> None:
    """Show the current controller, model and user; connects to nothing."""
    from jujulab.cli.table import columns
    from jujulab.store import Store

    store = Store.default()
    controller = store.current_controller
    if controller is None:
        output.info("There is no current controller.\nRun jujulab controllers to see available controllers.")
        return
    account, model = store.account(controller), store.current_model(controller)
    if account is None:
        output.info(f"You are not logged in to controller {controller}.\nRun jujulab login to log in.")
        return
    tree = {"controller": controller, "model": model.removeprefix(f"{account.user}/") if model else ""}
    tree = {key: value for key, value in tree.items() if value} | {"user": account.user}
    titles = {"controller": "Controller:", "model": "Model:", "user": "User:"}
    rows = [(title, tree.get(key, "<no-current-model>")) for key, title in titles.items()]
    output.emit(tree, output_format, lambda: columns(rows))
