# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a blue/green service has got as far as its release can bring it: into service, or into preview.

Argo CD reports a Rollout that waits for its promotion as Suspended, and one whose new version was refused by admission
as Healthy, because the controller of Argo Rollouts then still speaks about the old version. So the Rollout is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from miniapp_infra.delivery.release import Release
    from miniapp_infra.rollouts import Rollout

ACCEPTED_HEALTH = ("Healthy", "Suspended")


@dataclass(frozen=True)
class Standing:
    """Where a release stands.

    Args:
        stands: in service, or in preview and ready to be promoted.
        awaits_promotion: the latter.
        text: what the Rollout says, for messages.
    """

    stands: bool
    awaits_promotion: bool
    text: str


def standing(rollout: Rollout | None, release: Release) -> Standing:
    """Return where a release stands, given the Rollout of its service; None when there is none."""
    if rollout is None:
        return Standing(stands=False, awaits_promotion=False, text="there is no Rollout of this service")
    if str(release.image) not in rollout.images:
        return Standing(stands=False, awaits_promotion=False, text=f"{rollout.ref} asks for another image")
    in_service = rollout.phase == "Healthy" and rollout.is_finished
    text = f"{rollout.ref} is {rollout.describe()}"
    return Standing(in_service or rollout.awaits_promotion, rollout.awaits_promotion, text)
