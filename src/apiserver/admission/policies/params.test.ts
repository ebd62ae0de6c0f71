/** Parameters of policies, of built-in and of custom kinds, through the whole API server. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { CONFIG_MAP as CONFIG_MAPS } from '#api/core/config-map.ts';
import { anyKind } from '#api/kind.ts';
import type { TestApiServer } from '#kit/api-server.ts';
import { FakeReader } from '#kit/fake-reader.ts';
import { PolicyServer, rule } from '#kit/policy-server.ts';
import { paramsOf } from './params.ts';

const SECRETS = '/api/v1/namespaces/default/secrets';
const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const CONFIG_MAP = { apiVersion: 'v1', kind: 'ConfigMap' };
const ON_SECRETS = { matchConstraints: { resourceRules: [rule('secrets')] } };

/** Says the parameter's name, or that there is none. */
const TELL = [
  {
    expression: "params != null && params.data.allow == 'yes'",
    messageExpression: "params == null ? 'no params' : 'not by ' + params.metadata.name",
  },
];

let policies: PolicyServer;
let api: TestApiServer;

beforeEach(async () => {
  policies = await PolicyServer.start();
  ({ api } = policies);
  await api.must('POST /api/v1/namespaces', { metadata: { name: 'other' } });
  const param = (namespace: string, name: string, allow: string) =>
    api.must(`POST /api/v1/namespaces/${namespace}/configmaps`, {
      metadata: { name, labels: { set: name.charAt(0), here: namespace } },
      data: { allow },
    });
  await param('default', 'a1', 'yes');
  await param('default', 'a2', 'no');
  await param('default', 'b1', 'yes');
  await param('other', 'a1', 'no');
  await param('other', 'far', 'yes');
});

const selector = (set: string): object => ({ matchLabels: { set } });
const by = (message: string): RegExp =>
  new RegExp(
    `^422 secrets "s" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ${message}$`,
  );
const ALLOWED = /^201 /;
const NOT_FOUND =
  'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction';

const rows: [what: string, paramRef: object | undefined, said: RegExp][] = [
  ['none, where the binding names none', undefined, by('no params')],
  ['one by its name', { name: 'a1' }, ALLOWED],
  ['one that says no', { name: 'a2' }, by('not by a2')],
  ['one of another namespace', { name: 'a1', namespace: 'other' }, by('not by a1')],
  ['only those of the request’s namespace', { name: 'far' }, by(NOT_FOUND)],
  ['all that a selector names, where one says no', { selector: selector('a') }, by('not by a2')],
  ['all that a selector names, where all say yes', { selector: selector('b') }, ALLOWED],
  ['all there are in a namespace', { selector: {}, namespace: 'other' }, by('not by a1')],
  ['none that is not there: denied', { name: 'c' }, by(NOT_FOUND)],
  ['none that is not there: allowed', { name: 'c', parameterNotFoundAction: 'Allow' }, ALLOWED],
  ['none that a selector names: denied', { selector: selector('c') }, by(NOT_FOUND)],
  [
    'none that a selector names: allowed',
    { selector: selector('c'), parameterNotFoundAction: 'Allow' },
    ALLOWED,
  ],
];

