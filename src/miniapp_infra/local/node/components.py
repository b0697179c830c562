# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's long-running programs: what each is started with, what it needs first and how its health is asked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from miniapp_infra.local.layout import (
    APISERVER_PORT,
    CLUSTER_DOMAIN,
    GIT_PORT,
    NODE_ADDRESS,
    NODE_NAME,
    POD_CIDR,
    REGISTRY_PORT,
    SERVICE_CIDR,
)

if TYPE_CHECKING:
    from pathlib import Path

    from miniapp_infra.local.layout import Layout


@dataclass(frozen=True)
class HttpProbe:
    """Healthy while this URL answers 200. Servers show certificates of the local CA."""

    scheme: str
    host: str
    port: int
    path: str


@dataclass(frozen=True)
class ExecProbe:
    """Healthy while this command, without shell syntax, ends with 0."""

    argv: tuple[str, ...]


@dataclass(frozen=True)
class Component:
    """One supervised program.

    Args:
        name: name of the component and of its log file.
        argv: program and arguments.
        needs: components that must be healthy before it starts.
        probe: how its health is asked.
        ports: TCP ports it listens on.
        files: what it reads at its start; a change restarts it.
        stop_seconds: time between SIGTERM and SIGKILL.
    """

    name: str
    argv: tuple[str, ...]
    needs: tuple[str, ...]
    probe: HttpProbe | ExecProbe
    ports: tuple[int, ...]
    files: tuple[Path, ...]
    stop_seconds: int = 10

    def fingerprint(self) -> str:
        """Return a hash over the files' contents and the program's real path, which names its version."""
        digest = hashlib.sha256()
        for path in self.files:
            digest.update(f"{path}\0".encode() + path.read_bytes() + b"\0")
        return digest.hexdigest()[:16]


def _flags(**options: object) -> tuple[str, ...]:
    """Return ``--some-flag=value`` for each keyword ``some_flag``."""
    return tuple(f"--{name.replace('_', '-')}={value}" for name, value in options.items())


def all_components(layout: Layout) -> list[Component]:
    """Return the components in an order in which each comes after what it needs."""
    return [
        _etcd(layout),
        _apiserver(layout),
        _controller_manager(layout),
        _scheduler(layout),
        _containerd(layout),
        _kubelet(layout),
        _kube_proxy(layout),
        _registry(layout),
        _git(layout),
    ]


def _program(layout: Layout, name: str) -> str:
    """Return the program behind the link, so that a new version changes the command line."""
    return str((layout.bin / name).resolve())


def _pki(layout: Layout, *names: str) -> tuple[Path, ...]:
    return tuple(layout.pki / name for name in names)


def _etcd(layout: Layout) -> Component:
    pki = layout.pki
    return Component(
        name="etcd",
        argv=(
            _program(layout, "etcd"),
            *_flags(
                name=NODE_NAME,
                data_dir=layout.data / "etcd",
                listen_client_urls="https://127.0.0.1:2379",
                advertise_client_urls="https://127.0.0.1:2379",
                listen_peer_urls="https://127.0.0.1:2380",
                initial_advertise_peer_urls="https://127.0.0.1:2380",
                initial_cluster=f"{NODE_NAME}=https://127.0.0.1:2380",
                listen_metrics_urls="http://127.0.0.1:2381",
                client_cert_auth="true",
                trusted_ca_file=pki / "etcd-ca.crt",
                cert_file=pki / "etcd-server.crt",
                key_file=pki / "etcd-server.key",
                peer_client_cert_auth="true",
                peer_trusted_ca_file=pki / "etcd-ca.crt",
                peer_cert_file=pki / "etcd-peer.crt",
                peer_key_file=pki / "etcd-peer.key",
                auto_compaction_mode="periodic",
                auto_compaction_retention="30m",
                logger="zap",
                log_level="warn",
            ),
        ),
        needs=(),
        probe=HttpProbe("http", "127.0.0.1", 2381, "/readyz"),
        ports=(2379, 2380, 2381),
        files=_pki(layout, "etcd-ca.crt", "etcd-server.crt", "etcd-peer.crt"),
    )


