# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks requests and answers against MongoDB's description of the Atlas Administration API."""

from __future__ import annotations

import copy
import json
from pathlib import Path

from openapi_schema_validator import OAS30ReadValidator, OAS30WriteValidator

from miniapp_infra.local.standins.atlas.server import BASE

FILE = Path(__file__).parents[2] / "contracts" / "atlas" / "openapi.json"
ERRORS_OF_THE_PROTOCOL = {405, 406, 415}
"""Statuses that the description leaves to HTTP; their bodies are errors like the others."""


class Contract:
    """The description, as a judge of exchanges."""

    def __init__(self):
        self.document = json.loads(FILE.read_text())
        for schema in self.document["components"]["schemas"].values():
            _forbid_unknown_fields(schema)

    def problems(self, exchange):
        """Return what is wrong with an exchange."""
        if exchange.route is None:
            return []
        operation = self.document["paths"][BASE + exchange.route.path][exchange.method.lower()]
        found = [] if exchange.body is None else self._body(operation, exchange)
        return found + self._answer(operation, exchange)

    def versions(self, operation):
        """Return the versions in which an operation is described."""
        contents = operation["responses"].get("200", operation["responses"].get("204"))["content"]
        return {media.removeprefix("application/vnd.atlas.").removesuffix("+json") for media in contents}

    def _body(self, operation, exchange):
        contents = operation["requestBody"]["content"]
        media = f"application/vnd.atlas.{exchange.version}+json"
        if exchange.version and media not in contents:
            return [f"{exchange.method} {exchange.path}: no version {exchange.version}"]
        (content,) = contents.values()
        body = copy.deepcopy(exchange.body)
        if exchange.route.path.endswith("/schedule"):
            # Read-only in the description, and yet sent by MongoDB's own Terraform provider: without it an item gets
            # a new ID, and snapshots lose the item that they were taken for.
            for item in body["policies"][0]["policyItems"]:
                item.pop("id", None)
        return self._check(OAS30WriteValidator, content["schema"], body, f"request {exchange.method} {exchange.path}")

    def _answer(self, operation, exchange):
        what = f"answer {exchange.status} of {exchange.method} {exchange.path}"
        if exchange.status in ERRORS_OF_THE_PROTOCOL:
            return self._check(OAS30ReadValidator, {"$ref": "#/components/schemas/ApiError"}, exchange.answer, what)
        if str(exchange.status) not in operation["responses"]:
            return [f"{what}: not described"]
        contents = operation["responses"][str(exchange.status)]["content"]
        if exchange.status < 300:
            media = f"application/vnd.atlas.{exchange.version}+json"
            if media not in contents:
                return [f"{what}: no version {exchange.version}"]
            content = contents[media]
        else:
            (content,) = contents.values()
        if "schema" not in content:
            return []
        return self._check(OAS30ReadValidator, content["schema"], exchange.answer, what)

    def _check(self, kind, schema, value, what):
        whole = {"allOf": [schema], "components": self.document["components"]}
        return [
            f"{what}: {'/'.join(map(str, error.absolute_path))}: {error.message}"
            for error in kind(whole).iter_errors(value)
        ]


def _forbid_unknown_fields(schema):
    if "properties" in schema and not {"oneOf", "anyOf", "allOf"} & set(schema):
        schema.setdefault("additionalProperties", False)
    for part in [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]:
        _forbid_unknown_fields(part)
