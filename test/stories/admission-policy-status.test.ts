/**
 * Stories of ValidatingAdmissionPolicies that are told what is wrong with their expressions. The
 * warnings are those of upstream v1.36.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VALIDATING_ADMISSION_POLICY } from '#api/admissionregistration/validating-admission-policy.ts';
import { CUSTOM_RESOURCE_DEFINITION } from '#api/apiextensions/custom-resource-definition.ts';
import type {
  ParamKind,
  ValidatingAdmissionPolicy,
  Validation,
  Variable,
} from '#api/gen/admissionregistration-v1.ts';
import { TestCluster } from '#kit/cluster.ts';

interface Row {
  readonly name: string;
  readonly groups: string[];
  readonly versions: string[];
  readonly resources: string[];
  readonly expressions: string[];
  readonly variables?: Variable[];
  readonly paramKind?: ParamKind;
  /** The field behind `spec.validations`, and the warning. */
  readonly warnings: readonly (readonly [field: string, warning: string])[];
}

const ROWS: readonly Row[] = [
  {
    name: 'replicas-ok',
    groups: ['apps'],
    versions: ['v1'],
    resources: ['deployments'],
    expressions: ['object.spec.replicas > 1'],
    warnings: [],
  },
  {
    name: 'undefined-field',
    groups: ['apps'],
    versions: ['v1'],
    resources: ['deployments'],
    expressions: ["object.spec.replicaz > 1 && object.foo == 'x'"],
    warnings: [
      [
        '[0].expression',
        "apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'replicaz'\n | object.spec.replicaz > 1 && object.foo == 'x'\n | ...........^\nERROR: <input>:1:35: undefined field 'foo'\n | object.spec.replicaz > 1 && object.foo == 'x'\n | ..................................^\n",
      ],
    ],
  },
  {
    name: 'wrong-type',
    groups: ['apps'],
    versions: ['v1'],
    resources: ['deployments'],
    expressions: ["object.spec.replicas > '1'"],
    warnings: [
      [
        '[0].expression',
        "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'\n | object.spec.replicas > '1'\n | .....................^\n",
      ],
    ],
  },
  {
    name: 'two-types',
    groups: ['apps'],
    versions: ['v1'],
    resources: ['deployments', 'statefulsets'],
    expressions: ["object.spec.strategy.type == 'x'"],
    warnings: [
      [
        '[0].expression',
        "apps/v1, Kind=StatefulSet: ERROR: <input>:1:12: undefined field 'strategy'\n | object.spec.strategy.type == 'x'\n | ...........^\n",
      ],
    ],
  },
  {
    name: 'events-two-groups',
    groups: [''],
    versions: ['v1'],
    resources: ['events'],
    expressions: ["object.message == 'x'"],
    warnings: [
      [
        '[0].expression',
        "events.k8s.io/v1, Kind=Event: ERROR: <input>:1:7: undefined field 'message'\n | object.message == 'x'\n | ......^\n",
      ],
    ],
  },
  {
    name: 'quantity',
    groups: [''],
    versions: ['v1'],
    resources: ['pods'],
    expressions: ["object.spec.containers.all(c, c.resources.limits['cpu'] == '1')"],
    warnings: [
      [
        '[0].expression',
        "/v1, Kind=Pod: ERROR: <input>:1:42: undefined field 'limits'\n | object.spec.containers.all(c, c.resources.limits['cpu'] == '1')\n | .........................................^\n",
      ],
    ],
  },
  {
    name: 'intorstring',
    groups: [''],
    versions: ['v1'],
    resources: ['services'],
    expressions: ['object.spec.ports.all(p, p.targetPort == 5)'],
    warnings: [],
  },
  {
    name: 'variables',
    groups: ['apps'],
    versions: ['v1'],
    resources: ['deployments'],
    expressions: ["variables.n > 'a'", 'variables.bad == 1', "variables.s.replicas > 'x'"],
    variables: [
      { name: 'n', expression: 'object.spec.replicas' },
      { name: 'bad', expression: 'object.nothing' },
      { name: 's', expression: 'object.spec' },
    ],
    warnings: [
      [
        '[0].expression',
        "apps/v1, Kind=Deployment: ERROR: <input>:1:13: found no matching overload for '_>_' applied to '(int, string)'\n | variables.n > 'a'\n | ............^\n",
      ],
    ],
  },
  {
    name: 'authorizer',
    groups: [''],
    versions: ['v1'],
    resources: ['pods'],
    expressions: [
      "authorizer.requestResource.check('get').allowed()",
      "authorizer.group('').resource('pods').check('get').allowed()",
    ],
    warnings: [
      [
        '[0].expression',
        "/v1, Kind=Pod: ERROR: <input>:1:11: unexpected failed resolution of 'kubernetes.authorization.Authorizer'\n | authorizer.requestResource.check('get').allowed()\n | ..........^\n",
      ],
    ],
  },
  {
    name: 'circular',
    groups: ['apiextensions.k8s.io'],
    versions: ['v1'],
    resources: ['customresourcedefinitions'],
    expressions: [
      "object.spec.versions.all(v, v.schema.openAPIV3Schema.not.foo == 'x')",
      'object.spec.versions.all(v, v.schema.openAPIV3Schema.properties.all(k, k == 5))',
    ],
    warnings: [
      [
        '[0].expression',
        "apiextensions.k8s.io/v1, Kind=CustomResourceDefinition: ERROR: <input>:1:57: undefined field 'foo'\n | object.spec.versions.all(v, v.schema.openAPIV3Schema.not.foo == 'x')\n | ........................................................^\n",
      ],
      [
        '[1].expression',
        "apiextensions.k8s.io/v1, Kind=CustomResourceDefinition: ERROR: <input>:1:74: found no matching overload for '_==_' applied to '(string, int)'\n | object.spec.versions.all(v, v.schema.openAPIV3Schema.properties.all(k, k == 5))\n | .........................................................................^\n",
      ],
    ],
  },
  {
    name: 'wildcard',
    groups: ['*'],
    versions: ['v1'],
    resources: ['pods'],
    expressions: ['object.foo == 1'],
    warnings: [],
  },
  {
    name: 'unknown',
    groups: ['none.example.com'],
    versions: ['v1'],
    resources: ['pods'],
    expressions: ['object.foo == 1'],
    warnings: [],
  },
  {
    name: 'multiline',
    groups: [''],
    versions: ['v1'],
    resources: ['pods'],
    expressions: ["object.metadata.name == 'x' &&\n  object.foo == 1 &&\n  object.bar == 2"],
    warnings: [
      [
        '[0].expression',
        "/v1, Kind=Pod: ERROR: <input>:2:9: undefined field 'foo'\n |   object.foo == 1 &&\n | ........^\nERROR: <input>:3:9: undefined field 'bar'\n |   object.bar == 2\n | ........^\n",
      ],
    ],
  },
  {
    name: 'rawext',
    groups: ['apps'],
    versions: ['v1'],
    resources: ['controllerrevisions'],
    expressions: ['object.data.foo == 1', "object.revision == 'x'"],
    warnings: [
      [
        '[0].expression',
        "apps/v1, Kind=ControllerRevision: ERROR: <input>:1:12: undefined field 'foo'\n | object.data.foo == 1\n | ...........^\n",
      ],
      [
        '[1].expression',
        "apps/v1, Kind=ControllerRevision: ERROR: <input>:1:17: found no matching overload for '_==_' applied to '(int, string)'\n | object.revision == 'x'\n | ................^\n",
      ],
    ],
  },
  {
    name: 'secret-bytes',
    groups: [''],
    versions: ['v1'],
    resources: ['secrets'],
    expressions: ["object.data['x'] == 'y'", "object.data['x'] == b'y'"],
    warnings: [
      [
        '[0].expression',
        "/v1, Kind=Secret: ERROR: <input>:1:18: found no matching overload for '_==_' applied to '(bytes, string)'\n | object.data['x'] == 'y'\n | .................^\n",
      ],
    ],
  },
  {
    name: 'crd',
    groups: ['stable.example.com'],
    versions: ['v1'],
    resources: ['crontabs'],
    expressions: ['object.spec.cronSpec == 1', 'object.spec.any.foo == 1', 'object.spec.iors == 1'],
    warnings: [
      [
        '[0].expression',
        "stable.example.com/v1, Kind=CronTab: ERROR: <input>:1:22: found no matching overload for '_==_' applied to '(string, int)'\n | object.spec.cronSpec == 1\n | .....................^\n",
      ],
      [
        '[1].expression',
        "stable.example.com/v1, Kind=CronTab: ERROR: <input>:1:16: undefined field 'foo'\n | object.spec.any.foo == 1\n | ...............^\n",
      ],
    ],
  },
  {
    name: 'params',
    groups: [''],
    versions: ['v1'],
    resources: ['pods'],
    expressions: ['object.metadata.name == params.data.x && params.foo == 1'],
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    warnings: [
      [
        '[0].expression',
        "/v1, Kind=Pod: ERROR: <input>:1:48: undefined field 'foo'\n | object.metadata.name == params.data.x && params.foo == 1\n | ...............................................^\n",
      ],
    ],
  },
  {
    name: 'params-unknown',
    groups: [''],
    versions: ['v1'],
    resources: ['pods'],
    expressions: ['params.foo == 1'],
    paramKind: { apiVersion: 'no.example.com/v1', kind: 'Nothing' },
    warnings: [],
  },
  {
    name: 'params-crd',
    groups: [''],
    versions: ['v1'],
    resources: ['pods'],
    expressions: ['params.spec.foo == 1'],
    paramKind: { apiVersion: 'stable.example.com/v1', kind: 'CronTab' },
    warnings: [
      [
        '[0].expression',
        "/v1, Kind=Pod: ERROR: <input>:1:12: undefined field 'foo'\n | params.spec.foo == 1\n | ...........^\n",
      ],
    ],
  },
  {
    name: 'all-versions',
    groups: ['autoscaling'],
    versions: ['v1', 'v2'],
    resources: ['horizontalpodautoscalers'],
    expressions: ['object.spec.metrics.size() > 0'],
    warnings: [
      [
        '[0].expression',
        "autoscaling/v1, Kind=HorizontalPodAutoscaler: ERROR: <input>:1:12: undefined field 'metrics'\n | object.spec.metrics.size() > 0\n | ...........^\n",
      ],
    ],
  },
  {
    name: 'scale',
    groups: ['apps'],
    versions: ['v1'],
    resources: ['deployments', 'deployments/scale'],
    expressions: ["object.spec.template.spec.containers[0].nam == 'x'"],
    warnings: [
      [
        '[0].expression',
        "apps/v1, Kind=Deployment: ERROR: <input>:1:40: undefined field 'nam'\n | object.spec.template.spec.containers[0].nam == 'x'\n | .......................................^\n",
      ],
    ],
  },
  {
    name: 'all-kinds-in-order',
    groups: ['batch', 'autoscaling'],
    versions: ['v2', 'v1'],
    resources: ['jobs', 'horizontalpodautoscalers'],
    expressions: ['object.foo == 1'],
    warnings: [
      [
        '[0].expression',
        [
          'autoscaling/v1, Kind=HorizontalPodAutoscaler',
          'autoscaling/v2, Kind=HorizontalPodAutoscaler',
          'batch/v1, Kind=Job',
        ]
          .map(
            (kind) =>
              `${kind}: ERROR: <input>:1:7: undefined field 'foo'\n | object.foo == 1\n | ......^\n`,
          )
          .join('\n'),
      ],
    ],
  },
  {
    name: 'params-of-another-kind-of-that-name',
    groups: ['events.k8s.io'],
    versions: ['v1'],
    resources: ['events'],
    expressions: ['object.note == params.message', 'object.message == params.note'],
    paramKind: { apiVersion: 'v1', kind: 'Event' },
    warnings: [
      [
        '[1].expression',
        "events.k8s.io/v1, Kind=Event: ERROR: <input>:1:7: undefined field 'message'\n | object.message == params.note\n | ......^\nERROR: <input>:1:25: undefined field 'note'\n | object.message == params.note\n | ........................^\n",
      ],
    ],
  },
];

