"""Juju's built-in fault injection: ``/var/lib/juju/wrench/CATEGORY``, one feature a line (section G.5)."""

from __future__ import annotations

import os
import stat

from jujulab_agent.logs import LOG


def active(data_dir: str, category: str, feature: str) -> bool:
    """Whether somebody has thrown this wrench into the works."""
    path = f"{data_dir}/wrench/{category}"
    try:
        status = os.stat(path)
        if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            LOG.error("juju.wrench", f"wrench file for {category} has incorrect owner or permissions")
            return False
        with open(path, encoding="utf-8", errors="replace") as file:
            features = {line.strip() for line in file}
    except OSError:
        return False
    if feature not in features:
        return False
    LOG.warning("juju.wrench", f"wrench for {category}/{feature} is active")
    return True
