# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be asked for, and that services and versions are different images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.registry.image import write_layout
from miniapp_infra.supply_chain import ServiceRequest
from miniapp_infra.supply_chain.build import program_layer, service_config

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("services", "message"),
    [
        ([], "services: is empty"),
        ([{"name": "Play", "version": "1"}], r"services\[0\]\.name: 'Play' is not a service name"),
        ([{"name": "price", "version": "latest"}], r"services\[0\]\.version: 'latest'"),
        ([{"name": "price", "version": "1.0+x"}], r"services\[0\]\.version: '1.0\+x'"),
        ([{"name": "price", "version": "1"}, {"name": "price", "version": "1"}], "price 1 is listed 2 times"),
    ],
)
def test_bad_requests_name_the_place(services: list[dict[str, str]], message: str) -> None:
    with pytest.raises(MiniappInfraError, match=message) as caught:
        ServiceRequest.from_options(services)
    assert caught.value.code is ErrorCode.INVALID_INPUT


def test_a_request_names_its_tag() -> None:
    (request,) = ServiceRequest.from_options([{"name": "price", "version": "1.0.0-rc.1", "env": None}])
    assert str(request.image("198.18.0.2:5000", "miniapp")) == "198.18.0.2:5000/miniapp/price:1.0.0-rc.1"


def test_service_version_and_environment_make_another_digest(tmp_path: Path) -> None:
    program = tmp_path / "podinfo"
    program.write_bytes(b"program")
    layer = program_layer(program, tmp_path)
    requests = [
        ServiceRequest("price", "1.0.0"),
        ServiceRequest("escrow", "1.0.0"),
        ServiceRequest("price", "1.0.1"),
        ServiceRequest("price", "1.0.0", {"A": "1"}),
    ]
    digests = [
        write_layout(tmp_path / str(index), [layer], service_config(request, "podinfo", f"miniapp/{request.name}"))
        for index, request in enumerate(requests)
    ]
    assert len(set(digests)) == len(digests)


def test_images_of_services_do_not_run_as_root() -> None:
    assert service_config(ServiceRequest("price", "1"), "podinfo", "miniapp/price").user == "65532:65532"


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(MiniappInfraError, match=r"^program: .*none is not a file"):
        program_layer(tmp_path / "none", tmp_path)
