# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Terraform has made for the platform."""

from __future__ import annotations

DOCUMENTATION = r"""
name: platform_output
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Outputs of the Terraform configuration of an environment
description:
  - Returns outputs of a Terraform or OpenTofu configuration, so that names and addresses of cloud resources are typed
    nowhere.
  - They come from the program in O(directory), from O(state_file), or from O(outputs). Exactly one of them must be
    given. Relative paths are searched as P(ansible.builtin.file#lookup) does it.
  - Sensitive outputs are returned only with O(sensitive=true).
options:
  _terms:
    description: Names of outputs. Without any, all of them are returned as one dictionary.
    type: list
    elements: str
  directory:
    description: Directory of an initialised configuration, in which C(terraform output -json) is run.
    type: str
  state_file:
    description: State file of format 4, which is read without the program.
    type: str
  outputs:
    description: What C(terraform output -json) has printed, as text or as a dictionary.
    type: raw
  endpoints:
    description:
      - Whether to look only at outputs that say where something is reached, and to call them after that thing.
      - Those are texts whose names end in C(_endpoint), C(_url), C(_host) or C(_address), and the entries of a map
        C(endpoints). C(registry_url) is then found as V(registry).
    type: bool
    default: false
  sensitive:
    description:
      - Whether sensitive outputs may be returned. Set C(no_log) on the task that uses them.
      - Without it they are left out of a dictionary of all, and asking for one by name fails.
    type: bool
    default: false
  terraform_binary:
    description: Name or path of the program. C(terraform) or C(tofu), whichever is installed, when left out.
    type: str
  workspace:
    description: Workspace of the configuration in O(directory); the one that is selected there, when left out.
    type: str
  timeout:
    description: Seconds that the program may take.
    type: float
    default: 120.0
"""

EXAMPLES = r"""
- name: Show where the cluster is reached
  ansible.builtin.debug:
    msg: "{{ lookup('fuze.miniapp_infra.platform_output', 'cluster_endpoint', directory=configuration) }}"
  vars:
    configuration: "{{ playbook_dir }}/../terraform/environments/dev"

- name: Keep all addresses for later
  ansible.builtin.set_fact:
    addresses: >-
      {{ lookup('fuze.miniapp_infra.platform_output', endpoints=true, directory=configuration) }}
  vars:
    configuration: "{{ playbook_dir }}/../terraform/environments/dev"

- name: Hand a password over without showing it
  ansible.builtin.set_fact:
    password: >-
      {{ lookup('fuze.miniapp_infra.platform_output', 'database_password', state_file='terraform.tfstate',
                sensitive=true) }}
  no_log: true
"""

RETURN = r"""
_list:
  description: The value of each output that was asked for, or one dictionary of all.
  type: list
  elements: raw
"""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.fuze.miniapp_infra.plugins.plugin_utils.rendering import IMPORT_ERROR

with contextlib.suppress(ImportError):
    from miniapp_infra.errors import MiniappInfraError
    from miniapp_infra.terraform import outputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SOURCES = ("directory", "state_file", "outputs")


class LookupModule(LookupBase):
    """Finds outputs by name."""

    def run(self, terms: Sequence[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """Return the value of each term, or one dictionary of all.

        Raises:
            AnsibleLookupError: the options are wrong, the package is missing, or an output cannot be had.
        """
        self.set_options(var_options=variables, direct=kwargs)
        if IMPORT_ERROR is not None:
            raise AnsibleLookupError(
                "The Python package miniapp-infra is missing on the control host: pip install the repository."
            ) from IMPORT_ERROR
        given = [name for name in SOURCES if self.get_option(name) is not None]
        if len(given) != 1:
            raise AnsibleLookupError(
                f"exactly one of {', '.join(SOURCES)} must be given, got {', '.join(given) or 'none'}"
            )
        try:
            found = self._outputs(given[0], variables)
            if self.get_option("endpoints"):
                found = outputs.endpoints(found)
            values = outputs.select(found, list(terms), sensitive=self.get_option("sensitive"))
        except MiniappInfraError as error:
            raise AnsibleLookupError(f"{error.message} {error.hint}".strip()) from error
        return [values[name] for name in terms] if terms else [values]

    def _outputs(self, source: str, variables: Mapping[str, Any] | None) -> Any:
        value = self.get_option(source)
        if source == "outputs":
            return outputs.parse(value, source=source)
        # Where the lookup ansible.builtin.file looks, then where Ansible was started. A path as type would be neither.
        found = self.find_file_in_search_path(variables or {}, "files", value, ignore_missing=True)
        path = Path(found or value).expanduser()
        if source == "state_file":
            return outputs.from_state(path)
        return outputs.from_program(
            path,
            program=self.get_option("terraform_binary"),
            workspace=self.get_option("workspace"),
            timeout=self.get_option("timeout"),
        )
