# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to an API server and what is known about it, shared by all that asks in the same way in one process.

The items of a loop run in one process, so the second one finds the connection open. Nothing is shared between processes
or users. What a connection depends on is part of the question: options, environment, and the files that they name.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miniapp_infra.kube.client import Client
from miniapp_infra.kube.connection import ConnectionOptions
from miniapp_infra.kube.discovery import Discovery
from miniapp_infra.kube.errors import KubeError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENVIRONMENT = ("HOME", "HTTPS_PROXY", "HTTP_PROXY", "KUBECONFIG", "KUBERNETES_SERVICE_HOST", "NO_PROXY")
_lock = threading.Lock()
_sessions: dict[str, tuple[Client, Discovery]] = {}


@dataclass(frozen=True)
class Session:
    """What one task asks for. Finding out costs reading the environment and the files' states, so it is done once.

    Args:
        options: where and as whom.
        question: all that the connection depends on.
    """

    options: ConnectionOptions
    question: str

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Session:
        """Return the session that the connection options of a module ask for."""
        options = ConnectionOptions.from_params(params)
        return cls(options, _question(options))

    def connected(self) -> tuple[Client, Discovery]:
        """Return a client and the kinds of its server.

        Raises:
            KubeError: the configuration cannot be used.
        """
        with _lock:
            if self.question not in _sessions:
                client = Client.connect(self.options)
                _sessions[self.question] = (client, Discovery(client))
            return _sessions[self.question]


def connected(params: Mapping[str, Any]) -> tuple[Client, Discovery]:
    """Return a client for the connection options of a module, and the kinds of its server.

    Raises:
        KubeError: the configuration cannot be used.
    """
    return Session.of(params).connected()


def prepare(params: Mapping[str, Any], *, connections: int = 1) -> Session:
    """Begin to connect while the caller reads its input. What is wrong with the options is for ``connected`` to tell.

    Args:
        params: of a module.
        connections: how many its first requests will need.
    """
    session = Session.of(params)
    if session.question not in _sessions:

        def work() -> None:
            with contextlib.suppress(KubeError):
                session.connected()[0].open_connections(connections)

        threading.Thread(target=work, name="prepare", daemon=True).start()
    return session


def _question(options: ConnectionOptions) -> str:
    environment = [os.environ.get(name) or os.environ.get(name.lower()) for name in _ENVIRONMENT]
    return json.dumps([os.getpid(), vars(options), environment, [_state(file) for file in _files(options)]])


def _files(options: ConnectionOptions) -> list[str]:
    config = options.kubeconfig
    if config is None:
        config = os.environ.get("KUBECONFIG") or "~/.kube/config"
    files = config.split(os.pathsep) if isinstance(config, str) else []
    return [*files, *filter(None, (options.ca_cert, options.client_cert, options.client_key))]


def _state(file: str) -> list[int] | None:
    try:
        found = Path(file).expanduser().stat()
    except OSError:
        return None
    return [found.st_mtime_ns, found.st_size, found.st_ino]
