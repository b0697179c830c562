# SPDX-License-Identifier: GPL-3.0-or-later
"""A ClusterImagePolicy of sigstore's policy-controller, checked before the cluster sees it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from miniapp_infra.errors import ErrorCode, MiniappInfraError
from miniapp_infra.policy.images import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from miniapp_infra.kube.objects import KubeObject

KIND = "ClusterImagePolicy"
_SORTS = ("key", "keyless", "static")
_KEY_SOURCES = ("data", "secretRef", "kms")
# policy-controller pkg/apis/glob/glob.go: what a glob may be made of, and the two that it completes by itself.
_GLOB = re.compile(r"[a-zA-Z0-9_:/*.-]+")
_COMPLETED = ("*", "*/*")
_HUB = "index.docker.io"


def manifest(
    name: str,
    *,
    images: Sequence[str],
    authorities: Sequence[Mapping[str, Any]],
    mode: str = "enforce",
    match: Sequence[Mapping[str, Any]] = (),
    policy: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    allow_docker_hub: bool = False,
) -> KubeObject:
    """Return a policy.

    Args:
        name: of the policy.
        images: globs.
        authorities: any one of them is enough; in the form of the API.
        mode: ``enforce`` or ``warn``.
        match: kinds of objects that it is about; all, when empty.
        policy: rule about all that the authorities have found, in the form of the API.
        labels: of the object.
        allow_docker_hub: whether globs may mean images of Docker Hub.

    Raises:
        MiniappInfraError: ``invalid_input``, with the option at fault.
    """
    if not images:
        raise _invalid("images: must name at least one glob")
    if not authorities:
        raise _invalid("authorities: must name at least one", "Without any, policy-controller trusts whom it likes.")
    for position, glob in enumerate(images):
        _check_glob(f"images[{position}]", glob, allow_docker_hub=allow_docker_hub)
    for position, authority in enumerate(authorities):
        _check_authority(f"authorities[{position}]", authority)
    spec: dict[str, Any] = {
        "mode": mode,
        "images": [{"glob": glob} for glob in images],
        "authorities": [dict(authority) for authority in authorities],
    }
    if match:
        spec["match"] = [dict(item) for item in match]
    if policy:
        spec["policy"] = dict(policy)
    metadata = {"name": name, **({"labels": dict(labels)} if labels else {})}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}


def advice(images: Sequence[str]) -> list[str]:
    """Return what is likely not meant, of globs that are allowed."""
    found = []
    for position, glob in enumerate(images):
        option = f"images[{position}]: {glob}"
        if is_docker_hub(glob):
            found.append(f"{option} names no registry, so it is about images of Docker Hub ({_HUB})")
        elif glob.startswith("docker.io/"):
            found.append(f"{option}: policy-controller knows Docker Hub as {_HUB}; write {_HUB}/...")
        last = glob.rpartition("/")[2]
        if "*" not in last and ":" not in last:
            found.append(f"{option} ends without a wildcard, so it matches no image that is named by digest")
    return found


def is_docker_hub(glob: str) -> bool:
    """Tell whether a glob names no registry: policy-controller then compares it with images of Docker Hub."""
    if glob in _COMPLETED:
        return True
    host, separator, _ = glob.partition("/")
    if "**" in host:
        return False  # stands for any registry
    return not separator or not (host == "localhost" or any(mark in host for mark in ".:*"))


def matches(glob: str, image: str) -> bool:
    """Tell whether a glob matches an image, as policy-controller does it.

    Args:
        glob: of a policy.
        image: registry, repository, and tag or digest.
    """
    complete = {"*": f"{_HUB}/library/*", "*/*": f"{_HUB}/*/*"}.get(glob, glob)
    steps = {"**": ".*", "*": "[^/]*"}
    pattern = "".join(steps.get(part, re.escape(part)) for part in re.split(r"(\*\*|\*)", complete))
    return re.fullmatch(pattern, image) is not None


def _check_glob(option: str, glob: str, *, allow_docker_hub: bool) -> None:
    if not _GLOB.fullmatch(glob):
        raise _invalid(f"{option}: {glob!r} is no glob", "Use letters, digits, _ - . : / and the wildcards * and **.")
    if is_docker_hub(glob) and not allow_docker_hub:
        raise _invalid(
            f"{option}: {glob} names no registry: policy-controller would take it for images of Docker Hub ({_HUB})",
            "Begin with the registry's host, such as registry.example.com/team/**, or set allow_docker_hub.",
        )


def _check_authority(option: str, authority: Mapping[str, Any]) -> None:
    sorts = [sort for sort in _SORTS if authority.get(sort)]
    if len(sorts) != 1:
        raise _invalid(
            f"{option}: must have exactly one of key, keyless and static, got {' and '.join(sorts) or 'none'}"
        )
    signature_format = authority.get("signatureFormat", "legacy")
    if signature_format not in {"legacy", "bundle"}:
        raise _invalid(f"{option}: signatureFormat: must be legacy or bundle, got {signature_format}")
    content = authority[sorts[0]]
    if not isinstance(content, Mapping):
        raise _invalid(f"{option}: {sorts[0]}: must be a dictionary")
    if sorts == ["key"]:
        if signature_format == "bundle":
            # policy-controller, pkg/webhook/validator.go: "when using the new bundle format, the authority must be
            # keyless" (its issues 1958 and 1899). Every image would be refused.
            raise _invalid(
                f"{option}: signatureFormat: policy-controller verifies bundles of keyless authorities only, so with a "
                "key no image at all would be admitted",
                "Set signatureFormat to legacy and sign in that format (signature_formats of cosign_sign).",
            )
        _check_key(f"{option}: key", content)
    elif sorts == ["keyless"]:
        _check_identities(f"{option}: keyless: identities", content.get("identities"))


def _check_key(option: str, key: Mapping[str, Any]) -> None:
    sources = [source for source in _KEY_SOURCES if key.get(source)]
    if len(sources) != 1:
        raise _invalid(f"{option}: must have exactly one of data, secretRef and kms")
    if sources != ["data"]:
        return
    data = str(key["data"])
    if "PRIVATE KEY" in data:
        raise _invalid(f"{option}: data: this is a private key, which must never reach the cluster")
    try:
        serialization.load_pem_public_key(data.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _invalid(f"{option}: data: this is no public key in PEM") from error


def _check_identities(option: str, identities: Any) -> None:
    """Refuse an authority that would take a signature of anybody who can log in."""
    if not isinstance(identities, list) or not identities:
        raise _invalid(f"{option}: must name at least one", "Without any, everybody's signature would do.")
    for position, identity in enumerate(identities):
        for one, other in (("issuer", "issuerRegExp"), ("subject", "subjectRegExp")):
            if not isinstance(identity, Mapping) or not (identity.get(one) or identity.get(other)):
                raise _invalid(f"{option}[{position}]: must have {one} or {other}")


def _invalid(problem: str, hint: str = "") -> MiniappInfraError:
    return MiniappInfraError(problem, code=ErrorCode.INVALID_INPUT, hint=hint)
