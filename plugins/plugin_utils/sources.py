# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that name files on the control host: found where ``copy`` finds its files, and readable where vaulted."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError, AnsibleFileNotFound
from ansible.parsing.vault import is_encrypted_file

if TYPE_CHECKING:
    from ansible.parsing.dataloader import DataLoader

FILES = ("src", "values_files")
"""Options that are a path or a list of paths."""

INSIDE = ("helm_template",)
"""Options with suboptions of those names."""

FOLDERS = ("kustomize",)
"""Options that are a directory, which is searched for and not read."""

JOINED = ("kubeconfig",)
"""Options that are several paths in one text, or no path at all but a dictionary."""


class Sources:
    """Files for the time of one module, which are removed at its end.

    Args:
        loader: knows the vault passwords and the directory of the playbook.
        find: returns where a file is, from the directory it is usually in and its name.
        is_async: whether the module goes on after that end, so that it can have no files from us.
    """

    def __init__(self, loader: DataLoader, find: Callable[[str, str], str], *, is_async: bool) -> None:
        self._loader = loader
        self._find = find
        self._here = Path(loader.get_basedir())
        self._is_async = is_async
        self._private: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._private is not None:
            shutil.rmtree(self._private, ignore_errors=True)

    def localised(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options of a module with paths that the module can read.

        A path that does not exist anywhere stays as it is: the module has the better message.

        Raises:
            AnsibleActionFail: a vaulted file cannot be decrypted, or not be handed over.
        """
        result = dict(args)
        for name in INSIDE:
            if isinstance(result.get(name), Mapping):
                result[name] = self.localised(result[name])
        for names, change in ((FILES, self._readable), (FOLDERS, self._found), (JOINED, self._each)):
            for name in names:
                result |= {name: _on_paths(result[name], change)} if name in result else {}
        return result

    def _each(self, paths: str) -> str:
        return os.pathsep.join(self._readable(path) for path in paths.split(os.pathsep))

    def _found(self, path: str) -> str:
        if not path or "\n" in path or "://" in path or (self._here / Path(path).expanduser()).exists():
            return path
        try:
            return self._find("files", path)
        except AnsibleFileNotFound:
            return path

    def _readable(self, path: str) -> str:
        found = self._found(path)
        real = self._here / Path(found).expanduser()
        if real.is_file():
            plain = self._decrypted(real)
            return found if plain is None else str(plain)
        if real.is_dir():
            return self._readable_folder(found, real)
        return found

    def _readable_folder(self, found: str, real: Path) -> str:
        """Return a directory of the same names when files of this one are vaulted."""
        files = [file for file in sorted(real.iterdir()) if file.is_file()]
        if not any(_is_vaulted(file) for file in files):
            return found
        copy = self._place(real.name)
        copy.mkdir(mode=0o700)
        for file in files:
            if self._decrypted(file, copy) is None:
                (copy / file.name).symlink_to(file.absolute())
        return str(copy)

    def _decrypted(self, file: Path, folder: Path | None = None) -> Path | None:
        """Return a file of the same name with the plain content, in a directory of ours; None: it is plain already."""
        if not _is_vaulted(file):
            return None
        if self._is_async:
            raise AnsibleActionFail(f"{file} is vaulted, which an asynchronous task cannot use: its file would remain")
        try:
            temporary = self._loader.get_real_file(str(file))
        except AnsibleError as error:
            raise AnsibleActionFail(f"{file}: {error}") from error
        try:
            content = Path(temporary).read_bytes()
        finally:
            self._loader.cleanup_tmp_file(temporary)
        plain = self._place(file.name) if folder is None else folder / file.name
        with open(plain, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
            stream.write(content)
        return plain

    def _place(self, name: str) -> Path:
        """Return a place for a file or directory of that name, which messages of the module show."""
        if self._private is None:
            self._private = Path(tempfile.mkdtemp(dir=constants.DEFAULT_LOCAL_TMP))
        return Path(tempfile.mkdtemp(dir=self._private)) / name


def _is_vaulted(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return bool(is_encrypted_file(stream))
    except OSError:
        return False


def _on_paths(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [change(item) if isinstance(item, str) else item for item in value]
    return value