describe('parameters of a policy', () => {
  for (const [what, paramRef, said] of rows)
    it(`are ${what}`, async () => {
      const binding =
        paramRef === undefined
          ? {}
          : { paramRef: { parameterNotFoundAction: 'Deny', ...paramRef } };
      const spec = { ...ON_SECRETS, paramKind: CONFIG_MAP, validations: TELL };
      await policies.validating('p', spec, { b: binding });
      assert.match(await api.refusal(`POST ${SECRETS}`, { metadata: { name: 's' } }), said);
    });

  it('are ignored where the policy has no kind of them', async () => {
    const spec = { ...ON_SECRETS, validations: [{ expression: 'false', message: 'no' }] };
    const paramRef = { name: 'gone', parameterNotFoundAction: 'Deny' };
    await policies.validating('p', spec, { b: { paramRef } });
    assert.match(await api.refusal(`POST ${SECRETS}`, { metadata: { name: 's' } }), by('no'));
  });

  it('have kind and apiVersion, and are seen by conditions and variables', async () => {
    const paramRef = { name: 'a1', parameterNotFoundAction: 'Deny' };
    await policies.validating(
      'p',
      {
        ...ON_SECRETS,
        paramKind: CONFIG_MAP,
        matchConditions: [{ name: 'c', expression: "params.metadata.name == 'a1'" }],
        variables: [{ name: 'of', expression: "params.kind + '/' + params.apiVersion" }],
        validations: [{ expression: 'false', messageExpression: 'variables.of' }],
      },
      { b: { paramRef } },
    );
    assert.match(
      await api.refusal(`POST ${SECRETS}`, { metadata: { name: 's' } }),
      by('ConfigMap/v1'),
    );
  });

  it('need a namespace where the request has none, unless the binding names it', async () => {
    const spec = {
      matchConstraints: { resourceRules: [rule('persistentvolumes')] },
      paramKind: CONFIG_MAP,
      validations: TELL,
    };
    const paramRef = { name: 'a1', parameterNotFoundAction: 'Deny' };
    await policies.validating('p', spec, { b: { paramRef } });
    const volume = {
      metadata: { name: 'v' },
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce'],
        hostPath: { path: '/v' },
      },
    };
    assert.match(
      await api.refusal('POST /api/v1/persistentvolumes', volume),
      /failed to configure binding: cannot use namespaced paramRef in policy binding that matches cluster-scoped resources$/,
    );
    await api.must(
      'PATCH /apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/b',
      { spec: { paramRef: { namespace: 'default' } } },
    );
    await api.must('POST /api/v1/persistentvolumes', volume);
  });

  it('of the cluster have no namespace', async () => {
    const spec = {
      ...ON_SECRETS,
      paramKind: { apiVersion: 'v1', kind: 'Namespace' },
      validations: [{ expression: "params.metadata.name == 'other'" }],
    };
    const paramRef = { name: 'other', parameterNotFoundAction: 'Deny' };
    await policies.validating('p', spec, { b: { paramRef } });
    await api.must(`POST ${SECRETS}`, { metadata: { name: 's' } });
    await policies.validating('q', spec, {
      c: { paramRef: { ...paramRef, namespace: 'default' } },
    });
    assert.match(
      await api.refusal(`POST ${SECRETS}`, { metadata: { name: 't' } }),
      /'q' with binding 'c' denied request: failed to configure binding: paramRef\.namespace must not be provided for a cluster-scoped `paramKind`$/,
    );
  });

  it('may be of a kind whose definition comes later, in any of its versions', async () => {
    const version = (name: string, storage: boolean): object => ({
      name,
      served: true,
      storage,
      schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    });
    const spec = {
      ...ON_SECRETS,
      paramKind: { apiVersion: 'x.io/v1', kind: 'Limit' },
      validations: [
        {
          expression: "params.apiVersion == 'x.io/v1' && size(object.metadata.name) <= params.max",
        },
      ],
    };
    const paramRef = { name: 'l', parameterNotFoundAction: 'Deny' };
    await policies.validating('p', spec, { b: { paramRef } });
    const write = (name: string) => api.refusal(`POST ${SECRETS}`, { metadata: { name } });
    assert.match(await write('s'), /failed to find resource referenced by paramKind/);
    await api.must(`POST ${DEFINITIONS}`, {
      metadata: { name: 'limits.x.io' },
      spec: {
        group: 'x.io',
        scope: 'Namespaced',
        names: { plural: 'limits', singular: 'limit', kind: 'Limit' },
        versions: [version('v2', true), version('v1', false)],
      },
    });
    await api.environment.advance(10);
    assert.match(await write('s'), by(NOT_FOUND));
    await api.must('POST /apis/x.io/v2/namespaces/default/limits', {
      apiVersion: 'x.io/v2',
      kind: 'Limit',
      metadata: { name: 'l' },
      max: 3,
    });
    assert.match(await write('long'), /^422 .*: failed expression: params\.apiVersion/);
    assert.match(await write('s'), ALLOWED);
  });

  it('have a mutating policy applied once with each', async () => {
    const paramRef = { selector: selector('a'), parameterNotFoundAction: 'Deny' };
    await policies.mutating(
      'p',
      {
        ...ON_SECRETS,
        paramKind: CONFIG_MAP,
        reinvocationPolicy: 'IfNeeded',
        mutations: [
          {
            patchType: 'ApplyConfiguration',
            applyConfiguration: {
              expression: 'Object{metadata: Object.metadata{labels: {params.metadata.name: "x"}}}',
            },
          },
        ],
      },
      { b: { paramRef } },
    );
    const { metadata } = await api.must(`POST ${SECRETS}`, { metadata: { name: 's' } });
    assert.deepEqual(metadata.labels, { a1: 'x', a2: 'x' });
  });

  it('are waited for where they were made a moment ago', async () => {
    const reader = new FakeReader();
    const kind = anyKind(CONFIG_MAPS);
    const metadata = { name: 'new', namespace: 'default', labels: { set: 'n' } };
    const services = { reader, resources: { first: () => undefined, kinds: () => [kind] } };
    for (const reference of [{ name: 'new' }, { selector: selector('n') }]) {
      reader.beforeCatchUp = () => reader.put(kind, { metadata });
      const asked = { reference, namespace: 'default' };
      const found = await paramsOf(services, kind, asked);
      assert.deepEqual(
        found.map((each) => each?.name),
        ['new'],
      );
      reader.remove(kind, 'default', 'new');
    }
  });
});
