# SPDX-License-Identifier: GPL-3.0-or-later
"""Git hosting: commits, branches and pull requests of the repository of desired state."""

from miniapp_infra.githost.host import GitHost
from miniapp_infra.githost.local import LocalGitHost, connect
from miniapp_infra.githost.models import Approval, Commit, Identity, PullRequest, PullRequestState, Remote

__all__ = [
    "Approval",
    "Commit",
    "GitHost",
    "Identity",
    "LocalGitHost",
    "PullRequest",
    "PullRequestState",
    "Remote",
    "connect",
]
