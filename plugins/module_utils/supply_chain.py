# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible's face of the supply-chain modules: shared options, and engine objects made from them."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    from miniapp_infra.cosign import Cosign, SigningKey
    from miniapp_infra.errors import MiniappInfraError
    from miniapp_infra.registry import ImageReference, RegistryAccess, RegistryClient
except ImportError:
    IMPORT_ERROR: str | None = traceback.format_exc()
else:
    IMPORT_ERROR = None

if TYPE_CHECKING:
    from collections.abc import Callable

COSIGN_SPEC: dict[str, Any] = {
    "cosign_binary": {"type": "str", "default": "cosign"},
    "timeout": {"type": "int", "default": 60},
}
REGISTRY_SPEC: dict[str, Any] = {
    "crane_binary": {"type": "str", "default": "crane"},
    "registry_ca_cert": {"type": "path"},
    "registry_username": {"type": "str"},
    "registry_password": {"type": "str", "no_log": True},
    "allow_http_registry": {"type": "bool", "default": False},
}
SIGNING_SPEC: dict[str, Any] = {
    # References and file names; the secrets are behind them.
    "key": {"type": "str", "required": True, "no_log": False},
    "key_password": {"type": "str", "no_log": True},
    "key_password_file": {"type": "path", "no_log": False},
    "public_key": {"type": "path", "no_log": False},
}
SIGNING_EXCLUSIVE = [("key_password", "key_password_file")]


def run(module: AnsibleModule, operation: Callable[[AnsibleModule], dict[str, Any]]) -> None:
    """Run an operation and leave the module with its result or its error."""
    if IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("miniapp-infra"), exception=IMPORT_ERROR)
    try:
        result = operation(module)
    except MiniappInfraError as error:
        module.fail_json(msg=error.message, error=error.as_dict())
    module.exit_json(**result)


def access(params: dict[str, Any]) -> RegistryAccess:
    return RegistryAccess(
        ca_cert=optional_path(params["registry_ca_cert"]),
        username=params["registry_username"],
        password=params["registry_password"],
        allow_http=params["allow_http_registry"],
    )


def cosign(params: dict[str, Any]) -> Cosign:
    """Return the program; modules without registry options never reach one."""
    reach = access(params) if "registry_ca_cert" in params else RegistryAccess()
    return Cosign(params["cosign_binary"], reach, timeout=params["timeout"])


def registry(params: dict[str, Any]) -> RegistryClient:
    return RegistryClient(params["crane_binary"], access(params), timeout=params["timeout"])


def signing_key(params: dict[str, Any]) -> SigningKey:
    return SigningKey.load(
        params["key"],
        password=params["key_password"],
        password_file=optional_path(params["key_password_file"]),
    )


def image(params: dict[str, Any]) -> ImageReference:
    """Return the option ``image``, which has to name a digest."""
    reference = ImageReference.parse(params["image"])
    return reference.at_digest(reference.require_digest())


def optional_path(value: str | None) -> Path | None:
    return None if value is None else Path(value)


def warn_about(module: AnsibleModule, program: Cosign) -> None:
    """Pass on what is wrong with the version of cosign, if anything."""
    if program.version.warning:
        module.warn(program.version.warning)
