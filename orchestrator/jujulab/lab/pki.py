"""The lab's certificates and SSH keys.

The certificate's fields are those that every Juju client accepts: a CA with critical basic constraints, key usage and
subject key id; a leaf with the fixed name ``juju-apiserver`` and an authority key id.
"""

from __future__ import annotations

import datetime
import ipaddress
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from jujulab_core.layout import API_SERVER_NAME, STREAMS_HOST

_LIFETIME = datetime.timedelta(days=3650)
# Containers and host may disagree about the time by a little.
_LEEWAY = datetime.timedelta(hours=1)


class Pair(NamedTuple):
    """A certificate and its private key, both in PEM."""

    certificate: str
    key: str


class SshKey(NamedTuple):
    """An SSH key pair: OpenSSH's private form, and the public line ``ssh-ed25519 AAAA...``."""

    private: str
    public: str


def make_ca(lab: str, now: datetime.datetime) -> Pair:
    """Makes the CA of a lab."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"jujulab {lab} CA")])
    builder = _builder(name, name, key, now).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    builder = builder.add_extension(usage, critical=True)
    return _pair(builder.sign(key, hashes.SHA256()), key)


def make_controller_cert(ca: Pair, now: datetime.datetime) -> Pair:
    """Makes the certificate of a controller's API server."""
    names = ["localhost", API_SERVER_NAME, "juju-mongodb", "controller"]
    return _leaf(ca, API_SERVER_NAME, names, ["127.0.0.1", "::1"], now)


def make_streams_cert(ca: Pair, now: datetime.datetime) -> Pair:
    """Makes the certificate of the server that plays the internet."""
    return _leaf(ca, STREAMS_HOST, [STREAMS_HOST], [], now)


def make_ssh_key(comment: str) -> SshKey:
    """Makes an ed25519 key pair for a person or for a host."""
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return SshKey(private.decode(), f"{public.decode()} {comment}")


def _leaf(ca: Pair, common_name: str, names: list[str], addresses: list[str], now: datetime.datetime) -> Pair:
    ca_cert = x509.load_pem_x509_certificate(ca.certificate.encode())
    ca_key = serialization.load_pem_private_key(ca.key.encode(), None)
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise TypeError("the lab's CA key is not the kind that the lab makes")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    builder = (
        _builder(subject, ca_cert.subject, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    return _pair(builder.sign(ca_key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LEEWAY)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Pair(certificate.public_bytes(serialization.Encoding.PEM).decode(), pem.decode())
