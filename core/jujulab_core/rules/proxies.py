"""Which proxy a request goes through: the keys of a model's configuration (section I.3)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit


def proxy_for(url: str, config: Mapping[str, Any]) -> str:
    """The proxy's URL, or an empty text for a direct connection.

    The ``juju-`` keys are for Juju's own traffic; where none of them is set, the older ones hold.

    Args:
        url: What is asked for.
        config: ``http-proxy``, ``https-proxy``, ``no-proxy`` and their forms with ``juju-`` before them.
    """
    prefix = "juju-" if config.get("juju-http-proxy") or config.get("juju-https-proxy") else ""
    parts = urlsplit(url)
    proxy = str(config.get(f"{prefix}{parts.scheme}-proxy") or "")
    if not proxy or _excepted(parts.hostname or "", str(config.get(f"{prefix}no-proxy") or "")):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _excepted(host: str, no_proxy: str) -> bool:
    return any(_matches(host.lower(), entry.strip().lower()) for entry in no_proxy.split(",") if entry.strip())


def _matches(host: str, entry: str) -> bool:
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        name = entry.removeprefix("*").removeprefix(".")
        return host == name or host.endswith(f".{name}")
