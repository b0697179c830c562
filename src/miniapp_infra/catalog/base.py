# SPDX-License-Identifier: GPL-3.0-or-later
"""Base classes of the environment model."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A part of an environment: it cannot be changed after loading, and a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _nothing_required(schema: dict[str, Any]) -> None:
    schema.pop("required", None)


class Overlay(Model):
    """A part that may be written in pieces: ``service_defaults`` supplies the keys that a service leaves out.

    Every key is still required once both are merged. The exported JSON Schema describes the file before the merge, so
    it must not require any.
    """

    model_config = ConfigDict(json_schema_extra=_nothing_required)
