# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that nobody should run, in the registry of the live environment, and their removal."""

from __future__ import annotations

import os
import secrets
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .cluster import BIN, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REGISTRY = "198.18.0.2:5000"
CA_CERT = ROOT / ".local" / "pki" / "ca.crt"
TRUSTED = ROOT / ".local" / "signing"


def crane(*arguments: str) -> str:
    done = subprocess.run(
        [str(BIN / "crane"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "SSL_CERT_FILE": str(CA_CERT), "NO_PROXY": REGISTRY, "no_proxy": REGISTRY},
    )
    assert done.returncode == 0, f"crane {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


@dataclass
class Images:
    """Makes images out of a good one and removes them in the end.

    Args:
        run_module: runs the collection's cosign modules.
        stranger: directory with a key pair that nobody trusts.
    """

    run_module: Callable[..., dict[str, Any]]
    stranger: Path
    _made: list[str] = field(default_factory=list)

    def unsigned(self, service: str, tag: str) -> str:
        """Push a working image of a service that was never pushed before; return it by digest."""
        repository = f"{REGISTRY}/miniapp/{service}"
        mark = f"--label=miniapp.fuze/test={secrets.token_hex(8)}"
        crane("mutate", f"{repository}:1.0.0", mark, f"--tag={repository}:{tag}")
        image = f"{repository}@{crane('digest', f'{repository}:{tag}')}"
        self._made.append(image)
        return image

    def signed(self, service: str, tag: str, *, key: Path = TRUSTED) -> str:
        image = self.unsigned(service, tag)
        self._cosign("cosign_sign", image, key, signature_formats=["legacy"])
        return image

    def attested(self, service: str, tag: str) -> str:
        """Push an image about which the trusted key has said something, though not that it may run."""
        image = self.unsigned(service, tag)
        self._cosign(
            "cosign_attest", image, TRUSTED, predicate_type="spdxjson", predicate_content={"spdxVersion": "SPDX-2.3"}
        )
        return image

    def with_signature_of(self, source: str, service: str, tag: str) -> str:
        """Push an image beside which the signature of another image is put."""
        image = self.unsigned(service, tag)
        crane("copy", signature_of(source), signature_of(image))
        return image

    def remove(self) -> None:
        """Remove every image of this object with its signatures and attestations."""
        for image in self._made:
            repository, digest = image.split("@")
            tags = crane("ls", repository).splitlines()
            for tag in (f"{digest.replace(':', '-')}.{suffix}" for suffix in ("sig", "att")):
                if tag in tags:
                    crane("delete", f"{repository}:{tag}")
            crane("delete", image)

    def _cosign(self, module: str, image: str, key: Path, **options: Any) -> None:
        done = self.run_module(
            module,
            {
                "image": image,
                "key": str(key / "cosign.key"),
                "key_password_file": str(key / "password"),
                "cosign_binary": str(BIN / "cosign"),
                "crane_binary": str(BIN / "crane"),
                "registry_ca_cert": str(CA_CERT),
                **options,
            },
        )
        assert done.get("changed"), done


def signature_of(image: str) -> str:
    """Return where cosign keeps the signatures of an image (cosign's SIGNATURE_SPEC)."""
    repository, digest = image.split("@")
    return f"{repository}:{digest.replace(':', '-')}.sig"
