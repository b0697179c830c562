# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Does to its process what it is told, and tells what it finds."""

from __future__ import annotations

import atexit
import locale
import logging
import os
import signal
import socket
import sys
import tempfile
import time
import warnings
from pathlib import Path

from ansible.module_utils import basic
from ansible.module_utils.basic import AnsibleModule


def ours():
    """Tell whether this is a process for a module alone."""
    return "ansible.executor.task_executor" not in sys.modules


def found():
    mask = os.umask(0o022)
    os.umask(mask)
    return {
        "argument_count": len(sys.argv),
        "directory": str(Path.cwd()),
        "environment": {name: os.environ.get(name) for name in ("HOME", "PROBE", "PWD", "TMPDIR", "TZ")},
        "filters": len([item for item in warnings.filters if "probe" in str(item[1])]),
        "handlers": len([item for item in logging.getLogger().handlers if isinstance(item, logging.FileHandler)]),
        "language": locale.setlocale(locale.LC_NUMERIC),
        "mask": mask,
        "signal": str(signal.getsignal(signal.SIGUSR1)),
        "temporary": tempfile.gettempdir(),
        "timeout": socket.getdefaulttimeout(),
        "went_in": "/probe" in sys.path,
        "zone": time.strftime("%Z", time.localtime(0)),
    }


def mess(module):
    os.environ["PROBE"] = "left behind"
    os.environ["TZ"] = "Asia/Kolkata"
    os.environ.pop("HOME", None)
    time.tzset()
    os.chdir("/")
    os.umask(0o077)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    logging.getLogger().addHandler(logging.FileHandler(os.devnull))
    warnings.filterwarnings("ignore", message="probe")
    socket.setdefaulttimeout(12)
    sys.argv.append("probe")
    sys.path.append("/probe")
    locale.setlocale(locale.LC_ALL, "C")
    tempfile.tempdir = "/"
    module.warn("of the mess")


def refuse(module):
    module.fail_json(msg="refused", reason="because", rc=3)


def crash(module):
    del module
    raise ZeroDivisionError("crashed")


def give_up(module):
    del module
    sys.exit("gave up")


def be_interrupted(module):
    del module
    raise KeyboardInterrupt


def say_nothing(module):
    del module
    sys.exit(0)


def warn(module):
    module.warn("look out")
    module.deprecate("old", version="9.0.0", collection_name="example.probes")
    basic.deprecate("older", version="8.0.0")


def warn_and_crash(module):
    module.warn("lost, as the result is")
    crash(module)


def talk(module):
    del module
    sys.stdout.write("before the result\n")
    sys.stderr.write("beside the result\n")


def read(module):
    module.exit_json(read=sys.stdin.read())


def fork(module):
    child = os.fork()
    if not child:
        sys.exit(5)
    module.exit_json(child=os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def end(module):
    path = Path(module.params["path"])
    atexit.register(path.write_text, "first")
    atexit.register(path.write_text, "second")
    atexit.register(crash, module)
    forgotten = path.with_suffix(".forgotten")
    atexit.register(forgotten.write_text, "")
    atexit.unregister(forgotten.write_text)
    Path(module.tmpdir, "file").write_text("x")
    module.exit_json(temporary=module.tmpdir)


def sleep(module):
    path = Path(module.params["path"])
    path.with_suffix(".new").write_text(str(os.getpid()))
    path.with_suffix(".new").rename(path)
    time.sleep(3600)


def facts(module):
    module.exit_json(ansible_facts={"probe": "fact"}, results="one", stdout="a\nb")


def main():
    module = AnsibleModule(
        argument_spec={
            "do": {
                "type": "str",
                "default": "look",
                "choices": [
                    "be_interrupted",
                    "crash",
                    "end",
                    "facts",
                    "fork",
                    "give_up",
                    "look",
                    "mess",
                    "read",
                    "refuse",
                    "return",
                    "say_nothing",
                    "sleep",
                    "talk",
                    "warn",
                    "warn_and_crash",
                ],
            },
            "path": {"type": "path"},
            "src": {"type": "list", "elements": "path"},
            "secret": {"type": "str", "no_log": True},
            "value": {"type": "raw"},
        },
        supports_check_mode=True,
    )
    if module.params["do"] == "return":
        return
    work = globals().get(module.params["do"])
    before = found()
    if work:
        work(module)
    module.exit_json(
        changed=not module.check_mode,
        diff={"before": "a\n", "after": "b\n"},
        found=before,
        is_alone=ours(),
        secret=module.params["secret"],
        value=module.params["value"],
    )


if __name__ == "__main__":
    main()
