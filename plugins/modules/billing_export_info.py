# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: FUZE Platform Infra
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads what the cloud bills."""

from __future__ import annotations

DOCUMENTATION = r"""
module: billing_export_info
version_added: 0.1.0
author: FUZE Platform Infra (@fuze)
short_description: Read a day of the bill of AWS or Google Cloud by namespace
description:
  - Reads what the cloud bills for one day, by the value of a label, which is the Kubernetes namespace by default.
  - For AWS this is an export of the Cost and Usage Report 2.0 in S3, with split cost allocation for EKS. Only the
    format gzip/csv is supported; an export as Parquet is refused.
  - For Google Cloud this is the detailed usage cost export in BigQuery, with GKE cost allocation.
  - What belongs to no label is told apart from the costs, so that it is never billed to a service. Both together are
    the bill.
  - Clouds restate days for weeks. RV(revision) changes when they do, so that a correction can be metered as an event
    of its own.
options:
  provider:
    description: Whose bill to read.
    type: str
    choices: [aws, gcp]
    required: true
  day:
    description: Day in UTC, such as V(2026-11-01). It must be over.
    type: str
    required: true
  label:
    description:
      - Key of the label whose value owns the cost.
      - For V(aws) a key of C(resource_tags), C(aws_eks_namespace) when left out; for V(gcp) a label, C(k8s-namespace)
        when left out.
    type: str
  lag:
    description: Hours after the end of the day until the cloud has delivered it.
    type: int
    default: 24
  bucket:
    description: Bucket of the export. Must be given when O(provider=aws).
    type: str
  prefix:
    description: Prefix of the export in the bucket.
    type: str
  export_name:
    description: Name of the export. Must be given when O(provider=aws).
    type: str
  project_id:
    description: Project that pays for the query. Must be given when O(provider=gcp).
    type: str
  table:
    description:
      - Table of the detailed export, such as
        V(billing-project.billing.gcp_billing_export_resource_v1_0123AB_4567CD_89EF01).
      - Must be given when O(provider=gcp).
    type: str
  location:
    description: Location of the data set. BigQuery finds it when left out.
    type: str
  maximum_bytes_billed:
    description: Bytes that the query may read; it fails without cost when it would read more. Any number when V(0).
    type: int
    default: 0
  access_token:
    description:
      - OAuth token for BigQuery. One of the application default credentials when left out, such as those of the pod's
        service account, or of the file that E(GOOGLE_APPLICATION_CREDENTIALS) names.
    type: str
  retries:
    description: How often a request to BigQuery is sent again after a passing failure.
    type: int
    default: 3
  timeout:
    description: Seconds for one request to BigQuery.
    type: float
    default: 30.0
  wait_timeout:
    description: Seconds to wait for the end of the query in BigQuery.
    type: float
    default: 300.0
extends_documentation_fragment:
  - fuze.miniapp_infra.attributes.read_only
  - fuze.miniapp_infra.aws
requirements:
  - For V(gcp) the extra C(gcp) of the Python package C(miniapp-infra), unless O(access_token) is given.
seealso:
  - module: fuze.miniapp_infra.opencost_allocation_info
  - module: fuze.miniapp_infra.metering_event
"""

EXAMPLES = r"""
- name: What each namespace cost on AWS
  fuze.miniapp_infra.billing_export_info:
    provider: aws
    region: eu-central-1
    bucket: prod-miniapp-billing
    prefix: cur
    export_name: prod-miniapp
    day: "2026-11-01"

- name: By a tag of one's own
  fuze.miniapp_infra.billing_export_info:
    provider: aws
    region: eu-central-1
    bucket: prod-miniapp-billing
    prefix: cur
    export_name: prod-miniapp
    day: "2026-11-01"
    label: user_team

- name: What each namespace cost on Google Cloud
  fuze.miniapp_infra.billing_export_info:
    provider: gcp
    project_id: prod-miniapp
    table: billing-project.billing.gcp_billing_export_resource_v1_0123AB_4567CD_89EF01
    maximum_bytes_billed: 10000000000
    day: "2026-11-01"
"""

RETURN = r"""
day:
  description: The day that was asked for.
  returned: success
  type: str
  sample: "2026-11-01"
window:
  description: The same as two times, as M(fuze.miniapp_infra.metering_event) takes them.
  returned: success
  type: dict
  sample:
    start: "2026-11-01T00:00:00Z"
    end: "2026-11-02T00:00:00Z"
revision:
  description:
    - Identifies this state of the day. Another one means that the cloud restated it.
    - For AWS of the delivered files, for Google Cloud the time of the last exported row. Empty when there is no row
      yet.
  returned: success
  type: str
  sample: 5f0c3a0e9d1b7c24
costs:
  description: One row for each owner, service of the cloud and currency. C(net) is C(cost) with C(credits).
  returned: success
  type: list
  elements: dict
  sample:
    - owner: playhub
      service: AmazonEC2
      currency: USD
      cost: "3.118251"
      credits: "-0.5"
      net: "2.618251"
unassigned:
  description:
    - The same for what belongs to no owner.
    - C(reason) is C(no_label), C(node_rest) for what pods did not use of a node of EKS, or what GKE calls it, such as
      C(kube:unallocated).
  returned: success
  type: list
  elements: dict
  sample:
    - reason: no_label
      service: AmazonS3
      currency: USD
      cost: "0.42"
      credits: "0"
      net: "0.42"
totals:
  description: Sum of all rows by currency, which is that of the bill.
  returned: success
  type: dict
  sample:
    USD: "3.038251"
complete:
  description: Whether the day, and O(lag) after it, is over.
  returned: success
  type: bool
  sample: true
error:
  description: The kind of failure, for programs.
  returned: failure
  type: dict
  sample:
    code: not_found
    retryable: false
    hint: AWS delivers a day's first rows within 24 hours.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.fuze.miniapp_infra.plugins.module_utils import engine
from ansible_collections.fuze.miniapp_infra.plugins.module_utils.aws import aws_spec


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **aws_spec(),
            "access_token": {"type": "str", "no_log": True},
            "bucket": {"type": "str"},
            "day": {"type": "str", "required": True},
            "export_name": {"type": "str"},
            "label": {"type": "str"},
            "lag": {"type": "int", "default": 24},
            "location": {"type": "str"},
            "maximum_bytes_billed": {"type": "int", "default": 0},
            "prefix": {"type": "str"},
            "project_id": {"type": "str"},
            "provider": {"type": "str", "choices": ["aws", "gcp"], "required": True},
            "retries": {"type": "int", "default": 3},
            "table": {"type": "str"},
            "timeout": {"type": "float", "default": 30.0},
            "wait_timeout": {"type": "float", "default": 300.0},
        },
        required_if=[
            ("provider", "aws", ("bucket", "export_name")),
            ("provider", "gcp", ("project_id", "table")),
        ],
        supports_check_mode=True,
    )
    engine.run(module, "miniapp_infra.cost.tasks", "export_info")


if __name__ == "__main__":
    main()
