# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prints each result, and each item of a loop, as one line of JSON after a mark."""

from __future__ import annotations

import json
import sys

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: capture
type: stdout
short_description: Prints results as JSON lines
description:
  - For tests, which want exactly what a task returned.
"""
MARK = "@@result "


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "capture"

    def _print(self, event, result):
        shown = {
            "event": event,
            "task": result.task.get_name(),
            "result": result.result,
            "forks_with_engine": "miniapp_infra.kube.client" in sys.modules,
        }
        self._display.display(MARK + json.dumps(shown, default=str))

    def v2_runner_on_ok(self, result):
        self._print("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):  # noqa: FBT002 - overrides
        del ignore_errors
        self._print("failed", result)

    def v2_runner_on_skipped(self, result):
        self._print("skipped", result)

    def v2_runner_on_unreachable(self, result):
        self._print("unreachable", result)
