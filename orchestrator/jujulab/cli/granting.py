"""What ``grant`` and ``revoke`` share: which level goes to which call."""

from __future__ import annotations

from typing import Literal

from jujulab.lab.labfile import CONTROLLER_LEVELS, MODEL_LEVELS
from jujulab_core.errors import UsageError


def change(
    action: Literal["grant", "revoke"], user: str | None, level: str | None, models: tuple[str, ...], name: str | None
) -> None:
    """Changes what a user may do on models, or on the controller where no model is named.

    Args:
        action: What to do.
        user: Whose rights.
        level: Which right.
        models: Names of models; none with a right to the controller.
        name: The controller, as of ``-c``.

    Raises:
        UsageError: Something is missing, or the level is none for what is named.
        RpcError: The controller refused.
    """
    from jujulab.session import connect_controller
    from jujulab_core.rpc.results import check_all

    if not user:
        raise UsageError("no user specified")
    if not level:
        raise UsageError("no permission level specified")
    known = MODEL_LEVELS if models else CONTROLLER_LEVELS
    if level not in known:
        what = "model" if models else "controller"
        step = f"the levels of a {what} are {', '.join(known)}"
        if not models and level in MODEL_LEVELS:
            step = f"name the model: `jujulab {action} {user} {level} MODEL`"
        raise UsageError(f'"{level}" {what} access not valid', next_step=step)
    with connect_controller(name) as session:
        right = {"user-tag": f"user-{user}", "action": action, "access": level}
        if models:
            changes = [right | {"model-tag": session.find_model(model).tag} for model in models]
            check_all(session.client.call("ModelManager", "ModifyModelAccess", {"changes": changes}))
        else:
            check_all(session.client.call("Controller", "ModifyControllerAccess", {"changes": [right]}))