def _apiserver(layout: Layout) -> Component:
    pki, config = layout.pki, layout.config
    return Component(
        name="kube-apiserver",
        argv=(
            _program(layout, "kube-apiserver"),
            *_flags(
                bind_address=NODE_ADDRESS,
                advertise_address=NODE_ADDRESS,
                secure_port=APISERVER_PORT,
                tls_cert_file=pki / "apiserver.crt",
                tls_private_key_file=pki / "apiserver.key",
                client_ca_file=pki / "ca.crt",
                authentication_config=config / "authentication.yaml",
                authorization_mode="Node,RBAC",
                enable_admission_plugins="NodeRestriction",
                allow_privileged="true",
                etcd_servers="https://127.0.0.1:2379",
                etcd_cafile=pki / "etcd-ca.crt",
                etcd_certfile=pki / "etcd-client.crt",
                etcd_keyfile=pki / "etcd-client.key",
                encryption_provider_config=config / "encryption.yaml",
                service_cluster_ip_range=SERVICE_CIDR,
                service_account_issuer=f"https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
                service_account_key_file=pki / "service-account.pub",
                service_account_signing_key_file=pki / "service-account.key",
                kubelet_certificate_authority=pki / "ca.crt",
                kubelet_client_certificate=pki / "apiserver-kubelet-client.crt",
                kubelet_client_key=pki / "apiserver-kubelet-client.key",
                kubelet_preferred_address_types="InternalIP",
                proxy_client_cert_file=pki / "front-proxy-client.crt",
                proxy_client_key_file=pki / "front-proxy-client.key",
                requestheader_client_ca_file=pki / "front-proxy-ca.crt",
                requestheader_allowed_names="front-proxy-client",
                requestheader_username_headers="X-Remote-User",
                requestheader_group_headers="X-Remote-Group",
                requestheader_extra_headers_prefix="X-Remote-Extra-",
                enable_aggregator_routing="true",
                audit_policy_file=config / "audit-policy.yaml",
                audit_log_path=layout.logs / "audit" / "audit.log",
                audit_log_maxsize=20,
                audit_log_maxbackup=3,
                profiling="false",
            ),
        ),
        needs=("etcd",),
        probe=HttpProbe("https", NODE_ADDRESS, APISERVER_PORT, "/readyz"),
        ports=(APISERVER_PORT,),
        files=(
            *_pki(layout, "ca.crt", "apiserver.crt", "etcd-ca.crt", "etcd-client.crt", "service-account.key"),
            *_pki(layout, "apiserver-kubelet-client.crt", "front-proxy-ca.crt", "front-proxy-client.crt"),
            *(config / name for name in ("authentication.yaml", "encryption.yaml", "audit-policy.yaml")),
        ),
    )


def _controller_manager(layout: Layout) -> Component:
    pki = layout.pki
    kubeconfig = pki / "controller-manager.kubeconfig"
    return Component(
        name="kube-controller-manager",
        argv=(
            _program(layout, "kube-controller-manager"),
            *_flags(
                kubeconfig=kubeconfig,
                authentication_kubeconfig=kubeconfig,
                authorization_kubeconfig=kubeconfig,
                bind_address="127.0.0.1",
                tls_cert_file=pki / "controller-manager-server.crt",
                tls_private_key_file=pki / "controller-manager-server.key",
                leader_elect="false",
                use_service_account_credentials="true",
                service_account_private_key_file=pki / "service-account.key",
                root_ca_file=pki / "ca.crt",
                cluster_signing_cert_file=pki / "ca.crt",
                cluster_signing_key_file=pki / "ca.key",
                cluster_cidr=POD_CIDR,
                service_cluster_ip_range=SERVICE_CIDR,
                allocate_node_cidrs="false",
                profiling="false",
            ),
        ),
        needs=("kube-apiserver",),
        probe=HttpProbe("https", "127.0.0.1", 10257, "/healthz"),
        ports=(10257,),
        files=_pki(layout, "ca.crt", "controller-manager.crt", "controller-manager-server.crt", "service-account.key"),
    )


