# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that run pods and connect them, the registry and the Git server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miniapp_infra.local.layout import GIT_PORT, NODE_ADDRESS, NODE_NAME, REGISTRY_PORT
from miniapp_infra.local.node.component import Component, ExecProbe, HttpProbe, flags, pki, program

if TYPE_CHECKING:
    from miniapp_infra.local.layout import Layout


def containerd(layout: Layout) -> Component:
    socket = str(layout.containerd_socket)
    return Component(
        name="containerd",
        argv=(
            program(layout, "containerd"),
            "--config",
            str(layout.config / "containerd.toml"),
            "--log-level",
            "warn",
        ),
        needs=(),
        probe=ExecProbe((program(layout, "ctr"), "--address", socket, "--connect-timeout", "2s", "version")),
        ports=(),
        files=(layout.config / "containerd.toml",),
    )


def kubelet(layout: Layout) -> Component:
    return Component(
        name="kubelet",
        argv=(
            program(layout, "kubelet"),
            *flags(
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
            *pki(layout, "ca.crt", "kubelet.crt", "kubelet-client.crt"),
        ),
    )


def kube_proxy(layout: Layout) -> Component:
    return Component(
        name="kube-proxy",
        argv=(program(layout, "kube-proxy"), *flags(config=layout.config / "kube-proxy.yaml")),
        needs=("kube-apiserver",),
        probe=HttpProbe("http", "127.0.0.1", 10256, "/livez"),
        ports=(10249, 10256),
        files=(layout.config / "kube-proxy.yaml", *pki(layout, "ca.crt", "kube-proxy.crt")),
    )


def registry(layout: Layout) -> Component:
    config = layout.config / "registry.yaml"
    return Component(
        name="registry",
        argv=(program(layout, "registry"), "serve", str(config)),
        needs=(),
        probe=HttpProbe("http", "127.0.0.1", 5001, "/debug/health"),
        ports=(REGISTRY_PORT, 5001),
        files=(config, *pki(layout, "registry.crt")),
    )


def git(layout: Layout) -> Component:
    config = layout.config / "lighttpd.conf"
    return Component(
        name="git",
        argv=("/usr/sbin/lighttpd", "-D", "-f", str(config)),
        needs=(),
        probe=HttpProbe("https", NODE_ADDRESS, GIT_PORT, "/healthz"),
        ports=(GIT_PORT,),
        files=(config, layout.config / "git-users", *pki(layout, "git.crt")),
    )
