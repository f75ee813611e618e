"""The addresses that a machine reports."""

from __future__ import annotations

import fcntl
import socket
import struct

_SIOCGIFADDR = 0x8915


def machine_addresses(preferred: str) -> list[dict[str, str]]:
    """The IPv4 addresses of this machine's interfaces, in the form of ``Machiner.SetMachineAddresses``.

    Args:
        preferred: The address that this machine has towards its controller; it comes first, unless it is that
            of the loopback.
    """
    found = [] if preferred.startswith("127.") else [preferred]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                reply = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:
                continue  # An interface without an IPv4 address.
            address = socket.inet_ntoa(reply[20:24])
            if address not in found:
                found.append(address)
    return [
        {
            "value": address,
            "type": "ipv6" if ":" in address else "ipv4",
            "scope": "local-machine" if address.startswith("127.") else "local-cloud",
        }
        for address in found
    ]
