# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away bare copy of a remote repository, and commits made in it without a work tree.

Each operation starts from a fresh copy in a temporary directory: a copy that is kept could be left locked by a killed
process, and desired state is small.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.githost.git import Git
from miniapp_infra.githost.models import Commit, Identity, Remote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Refs of the remote appear here, so that a branch of the remote can never be mistaken for something made locally.
_MIRROR = "refs/remote/"
_RECORD, _FIELD = "\x1e", "\x1f"


@dataclass(frozen=True)
class RefUpdate:
    """One ref of an atomic push.

    Args:
        ref: full name, such as ``refs/heads/main``.
        new: the commit that it shall point to; empty deletes the ref.
        expected: the commit that it points to now; empty when it must not exist yet.
    """

    ref: str
    new: str
    expected: str


class Repository:
    """Objects and refs of a remote repository.

    Args:
        git: runs in an initialised bare repository.
    """

    def __init__(self, git: Git) -> None:
        self._git = git

    @property
    def url(self) -> str:
        return self._git.remote.url

    def fetch(self) -> None:
        """Bring every ref of the remote up to date, and forget those that it no longer has."""
        self._git.run(
            "fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head", self.url, f"+refs/*:{_MIRROR}*"
        )

    def resolve(self, ref: str) -> str:
        """Return the commit that a ref of the remote points to, empty when there is no such ref."""
        return (
            self._git.run("rev-parse", "--quiet", "--verify", f"{_MIRROR}{ref.removeprefix('refs/')}", accept=(0, 1))
            .decode()
            .strip()
        )

    def read(self, commit: str, path: str) -> bytes | None:
        """Return a file, or None when the commit has none of this path."""
        answer = self._git.run("cat-file", "--batch", stdin=f"{commit}:{path}\n".encode())
        header, _, content = answer.partition(b"\n")
        kind = header.split(b" ")[1:2]
        # The batch ends each content with a line end of its own.
        return content[:-1] if kind == [b"blob"] else None

    def paths(self, commit: str, prefix: str = "") -> tuple[str, ...]:
        """Return the paths of the files below a folder, or of the one file with this path."""
        arguments = ["ls-tree", "-r", "-z", "--name-only", commit, *(["--", prefix] if prefix else [])]
        return tuple(name for name in self._git.run(*arguments).decode().split("\0") if name)

    def history(self, commit: str, path: str, *, limit: int) -> tuple[Commit, ...]:
        """Return the commits of the branch itself (first parents) that changed a path, newest first."""
        separator = "%H%x1f%P%x1f%B%x1e"
        limits = ["--", path] if path else []
        output = self._git.text(
            "log", "--first-parent", "-m", f"--max-count={limit}", f"--format={separator}", commit, *limits
        )
        return tuple(_commit(record) for record in output.split(_RECORD) if record.strip())

    def contains(self, commit: str, ancestor: str) -> bool:
        """Tell whether ``ancestor`` is ``commit`` or one of its ancestors; unknown commits are not."""
        if not self._known(commit) or not self._known(ancestor):
            return False
        missing = self._git.run("rev-list", "--max-count=1", ancestor, f"^{commit}")
        return not missing.strip()

    def first_parent(self, commit: str) -> str:
        """Return the commit before, empty for the first one."""
        return self._git.run("rev-parse", "--quiet", "--verify", f"{commit}^", accept=(0, 1, 128)).decode().strip()

    def changed_paths(self, commit: str) -> set[str]:
        """Return what a commit changed against its first parent."""
        output = self._git.run("diff-tree", "--root", "-r", "-z", "--no-commit-id", "--name-only", commit, accept=(0,))
        return {name for name in output.decode().split("\0") if name}

    def commit(self, changes: Mapping[str, bytes | None], *, parent: str, message: str, author: Identity) -> str:
        """Return a new commit that is ``parent`` with ``changes``; nothing is pushed.

        Args:
            changes: content by path; None removes the file.
            parent: empty for the first commit of a branch.
            message: subject, empty line, body.
            author: also the committer.

        Returns:
            The parent itself when the changes change nothing.
        """
        tree = self._tree(changes, parent)
        if parent and tree == self._git.text("rev-parse", f"{parent}^{{tree}}"):
            return parent
        return self._commit_tree(tree, (parent,) if parent else (), message, author)

    def merge(self, target: str, source: str, *, message: str, author: Identity) -> str:
        """Return a merge commit of two commits; nothing is pushed.

        Raises:
            MiniappInfraError: ``CONFLICT``, both changed the same lines.
        """
        output = self._git.run(
            "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", target, source, accept=(0, 1)
        ).decode()
        tree, *conflicts = [part for part in output.split("\0") if part]
        if conflicts:
            raise MiniappInfraError(
                f"Failed to merge {source[:12]} into {target[:12]} of {self.url}: both changed {', '.join(conflicts)}",
                code=ErrorCode.CONFLICT,
                hint="Close the pull request and make the change again on the present state.",
            )
        return self._commit_tree(tree, (target, source), message, author)

    def push(self, updates: Sequence[RefUpdate]) -> None:
        """Change refs of the remote, all or none.

        Raises:
            MiniappInfraError: retryable ``CONFLICT`` when one of them is no longer what was expected.
        """
        leases = [f"--force-with-lease={update.ref}:{update.expected}" for update in updates]
        refspecs = [f"{update.new}:{update.ref}" for update in updates]
        self._git.run("push", "--quiet", "--porcelain", "--atomic", *leases, self.url, *refspecs)

    def _known(self, commit: str) -> bool:
        return bool(
            self._git.run("rev-parse", "--quiet", "--verify", f"{commit}^{{commit}}", accept=(0, 1, 128)).strip()
        )

    def _tree(self, changes: Mapping[str, bytes | None], parent: str) -> str:
        index = {"GIT_INDEX_FILE": str(self._git.directory / "commit.index")}
        self._git.run("read-tree", *([parent] if parent else ["--empty"]), environment=index)
        entries = b"".join(self._index_entry(path, content) for path, content in sorted(changes.items()))
        self._git.run("update-index", "-z", "--index-info", stdin=entries, environment=index)
        return self._git.text("write-tree", environment=index)

    def _index_entry(self, path: str, content: bytes | None) -> bytes:
        if content is None:
            return f"0 {'0' * 40}\t{path}\0".encode()
        blob = self._git.text("hash-object", "-w", "--stdin", stdin=content)
        return f"100644 {blob}\t{path}\0".encode()

    def _commit_tree(self, tree: str, parents: Sequence[str], message: str, author: Identity) -> str:
        who = {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_COMMITTER_NAME": author.name,
            "GIT_COMMITTER_EMAIL": author.email,
        }
        options = [option for parent in parents for option in ("-p", parent)]
        return self._git.text("commit-tree", tree, *options, "-F", "-", stdin=message.encode(), environment=who)


@contextmanager
def copy_of(remote: Remote) -> Iterator[Repository]:
    """Yield a fresh copy of a remote repository, which may be empty.

    Raises:
        MiniappInfraError: ``INVALID_INPUT`` for an address that is neither https nor file; what ``Git.run`` raises.
    """
    if not remote.url.startswith(("https://", "file://")):
        raise MiniappInfraError(
            f"Failed to open repository {remote.url}: the address must start with https://",
            code=ErrorCode.INVALID_INPUT,
            hint="Set gitops.repository to an https address; user name and password do not belong into it.",
        )
    with tempfile.TemporaryDirectory(prefix="miniapp-git-") as directory:
        git = Git(Path(directory), remote)
        git.run("init", "--quiet", "--bare", "--initial-branch=main", ".")
        repository = Repository(git)
        repository.fetch()
        yield repository


def _commit(record: str) -> Commit:
    sha, parents, message = record.strip("\n").split(_FIELD, 2)
    return Commit(sha, tuple(parents.split()), message.strip())
