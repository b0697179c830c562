# SPDX-License-Identifier: GPL-3.0-or-later
"""Workloads, and what they refer to: the kinds of the groups without a name, apps and batch."""

from __future__ import annotations

from hypothesis import strategies as st

from truth.bodies import (
    POD,
    SELECTED,
    booleans,
    label_maps,
    listed,
    memory,
    names,
    numbers,
    obj,
    pod_spec,
    quantities,
    record,
    request,
    template,
    web_ports,
    words,
    workload,
)
from truth.kind import Kind

WORKLOADS = (
    Kind(
        "v1",
        "ConfigMap",
        "configmaps",
        obj(data=st.dictionaries(names, words, max_size=4), binaryData=st.just({"omega": "/w=="})),
    ),
    Kind(
        "v1",
        "Secret",
        "secrets",
        obj(
            type=st.just("Opaque"),
            data=st.dictionaries(names, st.sampled_from(["", "YQ==", "Y2FuYXJ5"]), max_size=3),
            stringData=st.dictionaries(names, words, max_size=2),
        ),
    ),
    Kind(
        "v1",
        "Service",
        "services",
        obj(
            {
                "spec": record(
                    {"ports": web_ports},
                    selector=label_maps,
                    sessionAffinity=st.sampled_from(["None", "ClientIP"]),
                    externalIPs=st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2"]), unique=True, max_size=2),
                )
            }
        ),
    ),
    Kind(
        "v1",
        "ServiceAccount",
        "serviceaccounts",
        obj(
            automountServiceAccountToken=booleans,
            imagePullSecrets=listed(record({"name": names}), "name"),
            secrets=listed(record({"name": names}), "name"),
        ),
    ),
    Kind(
        "v1",
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        obj({"spec": record({"accessModes": ["ReadWriteOnce"], "resources": record({"requests": request})})}),
    ),
    Kind(
        "v1",
        "PersistentVolume",
        "persistentvolumes",
        obj(
            {
                "spec": record(
                    {
                        "capacity": request,
                        "accessModes": st.sampled_from([["ReadWriteOnce"], ["ReadOnlyMany", "ReadWriteOnce"]]),
                        "hostPath": {"path": "/nowhere"},
                    },
                    persistentVolumeReclaimPolicy=st.sampled_from(["Retain", "Delete"]),
                    mountOptions=st.lists(names, max_size=2),
                )
            }
        ),
        namespaced=False,
    ),
    Kind("v1", "Pod", "pods", obj({"spec": pod_spec.map(lambda spec: {**spec, **POD})})),
    Kind("v1", "PodTemplate", "podtemplates", obj({"template": template})),
    Kind(
        "v1",
        "ReplicationController",
        "replicationcontrollers",
        obj({"spec": record({"template": template, "selector": SELECTED}, replicas=numbers)}),
        scaled=True,
    ),
    Kind(
        "v1",
        "ResourceQuota",
        "resourcequotas",
        obj(
            {"spec": record(hard=record({}, **{"limits.cpu": quantities, "pods": quantities, "limits.memory": memory}))}
        ),
    ),
    Kind(
        "v1",
        "LimitRange",
        "limitranges",
        obj(
            {
                "spec": record(
                    {"limits": st.lists(record({"type": "Container"}, max=record(cpu=quantities)), max_size=1)}
                )
            }
        ),
    ),
    Kind("v1", "Namespace", "namespaces", obj(), namespaced=False),
    Kind(
        "v1",
        "Endpoints",
        "endpoints",
        obj(
            subsets=st.just(
                [{"addresses": [{"ip": "192.0.2.1"}], "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]}]
            )
        ),
    ),
    Kind(
        "apps/v1",
        "Deployment",
        "deployments",
        obj(
            {
                "spec": record(
                    workload,
                    replicas=numbers,
                    paused=booleans,
                    minReadySeconds=numbers,
                    revisionHistoryLimit=numbers,
                    strategy=st.one_of(
                        st.just({"type": "Recreate"}),
                        record(
                            {
                                "rollingUpdate": record(
                                    maxSurge=st.sampled_from(["25%", 1, "50%"]), maxUnavailable=numbers
                                )
                            },
                            type=st.just("RollingUpdate"),
                        ).filter(lambda strategy: strategy["rollingUpdate"].get("maxUnavailable") != 0),
                    ),
                )
            }
        ),
        scaled=True,
    ),
    Kind(
        "apps/v1",
        "StatefulSet",
        "statefulsets",
        obj({"spec": record({**workload, "serviceName": "s"}, replicas=numbers, minReadySeconds=numbers)}),
        scaled=True,
    ),
    Kind("apps/v1", "DaemonSet", "daemonsets", obj({"spec": record(workload, minReadySeconds=numbers)})),
    Kind("apps/v1", "ReplicaSet", "replicasets", obj({"spec": record(workload, replicas=numbers)}), scaled=True),
    Kind("apps/v1", "ControllerRevision", "controllerrevisions", obj({"revision": numbers}, data=st.just({"a": [1]}))),
    Kind(
        "batch/v1",
        "Job",
        "jobs",
        obj(
            {
                "spec": record(
                    {"template": record({"spec": pod_spec.map(lambda spec: {**spec, "restartPolicy": "Never"})})},
                    parallelism=numbers,
                    suspend=booleans,
                    backoffLimit=numbers,
                    ttlSecondsAfterFinished=numbers,
                )
            }
        ),
    ),
    Kind(
        "batch/v1",
        "CronJob",
        "cronjobs",
        obj(
            {
                "spec": record(
                    {
                        "schedule": st.sampled_from(["* * * * *", "@daily"]),
                        "jobTemplate": record(
                            {
                                "spec": record(
                                    {
                                        "template": record(
                                            {"spec": pod_spec.map(lambda spec: {**spec, "restartPolicy": "OnFailure"})}
                                        )
                                    }
                                )
                            }
                        ),
                    },
                    suspend=booleans,
                    concurrencyPolicy=st.sampled_from(["Allow", "Forbid"]),
                    timeZone=st.just("Etc/UTC"),
                )
            }
        ),
    ),
)
