# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bridge from a module to the engines of the Python package ``miniapp_infra``."""

from __future__ import annotations

import importlib
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

from ansible.module_utils.basic import missing_required_lib

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

# The collection and the package are one product; a test keeps this equal to galaxy.yml and to the package.
PACKAGE_VERSION = "0.1.0"
HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"  # as Ansible writes it


def run(module: AnsibleModule, package: str, function: str) -> NoReturn:
    """Call ``function(params, check_mode=..., diff_mode=...)`` of an engine and end the module with its result.

    Args:
        module: the parsed module.
        package: such as ``miniapp_infra.kube.tasks.apply``; imported only now, so that documentation and argument
            errors need no package.
        function: returns the result as a dictionary, raises ``MiniappInfraError``.
    """
    try:
        installed = importlib.import_module("miniapp_infra").__version__
        engine_error = importlib.import_module("miniapp_infra.errors").MiniappInfraError
        call = getattr(importlib.import_module(package), function)
    except ImportError:
        module.fail_json(
            msg=missing_required_lib(f"miniapp-infra=={PACKAGE_VERSION}"),
            exception=traceback.format_exc(),
        )
    if installed != PACKAGE_VERSION:
        module.fail_json(
            msg=f"The collection fuze.miniapp_infra {PACKAGE_VERSION} needs the Python package miniapp-infra of that "
            f"version, found {installed}. Install miniapp-infra=={PACKAGE_VERSION}, which brings both."
        )
    shown = {"module_args": without_secrets(module.params, module.argument_spec)}
    try:
        result = call(module.params, check_mode=module.check_mode, diff_mode=module._diff)  # noqa: SLF001 - no public name
    except engine_error as error:
        progress = error.result() if hasattr(error, "result") else {}
        module.fail_json(msg=error.message, error=error.as_dict(), invocation=shown, **progress)
    for warning in result.pop("warnings", ()):
        module.warn(warning)
    module.exit_json(invocation=shown, **result)


def without_secrets(params: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given as they may be logged: those that are no_log by a placeholder, at any depth.

    Options without a value are left out: Ansible converts each entry of a result several times on its way.
    """
    shown: dict[str, Any] = {}
    # Ansible leaves an option under the alias that was used, beside its name.
    options = {alias: option for option in spec.values() for alias in option.get("aliases", ())} | spec
    for name, value in params.items():
        option = options.get(name, {})
        if value is None:
            continue
        if option.get("no_log"):
            shown[name] = HIDDEN
        elif isinstance(value, dict) and option.get("options"):
            shown[name] = without_secrets(value, option["options"])
        else:
            shown[name] = value
    return shown
