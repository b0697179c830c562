# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Starts and stops the embedded local environment."""

from __future__ import annotations

DOCUMENTATION = r"""
module: local_cluster
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Start or stop the embedded local environment
description:
  - Builds the pinned toolchain, starts a single-node Kubernetes with a registry and a Git server in a network namespace
    of its own, and publishes the images that its add-ons run. Whatever is there already is kept.
  - Needs Linux and root.
options:
  root:
    description: The checkout that owns the environment; its state is kept in C(.local) there.
    type: path
    required: true
  state:
    description:
      - V(started) brings the environment up, and completes one that was interrupted.
      - V(stopped) removes every process, mount, interface and namespace of it, and its data.
    type: str
    choices: [started, stopped]
    default: started
  profile:
    description:
      - Which tools, stand-ins and images are wanted. An environment that has V(full) keeps it until it is stopped.
      - The environment variable E(MINIAPP_INFRA_TOOLCHAIN_SECONDS) limits how long tools of V(full) are built; what
        takes longer is left out.
    type: str
    choices: [core, full]
    default: core
attributes:
  action_group:
    description: Is in the action group C(fuze.miniapp_infra.miniapp), so that its defaults can be set once.
    support: full
    membership: [fuze.miniapp_infra.miniapp]
  check_mode:
    description: Says whether the environment would be started or stopped, from whether it is healthy now.
    support: full
  diff_mode:
    description: Would show what changes.
    support: none
    details: The environment is up or it is not; C(changed) says all.
requirements:
  - The Python package C(miniapp-infra), of the collection's version, on the host that runs the module.
"""

EXAMPLES = r"""
- name: Start the local environment
  fuze.miniapp_infra.local_cluster:
    root: "{{ inventory_dir | dirname | dirname }}"
    state: started
"""

RETURN = r"""
kubeconfig:
  description: How to reach the cluster.
  returned: success
  type: str
  sample: .local/kubeconfig
steps:
  description: What was done, in order.
  returned: success
  type: list
  elements: str
  sample: ["node is Ready"]
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample: {code: unsupported_host, retryable: false, hint: "run as root"}
"""

import traceback
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    from miniapp_infra.errors import MiniappInfraError
    from miniapp_infra.local import environment
    from miniapp_infra.local.layout import Layout
except ImportError:
    IMPORT_ERROR: str | None = traceback.format_exc()
else:
    IMPORT_ERROR = None


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
            "profile": {"type": "str", "choices": ["core", "full"], "default": "core"},
        },
        supports_check_mode=True,
    )
    if IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("miniapp-infra"), exception=IMPORT_ERROR)
    layout = Layout(Path(module.params["root"]).resolve())
    start = module.params["state"] == "started"
    steps: list[str] = []
    try:
        if module.check_mode:
            changed = environment.is_up(layout) != start
        elif start:
            changed = environment.up(layout, module.params["profile"], steps.append)
        else:
            changed = environment.down(layout, steps.append)
    except MiniappInfraError as error:
        module.fail_json(msg=error.message, error=error.as_dict())
    module.exit_json(changed=changed, kubeconfig=str(layout.kubeconfig), steps=steps)


if __name__ == "__main__":
    main()