function policy(row: Row, validations: Validation[]): ValidatingAdmissionPolicy {
  const { name, groups, versions, resources, variables = [], paramKind } = row;
  return {
    metadata: { name },
    spec: {
      ...(paramKind === undefined ? {} : { paramKind }),
      variables,
      validations,
      matchConstraints: {
        resourceRules: [
          { apiGroups: groups, apiVersions: versions, resources, operations: ['CREATE'] },
        ],
      },
    },
  };
}

const get = (cluster: TestCluster, name: string): Promise<ValidatingAdmissionPolicy> =>
  cluster.get(VALIDATING_ADMISSION_POLICY, name);

async function warnings(cluster: TestCluster, name: string): Promise<(readonly string[])[]> {
  const { status } = await get(cluster, name);
  return (status?.typeChecking?.expressionWarnings ?? []).map(({ fieldRef, warning }) => [
    fieldRef.replace('spec.validations', ''),
    warning,
  ]);
}

async function clusterWithDefinition(): Promise<TestCluster> {
  const cluster = await TestCluster.start({ nodes: 0, scheduler: false });
  await cluster.create(CUSTOM_RESOURCE_DEFINITION, {
    metadata: { name: 'crontabs.stable.example.com' },
    spec: {
      group: 'stable.example.com',
      scope: 'Namespaced',
      names: { plural: 'crontabs', singular: 'crontab', kind: 'CronTab' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: {
                  type: 'object',
                  properties: {
                    cronSpec: { type: 'string' },
                    any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
                    iors: { 'x-kubernetes-int-or-string': true },
                  },
                },
              },
            },
          },
        },
      ],
    },
  });
  await cluster.settle();
  return cluster;
}

