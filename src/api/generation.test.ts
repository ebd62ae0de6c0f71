/**
 * What `metadata.generation` counts, kind by kind.
 *
 * Upstream: the strategies in pkg/registry (PrepareForCreate, PrepareForUpdate): the specification,
 * of Deployments annotations too, of EndpointSlices labels too; many kinds have no generation.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';
import { KINDS } from './kinds.ts';

type Counts = readonly (number | undefined)[];

/** After a create, a change of labels, of annotations, and of what the kind is there for. */
const SPECIFICATION: Counts = [1, 1, 1, 2];
const NOTHING: Counts = [undefined, undefined, undefined, undefined];

const selector = { matchLabels: { app: 'web' } };
const podSpec = { containers: [{ name: 'main', image: 'web' }] };
const template = { metadata: { labels: { app: 'web' } }, spec: podSpec };
const spec = { selector, template };
const jobSpec = { template: { spec: { ...podSpec, restartPolicy: 'Never' } } };
const webhook = {
  name: 'a.example.com',
  clientConfig: { url: 'https://a.example.com' },
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
};
const webhooks = { webhooks: [{ ...webhook, timeoutSeconds: 5 }] };
const RULE = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] };
const matchConstraints = { resourceRules: [RULE] };
const mutation = {
  patchType: 'ApplyConfiguration',
  applyConfiguration: { expression: 'Object{}' },
};

interface Case {
  readonly kind: string;
  readonly object: object;
  readonly change: object;
  readonly counts: Counts;
}

const counts = (kind: string, object: object, change: object): Case => ({
  kind,
  object,
  change,
  counts: SPECIFICATION,
});
const countsNot = (kind: string, object: object, change: object): Case => ({
  kind,
  object,
  change,
  counts: NOTHING,
});

