# SPDX-License-Identifier: GPL-3.0-or-later
"""How to reach an API server, as a caller says it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class ConnectionOptions:
    """Options of the ``kube`` documentation fragment, under the same names.

    With ``host`` and a credential nothing else is read. Else the kubeconfig is, or the service account of the pod, and
    the options given here win over what is found there.

    Args:
        kubeconfig: a path, several joined with ``:``, or the content; None: ``$KUBECONFIG`` or ``~/.kube/config``.
        context: None: the current context of the kubeconfig.
        validate_certs: None: as the kubeconfig says.
        no_proxy: comma-separated hosts that are reached directly.
        retry_timeout: seconds in which a request is repeated while the API server restarts.
        request_timeout: seconds that one answer may take.
    """

    kubeconfig: str | Mapping[str, Any] | None = field(default=None, repr=False)
    context: str | None = None
    host: str | None = None
    api_key: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    client_cert: str | None = None
    client_key: str | None = None
    ca_cert: str | None = None
    tls_server_name: str | None = None
    validate_certs: bool | None = None
    proxy: str | None = None
    no_proxy: str | None = None
    impersonate_user: str | None = None
    impersonate_groups: tuple[str, ...] = ()
    retry_timeout: float = 60.0
    request_timeout: float = 60.0

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> ConnectionOptions:
        """Pick the connection options out of the parameters of a module; the others are ignored."""
        names = {item.name for item in fields(cls)}
        given = {name: value for name, value in params.items() if name in names and value is not None}
        if "impersonate_groups" in given:
            given["impersonate_groups"] = tuple(given["impersonate_groups"])
        return cls(**given)

    @property
    def is_complete(self) -> bool:
        """Whether address and credential are both given, so that no configuration file is needed."""
        return bool(self.host and (self.api_key or self.client_cert or self.username))
