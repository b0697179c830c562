# SPDX-License-Identifier: GPL-3.0-or-later
"""The module that tells where modules run tells the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warm_ansible import WarmAnsible

MODULE = "fuze.miniapp_infra.in_process"


def test_it_tells_where_it_ran(warm_ansible: WarmAnsible) -> None:
    tasks = [{MODULE: {}}, {MODULE: {}, "vars": {"miniapp_infra_in_process": False}}]
    played = warm_ansible.play(tasks, files={}, options=[])
    assert [result["result"]["in_process"] for result in played.results] == [True, False]
