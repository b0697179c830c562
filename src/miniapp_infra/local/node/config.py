# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the components' configuration files from ``local/node/templates`` to ``.local/config``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jinja2

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.local.layout import (
    CGROUP,
    CLUSTER_DOMAIN,
    DNS_SERVICE_ADDRESS,
    GIT_PORT,
    NODE_ADDRESS,
    NODE_NAME,
    POD_CIDR,
    REGISTRY,
)
from miniapp_infra.local.node import githost
from miniapp_infra.local.node.files import PUBLIC, SECRET, write

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout
    from miniapp_infra.local.node.host import Host

PAUSE_IMAGE = "registry.k8s.io/pause:3.10"
# Every registry that an upstream manifest may name; all of them mean the local one.
MIRRORED_REGISTRIES = (REGISTRY, "docker.io", "ghcr.io", "public.ecr.aws", "quay.io", "registry.k8s.io")
_KUBELET_OOM_SCORE = -999  # kubelet's own default

_SECRET_FILES = {"encryption.yaml", "registry.yaml"}
_FILES = {  # file below .local/config and its template
    "audit-policy.yaml": "audit-policy.yaml.j2",
    "authentication.yaml": "authentication.yaml.j2",
    "cni/10-miniapp.conflist": "cni.conflist.j2",
    "containerd.toml": "containerd.toml.j2",
    "encryption.yaml": "encryption.yaml.j2",
    "kube-proxy.yaml": "kube-proxy.yaml.j2",
    "kubelet.yaml": "kubelet.yaml.j2",
    "lighttpd.conf": "lighttpd.conf.j2",
    "registry.yaml": "registry.yaml.j2",
    "resolv.conf": "resolv.conf.j2",
    **{f"certs.d/{registry}/hosts.toml": "hosts.toml.j2" for registry in MIRRORED_REGISTRIES},
}


def values(layout: Layout, host: Host) -> dict[str, object]:
    """Return what templates may use; a template that uses anything else fails."""
    return {
        "bin": str(layout.bin),
        "bridge_netfilter": host.bridge_netfilter,
        "cgroup": CGROUP,
        "cluster_domain": CLUSTER_DOMAIN,
        "config": str(layout.config),
        "data": str(layout.data),
        "dns_address": DNS_SERVICE_ADDRESS,
        "encryption_key": (layout.pki / "encryption.key").read_text(),
        "git_http_backend": githost.backend(),
        "git_port": GIT_PORT,
        "logs": str(layout.logs),
        "node_address": NODE_ADDRESS,
        "node_name": NODE_NAME,
        "oom_score": _KUBELET_OOM_SCORE if host.may_raise_limits else 0,
        "pause_image": PAUSE_IMAGE,
        "pki": str(layout.pki),
        "pod_cidr": POD_CIDR,
        "registry": REGISTRY,
        "registry_secret": (layout.pki / "registry.secret").read_text(),
        "restrict_oom_score": not host.may_raise_limits,
        "runtime": str(layout.runtime),
        "snapshotter": host.snapshotter,
    }


def render(layout: Layout, host: Host) -> list[str]:
    """Write every configuration file.

    Returns:
        Names of the files that changed.

    Raises:
        MiniappInfraError: the checkout's path holds a character that some configuration file cannot.
    """
    _refuse_awkward_path(layout)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(layout.node_content / "templates"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - configuration files, not HTML; values are our own
    )
    known = values(layout, host)
    changed = []
    for name, template in _FILES.items():
        text = environment.get_template(template).render(known)
        if write(layout.config / name, text, SECRET if name in _SECRET_FILES else PUBLIC):
            changed.append(name)
    return changed


def _refuse_awkward_path(layout: Layout) -> None:
    awkward = sorted(set(str(layout.root)) & set(" \t\n\"'\\${}#:,"))
    if awkward:
        raise MiniappInfraError(
            f"Failed to configure the local node: the checkout's path {layout.root} contains {awkward[0]!r}",
            code=ErrorCode.INVALID_INPUT,
            hint="move the checkout to a path of letters, digits, dots, dashes and underscores",
        )
