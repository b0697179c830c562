# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Argument specification of the modules for MongoDB Atlas; mirrors the documentation fragment ``atlas``."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule, env_fallback
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.http import http_spec


def _from(*variables: str, **spec: Any) -> dict[str, Any]:
    return {"type": "str", **spec, "fallback": (env_fallback, [f"MONGODB_ATLAS_{variable}" for variable in variables])}


def atlas_spec() -> dict[str, Any]:
    """Return the options of the fragment ``atlas``, without those of ``http``."""
    return {
        "client_id": _from("CLIENT_ID"),
        "client_secret": _from("CLIENT_SECRET", no_log=True),
        "private_key": _from("PRIVATE_API_KEY", "PRIVATE_KEY", no_log=True),
        "public_key": _from("PUBLIC_API_KEY", "PUBLIC_KEY", no_log=False),
        "url": _from("BASE_URL", default="https://cloud.mongodb.com"),
    }


def atlas_module(argument_spec: dict[str, Any], **options: Any) -> AnsibleModule:
    """Parse the options of a module that speaks to Atlas."""
    together = [("client_id", "client_secret"), ("public_key", "private_key")]
    return AnsibleModule(
        argument_spec={**http_spec(), **atlas_spec(), **argument_spec},
        required_one_of=[("client_id", "public_key"), *options.pop("required_one_of", [])],
        required_together=[*together, *options.pop("required_together", [])],
        supports_check_mode=True,
        **options,
    )