const CASES: readonly Case[] = [
  { kind: 'Deployment', object: { spec }, change: { spec: { replicas: 3 } }, counts: [1, 1, 2, 3] },
  {
    kind: 'EndpointSlice',
    object: { addressType: 'IPv4', endpoints: [] },
    change: { endpoints: [{ addresses: ['10.1.2.3'] }] },
    counts: [1, 2, 2, 3],
  },
  {
    kind: 'CSIDriver',
    object: { spec: {} },
    change: { spec: { requiresRepublish: true } },
    counts: [undefined, undefined, undefined, 1],
  },
  {
    kind: 'PriorityClass',
    object: { value: 5 },
    change: { description: 'for all' },
    counts: [1, 1, 1, 1],
  },
  counts('Pod', { spec: podSpec }, { spec: { activeDeadlineSeconds: 5 } }),
  counts('PodTemplate', { template }, { template: { spec: { hostNetwork: true } } }),
  counts(
    'ReplicationController',
    { spec: { selector: { app: 'web' }, template } },
    { spec: { replicas: 3 } },
  ),
  counts('ReplicaSet', { spec }, { spec: { replicas: 3 } }),
  counts('StatefulSet', { spec }, { spec: { replicas: 3 } }),
  counts('DaemonSet', { spec }, { spec: { minReadySeconds: 3 } }),
  counts('Job', { spec: jobSpec }, { spec: { suspend: true } }),
  counts(
    'CronJob',
    { spec: { schedule: '* * * * *', jobTemplate: { spec: jobSpec } } },
    { spec: { suspend: true } },
  ),
  counts(
    'Ingress',
    { spec: { defaultBackend: { service: { name: 'a', port: { number: 80 } } } } },
    { spec: { defaultBackend: { service: { name: 'b' } } } },
  ),
  counts(
    'IngressClass',
    { spec: { controller: 'a.b/c' } },
    { spec: { parameters: { kind: 'K', name: 'n' } } },
  ),
  counts('NetworkPolicy', { spec: { podSelector: {} } }, { spec: { podSelector: selector } }),
  counts('PodDisruptionBudget', { spec: { minAvailable: 1 } }, { spec: { minAvailable: 2 } }),
  counts('DeviceClass', { spec: {} }, { spec: { selectors: [{ cel: { expression: 'true' } }] } }),
  counts(
    'ResourceSlice',
    {
      spec: {
        driver: 'a.example.com',
        nodeName: 'n',
        pool: { name: 'p', generation: 1, resourceSliceCount: 1 },
      },
    },
    { spec: { pool: { generation: 2 } } },
  ),
  counts(
    'FlowSchema',
    { spec: { priorityLevelConfiguration: { name: 'exempt' } } },
    { spec: { matchingPrecedence: 9 } },
  ),
  counts(
    'PriorityLevelConfiguration',
    { spec: { type: 'Limited', limited: { limitResponse: { type: 'Reject' } } } },
    { spec: { limited: { nominalConcurrencyShares: 3 } } },
  ),
  counts('MutatingWebhookConfiguration', { webhooks: [webhook] }, webhooks),
  counts('ValidatingWebhookConfiguration', { webhooks: [webhook] }, webhooks),
  counts(
    'ValidatingAdmissionPolicy',
    { spec: { matchConstraints, validations: [{ expression: 'true' }] } },
    { spec: { failurePolicy: 'Ignore' } },
  ),
  counts(
    'ValidatingAdmissionPolicyBinding',
    { spec: { policyName: 'a', validationActions: ['Deny'] } },
    { spec: { validationActions: ['Warn'] } },
  ),
  counts(
    'MutatingAdmissionPolicy',
    { spec: { matchConstraints, mutations: [mutation], reinvocationPolicy: 'Never' } },
    { spec: { failurePolicy: 'Ignore' } },
  ),
  counts(
    'MutatingAdmissionPolicyBinding',
    { spec: { policyName: 'a' } },
    { spec: { policyName: 'b' } },
  ),
  counts(
    'CustomResourceDefinition',
    {
      metadata: { name: 'things.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'things', kind: 'Thing' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object' } },
          },
        ],
      },
    },
    { spec: { names: { shortNames: ['th'] } } },
  ),
  countsNot('ConfigMap', {}, { data: { a: 'b' } }),
  countsNot('Service', { spec: { ports: [{ port: 80 }] } }, { spec: { selector: { a: 'b' } } }),
  countsNot('Node', {}, { spec: { unschedulable: true } }),
  countsNot(
    'HorizontalPodAutoscaler',
    {
      spec: {
        maxReplicas: 3,
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'a' },
      },
    },
    { spec: { maxReplicas: 4 } },
  ),
  countsNot('ResourceQuota', { spec: { hard: { pods: '1' } } }, { spec: { hard: { pods: '2' } } }),
];

function kindOf(name: string) {
  const kind = KINDS.find((each) => each.kind === name && each.storedAs === undefined);
  assert.ok(kind, name);
  return kind;
}

/** The generation after each step. */
async function generationsOf({ kind: name, object, change }: Case): Promise<Counts> {
  const { group, version, plural, namespaced } = kindOf(name);
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const path = `${root}${namespaced ? '/namespaces/default' : ''}/${plural}`;
  const server = await TestApiServer.start();
  // Pods are refused without one.
  await server.must('POST /api/v1/namespaces/default/serviceaccounts', {
    metadata: { name: 'default' },
  });
  const first = await server.must(`POST ${path}`, { metadata: { name: 'it' }, ...object });
  const seen: (number | undefined)[] = [first.metadata.generation];
  const one = `PATCH ${path}/${first.metadata.name}`;
  for (const patch of [
    { metadata: { labels: { a: 'b' } } },
    { metadata: { annotations: { a: 'b' } } },
    change,
  ]) {
    seen.push((await server.must(one, patch)).metadata.generation);
  }
  return seen;
}

describe('metadata.generation', () => {
  for (const row of CASES) {
    it(`of a ${row.kind} is ${row.counts.map((count) => count ?? 'none').join(', ')}`, async () => {
      assert.deepEqual(await generationsOf(row), row.counts);
    });
  }

  it('is looked at for every kind that counts', () => {
    const counting = KINDS.filter(({ countsGeneration }) => countsGeneration === true);
    const missing = counting.filter(({ kind }) => !CASES.some((row) => row.kind === kind));
    assert.deepEqual(
      missing.map(({ kind }) => kind),
      [],
    );
  });
});
