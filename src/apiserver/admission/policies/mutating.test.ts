/** Mutating policies, through the whole API server. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { TestApiServer } from '#kit/api-server.ts';
import { apply, deployment, patch, PolicyServer, rule } from '#kit/policy-server.ts';
import { CONFIGURATIONS } from '#kit/webhook-server.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';

let policies: PolicyServer;
let api: TestApiServer;

beforeEach(async () => {
  policies = await PolicyServer.start();
  ({ api } = policies);
});

const map = (data: object = {}, name = 'm'): object => ({ metadata: { name }, data });

/** Appends to `data.order`. */
const append = (letter: string): object =>
  apply(`Object{data: {"order": object.data.order + "${letter}"}}`);

const ON_DEPLOYMENTS = { matchConstraints: { resourceRules: [rule('deployments', 'apps')] } };

describe('mutating policies', () => {
  it('change a Deployment, as the official suite has it', async () => {
    await policies.mutating('p', {
      ...ON_DEPLOYMENTS,
      mutations: [
        apply('Object{metadata: Object.metadata{annotations: {"mutated-by": "admission-policy"}}}'),
      ],
    });
    const made = await api.must(`POST ${DEPLOYMENTS}`, deployment('d', 2));
    assert.deepEqual(made.metadata.annotations, { 'mutated-by': 'admission-policy' });
    assert.deepEqual(made.metadata.labels, { app: 'd' });
    assert.equal(
      (await api.must(`GET ${DEPLOYMENTS}/d`)).metadata.annotations['mutated-by'],
      'admission-policy',
    );
  });

  it('take an object as it is that has a key of a list twice', async () => {
    await policies.mutating('p', {
      ...ON_DEPLOYMENTS,
      mutations: [apply('Object{metadata: Object.metadata{annotations: {"seen": "yes"}}}')],
    });
    const sent = deployment('d', 1) as { spec: { template: { spec: { containers: object[] } } } };
    const env = [
      { name: 'TWICE', value: '1' },
      { name: 'TWICE', value: '2' },
    ];
    sent.spec.template.spec.containers = sent.spec.template.spec.containers.map((each) => ({
      ...each,
      env,
    }));
    const { metadata, spec } = await api.must(`POST ${DEPLOYMENTS}`, sent);
    assert.deepEqual(metadata.annotations, { seen: 'yes' });
    assert.deepEqual(spec.template.spec.containers[0].env, env);
  });

  it('merge lists by their keys, and set defaults of what they add', async () => {
    await policies.mutating('p', {
      ...ON_DEPLOYMENTS,
      mutations: [
        apply(`Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{
          containers: [Object.spec.template.spec.containers{name: "side", image: "s"}]}}}}`),
      ],
    });
    const { spec } = await api.must(`POST ${DEPLOYMENTS}`, deployment('d', 2));
    const [own, side] = spec.template.spec.containers;
    assert.deepEqual([own.name, own.image], ['nginx', 'nginx']);
    assert.deepEqual(
      [side.name, side.image, side.imagePullPolicy, side.terminationMessagePath],
      ['side', 's', 'Always', '/dev/termination-log'],
    );
  });

  it('patch with JSON patches, with the escapes that keys need', async () => {
    await policies.mutating('p', {
      mutations: [
        patch(`[
          JSONPatch{op: "test", path: "/data/a", value: "1"},
          JSONPatch{op: "add", path: "/metadata/labels", value: {}},
          JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("x.io/~k"), value: "v"},
          JSONPatch{op: "move", from: "/data/a", path: "/data/b"}]`),
      ],
    });
    await assert.rejects(
      api.must(`POST ${MAPS}`, map({ a: '1' })),
      /metadata.labels: Invalid value: "x.io\/~k"/,
    );
    const made = await api.must(`POST ${MAPS}`, map({ a: '2' }));
    assert.deepEqual([made.data, made.metadata.labels], [{ a: '2' }, undefined]);
  });

  it('put objects and lists where a patch says', async () => {
    await policies.mutating('p', {
      ...ON_DEPLOYMENTS,
      mutations: [
        patch(`[JSONPatch{op: "add", path: "/spec/template/spec/tolerations", value: [
          Object.spec.template.spec.tolerations{key: "k", operator: "Exists"}]},
          JSONPatch{op: "add", path: "/spec/strategy", value: Object.spec.strategy{type: "Recreate"}}]`),
      ],
    });
    const { spec } = await api.must(`POST ${DEPLOYMENTS}`, deployment('d', 2));
    assert.deepEqual(spec.template.spec.tolerations, [{ key: 'k', operator: 'Exists' }]);
    assert.deepEqual(spec.strategy, { type: 'Recreate' });
  });

  it('are asked in the order of their names, each on what the one before has left', async () => {
    await policies.mutating('b', { mutations: [append('b'), append('c')] }, { y: {} });
    await policies.mutating('a', { mutations: [append('a')] }, { z: {} });
    assert.equal((await api.must(`POST ${MAPS}`, map({ order: '-' }))).data.order, '-abc');
  });

  it('are asked again where they want to be, and something has changed', async () => {
    const once = (letter: string) =>
      apply(
        `object.data.order.contains("${letter}") ? Object{} : Object{data: {"order": object.data.order + "${letter}"}}`,
      );
    await policies.mutating(
      'a',
      { mutations: [append('a')], reinvocationPolicy: 'IfNeeded' },
      { a: {} },
    );
    await policies.mutating('b', { mutations: [once('b')] }, { b: {} });
    assert.equal((await api.must(`POST ${MAPS}`, map({ order: '-' }))).data.order, '-aba');
    await api.must(`PATCH ${CONFIGURATIONS}/mutatingadmissionpolicies/a`, {
      spec: { reinvocationPolicy: 'Never' },
    });
    assert.equal((await api.must(`POST ${MAPS}`, map({ order: '-' }, 'n'))).data.order, '-ab');
  });

  it('are asked again about what they have changed themselves, as upstream’s', async () => {
    await policies.mutating('a', { mutations: [append('a')], reinvocationPolicy: 'IfNeeded' });
    assert.equal((await api.must(`POST ${MAPS}`, map({ order: '-' }))).data.order, '-aa');
  });

  it('are not asked for the first time in the second round', async () => {
    await policies.mutating(
      'a',
      {
        mutations: [append('a')],
        reinvocationPolicy: 'IfNeeded',
        matchConditions: [{ name: 'c', expression: "object.data.order.contains('b')" }],
      },
      { a: {} },
    );
    await policies.mutating('b', { mutations: [append('b')] }, { b: {} });
    assert.equal((await api.must(`POST ${MAPS}`, map({ order: '-' }))).data.order, '-b');
  });

  it('leave what the client sent to the client, and what they add to nobody', async () => {
    await policies.mutating('p', { mutations: [apply('Object{data: {"added": "yes"}}')] });
    const made = await api.must(
      `PATCH ${MAPS}/m?fieldManager=me`,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' }, data: { sent: 'yes' } },
      { headers: { 'content-type': 'application/apply-patch+yaml' } },
    );
    assert.deepEqual(made.data, { sent: 'yes', added: 'yes' });
    assert.deepEqual(
      made.metadata.managedFields.map(({ fieldsV1 }: { fieldsV1: object }) => fieldsV1),
      [{ 'f:data': { 'f:sent': {} } }],
    );
  });

  it('change what a dry run shows, and nothing is stored', async () => {
    await policies.mutating('p', {
      mutations: [apply('Object{data: {"dry": string(request.dryRun)}}')],
    });
    assert.equal((await api.must(`POST ${MAPS}?dryRun=All`, map())).data.dry, 'true');
    assert.equal((await api.call(`GET ${MAPS}/m`)).status, 404);
    assert.equal((await api.must(`POST ${MAPS}`, map())).data.dry, 'false');
  });

  it('see the scale that is written', async () => {
    await api.must(`POST ${DEPLOYMENTS}`, deployment('d', 2));
    await policies.mutating('p', {
      matchConstraints: { resourceRules: [rule('deployments/scale', 'apps')] },
      mutations: [apply('Object{spec: Object.spec{replicas: object.spec.replicas + 1}}')],
    });
    await api.must(`PATCH ${DEPLOYMENTS}/d/scale`, { spec: { replicas: 5 } });
    assert.equal((await api.must(`GET ${DEPLOYMENTS}/d`)).spec.replicas, 6);
  });

  it('are never asked of deletions, and cannot change connections', async () => {
    await api.must(`POST ${MAPS}`, map());
    await api.must('POST /api/v1/namespaces/default/serviceaccounts', {
      metadata: { name: 'default' },
    });
    await api.must('POST /api/v1/namespaces/default/pods', {
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    await policies.mutating('p', {
      failurePolicy: 'Ignore',
      matchConstraints: { resourceRules: [rule('*/*', '', { operations: ['*'] })] },
      mutations: [append('a')],
    });
    await api.must(`DELETE ${MAPS}/m`);
    assert.equal(
      await api.refusal('POST /api/v1/namespaces/default/pods/p/exec?command=sh&container=c'),
      '503 Resource kind /v1, Kind=PodExecOptions not found. There can be a delay between when CustomResourceDefinitions are created and when they are available.',
    );
  });
});

describe('a mutating policy that cannot be applied', () => {
  const denied = "policy 'p' with binding 'b' denied request: ";
  const rows: [what: string, mutation: object, message: string][] = [
    [
      'replaces an atomic list',
      apply(
        'Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{tolerations: [Object.spec.template.spec.tolerations{key: "k"}]}}}}',
      ),
      `${denied}error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.template.spec.tolerations`,
    ],
    [
      'replaces an atomic list of an item of a list',
      apply(
        'Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: "nginx", args: ["x"]}]}}}}',
      ),
      `${denied}error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.template.spec.containers[0].args`,
    ],
    [
      'replaces an atomic struct',
      apply('Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {"a": "b"}}}}'),
      `${denied}error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.selector`,
    ],
    [
      'has a field that there is not',
      apply('Object{spec: Object.spec{none: 1}}'),
      `${denied}error applying patch: failed to convert patch object to typed object: .spec.none: field not declared in schema`,
    ],
    [
      'has an object of the wrong name',
      apply('Object{spec: Object.wrong{replicas: 1}}'),
      `${denied}type mismatch: unexpected type name "Object.wrong", expected "Object.spec", which matches field name path from root Object type`,
    ],
    [
      'fails',
      apply('Object{spec: Object.spec{replicas: object.none}}'),
      `${denied}expression 'Object{spec: Object.spec{replicas: object.none}}' resulted in error: no such key: none`,
    ],
    [
      'has a patch that does not apply',
      patch('[JSONPatch{op: "remove", path: "/spec/none"}]'),
      `${denied}JSON Patch: error in remove for path: '/spec/none': Unable to remove nonexistent key: none: missing value`,
    ],
  ];
  for (const [what, mutation, message] of rows)
    it(`follows its failurePolicy where it ${what}`, async () => {
      const spec = { ...ON_DEPLOYMENTS, mutations: [mutation] };
      await policies.mutating('p', { ...spec, failurePolicy: 'Ignore' });
      await api.must(`POST ${DEPLOYMENTS}`, deployment('d', 2));
      await api.must(`DELETE ${CONFIGURATIONS}/mutatingadmissionpolicies/p`);
      await api.must(`DELETE ${CONFIGURATIONS}/mutatingadmissionpolicybindings/b`);
      await policies.mutating('p', spec);
      const { status, body } = await api.call(`POST ${DEPLOYMENTS}`, deployment('e', 2));
      assert.deepEqual(
        [status, body.reason, body.message, body.details],
        [
          403,
          'Invalid',
          message,
          { name: 'e', group: 'apps', kind: 'deployments', causes: [{ message }] },
        ],
      );
    });

  it('fails the request, whatever its failurePolicy, where a patch makes no such object', async () => {
    const broken = patch('[JSONPatch{op: "add", path: "/spec/none", value: 1}]');
    await policies.mutating('p', {
      ...ON_DEPLOYMENTS,
      failurePolicy: 'Ignore',
      mutations: [broken],
    });
    assert.equal(
      await api.refusal(`POST ${DEPLOYMENTS}`, deployment('d', 2)),
      '500 Internal error occurred: strict decoding error: unknown field "spec.none"',
    );
  });

  it('says what is wrong with it or its binding', async () => {
    await policies.mutating('p', {
      mutations: [append('a')],
      paramKind: { apiVersion: 'x.io/v1', kind: 'None' },
    });
    const { status, body } = await api.call(`POST ${MAPS}`, map());
    assert.deepEqual(
      [status, body.reason, body.message],
      [
        403,
        'Forbidden',
        `policy "p" denied request: failed to configure policy: failed to find resource referenced by paramKind: 'x.io/v1, Kind=None'`,
      ],
    );
  });
});
