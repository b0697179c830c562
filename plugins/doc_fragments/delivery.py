# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of the delivery modules. Their argument specification is in module_utils/delivery.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Where desired state is and who changes it; how a release is rolled out (``rollout``)."""

    DOCUMENTATION = r"""
options:
  environment:
    description:
      - The environment as M(fuze.miniapp_infra.environment_info) returns it, or the path of its inventory.
      - Repository, branch, registry, chart and trusted key come from it.
    type: raw
    required: true
  root:
    description: Where relative paths of the inventory start, usually the checkout.
    type: path
    required: true
  user:
    description: Who acts on the Git host, author of commits and pull requests and giver of approvals.
    type: str
    default: miniapp-infra
  git_username:
    description: User name at the Git host. Without it the access is anonymous.
    type: str
  git_password:
    description:
      - Password or token at the Git host. It is passed to C(git) in the environment.
      - Mutually exclusive with O(git_password_file).
    type: str
  git_password_file:
    description: File whose content is the password or token at the Git host.
    type: path
  registry_username:
    description:
      - User name at the registry.
      - Without it the Docker configuration of the user who runs the module counts, with its credential helpers.
    type: str
  registry_password:
    description: Password or token at the registry. It is passed to programs in a private file.
    type: str
  crane_binary:
    description: Name or path of the C(crane) program.
    type: str
    default: crane
  cosign_binary:
    description: Name or path of the C(cosign) program.
    type: str
    default: cosign
requirements:
  - The Python package C(miniapp-infra), of the collection's version, on the host that runs the module.
  - C(git) 2.38 or later, C(crane) and C(cosign) on the host that runs the module.
"""

    ROLLOUT = r"""
options:
  service:
    description: Name of the service in the catalogue.
    type: str
    required: true
  approve:
    description:
      - Whether to approve the pull request as O(user) and to merge it.
      - Without it the module ends with RV(status=awaiting_approval) unless somebody else has approved. Run again, it
        goes on from there.
      - An approval of the author counts in the local environment only.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait until Argo CD reports the release as synchronised and healthy.
      - A release of a blue/green service is waited for until it is in preview and ready for its promotion.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait for that.
    type: float
    default: 300.0
  wait_interval:
    description: Seconds between two looks.
    type: float
    default: 2.0
"""
