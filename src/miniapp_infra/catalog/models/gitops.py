# SPDX-License-Identifier: GPL-3.0-or-later
"""``gitops.yml``: the repository of desired state that Argo CD follows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from miniapp_infra.catalog.base import Model
from miniapp_infra.catalog.types import Name, Text, Url, Version


class Chart(Model):
    """The one chart of all services, as an OCI artefact."""

    ref: Annotated[str, Field(pattern=r"^oci://[a-z0-9.:-]+(/[a-z0-9._-]+)+$")]
    version: Version


class Credentials(Model):
    """The Secret in Argo CD's namespace that holds them; the values themselves are never in an inventory."""

    secret_name: Name


class GitOps(Model):
    """``credentials`` is null where the repository can be read without any."""

    repository: Url
    branch: Text
    ca_file: Text | None
    credentials: Credentials | None
    chart: Chart
    argocd_namespace: Name
