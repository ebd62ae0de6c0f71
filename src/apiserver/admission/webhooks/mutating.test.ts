/** Webhooks that change what is written, through the whole API server. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { TestApiServer } from '#kit/api-server.ts';
import { type Json, patch, rule, webhook, WebhookServer } from '#kit/webhook-server.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const PODS = '/api/v1/namespaces/default/pods';

let hooks: WebhookServer;
let api: TestApiServer;

beforeEach(async () => {
  hooks = await WebhookServer.start();
  ({ api } = hooks);
});

/** `mutation-stage-N` for a ConfigMap that has the key before it, as the official suite's webhook. */
const stage =
  (after: string, added: string) =>
  ({ object }: Json): object =>
    object?.data?.[after] === 'yes'
      ? patch({ op: 'add', path: `/data/${added}`, value: 'yes' })
      : { allowed: true };

describe('mutating webhooks', () => {
  it('change a ConfigMap one after another', async () => {
    hooks.respond('/one', stage('start', 'stage-1'));
    hooks.respond('/two', stage('stage-1', 'stage-2'));
    // By the name of the configuration, then in its order.
    await hooks.configure('b', [webhook('two', '/two')], true);
    await hooks.configure('a', [webhook('one', '/one'), webhook('none', '/none')], true);
    const made = await api.must(`POST ${MAPS}`, {
      metadata: { name: 'm' },
      data: { start: 'yes' },
    });
    assert.deepEqual(made.data, { start: 'yes', 'stage-1': 'yes', 'stage-2': 'yes' });
    assert.deepEqual((await api.must(`GET ${MAPS}/m`)).data, made.data);
    assert.deepEqual(hooks.paths, ['/one', '/none', '/two']);
  });

  it('leave what they add to nobody, and what the client sent to the client', async () => {
    hooks.respond('/one', () => patch({ op: 'add', path: '/data', value: { hook: 'yes' } }));
    await hooks.hook('a', '/one', { mutating: true });
    const made = await api.must(`POST ${MAPS}?fieldManager=me`, {
      metadata: { name: 'm', labels: { a: 'b' } },
    });
    assert.deepEqual(made.metadata.managedFields[0].fieldsV1, {
      'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
    });
    assert.equal(made.data.hook, 'yes');
  });

  it('get a pod whose added container has defaults afterwards', async () => {
    hooks.respond('/pods', () =>
      patch({
        op: 'add',
        path: '/spec/initContainers',
        value: [{ image: 'busybox', name: 'webhook-added-init-container' }],
      }),
    );
    await hooks.hook('a', '/pods', { mutating: true, rules: [rule('pods')] });
    await api.must('POST /api/v1/namespaces/default/serviceaccounts', {
      metadata: { name: 'default' },
    });
    const pod = await api.must(`POST ${PODS}`, {
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    const [added] = pod.spec.initContainers;
    assert.deepEqual(
      [added.terminationMessagePolicy, added.imagePullPolicy, added.terminationMessagePath],
      ['File', 'Always', '/dev/termination-log'],
    );
    // Other plug-ins saw it in the second round: it has the token too.
    assert.equal(added.volumeMounts[0].mountPath, '/var/run/secrets/kubernetes.io/serviceaccount');
  });

  it('see the object as Go writes it, with what our own plug-ins have filled in', async () => {
    await hooks.hook('a', '/pods', { mutating: true, rules: [rule('pods')] });
    await api.must('POST /api/v1/namespaces/default/serviceaccounts', {
      metadata: { name: 'default' },
    });
    await api.must(`POST ${PODS}`, {
      metadata: { generateName: 'p-' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    const [request] = hooks.requests;
    const { uid: _, userInfo: __, object, ...rest } = request;
    assert.deepEqual(rest, {
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      requestKind: { group: '', version: 'v1', kind: 'Pod' },
      requestResource: { group: '', version: 'v1', resource: 'pods' },
      namespace: 'default',
      operation: 'CREATE',
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
      oldObject: null,
    });
    assert.deepEqual(
      [object.kind, object.apiVersion, object.metadata.creationTimestamp, object.status],
      ['Pod', 'v1', undefined, {}],
    );
    assert.equal(object.spec.serviceAccountName, 'default');
    assert.deepEqual(request.userInfo, {
      username: 'admin',
      groups: ['system:masters', 'system:authenticated'],
    });
  });

  it('may not change what validation forbids', async () => {
    await api.must(`POST ${MAPS}`, { metadata: { name: 'm' } });
    hooks.respond('/uid', ({ operation }) =>
      operation === 'CREATE'
        ? patch({ op: 'add', path: '/metadata/labels', value: { a: '-' } })
        : patch({ op: 'replace', path: '/metadata/name', value: 'other' }),
    );
    await hooks.hook('a', '/uid', { mutating: true });
    assert.match(
      await api.refusal(`POST ${MAPS}`, { metadata: { name: 'n' } }),
      /^422 ConfigMap "n" is invalid: metadata.labels: Invalid value: "-"/,
    );
    assert.match(
      await api.refusal(`PATCH ${MAPS}/m`, { data: { a: 'b' } }),
      /metadata.name: Invalid value: "other": field is immutable/,
    );
  });

  it('are told the same request again after a conflict, with the newest object', async () => {
    await api.must(`POST ${MAPS}`, { metadata: { name: 'm' }, data: { count: '0' } });
    let first = true;
    hooks.respond('/one', async ({ object, userInfo }) => {
      if (first && userInfo.username === 'slow') {
        first = false;
        const as = { as: { name: 'fast', groups: ['system:masters'] } };
        const body = Buffer.from(JSON.stringify({ data: { other: 'yes' } }));
        const peer = { component: as.as };
        await api.server.handler({
          method: 'PATCH',
          url: `${MAPS}/m`,
          headers: { 'content-type': 'application/merge-patch+json' },
          body,
          peer,
        });
      }
      return patch({ op: 'add', path: '/data/seen', value: Object.keys(object.data).join() });
    });
    await hooks.hook('a', '/one', { mutating: true });
    const as = { as: { name: 'slow', groups: ['system:masters'] } };
    const made = await api.must(`PATCH ${MAPS}/m`, { data: { count: '1' } }, as);
    assert.deepEqual(made.data, { count: '1', other: 'yes', seen: 'count,other,seen' });
    assert.deepEqual(
      hooks.requests.map(({ userInfo }) => userInfo.username),
      ['slow', 'fast', 'slow'],
    );
  });

  it('see applies as updates, and those that make something as creations', async () => {
    hooks.respond('/one', () => patch({ op: 'add', path: '/data/hook', value: 'yes' }));
    await hooks.hook('a', '/one', { mutating: true });
    const apply = (data: object) =>
      api.must(
        `PATCH ${MAPS}/m?fieldManager=me&fieldValidation=Strict`,
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' }, data },
        { headers: { 'content-type': 'application/apply-patch+yaml' } },
      );
    await apply({ a: '1' });
    const second = await apply({ b: '1' });
    assert.deepEqual(second.data, { b: '1', hook: 'yes' });
    assert.deepEqual(
      hooks.requests.map(({ operation, options, oldObject }) => [
        operation,
        options.kind,
        options.fieldManager,
        options.fieldValidation,
        oldObject?.data,
      ]),
      [
        ['CREATE', 'CreateOptions', 'me', 'Strict', undefined],
        ['UPDATE', 'UpdateOptions', 'me', 'Strict', { a: '1', hook: 'yes' }],
      ],
    );
    assert.deepEqual(second.metadata.managedFields[0].fieldsV1, { 'f:data': { 'f:b': {} } });
  });

  it('that break the managers of fields are told, and change them not', async () => {
    hooks.respond('/one', () =>
      patch({ op: 'add', path: '/metadata/managedFields/0/operation', value: 'Guess' }),
    );
    await hooks.hook('a', '/one', { mutating: true });
    const reply = await api.call(`POST ${MAPS}`, { metadata: { name: 'm' }, data: { a: 'b' } });
    assert.equal(reply.body.metadata.managedFields[0].operation, 'Update');
    assert.match(
      reply.headers['warning'] ?? '',
      /managedFields was in an invalid state after admission/,
    );
  });

  it('are told of another version, and what they change there comes back', async () => {
    hooks.respond('/one', () => patch({ op: 'replace', path: '/message', value: 'changed' }));
    await hooks.hook('a', '/one', { mutating: true, rules: [rule('events')] });
    const made = await api.must('POST /apis/events.k8s.io/v1/namespaces/default/events', {
      metadata: { name: 'e' },
      eventTime: '2026-01-01T00:00:00.000000Z',
      reportingController: 'x.example.com/y',
      reportingInstance: 'z',
      action: 'Did',
      reason: 'Because',
      type: 'Normal',
      note: 'a note',
      regarding: { kind: 'Pod', namespace: 'default', name: 'p' },
    });
    assert.deepEqual([made.apiVersion, made.note], ['events.k8s.io/v1', 'changed']);
    assert.equal(made.message, undefined);
  });

  it('that name an owner twice are told', async () => {
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' };
    hooks.respond('/one', () =>
      patch({ op: 'add', path: '/metadata/ownerReferences', value: [owner, owner] }),
    );
    await hooks.hook('a', '/one', { mutating: true });
    const made = await api.call(`POST ${MAPS}`, { metadata: { name: 'm' } });
    const changed = await api.call(`PATCH ${MAPS}/m`, { data: { a: 'b' } });
    for (const { body, headers } of [made, changed]) {
      assert.deepEqual(body.metadata.ownerReferences, [owner]);
      assert.match(headers['warning'] ?? '', /duplicate entries after mutating admission happens/);
    }
  });

  it('can take whole fields away', async () => {
    hooks.respond('/one', () => patch({ op: 'remove', path: '/data' }));
    await hooks.hook('a', '/one', { mutating: true });
    const made = await api.must(`POST ${MAPS}`, { metadata: { name: 'm' }, data: { a: 'b' } });
    assert.equal(made.data, undefined);
  });

  it('cannot change what is deleted', async () => {
    await api.must(`POST ${MAPS}`, { metadata: { name: 'm' } });
    hooks.respond('/one', () => patch({ op: 'add', path: '/data', value: {} }));
    await hooks.hook('a', '/one', { mutating: true });
    assert.equal(
      await api.refusal(`DELETE ${MAPS}/m`),
      '500 Internal error occurred: admission webhook "a.example.com" attempted to modify the object, which is not supported for this operation',
    );
  });
});

describe('the patch of a webhook', () => {
  const answers: readonly (readonly [what: string, response: object, said: RegExp])[] = [
    [
      'without a type',
      { allowed: true, patch: 'W10=' },
      /received invalid webhook response: webhook returned response.patch but not response.patchType/,
    ],
    [
      'that is only a type',
      { allowed: true, patchType: 'JSONPatch' },
      /webhook returned response.patchType but not response.patch/,
    ],
    [
      'of an unknown type',
      { allowed: true, patch: 'W10=', patchType: 'Merge' },
      /failed calling webhook "a.example.com": unsupported patch type "Merge"/,
    ],
    [
      'of an empty type',
      { allowed: true, patch: 'W10=', patchType: '' },
      /webhook returned invalid response.patchType of ""/,
    ],
    [
      'that is no JSON',
      { allowed: true, patch: 'e30=', patchType: 'JSONPatch' },
      /received undecodable patch in webhook response/,
    ],
    ['that is no base64', { allowed: true, patch: '?', patchType: 'JSONPatch' }, /illegal base64/],
    [
      'that does not apply',
      patch({ op: 'remove', path: '/data/none' }),
      /^500 Internal error occurred: remove operation does not apply/,
    ],
    [
      'that makes another kind of value',
      patch({ op: 'add', path: '/data', value: 'text' }),
      /^500 Internal error occurred: .*json: cannot unmarshal string/,
    ],
    ['that is empty', patch(), /^201 /],
    ['in a refusal', { ...patch({ op: 'remove', path: '/x' }), allowed: false }, /^400 .*denied/],
  ];
  for (const [what, response, said] of answers)
    it(what, async () => {
      hooks.respond('/one', () => response);
      await hooks.hook('a', '/one', { mutating: true });
      assert.match(await api.refusal(`POST ${MAPS}`, { metadata: { name: 'm' } }), said);
    });

  it('needs no type in v1beta1, nor the uid', async () => {
    hooks.respond('/one', () => ({
      ...patch({ op: 'add', path: '/data', value: { a: 'b' } }),
      patchType: undefined,
      uid: '',
    }));
    const admissionReviewVersions = ['v2', 'v1beta1', 'v1'];
    await hooks.hook('a', '/one', { mutating: true, admissionReviewVersions });
    const made = await api.must(`POST ${MAPS}`, { metadata: { name: 'm' } });
    assert.deepEqual(made.data, { a: 'b' });
    assert.equal(hooks.asked[0]?.review.apiVersion, 'admission.k8s.io/v1beta1');
  });
});

describe('reinvocation', () => {
  const count = () => hooks.paths.join(' ');
  const add =
    (name: string) =>
    ({ object }: Json) =>
      object.data?.[name] === 'yes'
        ? { allowed: true }
        : patch({ op: 'add', path: `/data/${name}`, value: 'yes' });
  const make = () => api.must(`POST ${MAPS}`, { metadata: { name: 'm' }, data: { a: 'b' } });
  const both = (one: string, two: string) =>
    hooks.configure(
      'a',
      [
        webhook('one', '/one', { reinvocationPolicy: one }),
        webhook('two', '/two', { reinvocationPolicy: two }),
      ],
      true,
    );

  it('is for those who want it, when something changed after them', async () => {
    hooks.respond('/two', add('two'));
    await both('IfNeeded', 'IfNeeded');
    await make();
    assert.equal(count(), '/one /two /one');
  });

  it('is not for those who do not want it', async () => {
    hooks.respond('/two', add('two'));
    await both('Never', 'Never');
    await make();
    assert.equal(count(), '/one /two');
  });

  it('is not needed when nothing changed after', async () => {
    hooks.respond('/one', add('one'));
    await both('IfNeeded', 'IfNeeded');
    await make();
    assert.equal(count(), '/one /two');
  });

  it('happens once, whatever changes then', async () => {
    let n = 0;
    const always = () => patch({ op: 'add', path: '/data/n', value: String(n++) });
    hooks.respond('/one', always);
    hooks.respond('/two', always);
    await both('IfNeeded', 'IfNeeded');
    await make();
    assert.equal(count(), '/one /two /one /two');
  });

  it('is for changes of our own plug-ins in the second round too', async () => {
    hooks.respond('/pods', ({ object }) =>
      object.spec.initContainers === undefined
        ? patch({ op: 'add', path: '/spec/initContainers', value: [{ image: 'i', name: 'added' }] })
        : { allowed: true },
    );
    await hooks.hook('a', '/pods', {
      mutating: true,
      rules: [rule('pods')],
      reinvocationPolicy: 'IfNeeded',
    });
    await api.must('POST /api/v1/namespaces/default/serviceaccounts', {
      metadata: { name: 'default' },
    });
    await api.must(`POST ${PODS}`, {
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    assert.equal(count(), '/pods /pods');
    assert.equal(hooks.requests[1].object.spec.initContainers[0].volumeMounts.length, 1);
  });

  it('asks nobody for the first time', async () => {
    hooks.respond('/two', () =>
      patch({ op: 'add', path: '/metadata/labels', value: { ask: 'one' } }),
    );
    await hooks.configure(
      'a',
      [
        webhook('one', '/one', {
          reinvocationPolicy: 'IfNeeded',
          objectSelector: { matchLabels: { ask: 'one' } },
        }),
        webhook('two', '/two'),
      ],
      true,
    );
    await make();
    assert.equal(count(), '/two');
  });
});
