# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of our Python API, as a program that has imported it makes it: ``api_call.py KUBECONFIG OBJECTS``.

The time contains the connection with its handshakes and everything after it, not the start of Python and the imports.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from miniapp_infra.kube.apply import apply
from miniapp_infra.kube.client import Client
from miniapp_infra.kube.connection import ConnectionOptions
from miniapp_infra.kube.discovery import Discovery
from miniapp_infra.kube.models import ApplyOptions, report


def main() -> None:
    options = ConnectionOptions(kubeconfig=sys.argv[1])
    objects = json.loads(Path(sys.argv[2]).read_bytes())
    Client.connect(options)  # sends nothing; imports what the kind of kubeconfig needs
    started = time.perf_counter()
    client = Client.connect(options)
    outcomes = apply(client, Discovery(client), objects, ApplyOptions())
    seconds = time.perf_counter() - started
    json.dump({"seconds": seconds, "changed": report(outcomes, with_diff=False)["changed"]}, sys.stdout)


if __name__ == "__main__":
    main()
