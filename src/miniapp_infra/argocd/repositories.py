# SPDX-License-Identifier: GPL-3.0-or-later
"""Repositories and credential templates: what modules say, what the REST interface says, and Secrets with a label.

Format of the Secrets: util/db/repository_secrets.go of Argo CD.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TYPE_LABEL = "argocd.argoproj.io/secret-type"
# With it Argo CD's own tools know that the Secret is theirs to delete.
MANAGED = {"managed-by": "argocd.argoproj.io"}
SHOWN = {
    "name": "name",
    "type": "type",
    "project": "project",
    "repo_username": "username",
    "tls_client_cert_data": "tlsClientCertData",
    "github_app_id": "githubAppID",
    "github_app_installation_id": "githubAppInstallationID",
    "github_app_enterprise_base_url": "githubAppEnterpriseBaseUrl",
    "insecure": "insecure",
    "enable_lfs": "enableLfs",
    "enable_oci": "enableOCI",
    "force_http_basic_auth": "forceHttpBasicAuth",
    "repo_proxy": "proxy",
    "repo_no_proxy": "noProxy",
}
"""Options that may be shown, and what Argo CD calls them."""
HIDDEN = {
    "repo_password": "password",
    "bearer_token": "bearerToken",
    "ssh_private_key": "sshPrivateKey",
    "tls_client_cert_key": "tlsClientCertKey",
    "github_app_private_key": "githubAppPrivateKey",
}
"""Options that are credentials."""
_NOT_IN_TEMPLATES = frozenset({"name", "project", "insecure", "enableLfs", "noProxy"})
_SCP_LIKE = re.compile(r"^(?:ssh://)?[\w.-]+@[\w.-]+:(?!\d+/)")


def from_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a module declares, under the names of Argo CD, without what is not set."""
    known = {**SHOWN, **HIDDEN}
    found = {key: params[option] for option, key in known.items() if params.get(option) not in (None, "", False)}
    if params.get("credentials_template"):
        found = {key: value for key, value in found.items() if key not in _NOT_IN_TEMPLATES}
    return {"url": params["url"], **found}


def secret_type(*, templates: bool) -> str:
    """Return the value of the label that makes a Secret a repository, or a credential template."""
    return "repo-creds" if templates else "repository"


def secret_name(repository: Mapping[str, Any], *, templates: bool) -> str:
    """Return the name that Argo CD itself gives to the Secret, so that both ways find the same one.

    FNV-1a of 32 bits over URL and project (util/db/repository.go, RepoURLToSecretName).
    """
    digest = 0x811C9DC5
    for byte in (repository["url"] + ("" if templates else repository.get("project", ""))).encode():
        digest = ((digest ^ byte) * 0x01000193) & 0xFFFFFFFF
    return f"{'creds' if templates else 'repo'}-{digest}"


def as_secret(repository: Mapping[str, Any], name: str, namespace: str, *, templates: bool) -> dict[str, Any]:
    """Return the Secret that declares a repository."""
    texts = {key: _text(value) for key, value in repository.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {TYPE_LABEL: secret_type(templates=templates)},
            "annotations": dict(MANAGED),
        },
        # As data and not as stringData, which the API server does not keep: so the present state can be compared.
        "data": {key: base64.b64encode(text.encode()).decode("ascii") for key, text in texts.items()},
    }


def from_secret(secret: Mapping[str, Any]) -> dict[str, Any]:
    """Return the repository of a Secret, with its credentials."""
    data = {
        key: base64.b64decode(value).decode("utf-8", "replace") for key, value in (secret.get("data") or {}).items()
    }
    return {**data, "url": data.get("url", ""), "secretName": secret["metadata"]["name"]}


def find(found: Iterable[Mapping[str, Any]], url: str, project: str) -> dict[str, Any] | None:
    """Return the repository of a URL and a project among others."""
    for item in found:
        if same_url(item.get("url") or item.get("repo") or "") == same_url(url) and item.get("project", "") == project:
            return dict(item)
    return None


def same_url(url: str) -> str:
    """Return a form that is equal for URLs which Argo CD takes for the same (util/git/git.go, NormalizeGitURL)."""
    text = url.strip().lower()
    if _SCP_LIKE.match(text):
        head, _, tail = text.removeprefix("ssh://").partition(":")
        text = f"{head}/{tail}"
    return text.removesuffix(".git").removeprefix("ssh://")


def shown(repository: Mapping[str, Any]) -> dict[str, Any]:
    """Return a repository as a module reports it: which credentials it has, and never what they are."""
    names = {**SHOWN, "secret_name": "secretName"}
    result = {option: repository[key] for option, key in names.items() if repository.get(key) not in (None, "", False)}
    for option in ("insecure", "enable_lfs", "enable_oci", "force_http_basic_auth"):
        if option in result:
            result[option] = result[option] in (True, "true")
    return {
        "url": repository.get("url") or repository.get("repo") or "",
        **result,
        "credentials": sorted(option for option, key in HIDDEN.items() if repository.get(key)),
    }


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
