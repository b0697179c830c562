# SPDX-License-Identifier: GPL-3.0-or-later
"""The network between a client and an API server, made slow, counted and broken on purpose (``tests/apiproxy``)."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import urllib3
import yaml

from miniapp_infra.local.layout import cache_directory

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

SOURCE = Path(__file__).parent / "apiproxy"
Fault = dict[str, Any]


def build() -> Path:
    """Return the program, built from exactly the present source."""
    sources = [*sorted(SOURCE.glob("*.go")), SOURCE / "go.mod"]
    digest = hashlib.sha256(b"\0".join(file.name.encode() + b"\0" + file.read_bytes() for file in sources)).hexdigest()
    program = cache_directory() / "tests" / digest[:32] / "apiproxy"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        # Two test runs may build at the same time; each gives its result the final name in one step.
        with tempfile.TemporaryDirectory(dir=program.parent) as directory:
            fresh = Path(directory) / program.name
            command = ["go", "build", "-trimpath", "-buildvcs=false", "-o", str(fresh), "."]
            done = subprocess.run(command, cwd=SOURCE, check=False, capture_output=True, text=True, timeout=600)
            if done.returncode:
                raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
            fresh.replace(program)
    return program


class ApiProxy:
    """A proxy in front of the API server of a kubeconfig, as a context manager.

    ``kubeconfig`` leads through the proxy, as the same user. A user with a client certificate hands it to the proxy,
    which is the one that the API server sees then.

    Args:
        kubeconfig: its current context is used.
        delay: seconds of one round trip. A new connection costs round trips as well.
    """

    def __init__(self, kubeconfig: Path | str, delay: float = 0.0) -> None:
        self._source = Path(kubeconfig)
        self._delay = delay
        self._http = urllib3.PoolManager(retries=False, timeout=30)

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="apiproxy-")
        directory = Path(self._directory.name)
        try:
            cluster, user = current(yaml.safe_load(self._source.read_text(encoding="utf-8")))
            command = [str(build()), f"-upstream={cluster['server']}", f"-delay={self._delay * 1000:g}ms"]
            for option, owner, field in (
                ("upstream-ca", cluster, "certificate-authority"),
                ("upstream-cert", user, "client-certificate"),
                ("upstream-key", user, "client-key"),
            ):
                content = take(owner, field, self._source.parent)
                if content is not None:
                    (directory / option).write_bytes(content)
                    command.append(f"-{option}={directory / option}")
            command += [f"-cert={directory / 'proxy.crt'}", f"-key={directory / 'proxy.key'}"]
            addresses = self._start(command)
        except BaseException:
            self._directory.cleanup()
            raise
        self.url: str = addresses["url"]
        self._control: str = addresses["control"]
        self.certificate = directory / "proxy.crt"
        self.kubeconfig = directory / "kubeconfig"
        self.kubeconfig.write_text(json.dumps(_kubeconfig(self.url, self.certificate, user)), encoding="utf-8")
        self.kubeconfig.chmod(0o600)
        return self

    def _start(self, command: list[str]) -> dict[str, str]:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the proxy ended with {self._process.wait(timeout=30)}")
        addresses: dict[str, str] = json.loads(line)
        return addresses

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()  # which ends it
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=30)
        self._process.stdout.close()
        self._http.clear()
        self._directory.cleanup()

    def set_faults(self, *faults: Fault) -> None:
        """Replace the faults; none: the network works. See ``Fault`` in ``apiproxy/faults.go`` for the fields."""
        self._call("PUT", "/faults", list(faults))

    def set_delay(self, seconds: float) -> None:
        self._call("PUT", "/delay", {"seconds": seconds})

    def release(self) -> None:
        """Let go of the requests that a fault of the kind ``hold`` keeps."""
        self._call("POST", "/release")

    def reset(self) -> None:
        """Forget counts and requests. Faults stay in force and start to count anew."""
        self._call("POST", "/reset")

    def stats(self) -> dict[str, Any]:
        """Return the counts since the last reset; see ``Stats`` in ``apiproxy/ledger.go``."""
        stats: dict[str, Any] = self._call("GET", "/stats")
        return stats

    def requests(self) -> list[dict[str, Any]]:
        """Return every request since the last reset; see ``Entry`` in ``apiproxy/ledger.go``."""
        requests: list[dict[str, Any]] = self._call("GET", "/requests")
        return requests

    def wait_until(self, reached: Callable[[dict[str, Any]], bool], timeout: float = 120) -> dict[str, Any]:
        """Return the counts as soon as they are as wanted."""
        deadline = time.monotonic() + timeout
        while not reached(stats := self.stats()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {timeout:g} s: {stats}")
            time.sleep(0.05)
        return stats

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        answer = self._http.request(method, self._control + path, body=data)
        if answer.status >= 400:
            raise ValueError(answer.data.decode())
        return json.loads(answer.data) if answer.data else None


def current(config: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return copies of the cluster and of the user of the current context."""
    found = {
        section: {item["name"]: item[section.removesuffix("s")] for item in config[section]}
        for section in ("contexts", "clusters", "users")
    }
    context = found["contexts"][config["current-context"]]
    return dict(found["clusters"][context["cluster"]]), dict(found["users"][context["user"]])


def take(owner: dict[str, Any], field: str, base: Path) -> bytes | None:
    """Take a file out of a cluster or user, whether it is named or contained; None when there is none."""
    path, data = owner.pop(field, None), owner.pop(f"{field}-data", None)
    if data is not None:
        return base64.b64decode(data)
    return None if path is None else (base / path).read_bytes()


def _kubeconfig(url: str, certificate: Path, user: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "proxied",
        "contexts": [{"name": "proxied", "context": {"cluster": "proxied", "user": "user"}}],
        "clusters": [{"name": "proxied", "cluster": {"server": url, "certificate-authority": str(certificate)}}],
        "users": [{"name": "user", "user": user}],
    }
