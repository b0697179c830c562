# SPDX-License-Identifier: GPL-3.0-or-later
"""Root file systems of this machine's distribution, made by mmdebstrap and cached by the hash of what went in."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry.command import Runner, run_command
from miniapp_infra.registry.errors import last_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from miniapp_infra.local.images.recipes import Root

_SECONDS = 600.0  # 20 s with a mirror nearby
_FORMAT = 1  # raised when the way of making a root changes its content
_SOURCES = Path("/etc/apt")


@dataclass(frozen=True)
class RootBuilder:
    """Makes root file systems.

    Args:
        cache: where finished ones are kept.
        work: scratch space that belongs to us; emptied by the caller.
        report: is told when one has to be made.
        run: what runs the program.
        sources: directory of apt's ``sources.list``.
    """

    cache: Path
    work: Path
    report: Callable[[str], None]
    run: Runner = run_command
    sources: Path = _SOURCES

    def key(self, name: str, root: Root) -> str:
        """Return what identifies a root: recipe, release and machine."""
        parts = f"{_FORMAT} {suite()} {platform.machine()} {root.model_dump_json()}"
        return f"{name}-{hashlib.sha256(parts.encode()).hexdigest()[:16]}"

    def tarball(self, name: str, root: Root) -> Path:
        """Return the root as a tar file, making it first if the cache has none.

        Raises:
            MiniappInfraError: if it cannot be made; the message has mmdebstrap's own reason.
        """
        target = self.cache / f"{self.key(name, root)}.tar"
        if target.exists():
            return target
        self.report(f"Making the {name} root file system of the images ({len(root.packages)} packages)")
        self.cache.mkdir(parents=True, exist_ok=True)
        temporary = self.work / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        part = self.work / f"{name}.tar"
        done = self.run(
            [*_contained(), "mmdebstrap", *_options(root), suite(), str(part), *map(str, self._mirrors())],
            # Modification times are clamped to it, so that the same packages give the same bytes.
            environment={"SOURCE_DATE_EPOCH": "0", "TMPDIR": str(temporary)},
            timeout=_SECONDS,
        )
        if done.returncode != 0:
            raise MiniappInfraError(
                f"Failed to make root file system {name}: {last_line(done.stderr)}",
                code=ErrorCode.UPSTREAM,
                retryable=True,
                hint="check that apt can download packages: apt-get update",
            )
        # The cache may be on another file system than the checkout: copy beside the target, then rename.
        landing = target.with_suffix(f".{os.getpid()}")
        shutil.copyfile(part, landing)
        part.unlink()
        return landing.rename(target)

    def _mirrors(self) -> list[Path]:
        """Return apt's files that name the distribution itself, so that the machine's own mirror is used."""
        candidates = [self.sources / "sources.list", *sorted((self.sources / "sources.list.d").glob("*"))]
        files = [path for path in candidates if path.suffix in {".list", ".sources"} and _offers(path, suite())]
        if not files:
            raise MiniappInfraError(
                f"Failed to make a root file system: no file of {self.sources} offers component main of {suite()}",
                code=ErrorCode.UNSUPPORTED_HOST,
                hint="give apt a source for the distribution of this machine",
            )
        return files


def suite() -> str:
    """Return the release of this machine, such as ``bookworm``.

    Raises:
        MiniappInfraError: ``unsupported_host`` on a distribution that does not name one.
    """
    try:
        return platform.freedesktop_os_release()["VERSION_CODENAME"]
    except (OSError, KeyError) as error:
        raise MiniappInfraError(
            "Failed to make a root file system: this machine does not say which release it is",
            code=ErrorCode.UNSUPPORTED_HOST,
            hint="use Debian or Ubuntu, or an existing cluster",
        ) from error


def _options(root: Root) -> Iterator[str]:
    yield from ("--quiet", "--mode=root", "--variant=essential", f"--include={','.join(sorted(root.packages))}")
    yield from (f"--dpkgopt=path-exclude={path}" for path in root.exclude)
    for name, number in sorted(root.users.items()):
        # Names and numbers were checked when the recipe was read: a hook is a line of shell.
        yield f'--customize-hook=chroot "$1" groupadd --gid {number} {name}'
        yield (
            f'--customize-hook=chroot "$1" useradd --uid {number} --gid {number} --no-log-init'
            f" --home-dir /home/{name} --shell /usr/sbin/nologin -K UID_MIN=1 {name}"
        )
    yield from (f'--customize-hook=rm -rf "$1"{path}' for path in root.remove)


def _contained() -> list[str]:
    """Return a prefix under which nothing outlives us.

    The mounts that mmdebstrap makes are in a namespace of their own, and its processes in another one whose end the
    kernel guarantees: after kill -9 no mount and no process is left.
    """
    return ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--"]


def _offers(path: Path, release: str) -> bool:
    if not path.is_file():
        return False
    text = path.read_text(errors="replace")
    if path.suffix == ".sources":
        return any(
            re.search(rf"^Suites:.*(?<![\w-]){release}(?:-updates|-security)?(?![\w-])", stanza, re.MULTILINE)
            and re.search(r"^Components:.*\bmain\b", stanza, re.MULTILINE)
            and not re.search(r"^Enabled:\s*no", stanza, re.MULTILINE | re.IGNORECASE)
            for stanza in re.split(r"\n\s*\n", text)
        )
    line = rf"^deb\s+(?:\[[^\]]*\]\s+)?\S+\s+{release}(?:-updates|-security)?\s+(?:\S+\s+)*?main\b"
    return re.search(line, text, re.MULTILINE) is not None
