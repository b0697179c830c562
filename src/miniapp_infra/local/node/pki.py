# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything secret or signed that the node's components need, below ``.local/pki``.

Three authorities, as Kubernetes asks for: one for the cluster and its servers, one for etcd (whoever it signs for reads
all Secrets) and one for the aggregation layer (whoever it signs for may claim to be any user).
"""

from __future__ import annotations

import base64
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from miniapp_infra.local.layout import (
    APISERVER_PORT,
    CLUSTER_DOMAIN,
    NODE_ADDRESS,
    NODE_NAME,
    SERVICE_CIDR,
)
from miniapp_infra.local.node.certificates import (
    Request,
    ensure,
    ensure_authority,
    read_key,
    write_key,
)
from miniapp_infra.local.node.files import PUBLIC, SECRET, write

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout

_SYSTEM_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
_FIRST_SERVICE_ADDRESS = SERVICE_CIDR.replace(".0/20", ".1")
_LOOPBACK = ("localhost", "127.0.0.1")
_ENCRYPTION_KEY_BYTES = 32  # secretbox is XSalsa20 and Poly1305 with a 256-bit key

_CLUSTER = (
    Request(
        "apiserver",
        "kube-apiserver",
        addresses=(
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            f"kubernetes.default.svc.{CLUSTER_DOMAIN}",
            _FIRST_SERVICE_ADDRESS,
            NODE_ADDRESS,
        ),
        server=True,
    ),
    # system:masters, because the kubelet API is guarded by RBAC objects that do not exist before the first start
    Request("apiserver-kubelet-client", "kube-apiserver-kubelet-client", ("system:masters",), client=True),
    Request("kubelet", NODE_NAME, addresses=(NODE_NAME, NODE_ADDRESS), server=True),
    Request("kubelet-client", f"system:node:{NODE_NAME}", ("system:nodes",), client=True),
    Request("controller-manager", "system:kube-controller-manager", client=True),
    Request("controller-manager-server", "kube-controller-manager", addresses=_LOOPBACK, server=True),
    Request("scheduler", "system:kube-scheduler", client=True),
    Request("scheduler-server", "kube-scheduler", addresses=_LOOPBACK, server=True),
    Request("kube-proxy", "system:kube-proxy", client=True),
    # the person who installs; roles and playbooks set up everybody else
    Request("admin", "miniapp-admin", ("system:masters",), client=True),
    Request("registry", "registry", addresses=(NODE_ADDRESS,), server=True),
    Request("git", "git", addresses=(NODE_ADDRESS,), server=True),
)
_ETCD = (
    Request("etcd-server", "etcd", addresses=_LOOPBACK, server=True, client=True),
    Request("etcd-peer", "etcd-peer", addresses=_LOOPBACK, server=True, client=True),
    Request("etcd-client", "kube-apiserver", client=True),
)
_FRONT_PROXY = (Request("front-proxy-client", "front-proxy-client", client=True),)

# user of the kubeconfig and the certificate it authenticates with
_KUBECONFIGS = {
    "kubelet": "kubelet-client",
    "controller-manager": "controller-manager",
    "scheduler": "scheduler",
    "kube-proxy": "kube-proxy",
}


def ensure_all(layout: Layout) -> list[str]:
    """Make what is missing, wrong or about to expire.

    Returns:
        Names of the certificates that were made.
    """
    layout.pki.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = []
    for name, common_name, requests in (
        ("ca", "miniapp-infra local CA", _CLUSTER),
        ("etcd-ca", "miniapp-infra local etcd CA", _ETCD),
        ("front-proxy-ca", "miniapp-infra local front proxy CA", _FRONT_PROXY),
    ):
        authority = ensure_authority(layout.pki, name, common_name)
        made += [request.name for request in requests if ensure(layout.pki, request, authority)]
    _ensure_service_account_keys(layout)
    _ensure_random(layout.pki / "encryption.key")
    _ensure_random(layout.pki / "registry.secret")
    _write_bundle(layout)
    for user, certificate in _KUBECONFIGS.items():
        write(layout.pki / f"{user}.kubeconfig", _kubeconfig_by_reference(layout, user, certificate), SECRET)
    write(layout.kubeconfig, _admin_kubeconfig(layout), SECRET)
    return made


def _ensure_service_account_keys(layout: Layout) -> None:
    key = read_key(layout.pki / "service-account.key")
    if key is None:
        key = ec.generate_private_key(ec.SECP256R1())
        write_key(layout.pki / "service-account.key", key)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    write(layout.pki / "service-account.pub", public, PUBLIC)


def _ensure_random(path: Path) -> None:
    """Keep 32 random bytes in ``path``, base64."""
    if not path.is_file():
        write(path, base64.b64encode(secrets.token_bytes(_ENCRYPTION_KEY_BYTES)), SECRET)


def _write_bundle(layout: Layout) -> None:
    system = _SYSTEM_AUTHORITIES.read_text() if _SYSTEM_AUTHORITIES.is_file() else ""
    write(layout.ca_bundle, f"{system.rstrip()}\n{layout.ca_certificate.read_text()}".lstrip(), PUBLIC)


def _kubeconfig(cluster: dict[str, str], user_name: str, user: dict[str, str]) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": NODE_NAME,
                    "cluster": {"server": f"https://{NODE_ADDRESS}:{APISERVER_PORT}", **cluster},
                }
            ],
            "users": [{"name": user_name, "user": user}],
            "contexts": [{"name": NODE_NAME, "context": {"cluster": NODE_NAME, "user": user_name}}],
            "current-context": NODE_NAME,
        },
        sort_keys=False,
    )


def _kubeconfig_by_reference(layout: Layout, user: str, certificate: str) -> str:
    return _kubeconfig(
        {"certificate-authority": str(layout.ca_certificate)},
        user,
        {
            "client-certificate": str(layout.pki / f"{certificate}.crt"),
            "client-key": str(layout.pki / f"{certificate}.key"),
        },
    )


def _admin_kubeconfig(layout: Layout) -> str:
    """Return a kubeconfig that carries its credentials, so that it can be copied to where it is needed."""

    def data(name: str) -> str:
        return base64.b64encode((layout.pki / name).read_bytes()).decode()

    return _kubeconfig(
        {"certificate-authority-data": data("ca.crt")},
        "miniapp-admin",
        {"client-certificate-data": data("admin.crt"), "client-key-data": data("admin.key")},
    )
