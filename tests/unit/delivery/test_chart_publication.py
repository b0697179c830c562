# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishing with a helm and a crane that are told what to answer; their real selves run in the integration tests."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from miniapp_infra.delivery.charts import Helm, publish
from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry import Completed, RegistryAccess, RegistryClient

REFERENCE = "oci://registry.example.com/charts/demo"
# Nothing that could be told from a real password in a log.
CANARY = "canary-77"
DIGEST = "sha256:" + "a" * 64


class Registry:
    """Keeps one archive; is both helm and crane."""

    def __init__(self, content=None):
        self.content = content
        self.calls = []
        self.environments = []

    def __call__(self, argv, *, environment, timeout):
        del timeout
        self.calls.append(list(argv))
        self.environments.append(dict(environment))
        program, action = argv[0], argv[1]
        if program == "crane":
            return Completed(0, DIGEST, "") if self.content else Completed(1, "", "MANIFEST_UNKNOWN")
        if action == "package":
            self._write(
                Path(argv[argv.index("--destination") + 1]),
                {"demo/Chart.yaml": Path(argv[2], "Chart.yaml").read_bytes()},
            )
        if action == "pull":
            self._write(Path(argv[argv.index("--destination") + 1]), self.content)
        if action == "push":
            with tarfile.open(argv[2]) as archive:
                self.content = {m.name: archive.extractfile(m).read() for m in archive}
        return Completed(0, "", "")

    @staticmethod
    def _write(folder, content):
        with tarfile.open(folder / "demo-1.0.0.tgz", "w:gz") as archive:
            for name, data in content.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))

    def pushes(self):
        return [call for call in self.calls if call[:2] == ["helm", "push"]]


@pytest.fixture
def chart(tmp_path):
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: demo\nversion: 1.0.0\n")
    return folder


def run(registry, chart, **options):
    access = options.pop("access", RegistryAccess())
    return publish(
        Helm(access=access, run=registry),
        RegistryClient(access=access, run=registry),
        chart,
        options.pop("reference", REFERENCE),
        **options,
    )


def test_published_once(chart):
    registry = Registry()
    first = run(registry, chart)
    assert (first.changed, first.version, first.digest) == (True, "1.0.0", DIGEST)
    assert not run(registry, chart).changed
    (push,) = registry.pushes()
    assert push[3] == "oci://registry.example.com/charts"


def test_other_content_under_the_same_version(chart):
    registry = Registry({"demo/Chart.yaml": b"other", "demo/values.yaml": b"new"})
    with pytest.raises(MiniappInfraError, match=r"demo/Chart\.yaml, demo/values\.yaml") as caught:
        run(registry, chart)
    assert caught.value.code is ErrorCode.CONFLICT
    assert registry.pushes() == []


def test_check_mode_does_not_push(chart):
    registry = Registry()
    assert run(registry, chart, check=True).changed
    assert registry.pushes() == []


def test_reference_of_another_chart(chart):
    with pytest.raises(MiniappInfraError, match="must end with the name of the chart, demo") as caught:
        run(Registry(), chart, reference="oci://registry.example.com/charts/other")
    assert caught.value.code is ErrorCode.INVALID_INPUT


@pytest.mark.parametrize("content", [None, "name: demo\n", "[]", "a: b: c"])
def test_no_chart(tmp_path, content):
    if content is not None:
        (tmp_path / "Chart.yaml").write_text(content)
    with pytest.raises(MiniappInfraError, match="is not a Helm chart") as caught:
        run(Registry(), tmp_path)
    assert caught.value.code is ErrorCode.INVALID_INPUT


def test_password_is_on_no_command_line(chart):
    registry = Registry()
    run(registry, chart, access=RegistryAccess(username="ci", password=CANARY))
    assert CANARY not in str(registry.calls)
    assert all(CANARY not in str(environment) for environment in registry.environments)
    helm = [e for call, e in zip(registry.calls, registry.environments, strict=True) if call[:2] == ["helm", "push"]]
    assert helm[0]["HELM_REGISTRY_CONFIG"].endswith("/config.json")
