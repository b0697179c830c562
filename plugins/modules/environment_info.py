# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads and validates an inventory."""

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_info
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Read and validate an environment
description:
  - Reads the topic files of an inventory, validates them by themselves and against each other, and returns the
    environment with C(service_defaults) merged into each service.
  - Unknown keys, missing keys, keys that stand twice, overlapping networks, calls to unknown services and much more
    fail the module. All problems are reported at once, each with its file and key.
  - Nothing is contacted and nothing is changed.
options:
  path:
    description: The inventory, a directory with C(group_vars/all/*.yml), usually C(inventory_dir).
    type: path
    required: true
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes.read_only
requirements:
  - The Python package C(miniapp-infra), of the collection's version, on the host that runs the module.
seealso:
  - plugin: fuze.miniapp_infra.tenancy_objects
    plugin_type: filter
  - plugin: fuze.miniapp_infra.service_values
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Validate the inventory
  fuze.miniapp_infra.environment_info:
    path: "{{ inventory_dir }}"
  register: result

- name: Show which services playhub may call
  ansible.builtin.debug:
    msg: "{{ result.environment.services.playhub.calls | join(', ') }}"
"""

RETURN = r"""
environment:
  description: The validated environment, by top-level variable. Filters such as C(tenancy_objects) take it as it is.
  returned: success
  type: dict
  sample:
    env:
      name: dev
      domain: dev.example.com
connection:
  description:
    - Options with which modules of this collection reach the cluster, for C(module_defaults).
    - A relative path of the inventory is made absolute; C(kubeconfig) is left out where the inventory names none.
  returned: success
  type: dict
  sample:
    context: dev-miniapp
errors:
  description: Every problem on a line of its own, with its file and key; empty on success.
  returned: always
  type: list
  elements: str
  sample:
    - "inventories/dev/group_vars/all/services.yml: services.payhub.replicas: must be >= 1, got 0"
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: invalid_input
    retryable: false
    hint: Every line names the file and the key to change; nothing was changed.
"""

import traceback
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    from miniapp_infra import catalog
except ImportError:
    IMPORT_ERROR: str | None = traceback.format_exc()
else:
    IMPORT_ERROR = None


def main() -> None:
    module = AnsibleModule(
        argument_spec={"path": {"type": "path", "required": True}},
        supports_check_mode=True,
    )
    if IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("miniapp-infra"), exception=IMPORT_ERROR, errors=[])
    inventory = Path(module.params["path"]).resolve()
    try:
        environment = catalog.load(inventory)
    except catalog.CatalogError as error:
        errors = [str(problem) for problem in error.problems]
        module.fail_json(msg=error.message, errors=errors, error=error.as_dict())
    module.exit_json(
        changed=False,
        environment=environment.model_dump(mode="json"),
        connection=environment.connection(inventory.parent.parent),
        errors=[],
    )


if __name__ == "__main__":
    main()
