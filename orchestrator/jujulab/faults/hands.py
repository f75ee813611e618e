"""What is done inside a container whatever is broken there: by Docker, or from a helper container beside it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container

from jujulab.faults.files import remove_file
from jujulab.faults.model import Json, Scene
from jujulab.faults.targets import Target
from jujulab.images import image_tag
from jujulab.lab import names
from jujulab.lab.engine import docker_errors
from jujulab_core.errors import JujulabError
from jujulab_core.waiting import Deadline, wait_for

_FREEZE_SECONDS = 60.0
# Ends what a helper writes to stderr, before its exit code; one that was killed does not come to that.
_CODE = "\njujulab-exit-code "
_TELL_CODE = f"""sh -ec "$1"; printf '{_CODE}%s' "$?" >&2"""


@dataclass(frozen=True)
class Helper:
    """A kind of container that works on another one from beside it; the other needs no rights and no tools for it.

    Attributes:
        rights: The capabilities that it has on top of the usual ones.
        enter: What its script is run by.
        security: Docker's security options.
    """

    rights: tuple[str, ...]
    enter: tuple[str, ...] = ()
    security: tuple[str, ...] = ()


# In the other's network namespace.
NETWORK = Helper(("NET_ADMIN",))
# In the other's namespace of processes.
PROCESSES = Helper(("KILL",))
# The same, and then in the other's mount namespace. AppArmor's profile for containers forbids every mount.
MOUNTS = Helper(("SYS_ADMIN", "SYS_PTRACE"), ("nsenter", "-t", "1", "-m"), ("apparmor=unconfined",))


def beside(
    scene: Scene, container: str, helper: Helper, script: str, doing: str, *, may_be_killed: bool = False
) -> str:
    """Runs a shell script beside a running container; returns what it printed.

    Args:
        scene: The lab.
        container: The other container's name.
        helper: How.
        script: For ``sh -e``.
        doing: For the message: ``shape its traffic``.
        may_be_killed: Whether all is well, too, when the helper ends with the container's last process.

    Raises:
        JujulabError: The engine or the kernel does not let us; with what it said last.
    """
    with docker_errors(doing):
        out, err = _output_of(
            scene.engine.client.containers.create(
                image_tag("base"),
                [*helper.enter, "sh", "-c", _TELL_CODE, "sh", script],
                cap_add=list(helper.rights),
                security_opt=list(helper.security),
                labels=names.labels(scene.lab, names.HELPER),
                network_mode=f"container:{container}" if helper is NETWORK else "none",
                pid_mode=None if helper is NETWORK else f"container:{container}",
                # By the engine: this process may be killed meanwhile.
                auto_remove=True,
            )
        )
    said, told, code = err.rpartition(_CODE)
    if code == "0" or (may_be_killed and not told):
        return out
    last = ((said if told else err).strip().splitlines() or [f"exit code {code}" if told else "it was killed"])[-1]
    raise JujulabError(f"cannot {doing}: {last}", next_step="see with `jujulab doctor` what this host's kernel can do")


def _output_of(container: Container) -> tuple[str, str]:
    """Starts a container that removes itself; what it wrote to stdout and stderr until it ended."""
    try:
        # Before it is started, or the first words would be missed; its exit code goes with it when it is removed.
        stream = container.attach(stream=True, demux=True)
        try:
            container.start()
            parts = list(stream)
        finally:
            # What is closed by the other side cannot be closed again; nor can a stream by way of SSH.
            with suppress(OSError, DockerException):
                stream.close()
        with suppress(NotFound):
            # Whoever removes the lab next must not meet it on its way out.
            container.wait(condition="removed")
    except BaseException:
        with suppress(APIError):
            container.remove(force=True)
        raise
    out, err = (b"".join(part[side] or b"" for part in parts).decode(errors="replace") for side in (0, 1))
    return out, err


def find(scene: Scene, name: str) -> Container:
    """The container of a target.

    Raises:
        JujulabError: It is gone.
    """
    container = scene.engine.find(name)
    if container is None:
        raise JujulabError(f"there is no container {name}", next_step="make it again with `jujulab up`")
    return container


def pause(container: Container) -> None:
    """Pauses a running container.

    Raises:
        DeadlineError: The kernel could not stop all its processes.
        JujulabError: The engine refuses.
    """

    def probe() -> tuple[bool | None, str]:
        try:
            container.pause()
        except APIError as error:
            # A process that is being made escapes the freezer, and runc gives up after some tries.
            if "unable to freeze" not in str(error.explanation):
                raise
            return None, f"all processes of {container.name} to stand still"
        return True, ""

    with docker_errors(f"pause {container.name}"):
        wait_for(probe, Deadline(_FREEZE_SECONDS))


@contextmanager
def awake(scene: Scene, name: str) -> Iterator[Container | None]:
    """The container, able to run something, or None if it does not run; one that is paused runs for the moment only.

    Another fault may have paused it, and each fault can be mended whatever others there are.
    """
    container = find(scene, name)
    if container.status not in ("running", "paused"):
        yield None
        return
    paused = container.status == "paused"
    if paused:
        with docker_errors(f"wake {name} for a moment"):
            container.unpause()
    try:
        yield container
    finally:
        if paused:
            pause(container)


def remove(scene: Scene, name: str, path: PurePosixPath) -> None:
    """Removes a file of a target, also of one that is paused; of one that is off it is emptied."""
    with awake(scene, name) as container:
        remove_file(container or find(scene, name), path)


def systemctl(scene: Scene, container: Container, *words: str) -> str:
    """Runs ``systemctl`` in a container; returns what it printed."""
    return scene.engine.run_in(container, ["systemctl", *words])


def is_active(scene: Scene, container: Container, service: str) -> bool:
    """Whether systemd runs a service, or is about to start it again."""
    return _state(scene, container, service) in ("active", "activating", "reloading")


def has_failed(scene: Scene, container: Container, service: str) -> bool:
    """Whether systemd has given up on a service."""
    return _state(scene, container, service) == "failed"


def _state(scene: Scene, container: Container, service: str) -> str:
    return systemctl(scene, container, "show", "--property", "ActiveState", "--value", service).strip()


def shell(scene: Scene, container: Container, *lines: Sequence[str]) -> str:
    """Runs commands in a container, each a list of words, until one fails; returns what they printed."""
    return scene.engine.run_in(container, ["sh", "-ec", "\n".join(shlex.join(words) for words in lines)])


def kill_service(scene: Scene, name: str, service: str) -> str:
    """Kills the main process of a service; returns what it did.

    Raises:
        JujulabError: The service does not run.
    """
    container = find(scene, name)
    process = systemctl(scene, container, "show", "--property", "MainPID", "--value", service).strip()
    if process == "0":
        raise JujulabError(f"{service} does not run", next_step="see `jujulab faults`")
    systemctl(scene, container, "kill", "--signal=KILL", "--kill-who=main", service)
    return f"killed process {process} of {service}; systemd starts it again"


def nothing(_scene: Scene, _target: Target, _options: Mapping[str, str], _noted: Json) -> None:
    """Mends what is over at once."""
