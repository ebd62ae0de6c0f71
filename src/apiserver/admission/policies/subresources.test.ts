/** Policies of subresources, of collections, and of writes that are not what they look like. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { TestApiServer } from '#kit/api-server.ts';
import { apply, deployment, patch, PolicyServer, rule } from '#kit/policy-server.ts';

const DEFAULT = '/api/v1/namespaces/default';
const MAPS = `${DEFAULT}/configmaps`;
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';

let policies: PolicyServer;
let api: TestApiServer;

beforeEach(async () => {
  policies = await PolicyServer.start();
  ({ api } = policies);
});

const on = (resource: string, group = '', over: object = {}): object => ({
  matchConstraints: { resourceRules: [rule(resource, group, over)] },
});

const map = (name: string, data: object = {}): object => ({ metadata: { name }, data });

async function pod(name: string): Promise<void> {
  const account = await api.call(`GET ${DEFAULT}/serviceaccounts/default`);
  if (account.status === 404)
    await api.must(`POST ${DEFAULT}/serviceaccounts`, { metadata: { name: 'default' } });
  await api.must(`POST ${DEFAULT}/pods`, {
    metadata: { name },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  });
}

describe('policies of subresources', () => {
  it('change of a status what a status may change', async () => {
    await api.must(`POST ${DEPLOYMENTS}`, deployment('d', 2));
    await policies.mutating('p', {
      ...on('deployments/status', 'apps'),
      mutations: [
        apply(
          'Object{metadata: Object.metadata{labels: {"no": "no"}}, spec: Object.spec{replicas: 7}, status: Object.status{readyReplicas: 1}}',
        ),
      ],
    });
    const { metadata, spec, status } = await api.must(`PATCH ${DEPLOYMENTS}/d/status`, {
      status: { replicas: 3 },
    });
    assert.deepEqual(metadata.labels, { app: 'd' });
    assert.equal(spec.replicas, 2);
    assert.deepEqual([status.replicas, status.readyReplicas], [3, 1]);
    assert.equal((await api.must(`PATCH ${DEPLOYMENTS}/d`, {})).spec.replicas, 2);
  });

  it('see evictions and bindings as what they are', async () => {
    await pod('p');
    await policies.validating(
      'p',
      {
        ...on('pods/eviction'),
        validations: [
          {
            expression:
              "object.kind == 'Eviction' && object.metadata.name == 'p' && request.kind.group == 'policy' && request.resource.resource == 'pods' && request.subResource == 'eviction'",
            message: 'eviction',
          },
          { expression: "request.name != 'p'", message: 'p' },
        ],
      },
      { b: {} },
    );
    await policies.validating(
      'q',
      {
        ...on('pods/binding'),
        validations: [{ expression: "object.target.name != 'n'", message: 'not there' }],
      },
      { c: {} },
    );
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p' } };
    assert.match(await api.refusal(`POST ${DEFAULT}/pods/p/eviction`, eviction), /^422 .*: p$/);
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'p' },
      target: { kind: 'Node', name: 'n' },
    };
    assert.match(await api.refusal(`POST ${DEFAULT}/pods/p/binding`, binding), /: not there$/);
  });

  it('change what a pod is bound to', async () => {
    await pod('p');
    await policies.mutating('p', {
      ...on('pods/binding'),
      mutations: [patch('[JSONPatch{op: "replace", path: "/target/name", value: "other"}]')],
    });
    await api.must(`POST ${DEFAULT}/pods/p/binding`, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'p' },
      target: { kind: 'Node', name: 'n' },
    });
    assert.equal((await api.must(`GET ${DEFAULT}/pods/p`)).spec.nodeName, 'other');
  });
});

describe('policies of collections', () => {
  it('are asked of each object that goes', async () => {
    for (const name of ['a', 'b', 'keep']) await api.must(`POST ${MAPS}`, map(name));
    await policies.validating('p', {
      ...on('configmaps', '', { operations: ['DELETE'] }),
      validations: [
        { expression: "object == null && oldObject.metadata.name != 'keep'", message: 'kept' },
      ],
    });
    assert.match(await api.refusal(`DELETE ${MAPS}`), /^422 .*: kept$/);
    const { items } = await api.must(`GET ${MAPS}`);
    assert.deepEqual(
      items.map(({ metadata }: { metadata: { name: string } }) => metadata.name),
      ['keep'],
    );
  });
});

describe('a write that is not what it looks like', () => {
  const server = { headers: { 'content-type': 'application/apply-patch+yaml' } };
  const applied = (name: string, a: string): object => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    ...map(name, { a }),
  });

  it('is a creation where an apply or an update makes the object', async () => {
    await policies.validating(
      'p',
      {
        ...on('configmaps', '', { operations: ['CREATE'] }),
        validations: [
          {
            expression:
              "oldObject == null && request.operation == 'CREATE' && request.options.kind in ['PatchOptions', 'CreateOptions', 'UpdateOptions']",
            message: 'odd',
          },
          { expression: "request.name != 'no'", message: 'made' },
        ],
      },
      { b: {} },
    );
    const url = (name: string): string => `PATCH ${MAPS}/${name}?fieldManager=me`;
    assert.match(await api.refusal(url('no'), applied('no', '1'), server), /: made$/);
    assert.match(await api.refusal(url('yes'), applied('yes', '1'), server), /^201/);
    assert.match(await api.refusal(url('yes'), applied('yes', '2'), server), /^200/);
  });

  it('is not the one that was asked for, where a policy has changed it before', async () => {
    await policies.mutating('p', {
      ...on('configmaps'),
      mutations: [apply('Object{data: {"mark": "yes"}}')],
    });
    await policies.validating('p', {
      validations: [{ expression: "object.data.mark == 'yes'" }],
    });
    await api.must(`POST ${MAPS}`, map('m'));
    await api.must(`PUT ${MAPS}/m`, map('m', { mark: 'no' }));
    assert.deepEqual((await api.must(`GET ${MAPS}/m`)).data, { mark: 'yes' });
  });
});

describe('an object whose name is made up', () => {
  it('has it when it is validated, and not before', async () => {
    const named = '(has(request.name) ? "named" : "unnamed")';
    await policies.mutating('p', {
      ...on('configmaps'),
      mutations: [
        apply(`Object{data: {"request": ${named}, "object": string(has(object.metadata.name))}}`),
      ],
    });
    await policies.validating('p', {
      validations: [
        {
          expression:
            "request.name == object.metadata.name && request.name.startsWith('m-') && size(request.name) > 2",
        },
      ],
    });
    const { data } = await api.must(`POST ${MAPS}`, { metadata: { generateName: 'm-' } });
    assert.deepEqual(data, { request: 'unnamed', object: 'false' });
  });
});

describe('a deletion', () => {
  it('is shown with its options', async () => {
    await api.must(`POST ${MAPS}`, map('m'));
    await policies.validating('p', {
      ...on('configmaps', '', { operations: ['DELETE'] }),
      validations: [
        {
          expression:
            "request.options.kind == 'DeleteOptions' && request.options.?dryRun.orValue([]) == ['All']",
          message: 'only dry',
        },
      ],
    });
    assert.match(await api.refusal(`DELETE ${MAPS}/m`), /^422 .*: only dry$/);
    assert.match(await api.refusal(`DELETE ${MAPS}/m?dryRun=All`), /^200/);
  });
});

describe('a test in a JSON patch', () => {
  const tested = (path: string, value: string): object => ({
    mutations: [
      patch(
        `[JSONPatch{op: "test", path: "${path}", value: ${value}}, JSONPatch{op: "add", path: "/data/b", value: "1"}]`,
      ),
    ],
  });
  const rows: [what: string, path: string, value: string, data: object][] = [
    ['is what it should be', '/data/a', '"1"', { a: '1', b: '1' }],
    ['is something else', '/data/a', '"2"', { a: '1' }],
    ['is not there', '/data/none', '"2"', { a: '1' }],
    ['is not there, and need not be', '/data/none', 'null', { a: '1', b: '1' }],
  ];
  for (const [what, path, value, data] of rows)
    it(`goes by what ${what}`, async () => {
      await policies.mutating('p', tested(path, value));
      assert.deepEqual((await api.must(`POST ${MAPS}`, map('m', { a: '1' }))).data, data);
    });

  it('fails where there is nothing for it to be in', async () => {
    await policies.mutating('p', tested('/none/a', '"1"'));
    assert.match(await api.refusal(`POST ${MAPS}`, map('m', { a: '1' })), /^403 .*JSON Patch: /);
  });
});
