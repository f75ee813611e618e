"""The key that signs the lab's simplestreams, by way of GnuPG."""

from __future__ import annotations

import subprocess
from pathlib import Path

from jujulab_core.errors import JujulabError

_TIMEOUT_SECONDS = 60


class Signer:
    """A GnuPG home directory that holds one key without a passphrase."""

    def __init__(self, home: Path) -> None:
        self._home = home

    @property
    def has_key(self) -> bool:
        """Whether the key was made."""
        return bool(self._home.is_dir() and self._gpg("--list-secret-keys", "--with-colons"))

    def make_key(self, user_id: str) -> None:
        """Makes the key."""
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._home.chmod(0o700)
        self._gpg("--passphrase", "", "--quick-generate-key", user_id, "ed25519", "sign", "never")

    def public_key(self) -> str:
        """The public key, ASCII-armoured."""
        return self._gpg("--armor", "--export")

    def clear_sign(self, text: str) -> str:
        """Signs a text inline.

        Raises:
            JujulabError: There is no key, or GnuPG failed.
        """
        return self._gpg("--digest-algo", "SHA512", "--clear-sign", text=text)

    def close(self) -> None:
        """Ends the daemon that GnuPG starts to hold the key."""
        subprocess.run(
            ["gpgconf", "--homedir", str(self._home), "--kill", "gpg-agent"],
            check=False,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
        )

    def _gpg(self, *arguments: str, text: str = "") -> str:
        command = ["gpg", "--homedir", str(self._home), "--batch", "--quiet", "--no-tty"]
        command += ["--pinentry-mode", "loopback", *arguments]
        try:
            done = subprocess.run(
                command, input=text, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise JujulabError(f"cannot run gpg: {error}") from error
        if done.returncode:
            raise JujulabError(f"gpg failed: {' '.join(done.stderr.split())}")
        return done.stdout
