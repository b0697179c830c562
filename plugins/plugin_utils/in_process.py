# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Modules run inside the process that is already there: when that is safe, and without leaving a trace in it."""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import io
import locale
import logging
import os
import signal
import socket
import sys
import tempfile
import time
import traceback
import warnings
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PROFILE = "legacy"
"""How ansible-core writes the arguments of a module that asks for nothing else."""

PROCESS_BOUND: Mapping[str, str] = {
    "local_cluster": "it works for minutes and leaves services behind: a process costs nothing there",
}
"""Modules that always get a process of their own, with the reason."""

# Programs read these when they start, and Python with its libraries is one that has started already.
_READ_AT_START = ("DYLD_", "GCONV_", "LANG", "LC_", "LD_", "LOCPATH", "MALLOC_", "NLSPATH", "OPENSSL_", "PYTHON")
_AUTOMATIC = {"auto", "auto_legacy", "auto_legacy_silent", "auto_silent"}


@dataclass(frozen=True)
class Conditions:
    """What decides where a module runs.

    Args:
        module: name without the collection.
        connection: name of the connection plugin.
        shell: family of the shell plugin.
        interpreter: the configured Python, or one of Ansible's words for finding one.
        environment: what the task sets.
        becomes: whether another user is to run the module.
        is_async: whether the task goes on when Ansible has moved on.
        is_wanted: False: the user switched this off.
        keeps_files: whether the user wants to look at the files of the module afterwards.
        open_files: limit of open files that modules are to have, as text; "0": as it is.
    """

    module: str
    connection: str = "local"
    shell: str = "sh"
    interpreter: str = "auto"
    environment: Mapping[str, str] = field(default_factory=dict)
    becomes: bool = False
    is_async: bool = False
    is_wanted: bool = True
    keeps_files: bool = False
    open_files: str = "0"

    @property
    def is_on_control_host(self) -> bool:
        return self.connection.rpartition(".")[2] == "local"


def obstacle(conditions: Conditions) -> str:
    """Return why the module needs a process of its own, or nothing when it does not."""
    starting = sorted(name for name in conditions.environment if name.startswith(_READ_AT_START))
    checks = (
        (not conditions.is_wanted, "miniapp_infra_in_process is false"),
        (conditions.module in PROCESS_BOUND, PROCESS_BOUND.get(conditions.module, "")),
        (not conditions.is_on_control_host, f"the connection is {conditions.connection}"),
        (conditions.shell != "sh", f"the shell is {conditions.shell}"),
        (conditions.becomes, "the task becomes another user"),
        (conditions.is_async, "the task is asynchronous"),
        (conditions.keeps_files, "the files of the module are to be kept"),
        (conditions.open_files != "0", "the number of open files is limited"),
        (bool(starting), f"the task sets {', '.join(starting)}"),
        (not _is_this_python(conditions.interpreter), f"the interpreter is {conditions.interpreter}"),
        (bool(_missing()), f"this ansible-core has no {_missing()}"),
    )
    return next((reason for is_so, reason in checks if is_so), "")


def _is_this_python(interpreter: str) -> bool:
    """Tell whether a configured Python is the running one, under whichever of its names in the same directory.

    Links are followed in the directory only: a virtualenv is a link to a Python that has other packages.
    """
    if interpreter in _AUTOMATIC:
        return True
    theirs, ours = Path(interpreter), Path(sys.executable)
    return theirs.parent.resolve() == ours.parent.resolve() and theirs.resolve() == ours.resolve()


# What is one thing in a process that controls and another in a process that runs a module.
_INTERNAL = "ansible.module_utils._internal"
_SIDES = (
    (_INTERNAL, "is_controller"),
    (f"{_INTERNAL}._traceback", "_is_traceback_enabled"),
    (f"{_INTERNAL}._traceback", "_module_tracebacks_enabled_events"),
    ("ansible.module_utils.common.warnings", "_global_deprecations"),
    ("ansible.module_utils.common.warnings", "_global_warnings"),
    ("ansible.module_utils.basic", "_ANSIBLE_ARGS"),
    ("ansible.module_utils.basic", "_ANSIBLE_PROFILE"),
    ("ansible.module_utils.basic", "_PARSED_MODULE_ARGS"),
)
_NEEDED = (
    *_SIDES,
    (f"{_INTERNAL}._traceback", "_is_module_traceback_enabled"),
    (f"{_INTERNAL}._ansiballz._loader", "run_module"),
)


def _missing() -> str:
    """Return the first name inside ansible-core that we need and that is not there."""
    for module, name in _NEEDED:
        try:
            if not hasattr(importlib.import_module(module), name):
                return f"{module}.{name}"
        except ImportError:
            return module
    return ""


def _of(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"{_INTERNAL}.{module}"), name)


@dataclass(frozen=True)
class Outcome:
    """What a process would have left behind."""

    code: int
    stdout: str
    stderr: str


