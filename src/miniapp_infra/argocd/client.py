# SPDX-License-Identifier: GPL-3.0-or-later
"""What this engine needs from a Kubernetes client."""

from __future__ import annotations

from typing import Any, Protocol

API_VERSION = "argoproj.io/v1alpha1"
APPLICATION = "Application"
APPLICATION_SET = "ApplicationSet"
APP_PROJECT = "AppProject"


class ObjectClient(Protocol):
    """Reads and writes objects of Argo CD; errors are ``MiniappInfraError``, ``CONFLICT`` for a lost race."""

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any] | None:
        """Return an object, or None when there is none."""

    def list(self, kind: str, namespace: str) -> list[dict[str, Any]]:
        """Return the objects of a kind in a namespace."""

    def merge_patch(self, kind: str, name: str, namespace: str, patch: dict[str, Any]) -> dict[str, Any]:
        """Apply a JSON merge patch (RFC 7386) and return the object."""

    def replace(self, definition: dict[str, Any]) -> dict[str, Any]:
        """Write a whole object; its resource version guards against a change in between."""
