# SPDX-License-Identifier: GPL-3.0-or-later
"""The door for modules: parameters in, results out."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from miniapp_infra.secrets.rotation.aws_store import AwsStore
from miniapp_infra.secrets.rotation.gcp_store import GcpStore
from miniapp_infra.secrets.rotation.plan import Rules, next_action
from miniapp_infra.secrets.rotation.rotate import Rotation
from miniapp_infra.secrets.rotation.vault_store import VaultStore
from miniapp_infra.secrets.vault.client import VaultOptions, connect
from miniapp_infra.secrets.vault.kv2 import Kv2Path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from miniapp_infra.secrets.rotation.ring import Ring
    from miniapp_infra.secrets.rotation.rotate import Outcome
    from miniapp_infra.secrets.rotation.store import Store

NEW = "(a new key)"
"""What check mode shows in place of a key ID that does not exist yet."""


def rotate(params: Mapping[str, Any], *, check_mode: bool, diff_mode: bool) -> dict[str, Any]:
    """Rotate one secret by one or more steps."""
    rules = Rules.from_params(params)
    with _store(params) as store:
        outcome = Rotation(store, rules).run(check_mode=check_mode)
    result: dict[str, Any] = {
        "changed": bool(outcome.steps or outcome.tidied),
        "name": params["name"],
        "backend": params["backend"],
        "steps": [str(step) for step in outcome.steps],
        "tidied": list(outcome.tidied),
        "overtaken": outcome.overtaken,
        **_ring(outcome, rules, check_mode=check_mode),
    }
    if diff_mode:
        result["diff"] = _diff(outcome, check_mode=check_mode)
    return result


@contextlib.contextmanager
def _store(params: Mapping[str, Any]) -> Iterator[Store]:
    if params["backend"] == "aws_secrets_manager":
        yield AwsStore.connect(params)
    elif params["backend"] == "gcp_secret_manager":
        yield GcpStore.connect(params)
    else:
        with connect(VaultOptions.from_params(params)) as vault:
            yield VaultStore(Kv2Path(vault, params["engine_mount_point"], params["name"]))


def _ring(outcome: Outcome, rules: Rules, *, check_mode: bool) -> dict[str, Any]:
    # Keys that check mode made up do not exist; it shows the ring as it is.
    held = outcome.before if check_mode and outcome.steps else outcome.held
    if held.ring is None:
        return {"version": "", "phase": "absent"}
    return {
        "version": held.version,
        "phase": held.ring.phase,
        "next_action": next_action(held.ring, rules),
        **held.ring.as_result(),
    }


def _diff(outcome: Outcome, *, check_mode: bool) -> dict[str, Any]:
    before, after = outcome.before.ring, outcome.held.ring
    known = {key.kid for key in before.keys} if before else set()
    hidden = {key.kid for key in after.keys} - known if check_mode and after else set()
    left = {"left_over": list(outcome.tidied)} if outcome.tidied and not outcome.steps else {}
    return {"before": {**_placed(before, set()), **left}, "after": _placed(after, hidden)}


def _placed(ring: Ring | None, hidden: set[str]) -> dict[str, Any]:
    if ring is None:
        return {}
    names = {key.kid: NEW if key.kid in hidden else key.kid for key in ring.keys}
    return {
        "phase": ring.phase,
        "current": names[ring.current.kid],
        "next": names[ring.next.kid] if ring.next else None,
        "previous": [names[key.kid] for key in ring.previous],
    }
