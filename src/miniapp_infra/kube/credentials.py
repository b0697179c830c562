# SPDX-License-Identifier: GPL-3.0-or-later
"""From connection options to what the HTTP client needs: address, TLS context, authorization.

Kubeconfig files, exec plugins, OIDC and service accounts are left to the config loader of the ``kubernetes`` client,
which is imported only when such a file is read.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import ipaddress
import logging
import os
import ssl
import tempfile
import threading
import urllib.request
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube import loader as loader_module
from miniapp_infra.kube.errors import KubeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from miniapp_infra.kube.connection import ConnectionOptions
    from miniapp_infra.kube.loader import Loader

_HINT = "Set kubeconfig (or K8S_AUTH_KUBECONFIG), or host and api_key."


@dataclass(frozen=True)
class Credentials:
    """A reachable address and the proof of who we are.

    Args:
        host: base URL without a slash at its end.
        tls: None for plain HTTP.
        server_name: the name that the certificate must carry; None: the host of the URL.
        proxy: URL of an HTTP proxy; None: direct.
        authorization: returns the value of the ``Authorization`` header, renewed when it says so itself; None without.
        renew: takes a value that the server did not accept, reads the credentials anew, and returns what there is now.
        fingerprint: differs between two clusters that follow each other at the same address.
    """

    host: str
    tls: ssl.SSLContext | None = None
    server_name: str | None = None
    proxy: str | None = None
    authorization: Callable[[], str | None] = field(default=lambda: None, repr=False)
    renew: Callable[[str | None], str | None] = field(default=lambda refused: refused, repr=False)
    fingerprint: str = ""


def load(options: ConnectionOptions) -> Credentials:
    """Find address and credentials.

    Raises:
        KubeError: the configuration is missing, unreadable or contradictory; nothing was sent yet.
    """
    found = _Found(host=options.host or "") if options.is_complete else _from_loader(options)
    return _credentials(_overridden(found, options))


@dataclass(frozen=True)
class _Found:
    """The raw settings, from whichever source; the PEM texts are read at once so that no temporary file stays."""

    host: str
    ca_pem: str | None = None
    cert_pem: str | None = field(default=None, repr=False)
    verify: bool = True
    server_name: str | None = None
    proxy: str | None = None
    authorization: Callable[[], str | None] = field(default=lambda: None, repr=False)
    renew: Callable[[str | None], str | None] = field(default=lambda refused: refused, repr=False)


def _overridden(found: _Found, options: ConnectionOptions) -> _Found:
    changes: dict[str, Any] = {}
    if options.host:
        changes["host"] = options.host
    if options.ca_cert:
        changes["ca_pem"] = _read("ca_cert", options.ca_cert)
    if options.client_cert:
        key = _read("client_key", options.client_key) if options.client_key else ""
        changes["cert_pem"] = _read("client_cert", options.client_cert) + "\n" + key
    if options.validate_certs is not None:
        changes["verify"] = options.validate_certs
    if options.tls_server_name:
        changes["server_name"] = options.tls_server_name
    if options.api_key:
        bearer = f"Bearer {options.api_key}"
        changes.update(_fixed(bearer))
    elif options.username:
        pair = f"{options.username}:{options.password or ''}".encode()
        basic = "Basic " + base64.b64encode(pair).decode("ascii")
        changes.update(_fixed(basic))
    host = changes.get("host", found.host)
    changes["proxy"] = options.proxy or found.proxy or _environment_proxy(host)
    if options.no_proxy and _is_bypassed(host, options.no_proxy):
        changes["proxy"] = None
    return replace(found, **changes)


def _fixed(header: str) -> dict[str, Any]:
    return {"authorization": lambda: header, "renew": lambda _: header}


def _credentials(found: _Found) -> Credentials:
    url = urlsplit(found.host if "://" in found.host else f"https://{found.host}")
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise _invalid(f"host: must be a URL such as https://10.0.0.1:6443, got {found.host!r}")
    if found.proxy and urlsplit(found.proxy).scheme not in {"http", "https"}:
        raise _invalid(f"proxy: must be an http:// or https:// URL, got scheme {urlsplit(found.proxy).scheme!r}")
    host = url.geturl().rstrip("/")
    return Credentials(
        host=host,
        tls=_tls(found) if url.scheme == "https" else None,
        server_name=found.server_name,
        proxy=found.proxy,
        authorization=found.authorization,
        renew=found.renew,
        fingerprint=hashlib.sha256(f"{host}\n{found.ca_pem or ''}".encode()).hexdigest(),
    )


def _tls(found: _Found) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=found.ca_pem)
    except ssl.SSLError as error:
        raise _invalid(f"ca_cert: is not a PEM certificate: {error}") from error
    # Python 3.13 asks for key identifiers, which the self-made CA of many clusters lacks; Go does not.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not found.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if found.cert_pem:
        # The ssl module takes certificate and key from files only: for the blink of an eye, readable by us alone.
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(found.cert_pem)
            file.flush()
            try:
                context.load_cert_chain(file.name)
            except ssl.SSLError as error:
                raise _invalid(f"client_cert and client_key: are not a matching PEM pair: {error}") from error
    return context


class _Renewed:
    """The header out of a configuration that may change: a token is rotated in its file, a plugin gives a new one."""

    def __init__(self, options: ConnectionOptions, header: Callable[[], str | None]) -> None:
        self._options = options
        self._header = header
        self._lock = threading.Lock()

    def current(self) -> str | None:
        return self._header()

    def renew(self, refused: str | None) -> str | None:
        with self._lock:
            # Several requests may have been refused at once; the first one renews for all of them.
            if self._header() == refused:
                self._header = _read_configuration(self._options).authorization
            return self._header()


def _from_loader(options: ConnectionOptions) -> _Found:
    found = _read_configuration(options)
    header = _Renewed(options, found.authorization)
    return replace(found, authorization=header.current, renew=header.renew)


def _read_configuration(options: ConnectionOptions) -> _Found:
    loader = loader_module.load()
    configuration = loader.configuration.Configuration()
    configuration.host, configuration.proxy = "", None
    problems = _Problems()
    # The loader logs a failed exec plugin and goes on without credentials; the message must reach the caller.
    root = logging.getLogger()
    root.addHandler(problems)
    try:
        with tempfile.TemporaryDirectory(prefix="miniapp-infra-") as private:
            _run_loader(loader, options, configuration, private)
            found = _Found(
                host=str(configuration.host or options.host or ""),
                ca_pem=_read("certificate-authority", configuration.ssl_ca_cert) if configuration.ssl_ca_cert else None,
                cert_pem=_pair(configuration.cert_file, configuration.key_file),
                verify=bool(configuration.verify_ssl),
                server_name=configuration.tls_server_name,
                proxy=configuration.proxy,
                authorization=lambda: _bearer(configuration),
            )
    finally:
        root.removeHandler(problems)
    if problems.messages:
        reasons = "; ".join(problems.messages)
        raise _invalid(f"Failed to read the credentials of {_described(options)}: {reasons}")
    return found


def _run_loader(loader: Loader, options: ConnectionOptions, configuration: Any, private: str) -> None:
    common = {"context": options.context, "client_configuration": configuration, "temp_file_path": private}
    try:
        if options.kubeconfig is None and not _default_exists() and "KUBERNETES_SERVICE_HOST" in os.environ:
            loader.incluster_config.load_incluster_config(configuration)
        elif options.kubeconfig is None or isinstance(options.kubeconfig, str):
            path = options.kubeconfig or _default_path()
            if not _exists(path):
                if options.host:
                    return
                raise _invalid(f"kubeconfig: {path} does not exist", _HINT)
            loader.kube_config.load_kube_config(config_file=path, persist_config=False, **common)
        else:
            loader.kube_config.load_kube_config_from_dict(dict(options.kubeconfig), persist_config=False, **common)
    except (loader.error, yaml.YAMLError, OSError, ValueError) as error:
        raise _invalid(f"Failed to read {_described(options)}: {error}", _HINT) from error
    except (AttributeError, TypeError) as error:  # the loader takes any YAML for a mapping
        raise _invalid(f"Failed to read {_described(options)}: it is not a kubeconfig", _HINT) from error


class _Problems(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def _bearer(configuration: Any) -> str | None:
    if configuration.refresh_api_key_hook is not None:
        configuration.refresh_api_key_hook(configuration)
    value: str | None = configuration.api_key.get("BearerToken") or configuration.api_key.get("authorization")
    return value


def _pair(certificate: str | None, key: str | None) -> str | None:
    if not certificate:
        return None
    return _read("client-certificate", certificate) + "\n" + (_read("client-key", key) if key else "")


def _read(option: str, path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise _invalid(f"{option}: cannot read {path}: {error.strerror}") from error


def _default_path() -> str:
    return os.environ.get("KUBECONFIG") or "~/.kube/config"


def _exists(paths: str) -> bool:
    return any(Path(path).expanduser().exists() for path in paths.split(os.pathsep) if path)


def _default_exists() -> bool:
    return _exists(_default_path())


def _described(options: ConnectionOptions) -> str:
    if isinstance(options.kubeconfig, str) or options.kubeconfig is None:
        return f"kubeconfig {options.kubeconfig or _default_path()}"
    return "the kubeconfig given as data"


def _environment_proxy(host: str) -> str | None:
    proxies = urllib.request.getproxies_environment()
    proxy = proxies.get(urlsplit(host).scheme or "https")
    return None if not proxy or _is_bypassed(host, proxies.get("no", "")) else proxy


def _is_bypassed(host: str, no_proxy: str) -> bool:
    """Tell whether a host is reached directly: it is in the list, or in a domain or network of the list."""
    name = (urlsplit(host).hostname or host).lower()
    for entry in filter(None, (item.strip().lower() for item in no_proxy.split(","))):
        if entry == "*" or name == entry.lstrip(".") or name.endswith("." + entry.lstrip(".")):
            return True
        with contextlib.suppress(ValueError):
            if "/" in entry and ipaddress.ip_address(name) in ipaddress.ip_network(entry, strict=False):
                return True
    return False


def _invalid(message: str, hint: str = "") -> KubeError:
    return KubeError(message, code=ErrorCode.INVALID_INPUT, hint=hint)
