# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that several modules have, as the engine takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from miniapp_infra.errors import ErrorCode
from miniapp_infra.kube import manifests
from miniapp_infra.kube.errors import KubeError, UnreachableError
from miniapp_infra.kube.objects import KubeObject, flatten
from miniapp_infra.kube.retry import RetryPolicy
from miniapp_infra.kube.tasks import naming
from miniapp_infra.kube.tasks.kinds import api_version_of

if TYPE_CHECKING:
    from miniapp_infra.kube import render
    from miniapp_infra.kube.predicates import Predicate

Params = Mapping[str, Any]

ORIGIN = "# Source: "
_FETCH_TIMEOUT = 30.0
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


def declared(params: Params) -> list[KubeObject]:
    """Return the objects that the options declare, with their final names.

    Raises:
        KubeError: an input cannot be read, or is not a set of Kubernetes objects.
    """
    objects = _read(params)
    if params.get("append_hash"):
        objects = [naming.with_hash(obj) for obj in objects]
    return [_with_drawn_name(obj) if obj["metadata"]["name"] == naming.PENDING else obj for obj in objects]


def predicate_of(params: Params) -> Predicate | None:
    if not params.get("wait_for") and not params.get("wait_condition"):
        return None
    from miniapp_infra.kube.predicates import for_condition, parse  # noqa: PLC0415 - for tasks that wait alone

    if params.get("wait_for"):
        return parse(params["wait_for"])
    condition = params["wait_condition"]
    if not condition.get("type"):
        raise KubeError("wait_condition: type: must be given", code=ErrorCode.INVALID_INPUT)
    return for_condition(condition["type"], condition.get("status") or "True", condition.get("reason"))


def _read(params: Params) -> list[KubeObject]:
    if params.get("definition") is not None:
        return _from_definition(params["definition"], params)
    if params.get("src"):
        return [obj for place in params["src"] for obj in _from_place(place, params)]
    if params.get("kustomize") or params.get("helm_template"):
        return _rendered(params)
    return _from_definition({}, params)


def _rendered(params: Params) -> list[KubeObject]:
    from miniapp_infra.kube import render  # noqa: PLC0415 - for the two inputs that other programs render

    if params.get("kustomize"):
        return render.kustomize(params["kustomize"], params["kubectl_path"])
    return render.helm_template(_chart(params), params["helm_path"])


def _from_definition(definition: Any, params: Params) -> list[KubeObject]:
    if isinstance(definition, str):
        source, text = _origin(definition)
        return _from_text(text, source, params)
    if isinstance(definition, list) and any(isinstance(item, str) for item in definition):
        return [obj for item in definition for obj in _from_definition(item, params)]
    return flatten([("definition", _filled(definition, params))])


def _filled(document: Any, params: Params) -> Any:
    """Return a document with what it leaves out and the options ``kind``, ``api_version`` and ``name`` say."""
    if isinstance(document, list):
        return [_filled(item, params) for item in document]
    if not isinstance(document, dict):
        return document
    kind = document.get("kind") or params.get("kind")
    metadata = document.get("metadata") or {}
    if not kind or not isinstance(metadata, dict):
        return document
    if str(kind).endswith("List") and isinstance(document.get("items"), list):
        return {**document, "items": [_filled(item, params) for item in _typed_items(document, str(kind))]}
    if document.get("kind") and document.get("apiVersion") and metadata.get("name"):
        return document
    typed = {"kind": kind, "metadata": _named(metadata, params)}
    if document.get("apiVersion") or params.get("kind"):
        version = document.get("apiVersion") or api_version_of(params.get("api_version") or "v1", kind)
        typed["apiVersion"] = version
    return {**document, **typed}


def _named(metadata: dict[str, Any], params: Params) -> dict[str, Any]:
    prefix = metadata.get("generateName") or params.get("generate_name")
    if metadata.get("name"):
        return metadata
    if params.get("name"):
        return {**metadata, "name": params["name"]}
    if prefix and params.get("state", "present") == "present":
        return {**metadata, "name": naming.PENDING, "generateName": prefix}
    return metadata


def _typed_items(document: dict[str, Any], kind: str) -> list[Any]:
    """Return the items of a list with the type that lists leave out; ``List`` itself says nothing about its items."""
    common = {"apiVersion": document.get("apiVersion"), "kind": kind.removesuffix("List")}
    if not common["kind"]:
        return list(document["items"])
    return [{**common, **item} if isinstance(item, dict) else item for item in document["items"]]


def _with_drawn_name(obj: KubeObject) -> KubeObject:
    metadata = obj["metadata"]
    return {**obj, "metadata": {**metadata, "name": naming.drawn(metadata["generateName"])}}


def _from_place(place: str, params: Params) -> list[KubeObject]:
    texts = [(_fetched(place), place)] if "://" in place else manifests.texts([place])
    return [obj for text, source in texts for obj in _from_text(text, source, params)]


def _origin(definition: str) -> tuple[str, str]:
    """Part a rendered template from the line that says which file it was."""
    first, _, rest = definition.partition("\n")
    return (first.removeprefix(ORIGIN), rest) if first.startswith(ORIGIN) else ("definition", definition)


def _from_text(text: str, source: str, params: Params) -> list[KubeObject]:
    found = manifests.documents(text, source)
    return flatten((place, _filled(document, params)) for place, document in found if document is not None)


def _fetched(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise KubeError(
            f"src: {url}: only https:// and http:// URLs are read",
            code=ErrorCode.INVALID_INPUT,
            hint="Download the file with ansible.builtin.get_url, and give its path.",
        )
    return RetryPolicy(timeout=_FETCH_TIMEOUT).call(lambda: _download(url))


def _download(url: str) -> str:
    import urllib.error  # noqa: PLC0415 - for sources that are addresses alone
    import urllib.request  # noqa: PLC0415

    try:
        with urllib.request.urlopen(url, timeout=_FETCH_TIMEOUT) as answer:  # noqa: S310 - the scheme was checked
            content: bytes = answer.read()
        return content.decode()
    except urllib.error.HTTPError as error:
        raise KubeError(
            f"src: {url}: HTTP status {error.code}", code=ErrorCode.INVALID_INPUT, retryable=error.code in _PASSING
        ) from error
    except UnicodeDecodeError as error:
        raise KubeError(f"src: {url}: is not UTF-8 text", code=ErrorCode.INVALID_INPUT) from error
    except OSError as error:
        raise UnreachableError(f"src: {url}: {getattr(error, 'reason', error)}", retryable=True) from error


def _chart(params: Params) -> render.HelmTemplate:
    from miniapp_infra.kube import render  # noqa: PLC0415 - see _rendered

    chart = params["helm_template"]
    return render.HelmTemplate(
        chart=chart["chart"],
        release_name=chart["release_name"],
        namespace=chart.get("namespace") or params.get("namespace") or "default",
        repository=chart.get("repository"),
        version=chart.get("version"),
        values_files=tuple(chart.get("values_files") or ()),
        values=chart.get("values") or {},
        include_crds=chart.get("include_crds", True),
        ca_file=chart.get("ca_file"),
        kube_version=chart.get("kube_version"),
        api_versions=tuple(chart.get("api_versions") or ()),
    )
