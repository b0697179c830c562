# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads the files that it is given, as modules that apply objects do, and returns what is in them."""

from __future__ import annotations

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def content(path):
    place = Path(path)
    if place.is_dir():
        return {file.name: file.read_text() for file in sorted(place.iterdir())}
    return place.read_text() if place.is_file() else "missing"


def read(paths):
    return {
        "paths": paths,
        "content": [content(path) for path in paths],
        "modes": [f"{Path(path).stat().st_mode & 0o777:o}" if Path(path).exists() else "" for path in paths],
    }


def main():
    module = AnsibleModule(
        argument_spec={
            "definition": {"type": "raw"},
            "helm_template": {"type": "dict", "options": {"values_files": {"type": "list", "elements": "path"}}},
            "kubeconfig": {"type": "raw"},
            "kustomize": {"type": "path"},
            "src": {"type": "list", "elements": "path"},
            "template": {"type": "raw"},
        }
    )
    params = module.params
    kubeconfig = params["kubeconfig"]
    module.exit_json(
        definition=params["definition"],
        kubeconfig=read(kubeconfig.split(os.pathsep)) if isinstance(kubeconfig, str) else kubeconfig,
        kustomize=params["kustomize"],
        src=read(params["src"] or []),
        values_files=read((params["helm_template"] or {}).get("values_files") or []),
    )


if __name__ == "__main__":
    main()
