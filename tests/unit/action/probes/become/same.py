# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Becomes the user that it is already, which needs no password on any machine."""

from __future__ import annotations

from ansible.plugins.become import BecomeBase

DOCUMENTATION = """
name: same
short_description: Stays the same user
description:
  - For tests.
options:
  become_user:
    description: Is ignored.
    vars:
      - name: ansible_become_user
  become_exe:
    description: Is ignored.
    vars:
      - name: ansible_become_exe
  become_flags:
    description: Is ignored.
    vars:
      - name: ansible_become_flags
"""


class BecomeModule(BecomeBase):
    name = "example.probes.same"

    def build_become_command(self, cmd, shell):
        super().build_become_command(cmd, shell)
        return self._build_success_command(cmd, shell)
