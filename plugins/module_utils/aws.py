# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Argument specification of the modules that speak to AWS; mirrors the documentation fragment ``aws``."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import env_fallback


def _from(*variables: str, **spec: Any) -> dict[str, Any]:
    return {"type": "str", **spec, "fallback": (env_fallback, list(variables))}


def aws_spec() -> dict[str, Any]:
    """Return the options of the fragment ``aws``, which have the names of those of ``amazon.aws``."""
    return {
        "access_key": _from(
            "AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", aliases=["aws_access_key_id", "aws_access_key"], no_log=False
        ),
        "aws_ca_bundle": _from("AWS_CA_BUNDLE", type="path"),
        "endpoint_url": _from("AWS_ENDPOINT_URL", "AWS_URL", aliases=["aws_endpoint_url"]),
        "profile": _from("AWS_PROFILE", "AWS_DEFAULT_PROFILE", aliases=["aws_profile"]),
        "region": _from("AWS_REGION", "AWS_DEFAULT_REGION", aliases=["aws_region"]),
        "secret_key": _from(
            "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", aliases=["aws_secret_access_key", "aws_secret_key"], no_log=True
        ),
        "session_token": _from("AWS_SESSION_TOKEN", aliases=["aws_session_token"], no_log=True),
        "validate_certs": {"type": "bool", "default": True},
    }