describe('the status of a validating admission policy', () => {
  it('says which expressions do not fit the types of its objects', async () => {
    const cluster = await clusterWithDefinition();
    for (const row of ROWS) {
      const validations = row.expressions.map((expression) => ({ expression }));
      await cluster.create(VALIDATING_ADMISSION_POLICY, policy(row, validations));
    }
    await cluster.settle();
    for (const { name, warnings: expected } of ROWS) {
      assert.deepEqual(await warnings(cluster, name), expected, name);
      assert.equal((await get(cluster, name)).status?.observedGeneration, 1, name);
    }
    await cluster.stop();
  });

  it('is written anew when the policy changes, and by its own manager', async () => {
    const cluster = await clusterWithDefinition();
    const [row] = ROWS;
    const made = await cluster.create(
      VALIDATING_ADMISSION_POLICY,
      policy(row!, [
        { expression: 'object.spec.replicas > 1', messageExpression: "object.a + 'x'" },
      ]),
    );
    await cluster.settle();
    assert.deepEqual(
      (await warnings(cluster, row!.name)).map(([field]) => field),
      ['[0].messageExpression'],
    );
    await cluster.patch(VALIDATING_ADMISSION_POLICY, made, {
      spec: { validations: [{ expression: 'object.spec.replicas > 2' }] },
    });
    await cluster.settle();
    const { metadata, status } = await get(cluster, row!.name);
    assert.deepEqual(status, { observedGeneration: 2, typeChecking: {} });
    const entry = metadata?.managedFields?.find(({ subresource }) => subresource === 'status');
    assert.deepEqual(
      [entry?.manager, entry?.operation],
      ['validatingadmissionpolicy-status', 'Apply'],
    );
    await cluster.stop();
  });

  it('is written over what somebody else has made of it', async () => {
    const cluster = await clusterWithDefinition();
    const [row] = ROWS;
    const made = await cluster.create(
      VALIDATING_ADMISSION_POLICY,
      policy(row!, [{ expression: 'object.a == 1' }]),
    );
    await cluster.settle();
    const applied = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: row!.name },
      status: { observedGeneration: 1, typeChecking: { expressionWarnings: [] } },
    };
    const options = { subresource: 'status', fieldManager: 'other', force: true };
    const target = { name: row!.name };
    await cluster.run(
      cluster.client.patch(VALIDATING_ADMISSION_POLICY, target, 'apply', applied, options),
    );
    assert.deepEqual(await warnings(cluster, row!.name), []);
    await cluster.patch(VALIDATING_ADMISSION_POLICY, made, {
      spec: { validations: [{ expression: 'object.b == 1' }] },
    });
    await cluster.settle();
    const { status } = await get(cluster, row!.name);
    assert.equal(status?.observedGeneration, 2);
    assert.equal(status?.typeChecking?.expressionWarnings?.length, 1);
    await cluster.stop();
  });

  it('stays as it was while the policy does, whatever becomes of the types', async () => {
    const cluster = await clusterWithDefinition();
    const row = ROWS.find(({ name }) => name === 'crd')!;
    const validations = row.expressions.map((expression) => ({ expression }));
    const made = await cluster.create(VALIDATING_ADMISSION_POLICY, policy(row, validations));
    await cluster.settle();
    await cluster.delete(CUSTOM_RESOURCE_DEFINITION, {
      metadata: { name: 'crontabs.stable.example.com' },
    });
    await cluster.settle();
    await cluster.patch(VALIDATING_ADMISSION_POLICY, made, { metadata: { labels: { a: 'b' } } });
    await cluster.settle();
    assert.deepEqual(await warnings(cluster, row.name), row.warnings);
    await cluster.stop();
  });
});
