# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The action of every module: on the control host a module runs inside the process that runs the task already.

Ansible starts a Python process for each task and each item of a loop, which takes longer than the work of most modules.
Here three steps of its way are replaced; whatever else it does with a module, it does as before.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.executor.module_common import _BuiltModule
from ansible.module_utils.common.json import Direction, get_module_encoder
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.utils.display import Display
from ansible_collections.fuze.miniapp_infra.plugins.plugin_utils import in_process, sources, templates

if TYPE_CHECKING:
    from collections.abc import Mapping

SWITCH = "miniapp_infra_in_process"
display = Display()


class ActionModule(NormalAction):
    """Runs a module here when that is safe, and as Ansible would when it is not."""

    _inside = False
    _environment: Mapping[str, str] = {}
    _payload: bytes | None = None
    _module = ""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = {} if task_vars is None else task_vars
        conditions = self._conditions(variables)
        reason = in_process.obstacle(conditions)
        self._inside, self._environment = not reason, conditions.environment
        if reason:
            display.vvv(f"{self._task.action} runs in a process of its own: {reason}")
        given = self._task.args
        renderer = templates.Renderer(self._loader, self._templar, self._find_needle, variables)
        with sources.Sources(self._loader, self._find_needle, is_async=conditions.is_async) as files:
            try:
                rendered = templates.rendered(renderer, given)
                self._task.args = files.localised(rendered) if conditions.is_on_control_host else rendered
                return super().run(tmp, variables)
            finally:
                self._task.args = given  # another attempt starts from what was written

    def _conditions(self, variables: dict[str, Any]) -> in_process.Conditions:
        host = self._task.delegate_to
        shell = self._connection._shell  # noqa: SLF001 - as every action does
        theirs = variables["ansible_delegated_vars"][host] if host else variables
        environment: dict[str, Any] = {}
        self._compute_environment_string(environment)
        return in_process.Conditions(
            module=self._task.action.rpartition(".")[2],
            connection=self._connection.transport,
            shell=getattr(shell, "SHELL_FAMILY", ""),
            interpreter=self._option("INTERPRETER_PYTHON", theirs),
            environment={name: str(value) for name, value in environment.items()},
            becomes=self._connection.become is not None,
            is_async=bool(self._task.async_val),
            is_wanted=self._is_wanted(variables),
            keeps_files=constants.DEFAULT_KEEP_REMOTE_FILES,
            open_files=self._option("PYTHON_MODULE_RLIMIT_NOFILE", variables),
        )

    def _option(self, name: str, variables: dict[str, Any]) -> str:
        """Return a setting of Ansible as text; what cannot be read is left to Ansible, by the ordinary way."""
        try:
            return str(self._templar.template(constants.config.get_config_value(name, variables=variables)))
        except AnsibleError as error:
            return f"unreadable ({error})"

    def _is_wanted(self, variables: dict[str, Any]) -> bool:
        value = self._templar.template(variables.get(SWITCH, True))
        try:
            return boolean(value)
        except TypeError as error:
            raise AnsibleActionFail(f"{SWITCH}: must be true or false, got {value!r}") from error

    def _is_pipelining_enabled(self, *args: Any, **options: Any) -> bool:
        # Pipelining is the way that needs no files: the module goes to the process through a pipe, which is us.
        return self._inside or super()._is_pipelining_enabled(*args, **options)

    def _configure_module(
        self, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]
    ) -> tuple[_BuiltModule, str]:
        if not self._inside:
            return super()._configure_module(module_name, module_args, task_vars)
        found = self._shared_loader_obj.module_loader.find_plugin_with_context(
            module_name, collection_list=self._task.collections
        )
        encoder = get_module_encoder(in_process.PROFILE, Direction.CONTROLLER_TO_MODULE)
        try:
            arguments = json.dumps({"ANSIBLE_MODULE_ARGS": module_args}, cls=encoder)
        except TypeError as error:
            raise AnsibleError(f"Failed to serialize arguments for the {module_name!r} module.") from error
        collection, name = found.resolved_fqcn.rsplit(".", 1)
        self._module = f"ansible_collections.{collection}.plugins.modules.{name}"
        self._payload = arguments.encode()
        built = _BuiltModule(
            b_module_data=self._payload,
            module_style="new",
            shebang="#!/usr/bin/python",
            serialization_profile=in_process.PROFILE,
        )
        return built, found.plugin_resolved_path

    def _low_level_execute_command(
        self, cmd: str, *args: Any, in_data: bytes | None = None, **options: Any
    ) -> dict[str, Any]:
        if self._payload is None or in_data is not self._payload:
            result: dict[str, Any] = super()._low_level_execute_command(cmd, *args, in_data=in_data, **options)
            return result
        display.vvv(f"EXEC {self._module} in the process of the task", host=self._play_context.remote_addr)
        outcome = in_process.run(
            self._module, self._payload, directory=self._loader.get_basedir(), environment=self._environment
        )
        return {
            "rc": outcome.code,
            "stdout": outcome.stdout,
            "stdout_lines": outcome.stdout.splitlines(),
            "stderr": outcome.stderr,
            "stderr_lines": outcome.stderr.splitlines(),
        }
