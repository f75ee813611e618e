"""What the first image is built on: Debian from a registry, or made on this host with debootstrap."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import docker
from docker.errors import APIError, ImageNotFound

from jujulab_core.errors import HostError

SUITE = "bookworm"
REGISTRY_IMAGE = f"debian:{SUITE}-slim"
LOCAL_IMAGE = f"jujulab/rootfs:{SUITE}"
DEADLINE_SECONDS = 900


def ensure(client: docker.DockerClient, progress: Callable[[str], None]) -> str:
    """The image to build on; fetched or made where it is missing.

    Raises:
        HostError: No registry answers and debootstrap cannot run here.
    """
    for tag in (LOCAL_IMAGE, REGISTRY_IMAGE):
        try:
            client.images.get(tag)
        except ImageNotFound:
            continue
        return tag
    progress(f"fetching {REGISTRY_IMAGE}")
    try:
        client.images.pull(REGISTRY_IMAGE)
    except APIError as error:
        progress(f"{REGISTRY_IMAGE} is not to be had; making it with debootstrap (about a minute)")
        _debootstrap(client, str(error.explanation or error))
        return LOCAL_IMAGE
    return REGISTRY_IMAGE


def _debootstrap(client: docker.DockerClient, why: str) -> None:
    if os.geteuid() != 0:
        raise HostError(
            f"cannot fetch {REGISTRY_IMAGE} ({why}), and only root can make it with debootstrap",
            next_step="let the Docker engine reach a registry, or run this once as root: make setup",
        )
    if not shutil.which("debootstrap"):
        raise HostError(
            f"cannot fetch {REGISTRY_IMAGE} ({why}), and debootstrap is not installed",
            next_step="apt-get install debootstrap",
        )
    with TemporaryDirectory(prefix="jujulab-rootfs-") as directory:
        _run("debootstrap", "--variant=minbase", SUITE, directory)
        for waste in ("var/cache/apt/archives", "var/lib/apt/lists"):
            for path in Path(directory, waste).rglob("*"):
                if path.is_file():
                    path.unlink()
        # The image that is imported is what stands in the archive, so owners stay numbers.
        with subprocess.Popen(
            ["tar", "--create", "--numeric-owner", "--one-file-system", f"--directory={directory}", "."],
            stdout=subprocess.PIPE,
        ) as tar:
            client.api.import_image_from_stream(tar.stdout, *LOCAL_IMAGE.split(":"))
        if tar.returncode:
            client.images.remove(LOCAL_IMAGE)
            raise HostError(f"cannot pack {directory} into an image", next_step="make room, then run the command again")


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise HostError(f"{command[0]} took more than {DEADLINE_SECONDS} seconds") from error
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise HostError(
            f"{command[0]} failed: {' | '.join(said[-3:])}",
            next_step="see whether the host reaches its package archive",
        )
