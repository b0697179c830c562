# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
import yaml

from miniapp_infra.catalog.models.freeze import FreezeWindow
from miniapp_infra.delivery import Release, desired_state
from miniapp_infra.errors import ErrorCode, MiniappInfraError

RELEASE = "services/local/playhub/release.yaml"


def test_again_makes_no_commit(delivery):
    head = delivery.host.head("main")
    done = desired_state.sync(delivery.host, delivery.environment, releases=[])
    assert not done.changed
    assert done.commit == delivery.host.head("main") == head
    assert (done.paths, done.diff, done.unmanaged) == ((), "", ())


def test_every_service_has_values_and_a_release(delivery):
    for name in delivery.environment.service_names:
        values = yaml.safe_load(delivery.host.read(f"services/local/{name}/values.yaml"))
        assert (values["service"], values["environment"]) == (name, "local")
        # What a promotion changes must not be in both files: the values would win or lose unseen.
        assert not {"image", "version"} & set(values)
        assert (
            Release.from_yaml(delivery.host.read(f"services/local/{name}/release.yaml"), path=RELEASE).service == name
        )


def test_a_changed_inventory_changes_its_file_only(delivery):
    services = dict(delivery.environment.services)
    services["playhub"] = services["playhub"].model_copy(update={"replicas": 3})
    changed = delivery.environment.model_copy(update={"services": services})
    planned = desired_state.sync(delivery.host, changed, releases=[], check=True)
    assert planned.changed
    assert planned.paths == ("services/local/playhub/values.yaml",)
    assert "+replicas: 3" in planned.diff
    assert b"replicas: 3" not in delivery.host.read(planned.paths[0])
    done = desired_state.sync(delivery.host, changed, releases=[])
    assert done.paths == planned.paths
    assert b"replicas: 3" in delivery.host.read(done.paths[0])


def test_a_release_that_is_there_is_never_touched(delivery):
    newer = Release.from_yaml(delivery.host.read(RELEASE), path=RELEASE).model_copy(update={"version": "1.1.0"})
    delivery.host.commit("main", {RELEASE: newer.to_yaml()}, "promote")
    assert desired_state.first_releases(delivery.environment, delivery.host, delivery.artefacts, delivery.now()) == []
    older = newer.model_copy(update={"version": "1.0.0"})
    assert not desired_state.sync(delivery.host, delivery.environment, releases=[older]).changed
    assert b"version: 1.1.0" in delivery.host.read(RELEASE)


def test_first_release_is_held_to_the_rules_of_a_promotion(delivery):
    delivery.host.commit("main", {RELEASE: None}, "remove")
    arguments = (delivery.host, delivery.artefacts, delivery.now())
    (release,) = desired_state.first_releases(delivery.environment, *arguments)
    assert (release.service, release.version) == ("playhub", delivery.environment.service("playhub").version)
    window = FreezeWindow(name="w", start="2026-11-22T00:00:00", duration="P1D", timezone="UTC", reason="r", owner="o")
    frozen = delivery.environment.model_copy(update={"freeze_windows": (window,)})
    with pytest.raises(MiniappInfraError, match="release playhub in local: local is frozen") as caught:
        desired_state.first_releases(frozen, *arguments)
    assert caught.value.code is ErrorCode.FROZEN
    delivery.artefacts.unsigned.add(release.image.digest)
    with pytest.raises(MiniappInfraError) as caught:
        desired_state.first_releases(delivery.environment, *arguments)
    assert caught.value.code is ErrorCode.UNVERIFIED_IMAGE


def test_a_service_that_left_the_catalogue_is_reported_and_kept(delivery):
    path = "services/local/retired/release.yaml"
    delivery.host.commit("main", {path: b"x: 1\n"}, "left over")
    done = desired_state.sync(delivery.host, delivery.environment, releases=[])
    assert done.unmanaged == ("retired",)
    assert delivery.host.read(path) == b"x: 1\n"