def _scheduler(layout: Layout) -> Component:
    pki = layout.pki
    kubeconfig = pki / "scheduler.kubeconfig"
    return Component(
        name="kube-scheduler",
        argv=(
            _program(layout, "kube-scheduler"),
            *_flags(
                kubeconfig=kubeconfig,
                authentication_kubeconfig=kubeconfig,
                authorization_kubeconfig=kubeconfig,
                bind_address="127.0.0.1",
                tls_cert_file=pki / "scheduler-server.crt",
                tls_private_key_file=pki / "scheduler-server.key",
                leader_elect="false",
                profiling="false",
            ),
        ),
        needs=("kube-apiserver",),
        probe=HttpProbe("https", "127.0.0.1", 10259, "/healthz"),
        ports=(10259,),
        files=_pki(layout, "ca.crt", "scheduler.crt", "scheduler-server.crt"),
    )


def _containerd(layout: Layout) -> Component:
    socket = str(layout.containerd_socket)
    return Component(
        name="containerd",
        argv=(
            _program(layout, "containerd"),
            "--config",
            str(layout.config / "containerd.toml"),
            "--log-level",
            "warn",
        ),
        needs=(),
        probe=ExecProbe((_program(layout, "ctr"), "--address", socket, "--connect-timeout", "2s", "version")),
        ports=(),
        files=(layout.config / "containerd.toml",),
    )


def _kubelet(layout: Layout) -> Component:
    return Component(
        name="kubelet",
        argv=(
            _program(layout, "kubelet"),
            *_flags(
                config=layout.config / "kubelet.yaml",
                kubeconfig=layout.pki / "kubelet.kubeconfig",
                root_dir=layout.data / "kubelet",
                cert_dir=layout.data / "kubelet" / "pki",
                node_ip=NODE_ADDRESS,
                hostname_override=NODE_NAME,
            ),
        ),
        needs=("kube-apiserver", "containerd"),
        probe=HttpProbe("http", "127.0.0.1", 10248, "/healthz"),
        ports=(10248, 10250),
        files=(
            layout.config / "kubelet.yaml",
            layout.config / "resolv.conf",
            *_pki(layout, "ca.crt", "kubelet.crt", "kubelet-client.crt"),
        ),
    )


def _kube_proxy(layout: Layout) -> Component:
    return Component(
        name="kube-proxy",
        argv=(_program(layout, "kube-proxy"), *_flags(config=layout.config / "kube-proxy.yaml")),
        needs=("kube-apiserver",),
        probe=HttpProbe("http", "127.0.0.1", 10256, "/livez"),
        ports=(10249, 10256),
        files=(layout.config / "kube-proxy.yaml", *_pki(layout, "ca.crt", "kube-proxy.crt")),
    )


def _registry(layout: Layout) -> Component:
    config = layout.config / "registry.yaml"
    return Component(
        name="registry",
        argv=(_program(layout, "registry"), "serve", str(config)),
        needs=(),
        probe=HttpProbe("http", "127.0.0.1", 5001, "/debug/health"),
        ports=(REGISTRY_PORT, 5001),
        files=(config, *_pki(layout, "registry.crt")),
    )


def _git(layout: Layout) -> Component:
    config = layout.config / "lighttpd.conf"
    return Component(
        name="git",
        argv=("/usr/sbin/lighttpd", "-D", "-f", str(config)),
        needs=(),
        probe=HttpProbe("https", NODE_ADDRESS, GIT_PORT, "/healthz"),
        ports=(GIT_PORT,),
        files=(config, layout.config / "git-users", *_pki(layout, "git.crt")),
    )
