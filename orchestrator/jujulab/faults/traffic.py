"""Slow and lossy networks: the kernel's queues and filters in the network namespace of a container, set from beside it.

What leaves is held to a rate by a token bucket (``tbf``, or ``netem`` where there is a delay as well); what arrives
by dropping what is above the rate, as a policer does. Packets are lost in both directions by ``iptables``, so
that only a delay needs ``netem``, which some kernels lack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from jujulab.faults.hands import NETWORK, beside
from jujulab.faults.model import Scene
from jujulab_core.errors import JujulabError, UsageError

RATE_RE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(k|m|g|)bit")
_BURST_BYTES = 16 * 1024
_QUEUE = "400ms"
_BITS = {"": 1, "k": 1000, "m": 1000_000, "g": 1000_000_000}


def bits_per_second(text: str) -> int:
    """Reads a rate such as ``256kbit``.

    Raises:
        UsageError: It is not one.
    """
    match = RATE_RE.fullmatch(text)
    bits = round(float(match[1]) * _BITS[match[2]]) if match else 0
    if bits < 8:
        raise UsageError(f'"{text}" is not a rate', next_step="write it as 256kbit or 1mbit")
    return bits


@dataclass(frozen=True)
class Limits:
    """How slow a network is.

    Attributes:
        rate: Such as ``256kbit``; empty for no limit.
        delay_ms: Milliseconds that each packet leaves later.
        loss: Percent of the packets that get lost, each way.
    """

    rate: str = ""
    delay_ms: float = 0.0
    loss: float = 0.0


def slow_down(scene: Scene, container: str, mark: str, limits: Limits) -> None:
    """Makes the first network of a container slow or lossy; calling it again changes nothing.

    Args:
        scene: The lab.
        container: Whose.
        mark: What tells this fault's filters from those of others: up to 20 letters and digits.
        limits: How slow.

    Raises:
        JujulabError: This kernel cannot do it.
    """
    rate, delay_ms, loss = limits.rate, limits.delay_ms, limits.loss
    lines = [_clean_up(mark, queue=True)]
    if delay_ms:
        limit = f" rate {rate}" if rate else ""
        lines.append(f"tc qdisc replace dev eth0 root netem delay {delay_ms:g}ms{limit} || {{ echo no-netem; exit; }}")
    elif rate:
        lines.append(f"tc qdisc replace dev eth0 root tbf rate {rate} burst {_BURST_BYTES} latency {_QUEUE}")
    filters = []
    if rate:
        per_second = max(bits_per_second(rate) // 8, 1)
        # The kernel rounds the rate up, and takes no burst below it.
        burst = max(2 * per_second, 4 * _BURST_BYTES)
        filters.append(
            f"iptables -A {mark}i -i eth0 -m hashlimit --hashlimit-name {mark} --hashlimit-above {per_second}b/s "
            f"--hashlimit-burst {burst}b -j DROP"
        )
    if loss:
        share = f"-m statistic --mode random --probability {loss / 100:.6f} -j DROP"
        filters += [f"iptables -A {mark}i -i eth0 {share}", f"iptables -A {mark}o -o eth0 {share}"]
    if filters:
        lines += [f"iptables -N {mark}i", f"iptables -N {mark}o", *filters]
        lines += [f"iptables -I INPUT -j {mark}i", f"iptables -I OUTPUT -j {mark}o"]
    if "no-netem" in beside(scene, container, NETWORK, "\n".join(lines), "make the network slow"):
        raise JujulabError(
            "this host's kernel cannot delay packets: it has no netem",
            next_step="leave the option latency out; rate and loss work here (as root: modprobe sch_netem adds it)",
        )


def restore(scene: Scene, container: str, mark: str, *, queue: bool) -> None:
    """Takes away what :func:`slow_down` (with its queue) or :func:`cut_off` did; a restart has done so already."""
    found = scene.engine.find(container)
    if found is not None and found.status in ("running", "paused"):
        beside(scene, container, NETWORK, _clean_up(mark, queue=queue), "mend the network")


def cut_off(scene: Scene, container: str, mark: str, addresses: list[str]) -> None:
    """Lets nothing through between a container and some addresses, whoever began; what was open hangs."""
    lines = [_clean_up(mark, queue=False), f"iptables -N {mark}i", f"iptables -N {mark}o"]
    for address in addresses:
        lines += [f"iptables -A {mark}i -s {address} -j DROP", f"iptables -A {mark}o -d {address} -j DROP"]
    lines += [f"iptables -I INPUT -j {mark}i", f"iptables -I OUTPUT -j {mark}o"]
    beside(scene, container, NETWORK, "\n".join(lines), "cut the network")


def _clean_up(mark: str, *, queue: bool) -> str:
    """The commands that leave nothing of a fault, whatever of it is there."""
    lines = []
    if queue:
        lines.append("if tc qdisc show dev eth0 root | grep -qE 'tbf|netem'; then tc qdisc del dev eth0 root; fi")
    for way, hook in (("i", "INPUT"), ("o", "OUTPUT")):
        chain = mark + way
        lines.append(f"while iptables -D {hook} -j {chain} 2>/dev/null; do :; done")
        lines.append(f"if iptables -F {chain} 2>/dev/null; then iptables -X {chain}; fi")
    return "\n".join(lines)
