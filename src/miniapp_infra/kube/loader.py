# SPDX-License-Identifier: GPL-3.0-or-later
"""The config loader of the ``kubernetes`` client, without the rest of that package.

``import kubernetes`` loads every model of the API and an HTTP library that nothing here uses: about 0.3 s, three times
the work of a run that changes nothing. The loader needs four names of it, and two of those only to renew an OIDC token.
See docs/adr/0008-the-config-loader-alone.md.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLACEHOLDERS = ("kubernetes", "kubernetes.client", "oauthlib", "oauthlib.oauth2", "requests_oauthlib")
_GOOGLE = ("google", "google.auth", "google.auth.transport", "google.auth.transport.requests")
_lock = threading.Lock()
_loaded: Loader | None = None


@dataclass(frozen=True)
class Loader:
    """The parts of ``kubernetes.config`` that read kubeconfig files and service accounts."""

    kube_config: Any
    incluster_config: Any
    configuration: Any
    error: type[Exception]


def load() -> Loader:
    """Import the loader once.

    Raises:
        ImportError: the package ``kubernetes`` is missing.
    """
    global _loaded  # noqa: PLW0603 - modules are imported once per process
    with _lock:
        if _loaded is None:
            _loaded = _import()
        return _loaded


def _import() -> Loader:
    with _alone():
        return Loader(
            kube_config=importlib.import_module("kubernetes.config.kube_config"),
            incluster_config=importlib.import_module("kubernetes.config.incluster_config"),
            configuration=importlib.import_module("kubernetes.client.configuration"),
            error=importlib.import_module("kubernetes.config.config_exception").ConfigException,
        )


@contextmanager
def _alone() -> Iterator[None]:
    """Let imports below ``kubernetes`` find their files without running what its ``__init__`` imports.

    Everything that was imported so is forgotten afterwards, so that others in this process get the real packages.
    """
    before = {name: module for name, module in sys.modules.items() if _is_ours(name)}
    if "kubernetes" in before:  # whole already: nothing to save
        yield
        return
    package = _package("kubernetes")
    client = _package("kubernetes.client", inside=package)
    oauth2 = ModuleType("oauthlib.oauth2")
    oauth2.__getattr__ = lambda name: getattr(_real("oauthlib.oauth2"), name)  # type: ignore[method-assign]
    oauthlib = ModuleType("oauthlib")
    oauthlib.oauth2 = oauth2  # type: ignore[attr-defined]
    session = ModuleType("requests_oauthlib")
    session.OAuth2Session = _Deferred("requests_oauthlib", "OAuth2Session")  # type: ignore[attr-defined]
    sys.modules.update(zip(_PLACEHOLDERS, (package, client, oauthlib, oauth2, session), strict=True))
    sys.modules.update(_google())
    try:
        client.Configuration = importlib.import_module("kubernetes.client.configuration").Configuration  # type: ignore[attr-defined]
        client.ApiClient = _Deferred("kubernetes.client", "ApiClient")  # type: ignore[attr-defined]
        yield
    finally:
        for name in [name for name in sys.modules if _is_ours(name)]:
            del sys.modules[name]
        sys.modules.update(before)


def _google() -> dict[str, ModuleType]:
    """Return placeholders for google-auth, where it is installed: only kubeconfigs of an old GKE ask it for a token."""
    try:
        is_installed = importlib.util.find_spec("google.auth") is not None
    except ModuleNotFoundError:  # not even its namespace
        is_installed = False
    if not is_installed or "google.auth" in sys.modules:
        return {}
    package = ModuleType("google")

    def real(name: str) -> Any:
        _real("google.auth.transport.requests")
        return getattr(sys.modules["google"], name)

    package.__getattr__ = real  # type: ignore[method-assign]
    return dict.fromkeys(_GOOGLE, package)


class _Deferred:
    """A class of a package that is imported when the first object is made, which only an expired OIDC token needs."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    def __call__(self, *args: Any, **options: Any) -> Any:
        return getattr(_real(self._module), self._name)(*args, **options)


def _real(name: str) -> ModuleType:
    return importlib.import_module(name)


def _package(name: str, inside: ModuleType | None = None) -> ModuleType:
    """Return a package that knows where its modules are, and holds nothing."""
    if inside is None:
        spec = importlib.util.find_spec(name)
        places = list(spec.submodule_search_locations or ()) if spec else []
        if not places:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    else:
        places = [f"{place}/{name.rpartition('.')[2]}" for place in inside.__path__]
    package = ModuleType(name)
    package.__path__ = places
    return package


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in {"google", "kubernetes", "oauthlib", "requests_oauthlib"}
