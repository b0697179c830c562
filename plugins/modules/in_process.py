# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tells where the modules of the collection run."""

from __future__ import annotations

DOCUMENTATION = r"""
module: in_process
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Tell where modules of this collection run
description:
  - Modules of this collection run inside the process that Ansible has for the task anyway, where that is safe, and in a
    process of their own elsewhere. This one does nothing but tell which of the two it was.
  - A task with the options of another one, such as C(become) or C(environment), tells where that one runs.
  - It documents the action plugin of the same name, which decides it. C(-vvv) shows the reason for a process.
options: {}
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes.read_only
seealso:
  - module: fuze.miniapp_infra.k8s_apply
"""

EXAMPLES = r"""
- name: See where modules run on this host
  fuze.miniapp_infra.in_process: {}
  register: found

- name: Say so
  ansible.builtin.debug:
    msg: "{{ 'inside of Ansible' if found.in_process else 'in a process of their own, of ' ~ found.python }}"
"""

RETURN = r"""
in_process:
  description: Whether the module ran inside the process of Ansible.
  returned: success
  type: bool
  sample: true
python:
  description: The Python that ran it.
  returned: success
  type: str
  sample: /opt/miniapp/.venv/bin/python
python_version:
  description: Its version.
  returned: success
  type: str
  sample: 3.11.7
"""

import platform
import sys

from ansible.module_utils.basic import AnsibleModule

# What runs tasks; a module in a process of its own has only ansible.module_utils.
TASKS = "ansible.executor.task_executor"


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    module.exit_json(
        changed=False,
        in_process=TASKS in sys.modules,
        python=sys.executable,
        python_version=platform.python_version(),
    )


if __name__ == "__main__":
    main()
