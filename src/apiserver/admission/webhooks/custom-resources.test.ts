/** Webhooks and custom resources: as the official suite has them. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { TestApiServer } from '#kit/api-server.ts';
import { json, patch, rule, webhook, WebhookServer } from '#kit/webhook-server.ts';

const GROUP = 'x.example.com';
const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const at = (version: string) => `/apis/${GROUP}/${version}/namespaces/default/hosts`;

const version = (name: string, storage: boolean, schema: object) => ({
  name,
  served: true,
  storage,
  subresources: { status: {} },
  schema: { openAPIV3Schema: { type: 'object', ...schema } },
});

const definition = (schema: object, more: object = {}) => ({
  metadata: { name: `hosts.${GROUP}` },
  spec: {
    group: GROUP,
    scope: 'Namespaced',
    names: { plural: 'hosts', singular: 'host', kind: 'Host' },
    versions: [version('v1', true, schema), version('v2', false, schema)],
    ...more,
  },
});

const OPEN = { 'x-kubernetes-preserve-unknown-fields': true };
const CLOSED = {
  properties: {
    data: { type: 'object', additionalProperties: { type: 'string' } },
    size: { type: 'string', default: 'small' },
  },
};
const host = (v: string, more: object = {}) => ({
  apiVersion: `${GROUP}/${v}`,
  kind: 'Host',
  metadata: { name: 'h' },
  ...more,
});

let hooks: WebhookServer;
let api: TestApiServer;

beforeEach(async () => {
  hooks = await WebhookServer.start();
  ({ api } = hooks);
});

async function define(schema: object, more: object = {}): Promise<void> {
  await api.must(`POST ${DEFINITIONS}`, definition(schema, more));
  await api.environment.advance(10);
}

const hosts = (apiVersions = ['v1']) => [rule('hosts', { apiGroups: [GROUP], apiVersions })];
const stages = () => {
  hooks.respond('/one', () => patch({ op: 'add', path: '/data/stage-1', value: 'yes' }));
  hooks.respond('/two', ({ object }) =>
    patch(
      { op: 'add', path: '/data/stage-2', value: object.data['stage-1'] },
      { op: 'add', path: '/unknown', value: 'yes' },
    ),
  );
  return hooks.configure(
    'a',
    [webhook('one', '/one', { rules: hosts() }), webhook('two', '/two', { rules: hosts() })],
    true,
  );
};

describe('custom resources', () => {
  it('are mutated', async () => {
    await define(OPEN);
    await stages();
    const made = await api.must(`POST ${at('v1')}`, host('v1', { data: { start: 'yes' } }));
    assert.deepEqual(made.data, { start: 'yes', 'stage-1': 'yes', 'stage-2': 'yes' });
    assert.equal(made.unknown, 'yes');
  });

  it('are mutated and pruned, with defaults again', async () => {
    await define(CLOSED);
    hooks.respond('/three', () => patch({ op: 'remove', path: '/size' }));
    await hooks.configure('0', [webhook('three', '/three', { rules: hosts() })], true);
    await stages();
    const made = await api.must(`POST ${at('v1')}`, host('v1', { data: {} }));
    assert.deepEqual(made.data, { 'stage-1': 'yes', 'stage-2': 'yes' });
    assert.deepEqual([made.unknown, made.size], [undefined, 'small']);
    assert.equal((await api.must(`GET ${at('v1')}/h`)).unknown, undefined);
  });

  it('are denied when made, changed and deleted', async () => {
    await define(OPEN);
    hooks.respond('/one', ({ object, oldObject }) =>
      (object ?? oldObject).bad === 'yes'
        ? { allowed: false, status: { message: 'the custom resource is bad' } }
        : { allowed: true },
    );
    await hooks.hook('a', '/one', { rules: hosts() });
    const said =
      '400 admission webhook "a.example.com" denied the request: the custom resource is bad';
    assert.equal(await api.refusal(`POST ${at('v1')}`, host('v1', { bad: 'yes' })), said);
    await api.must(`POST ${at('v1')}`, host('v1'));
    assert.equal(await api.refusal(`PATCH ${at('v1')}/h`, { bad: 'yes' }), said);
    await api.must(`DELETE ${at('v1')}/h`);
  });

  it('are shown in the version that the rule names, and come back', async () => {
    await define(OPEN);
    hooks.respond('/one', ({ object }) =>
      patch({ op: 'add', path: '/seen', value: object.apiVersion }),
    );
    await hooks.hook('a', '/one', { mutating: true, rules: hosts(['v2']) });
    await hooks.hook('b', '/exact', { rules: hosts(['v2']), matchPolicy: 'Exact' });
    const made = await api.must(`POST ${at('v1')}`, host('v1'));
    assert.deepEqual([made.apiVersion, made.seen], [`${GROUP}/v1`, `${GROUP}/v2`]);
    const [{ kind, requestKind, requestResource }] = hooks.requests as [never];
    assert.deepEqual(
      [kind, requestKind, requestResource],
      [
        { group: GROUP, version: 'v2', kind: 'Host' },
        { group: GROUP, version: 'v1', kind: 'Host' },
        { group: GROUP, version: 'v1', resource: 'hosts' },
      ],
    );
    assert.deepEqual(hooks.paths, ['/one']);
    // Its status is a resource of both versions too.
    await hooks.hook('c', '/status', {
      rules: [rule('hosts/status', { apiGroups: [GROUP], apiVersions: ['v2'] })],
    });
    await api.must(`PATCH ${at('v1')}/h/status`, { status: { a: 'b' } });
    assert.equal(hooks.requests.at(-1).object.apiVersion, `${GROUP}/v2`);
  });

  it('keep what one webhook did in one version when the next wants another', async () => {
    await define(OPEN);
    hooks.respond('/one', () => patch({ op: 'add', path: '/one', value: 'yes' }));
    hooks.respond('/two', ({ object }) => patch({ op: 'add', path: '/two', value: object.one }));
    await hooks.hook('a', '/one', { mutating: true, rules: hosts() });
    await hooks.hook('b', '/two', { mutating: true, rules: hosts(['v2']) });
    const made = await api.must(`POST ${at('v1')}`, host('v1'));
    assert.deepEqual([made.apiVersion, made.one, made.two], [`${GROUP}/v1`, 'yes', 'yes']);
  });

  it('are changed, too, by a webhook that takes a default away', async () => {
    await define(CLOSED);
    hooks.respond('/two', () => patch({ op: 'remove', path: '/size' }));
    const first = webhook('one', '/one', { rules: hosts(), reinvocationPolicy: 'IfNeeded' });
    await hooks.configure('a', [first, webhook('two', '/two', { rules: hosts() })], true);
    const made = await api.must(`POST ${at('v1')}`, host('v1'));
    assert.equal(made.size, 'small');
    assert.deepEqual(hooks.paths, ['/one', '/two', '/one']);
  });

  it('are mutated with another stored version', async () => {
    await define(OPEN);
    await stages();
    await api.must(`POST ${at('v1')}`, host('v1', { data: { start: 'yes' } }));
    const versions = [version('v1', false, OPEN), version('v2', true, OPEN)];
    await api.must(`PATCH ${DEFINITIONS}/hosts.${GROUP}`, { spec: { versions } });
    await api.environment.advance(10);
    const changed = await api.must(`PATCH ${at('v1')}/h`, { data: { more: 'yes' } });
    assert.deepEqual(changed.data, {
      start: 'yes',
      'stage-1': 'yes',
      'stage-2': 'yes',
      more: 'yes',
    });
    assert.equal((await api.must(`GET ${at('v2')}/h`)).data.more, 'yes');
  });

  it('that another webhook converts are shown as it makes them', async () => {
    hooks.answer('/convert', async ({ review: { apiVersion, kind, request } }) => {
      const convertedObjects = request.objects.map((one: object) => ({
        ...one,
        apiVersion: request.desiredAPIVersion,
        by: 'webhook',
      }));
      const result = { status: 'Success' };
      return json(200, {
        apiVersion,
        kind,
        response: { uid: request.uid, convertedObjects, result },
      });
    });
    const clientConfig = { url: 'https://10.0.0.7:9443/convert' };
    await define(OPEN, {
      conversion: {
        strategy: 'Webhook',
        webhook: { clientConfig, conversionReviewVersions: ['v1'] },
      },
    });
    hooks.respond('/one', () => patch({ op: 'add', path: '/hook', value: 'yes' }));
    await hooks.hook('a', '/one', { mutating: true, rules: hosts(['v2']) });
    const made = await api.must(`POST ${at('v1')}`, host('v1'));
    assert.deepEqual([made.apiVersion, made.by, made.hook], [`${GROUP}/v1`, 'webhook', 'yes']);
    const [asked] = hooks.requests.filter(({ operation }) => operation === 'CREATE');
    assert.deepEqual([asked.object.apiVersion, asked.object.by], [`${GROUP}/v2`, 'webhook']);
  });

  it('cannot even be defined where a webhook denies it', async () => {
    hooks.respond('/one', ({ object }) =>
      object.metadata.labels?.webhook === 'disallow'
        ? { allowed: false, status: { message: 'the crd contains unwanted label' } }
        : { allowed: true },
    );
    const rules = [rule('customresourcedefinitions', { apiGroups: ['apiextensions.k8s.io'] })];
    await hooks.hook('a', '/one', { rules });
    const whole = definition(OPEN);
    const labelled = { ...whole, metadata: { ...whole.metadata, labels: { webhook: 'disallow' } } };
    assert.match(
      await api.refusal(`POST ${DEFINITIONS}`, labelled),
      /the crd contains unwanted label/,
    );
    await api.must(`POST ${DEFINITIONS}`, whole);
  });
});
