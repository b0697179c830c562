# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON Schemas of the topic files, for editors; the loader says more, as it also sees the files together."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from miniapp_infra.catalog.topics import TOPICS

if TYPE_CHECKING:
    from pathlib import Path

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def render() -> dict[str, str]:
    """Return the text of each schema by its file name ``<topic>.schema.json``."""
    files = {}
    for topic, model in TOPICS.items():
        schema = {"$schema": DIALECT, **model.model_json_schema(), "title": f"group_vars/all/{topic}.yml"}
        files[f"{topic}.schema.json"] = json.dumps(schema, indent=2, sort_keys=True) + "\n"
    return files


def export(directory: Path) -> list[Path]:
    """Write all schemas into ``directory`` and return those files whose content changed."""
    directory.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, text in render().items():
        path = directory / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed
