# SPDX-License-Identifier: GPL-3.0-or-later
"""Where address and credentials come from, and what wins."""

from __future__ import annotations

import ssl
import sys
from typing import TYPE_CHECKING, Any

import pytest

from miniapp_infra.kube.connection import ConnectionOptions
from miniapp_infra.kube.credentials import load
from miniapp_infra.kube.errors import KubeError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def config(**user: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "contexts": [
            {"name": "one", "context": {"cluster": "c", "user": "u"}},
            {"name": "two", "context": {"cluster": "d", "user": "u"}},
        ],
        "clusters": [
            {"name": "c", "cluster": {"server": "https://one.example:6443", "insecure-skip-tls-verify": True}},
            {"name": "d", "cluster": {"server": "https://two.example:6443", "tls-server-name": "kubernetes"}},
        ],
        "users": [{"name": "u", "user": user or {"token": "t"}}],
    }


def test_address_and_token_need_no_file_and_no_kubernetes_client() -> None:
    before = {name for name in sys.modules if name.partition(".")[0] == "kubernetes"}
    found = load(ConnectionOptions(host="https://h.example:6443/", api_key="secret"))
    assert (found.host, found.authorization()) == ("https://h.example:6443", "Bearer secret")
    assert {name for name in sys.modules if name.partition(".")[0] == "kubernetes"} == before


def test_kubeconfig_as_data() -> None:
    found = load(ConnectionOptions(kubeconfig=config()))
    assert (found.host, found.authorization()) == ("https://one.example:6443", "Bearer t")
    assert found.tls is not None
    assert found.tls.verify_mode is ssl.CERT_NONE


def test_context_is_chosen_and_options_win() -> None:
    options = ConnectionOptions(kubeconfig=config(), context="two", api_key="mine", impersonate_user="x")
    found = load(options)
    assert (found.host, found.server_name, found.authorization()) == (
        "https://two.example:6443",
        "kubernetes",
        "Bearer mine",
    )
    assert found.tls is not None
    assert found.tls.verify_mode is ssl.CERT_REQUIRED
    unchecked = load(ConnectionOptions(kubeconfig=config(), context="two", validate_certs=False))
    assert unchecked.tls is not None
    assert unchecked.tls.verify_mode is ssl.CERT_NONE


def test_basic_authentication() -> None:
    found = load(ConnectionOptions(host="https://h.example", username="u", password="p"))  # noqa: S106 - not a secret
    assert found.authorization() == "Basic dTpw"


def test_an_exec_plugin_gives_the_token(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text(
        "#!/bin/sh\necho '"
        '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"from-plugin"}}'
        "'\n"
    )
    plugin.chmod(0o700)
    user = {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    }
    assert load(ConnectionOptions(kubeconfig=config(**user))).authorization() == "Bearer from-plugin"


def test_a_refused_token_of_an_exec_plugin_is_asked_for_again(tmp_path: Path) -> None:
    plugin, count = tmp_path / "plugin", tmp_path / "count"
    plugin.write_text(
        f"#!/bin/sh\necho x >> {count}\nn=$(wc -l < {count})\necho "
        '\'{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"\'"$n"\'"}}\'\n'
    )
    plugin.chmod(0o700)
    user = {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    }
    credentials = load(ConnectionOptions(kubeconfig=config(**user)))
    assert credentials.authorization() == "Bearer 1"
    assert credentials.renew("Bearer 1") == "Bearer 2"
    # Another request that was refused with the old token finds it renewed.
    assert credentials.renew("Bearer 1") == "Bearer 2"
    assert credentials.authorization() == "Bearer 2"


def test_a_file_that_is_no_kubeconfig_is_named(tmp_path: Path) -> None:
    file = tmp_path / "config"
    for text in ("just text", "[1, 2]", "{clusters: 1, contexts: x, current-context: a}"):
        file.write_text(text)
        with pytest.raises(KubeError, match=f"Failed to read kubeconfig {file}"):
            load(ConnectionOptions(kubeconfig=str(file)))


def test_a_failing_exec_plugin_is_an_error_and_not_an_anonymous_request(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text("#!/bin/sh\necho 'login expired' >&2\nexit 3\n")
    plugin.chmod(0o700)
    user = {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    }
    with pytest.raises(KubeError, match=r"Failed to read the credentials .*exec"):
        load(ConnectionOptions(kubeconfig=config(**user)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ConnectionOptions(kubeconfig="/nowhere/config"), "kubeconfig: /nowhere/config does not exist"),
        (ConnectionOptions(), "kubeconfig: ~/.kube/config does not exist"),
        (ConnectionOptions(kubeconfig=config(), context="three"), "three"),
        (ConnectionOptions(host="ftp://x", api_key="t"), "host: must be a URL"),
        (ConnectionOptions(host="https://x", api_key="t", proxy="socks5://y"), "proxy: must be an http:// or https://"),
        (ConnectionOptions(host="https://x", api_key="t", ca_cert="/nowhere/ca"), "ca_cert: cannot read /nowhere/ca"),
    ],
)
def test_bad_options_name_the_option(options: ConnectionOptions, message: str) -> None:
    with pytest.raises(KubeError) as caught:
        load(options)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("no_proxy", "proxy"),
    [
        (None, "http://p.example:3128"),
        ("other.example", "http://p.example:3128"),
        ("h.example", None),
        (".example", None),
        ("example", None),
        ("*", None),
    ],
)
def test_proxies(monkeypatch: pytest.MonkeyPatch, no_proxy: str | None, proxy: str | None) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://p.example:3128")
    by_option = ConnectionOptions(host="https://h.example", api_key="t", no_proxy=no_proxy)
    assert load(by_option).proxy == proxy
    if no_proxy:
        monkeypatch.setenv("NO_PROXY", no_proxy)
    assert load(ConnectionOptions(host="https://h.example", api_key="t")).proxy == proxy


def test_networks_in_no_proxy() -> None:
    options = ConnectionOptions(host="https://198.18.0.2:6443", api_key="t", proxy="http://p", no_proxy="198.18.0.0/15")
    assert load(options).proxy is None


def test_secrets_are_not_in_representations() -> None:
    options = ConnectionOptions(api_key="canary", password="canary", kubeconfig={"token": "canary"}, host="h")  # noqa: S106 - not secrets
    assert "canary" not in repr(options)
    assert "canary" not in repr(load(ConnectionOptions(host="https://h", api_key="canary")))


def test_two_clusters_are_told_apart() -> None:
    one = load(ConnectionOptions(host="https://h", api_key="t"))
    other = load(ConnectionOptions(host="https://other", api_key="t"))
    assert one.fingerprint != other.fingerprint
