# SPDX-License-Identifier: GPL-3.0-or-later
"""The config loader comes alone, and leaves the real packages to whoever asks for them later."""

from __future__ import annotations

import subprocess
import sys

import pytest

CASES = {
    "nothing of the rest is loaded": """
loader.load()
parts = ("google.", "kubernetes", "requests", "oauthlib")
assert not [name for name in sys.modules if name.startswith(parts)], sys.modules
""",
    "the real packages can be imported afterwards": """
loaded = loader.load()
import kubernetes
assert kubernetes.client.CoreV1Api.__name__ == "CoreV1Api"
assert kubernetes.config.kube_config.KubeConfigLoader is not loaded.kube_config.KubeConfigLoader
import oauthlib.oauth2, requests_oauthlib
assert requests_oauthlib.OAuth2Session.__module__.startswith("requests_oauthlib.")
""",
    "packages that are there already are taken as they are": """
import kubernetes.config
assert loader.load().kube_config is sys.modules["kubernetes.config.kube_config"]
assert "kubernetes" in sys.modules
""",
    "what renews an OIDC token is the real thing": """
kube_config = loader.load().kube_config
session = kube_config.OAuth2Session(client_id="a")
import requests_oauthlib
assert isinstance(session, requests_oauthlib.OAuth2Session)
api = kube_config.ApiClient(configuration=loader.load().configuration.Configuration())
import kubernetes.client
assert isinstance(api, kubernetes.client.ApiClient)
assert kube_config.google_auth_available
import google.auth, google.auth.transport.requests
assert kube_config.google.auth.default is google.auth.default
assert kube_config.google.auth.transport.requests.Request is google.auth.transport.requests.Request
assert kube_config.oauthlib.oauth2.rfc6749.errors.InvalidClientIdError
""",
}


@pytest.mark.parametrize("case", CASES)
def test_loader(case: str) -> None:
    program = "import sys\nfrom miniapp_infra.kube import loader\n" + CASES[case]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
