# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters that render what may run in an environment."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.fuze.miniapp_infra.plugins.plugin_utils.rendering import loaded, rendered

# Without the package `rendered` says so, before any of them is used.
with contextlib.suppress(ImportError):
    from miniapp_infra.policy import constraints, images, library

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Objects = list[dict[str, Any]]


def guardrail_templates(environment: Mapping[str, Any] | str, directory: str) -> Objects:
    """Return the ConstraintTemplates of a folder of guardrails."""
    return rendered(lambda: constraints.templates(loaded(environment), library.load(Path(directory))))


def guardrails(environment: Mapping[str, Any] | str, directory: str) -> Objects:
    """Return the constraints, with the environment's registries and labels."""
    return rendered(lambda: constraints.render(loaded(environment), library.load(Path(directory))))


def image_policies(environment: Mapping[str, Any] | str, root: str) -> Objects:
    """Return the ClusterImagePolicy with the public keys that the inventory names."""

    def render() -> Objects:
        environment_ = loaded(environment)
        return [images.render(environment_, images.public_keys(environment_, Path(root)))]

    return rendered(render)


class FilterModule:
    """The filters of the policies."""

    def filters(self) -> dict[str, Callable[..., Objects]]:
        return {
            "guardrail_templates": guardrail_templates,
            "guardrails": guardrails,
            "image_policies": image_policies,
        }
