# SPDX-License-Identifier: GPL-3.0-or-later
"""What the generated objects are made of. Nearly all of it is valid: an object that is refused proves little."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

Body = dict[str, Any]
# Words that are easily taken for something else by one who reads YAML, or compares loosely.
words = st.sampled_from(["a", "b", "1", "true", "null", "0.5", "é ü", "x: y", "line\nline\n", "1000m", ""])
names = st.sampled_from(["alpha", "beta", "gamma", "delta"])
numbers = st.integers(min_value=0, max_value=5)
quantities = st.sampled_from(["1", "1000m", "0.5", "500m", 1, 2])
memory = st.sampled_from(["1Gi", "1024Mi", "1073741824", 1073741824, "2G", "128Mi"])
ports = st.integers(min_value=8080, max_value=8084)
booleans = st.booleans()
label_values = st.sampled_from(["a", "b", "1", "true", ""])
label_maps = st.dictionaries(names, label_values, max_size=3)


def record(required: dict[str, Any] | None = None, **optional: Any) -> st.SearchStrategy[Body]:
    """A mapping with all of the required and some of the optional fields; what is no strategy is a constant."""
    return st.fixed_dictionaries(_strategies(required or {}), optional=_strategies(optional))


def _strategies(fields: dict[str, Any]) -> dict[str, st.SearchStrategy[Any]]:
    return {name: item if isinstance(item, st.SearchStrategy) else st.just(item) for name, item in fields.items()}


def listed(item: st.SearchStrategy[Any], *keys: str, least: int = 0, most: int = 3) -> st.SearchStrategy[list[Any]]:
    """A list whose items differ in their keys, or as a whole."""
    unique: Callable[[Any], Any] = (lambda value: tuple(value[key] for key in keys)) if keys else repr
    return st.lists(item, min_size=least, max_size=most, unique_by=unique)


metadata = record(labels=label_maps, annotations=st.dictionaries(names.map("example.com/{}".format), words, max_size=3))


def obj(required: dict[str, Any] | None = None, **optional: Any) -> st.SearchStrategy[Body]:
    return record({"metadata": metadata, **(required or {})}, **optional)


environment = listed(
    st.one_of(
        record({"name": names.map(str.upper)}, value=words),
        record({"name": names.map(str.upper), "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}),
    ),
    "name",
)
probe = st.one_of(
    record({"httpGet": record({"port": st.one_of(ports, st.just("http"))}, path=st.just("/"))}, periodSeconds=ports),
    record({"tcpSocket": record({"port": ports})}, timeoutSeconds=st.integers(min_value=1, max_value=3)),
)
container = record(
    {"name": names, "image": st.sampled_from(["example.com/a:1", "example.com/a:2", "example.com/a"])},
    args=st.lists(words, max_size=3),
    env=environment,
    ports=listed(
        st.builds(lambda port: {"containerPort": port, "name": f"p{port}"}, ports), "containerPort", "name", most=2
    ),
    resources=record(requests=record(cpu=st.just("100m"), memory=st.just("64Mi")), limits=record(cpu=quantities)),
    livenessProbe=probe,
    securityContext=record(runAsNonRoot=booleans, capabilities=record(drop=st.just(["ALL"]))),
    volumeMounts=st.just([{"name": "scratch", "mountPath": "/scratch"}]),
    imagePullPolicy=st.sampled_from(["Always", "IfNotPresent"]),
)
pod_spec = record(
    {"containers": listed(container, "name", least=1), "volumes": [{"name": "scratch", "emptyDir": {}}]},
    nodeSelector=label_maps,
    terminationGracePeriodSeconds=numbers,
    serviceAccountName=names,
    tolerations=st.lists(record({"key": names, "operator": "Exists"}), max_size=2),
    securityContext=st.one_of(st.just({}), record(runAsUser=st.integers(min_value=1000, max_value=1002))),
    hostAliases=listed(record({"ip": st.sampled_from(["192.0.2.1", "192.0.2.2"]), "hostnames": ["h"]}), "ip", most=2),
)
POD = {
    "automountServiceAccountToken": False,
    "serviceAccountName": "default",
    "nodeSelector": {"example.com/nowhere": "true"},
    "securityContext": {},
}
SELECTED = {"app": "truth"}
template = record({"metadata": {"labels": SELECTED}, "spec": pod_spec})
selector = {"matchLabels": SELECTED}
workload = {"selector": selector, "template": template}
rules = st.lists(
    record(
        {
            "apiGroups": st.sampled_from([[""], ["apps"], ["apps", ""]]),
            "resources": st.sampled_from([["pods"], ["pods", "services"]]),
            "verbs": st.sampled_from([["get"], ["get", "list"], ["list", "get"]]),
        }
    ),
    max_size=2,
)
subjects = st.lists(
    st.one_of(
        record({"kind": "User", "name": names}),
        record({"kind": "User", "name": names, "apiGroup": "rbac.authorization.k8s.io"}),
        record({"kind": "ServiceAccount", "name": names, "namespace": "default"}),
    ),
    max_size=3,
)
role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
peers = st.lists(record({"podSelector": record({"matchLabels": label_maps})}), max_size=2)
web_ports = listed(
    st.builds(lambda port: {"name": f"p{port}", "port": port}, ports)
    | st.builds(lambda port: {"name": f"p{port}", "port": port, "targetPort": port, "protocol": "TCP"}, ports)
    | st.builds(lambda port: {"name": f"p{port}", "port": port, "targetPort": "http"}, ports),
    "name",
    least=1,
)
webhook = record(
    {
        "name": names.map("{}.example.com".format),
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "clientConfig": st.one_of(
            st.just({"url": "https://127.0.0.1:1/x"}),
            record({"service": record({"name": names, "namespace": "default"}, path=st.just("/x"))}),
        ),
        # Of a group that nobody serves: it is never asked.
        "rules": [{"apiGroups": ["nowhere.example"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["x"]}],
        "failurePolicy": st.sampled_from(["Ignore", "Fail"]),
    },
    timeoutSeconds=st.integers(min_value=1, max_value=5),
    namespaceSelector=record(matchLabels=label_maps),
)
backend = {"service": {"name": "s", "port": {"number": 80}}}
request = record({"storage": memory})

anything = st.recursive(
    st.one_of(st.none(), booleans, st.integers(0, 2), st.sampled_from([0.5, 1.5]), words),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=5,
)
widget_spec = record(
    sizes=listed(record({"name": names}, size=st.one_of(numbers, st.just("10%")), on=booleans), "name"),
    pairs=listed(record({"left": numbers, "right": names}, note=words), "left", "right"),
    tags=st.lists(names, unique=True, max_size=4),
    flags=st.lists(st.integers(0, 3), unique=True, max_size=3),
    order=st.lists(words, max_size=3),
    whole=st.dictionaries(names, st.one_of(numbers.map(str), words), max_size=3),
    limit=st.one_of(numbers, st.sampled_from(["50%", "1", "0"])),
    ratio=st.sampled_from([0.5, 1, 1.5, 2]),
    mode=st.sampled_from(["slow", "fast"]),
    free=st.dictionaries(names, anything, max_size=3),
)
