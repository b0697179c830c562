# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd and the programs of Kubernetes that decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miniapp_infra.local.layout import APISERVER_PORT, CLUSTER_DOMAIN, NODE_ADDRESS, NODE_NAME, POD_CIDR, SERVICE_CIDR
from miniapp_infra.local.node.component import Component, HttpProbe, flags, pki, program

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout


def etcd(layout: Layout) -> Component:
    home = layout.pki
    return Component(
        name="etcd",
        argv=(
            program(layout, "etcd"),
            *flags(
                name=NODE_NAME,
                data_dir=layout.data / "etcd",
                listen_client_urls="https://127.0.0.1:2379",
                advertise_client_urls="https://127.0.0.1:2379",
                listen_peer_urls="https://127.0.0.1:2380",
                initial_advertise_peer_urls="https://127.0.0.1:2380",
                initial_cluster=f"{NODE_NAME}=https://127.0.0.1:2380",
                listen_metrics_urls="http://127.0.0.1:2381",
                client_cert_auth="true",
                trusted_ca_file=home / "etcd-ca.crt",
                cert_file=home / "etcd-server.crt",
                key_file=home / "etcd-server.key",
                peer_client_cert_auth="true",
                peer_trusted_ca_file=home / "etcd-ca.crt",
                peer_cert_file=home / "etcd-peer.crt",
                peer_key_file=home / "etcd-peer.key",
                auto_compaction_mode="periodic",
                auto_compaction_retention="30m",
                logger="zap",
                log_level="warn",
            ),
        ),
        needs=(),
        probe=HttpProbe("http", "127.0.0.1", 2381, "/readyz"),
        ports=(2379, 2380, 2381),
        files=pki(layout, "etcd-ca.crt", "etcd-server.crt", "etcd-peer.crt"),
    )


def apiserver(layout: Layout) -> Component:
    home, config = layout.pki, layout.config
    return Component(
        name="kube-apiserver",
        argv=(
            program(layout, "kube-apiserver"),
            *flags(
                bind_address=NODE_ADDRESS,
                advertise_address=NODE_ADDRESS,
                secure_port=APISERVER_PORT,
                tls_cert_file=home / "apiserver.crt",
                tls_private_key_file=home / "apiserver.key",
                client_ca_file=home / "ca.crt",
                authentication_config=config / "authentication.yaml",
                authorization_mode="Node,RBAC",
                enable_admission_plugins="NodeRestriction",
                allow_privileged="true",
                etcd_servers="https://127.0.0.1:2379",
                etcd_cafile=home / "etcd-ca.crt",
                etcd_certfile=home / "etcd-client.crt",
                etcd_keyfile=home / "etcd-client.key",
                encryption_provider_config=config / "encryption.yaml",
                service_cluster_ip_range=SERVICE_CIDR,
                service_account_issuer=f"https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
                service_account_key_file=home / "service-account.pub",
                service_account_signing_key_file=home / "service-account.key",
                kubelet_certificate_authority=home / "ca.crt",
                kubelet_client_certificate=home / "apiserver-kubelet-client.crt",
                kubelet_client_key=home / "apiserver-kubelet-client.key",
                kubelet_preferred_address_types="InternalIP",
                proxy_client_cert_file=home / "front-proxy-client.crt",
                proxy_client_key_file=home / "front-proxy-client.key",
                requestheader_client_ca_file=home / "front-proxy-ca.crt",
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
            *pki(layout, "ca.crt", "apiserver.crt", "etcd-ca.crt", "etcd-client.crt", "service-account.key"),
            *pki(layout, "apiserver-kubelet-client.crt", "front-proxy-ca.crt", "front-proxy-client.crt"),
            *(config / name for name in ("authentication.yaml", "encryption.yaml", "audit-policy.yaml")),
        ),
    )


def controller_manager(layout: Layout) -> Component:
    home = layout.pki
    kubeconfig = home / "controller-manager.kubeconfig"
    return Component(
        name="kube-controller-manager",
        argv=(
            program(layout, "kube-controller-manager"),
            *flags(
                kubeconfig=kubeconfig,
                authentication_kubeconfig=kubeconfig,
                authorization_kubeconfig=kubeconfig,
                bind_address="127.0.0.1",
                tls_cert_file=home / "controller-manager-server.crt",
                tls_private_key_file=home / "controller-manager-server.key",
                leader_elect="false",
                use_service_account_credentials="true",
                service_account_private_key_file=home / "service-account.key",
                root_ca_file=home / "ca.crt",
                cluster_signing_cert_file=home / "ca.crt",
                cluster_signing_key_file=home / "ca.key",
                cluster_cidr=POD_CIDR,
                service_cluster_ip_range=SERVICE_CIDR,
                allocate_node_cidrs="false",
                profiling="false",
            ),
        ),
        needs=("kube-apiserver",),
        probe=HttpProbe("https", "127.0.0.1", 10257, "/healthz"),
        ports=(10257,),
        files=pki(layout, "ca.crt", "controller-manager.crt", "controller-manager-server.crt", "service-account.key"),
    )


def scheduler(layout: Layout) -> Component:
    home = layout.pki
    kubeconfig = home / "scheduler.kubeconfig"
    return Component(
        name="kube-scheduler",
        argv=(
            program(layout, "kube-scheduler"),
            *flags(
                kubeconfig=kubeconfig,
                authentication_kubeconfig=kubeconfig,
                authorization_kubeconfig=kubeconfig,
                bind_address="127.0.0.1",
                tls_cert_file=home / "scheduler-server.crt",
                tls_private_key_file=home / "scheduler-server.key",
                leader_elect="false",
                profiling="false",
            ),
        ),
        needs=("kube-apiserver",),
        probe=HttpProbe("https", "127.0.0.1", 10259, "/healthz"),
        ports=(10259,),
        files=pki(layout, "ca.crt", "scheduler.crt", "scheduler-server.crt"),
    )