def run(name: str, arguments: bytes, *, directory: str, environment: Mapping[str, str]) -> Outcome:
    """Run a module as ansible-core's own wrapper does, in this process.

    Args:
        name: of the Python module.
        arguments: JSON, as the wrapper gets it.
        directory: in which it runs.
        environment: is added to ours.

    Raises:
        BaseException: one that Ansible raises out of a signal handler, when the time limit of the task is over.
    """
    parent = os.getpid()
    run_module = _of("_ansiballz._loader", "run_module")
    stdout, stderr = io.BytesIO(), io.BytesIO()
    code = 0
    with _streams(stdout, stderr), _state(directory, environment), _module_side(arguments), _exit_functions():
        try:
            run_module(json_params=arguments, profile=PROFILE, module_fqn=name, modlib_path="", extensions={})
        except SystemExit as error:
            code = _exit_code(error)
        except BaseException as error:
            if type(error).__module__.partition(".")[0] == "ansible":
                raise
            traceback.print_exc()
            code = 1
        finally:
            if os.getpid() != parent:  # a fork of the module, which has nothing to do here
                os._exit(code)
    return Outcome(code, *(stream.getvalue().decode("utf-8", "replace") for stream in (stdout, stderr)))


def _exit_code(error: SystemExit) -> int:
    if isinstance(error.code, int) or error.code is None:
        return error.code or 0
    sys.stderr.write(f"{error.code}\n")
    return 1


@contextlib.contextmanager
def _streams(stdout: io.BytesIO, stderr: io.BytesIO) -> Iterator[None]:
    texts = [io.TextIOWrapper(stream, "utf-8", "surrogateescape", write_through=True) for stream in (stdout, stderr)]
    before = sys.stdin, sys.stdout, sys.stderr
    with Path(os.devnull).open(encoding="utf-8") as stdin:
        sys.stdin, sys.stdout, sys.stderr = stdin, *texts
        try:
            yield
        finally:
            sys.stdin, sys.stdout, sys.stderr = before
            for text in texts:
                text.detach()  # leaves the bytes readable


@contextlib.contextmanager
def _module_side(arguments: bytes) -> Iterator[None]:
    """Make ansible-core's helpers do what they do in the process of a module: warnings, for one, go into its result."""
    values: dict[str, Any] = {
        "is_controller": False,
        "_is_traceback_enabled": _of("_traceback", "_is_module_traceback_enabled"),
        "_global_deprecations": {},
        "_global_warnings": {},
        "_ANSIBLE_ARGS": arguments,
        "_ANSIBLE_PROFILE": PROFILE,
    }
    modules = {name: importlib.import_module(name) for name in dict(_SIDES)}
    before = [(modules[module], name, getattr(modules[module], name)) for module, name in _SIDES]
    for module, name in _SIDES:
        setattr(modules[module], name, values.get(name))
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


@contextlib.contextmanager
def _exit_functions() -> Iterator[None]:
    """Run what the module registers for its end: the worker itself ends without."""
    functions: list[Callable[[], Any]] = []
    real_register, real_unregister = atexit.register, atexit.unregister

    def register(function: Callable[..., Any], /, *args: Any, **options: Any) -> Callable[..., Any]:
        if function is getattr(weakref.finalize, "_exitfunc", None):  # ends the finalizers of the whole process
            return real_register(function, *args, **options)
        functions.append(functools.partial(function, *args, **options))
        return function

    def unregister(function: Callable[..., Any]) -> None:
        functions[:] = [item for item in functions if item.func != function]
        real_unregister(function)

    atexit.register, atexit.unregister = register, unregister
    try:
        yield
    finally:
        atexit.register, atexit.unregister = real_register, real_unregister
        for function in reversed(functions):
            try:
                function()
            except Exception:  # noqa: BLE001 - Python prints it as well, and goes on
                traceback.print_exc()


@contextlib.contextmanager
def _state(directory: str, environment: Mapping[str, str]) -> Iterator[None]:
    """Put the process into the state in which a module starts, and back into the one it was in."""
    with _environment(environment, directory), _directory(directory), _signals(), _libraries():
        sys.argv[1:] = []
        yield


@contextlib.contextmanager
def _environment(environment: Mapping[str, str], directory: str) -> Iterator[None]:
    before, zone, temporary = dict(os.environ), os.environ.get("TZ"), tempfile.tempdir
    if "PWD" in before:
        os.environ["PWD"] = directory
    os.environ.update(environment)
    if environment.keys() & {"TEMP", "TMP", "TMPDIR"}:
        tempfile.tempdir = None
    if os.environ.get("TZ") != zone:
        time.tzset()
    try:
        yield
    finally:
        is_elsewhere = os.environ.get("TZ") != zone
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update({name: value for name, value in before.items() if os.environ.get(name) != value})
        tempfile.tempdir = temporary
        if is_elsewhere:
            time.tzset()


@contextlib.contextmanager
def _directory(directory: str) -> Iterator[None]:
    try:
        before = str(Path.cwd())
    except OSError:  # it was removed
        before = os.sep
    mask = os.umask(0)
    os.umask(mask)
    os.chdir(directory)
    try:
        yield
    finally:
        os.umask(mask)
        try:
            os.chdir(before)
        except OSError:
            os.chdir(os.sep)


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


@contextlib.contextmanager
def _libraries() -> Iterator[None]:
    root = logging.getLogger()
    arguments, path, timeout = list(sys.argv), list(sys.path), socket.getdefaulttimeout()
    handlers, level, disabled = list(root.handlers), root.level, root.manager.disable
    language = locale.setlocale(locale.LC_ALL)
    with warnings.catch_warnings():
        try:
            yield
        finally:
            sys.argv[:], sys.path[:] = arguments, path
            root.handlers[:], root.manager.disable = handlers, disabled
            root.setLevel(level)
            socket.setdefaulttimeout(timeout)
            if locale.setlocale(locale.LC_ALL) != language:
                locale.setlocale(locale.LC_ALL, language)
