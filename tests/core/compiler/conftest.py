import pytest

from mcop_core.compiler.compiler import compile_manifest
from tests.core.compiler.objects import manifest_of, read, view_of

SHOP = """
kind: primitive
name: vpc
version: 1.2.0
inputs: {cidr_block: string, tags: {type: map(string), default: {}}}
outputs: {vpc_id: {}}
---
kind: primitive
name: subnets
inputs: {vpc_id: string, zones: list(string)}
outputs: {subnet_ids: {}}
---
kind: primitive
name: database
inputs: {subnet_ids: list(string), instance_type: string}
outputs: {address: {}, password: {sensitive: true}}
---
kind: primitive
name: service
inputs: {url: string, password: {type: string, sensitive: true}, size: {type: number, default: 1}}
outputs: {}
---
kind: rule
name: cidr_block
type: regex
pattern: '[0-9.]+/[0-9]{1,2}'
---
kind: rule
name: instance_type
type: enum
values: [t3.small, t3.medium]
---
kind: adapter
name: aws-terraform
version: 1.0.0
provider: aws
primitive_type: terraform
engine: terraform
settings: {source: hashicorp/aws, version: "~> 5.100", configuration: {region: "${region}"}}
---
kind: pattern
name: network
version: 2.0.0
parameters:
  cidr: {type: string, description: Address range of the network., rule: cidr_block}
  zones: {type: "list(string)", default: [a, b]}
elements:
  vpc: {primitive: vpc, version: "~> 1.2", inputs: {cidr_block: "${cidr}"}}
  subnets: {primitive: subnets, version: 1.0.0, inputs: {vpc_id: "${vpc.vpc_id}", zones: "${zones}"}}
---
kind: pattern
name: data-store
parameters:
  subnet_ids: {type: "list(string)"}
  instance_type: {type: string, default: t3.small}
elements:
  database: {primitive: database, version: 1.0.0}
---
kind: pattern
name: web
parameters:
  host: {type: string}
elements:
  service:
    primitive: service
    version: 1.0.0
    inputs: {url: "https://{host}:443", password: "${platform.data.database.password}"}
---
kind: workflow
name: platform
patterns:
  network: {pattern: network, version: "~> 2.0"}
  data: {pattern: data-store, version: 1.0.0, inputs: {subnet_ids: "${network.subnets.subnet_ids}"}}
backend: {type: s3, bucket: "${state_bucket}", region: "${region}", use_lockfile: true}
---
kind: workflow
name: application
patterns:
  web: {pattern: web, version: latest, inputs: {host: "${platform.data.database.address}"}}
backend: {type: s3, bucket: "${state_bucket}", region: "${region}", use_lockfile: true}
---
kind: manifest
name: shop
version: 3.1.0
namespace: storefront
configuration: {region: us-east-1, state_bucket: "acme-${region}-state", cidr: 10.20.0.0/16}
workflows:
  platform: {workflow: platform, version: "~> 1.0", overrides: {zones: [a, b, c]}}
  application: {workflow: application, version: 1.0.0}
"""


@pytest.fixture
def shop():
    return read(SHOP)


@pytest.fixture
def plan(shop):
    return compile_manifest(manifest_of(shop), view_of(shop))
