/** What is written down of requests, through the API server. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import type { Level, Stage } from '#api/audit/policy.ts';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { encodeEnvelope, encodeProtobuf } from '#api/codec/protobuf.ts';
import { typeByName } from '#api/schema/schema.ts';
import type { ByteSink, HttpRequest } from '#base/http/message.ts';
import { AuditedServer, type Event } from '#kit/audit.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { attributesFor } from '../authz/authorizer.ts';
import { RequestContext } from '../context.ts';
import { requestInfoOf } from '../request-info.ts';
import { RequestAudit } from './record.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const BOB = { as: { name: 'bob', groups: ['dev', 'system:authenticated'] } };
const map = (name: string, text = 'v') => ({ metadata: { name }, data: { k: text } });
const stages = (events: readonly Event[]): string[] => events.map((event) => event['stage']);
const last = (events: readonly Event[]): Event => events.at(-1) ?? {};

describe('an event', () => {
  it('says who asked for what, when, from where, and how it went', async () => {
    const server = await AuditedServer.start([{ level: 'Metadata' }]);
    const headers = {
      'audit-id': 'my-id',
      'x-forwarded-for': '1.2.3.4',
      'user-agent': 'kubectl/1',
    };
    const events = await server.of(`POST ${MAPS}?fieldManager=me`, map('a'), { headers });
    assert.deepEqual(stages(events), ['RequestReceived', 'ResponseComplete']);
    const time = '2026-01-01T00:00:00.000000Z';
    const head = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      auditID: 'my-id',
      requestURI: `${MAPS}?fieldManager=me`,
      verb: 'create',
      user: { username: 'admin', groups: ['system:masters', 'system:authenticated'] },
      sourceIPs: ['1.2.3.4'],
      userAgent: 'kubectl/1',
    };
    const [received, complete] = events;
    assert.equal(received?.['requestReceivedTimestamp'].slice(0, 10), time.slice(0, 10));
    assert.equal(received?.['stageTimestamp'], received?.['requestReceivedTimestamp']);
    const { requestReceivedTimestamp: _, stageTimestamp: __, ...rest } = complete ?? {};
    assert.deepEqual(rest, {
      ...head,
      stage: 'ResponseComplete',
      objectRef: {
        resource: 'configmaps',
        namespace: 'default',
        name: 'a',
        apiVersion: 'v1',
      },
      responseStatus: { metadata: {}, code: 201 },
      annotations: {
        'authorization.k8s.io/decision': 'allow',
        'authorization.k8s.io/reason': '',
      },
    });
    assert.deepEqual(received?.['objectRef'], {
      resource: 'configmaps',
      namespace: 'default',
      apiVersion: 'v1',
    });
    assert.equal(received?.['responseStatus'], undefined);
    assert.equal(received?.['annotations'], undefined);
  });

  it('has its fields in Go’s order, and no line break', async () => {
    const server = await AuditedServer.start([{ level: 'RequestResponse' }]);
    const headers = { 'user-agent': 'curl/8', 'x-real-ip': '9.9.9.9' };
    await server.api.call(`POST ${MAPS}?pretty=true`, map('a', '<line\nbreak>'), { headers });
    const line = server.output.text.split('\n')[1] ?? '';
    assert.deepEqual(Object.keys(JSON.parse(line) as Event), [
      'kind',
      'apiVersion',
      'level',
      'auditID',
      'stage',
      'requestURI',
      'verb',
      'user',
      'sourceIPs',
      'userAgent',
      'objectRef',
      'responseStatus',
      'requestObject',
      'responseObject',
      'requestReceivedTimestamp',
      'stageTimestamp',
      'annotations',
    ]);
    assert.equal(server.output.text.split('\n').length, 3);
    assert.ok(line.includes('\\u003cline\\nbreak\\u003e'), 'as Go escapes it');
  });

  it('has an id of the server’s own where the client says none, the same at each stage', async () => {
    const server = await AuditedServer.start([{ level: 'Metadata' }]);
    const [first, second] = await server.of(`GET ${MAPS}`);
    assert.match(first?.['auditID'], /^[0-9a-f-]{36}$/);
    assert.equal(second?.['auditID'], first?.['auditID']);
  });

  it('cuts a long user agent', async () => {
    const server = await AuditedServer.start([{ level: 'Metadata' }]);
    const agent = async (length: number): Promise<string> =>
      last(
        await server.of(`GET ${MAPS}`, undefined, {
          headers: { 'user-agent': 'x'.repeat(length) },
        }),
      )['userAgent'];
    assert.equal(await agent(1024), 'x'.repeat(1024));
    assert.equal(await agent(1025), `${'x'.repeat(1024)}...TRUNCATED`);
  });

  it('names what a list is narrowed to, and paths that are no resources', async () => {
    const server = await AuditedServer.start([{ level: 'Metadata' }]);
    const list = last(await server.of(`GET ${MAPS}?fieldSelector=metadata.name%3Da`));
    assert.deepEqual([list['verb'], list['objectRef'].name], ['list', 'a']);
    const version = last(await server.of('GET /version'));
    assert.deepEqual([version['verb'], version['objectRef']], ['get', undefined]);
  });

  it('goes by the URL where the object says something else', async () => {
    const server = await AuditedServer.start([{ level: 'Metadata' }]);
    const stranger = { metadata: { name: 'a', namespace: 'elsewhere' } };
    const { objectRef, responseStatus } = last(await server.of(`POST ${MAPS}`, stranger));
    assert.deepEqual(
      [responseStatus.code, objectRef.namespace, objectRef.name],
      [400, 'default', 'a'],
    );
  });

  it('says when the request came, whenever it is looked at', () => {
    const environment = new VirtualEnvironment();
    const info = requestInfoOf('GET', '/version');
    const request = { method: 'GET', url: '/version', headers: {} };
    const context = new RequestContext(request, info, environment);
    context.received = { nowMs: environment.clock.now() - 250.5, monotonicMs: -250.5 };
    const config = {
      level: 'Metadata',
      omitStages: new Set<Stage>(),
      omitManagedFields: false,
    } as const;
    const audit = new RequestAudit(context, config, attributesFor(context.user, info));
    const times = (stage: Stage) => {
      const event = JSON.parse(audit.at(stage).text) as Event;
      return [event['requestReceivedTimestamp'], event['stageTimestamp']];
    };
    const came = '2025-12-31T23:59:59.749500Z';
    assert.deepEqual(times('RequestReceived'), [came, came]);
    assert.deepEqual(times('ResponseComplete'), [came, '2026-01-01T00:00:00.000000Z']);
  });

  it('leaves out a token in the URL', async () => {
    const server = await AuditedServer.start([{ level: 'Metadata' }]);
    const event = last(await server.of(`GET ${MAPS}?limit=1&access_token=secret&x=1`));
    assert.equal(event['requestURI'], `${MAPS}?limit=1&access_token=REDACTED&x=1`);
    assert.equal(
      last(await server.of('GET /version?token=s'))['requestURI'],
      '/version?token=REDACTED',
    );
  });

  it('has the object’s uid and version where the request says them', async () => {
    const server = await AuditedServer.start([{ level: 'Metadata' }]);
    const { metadata } = await server.api.must(`POST ${MAPS}`, map('a'));
    const event = last(await server.of(`PUT ${MAPS}/a`, { ...map('a', 'w'), metadata }));
    assert.equal(event['objectRef'].uid, metadata.uid);
    assert.equal(event['objectRef'].resourceVersion, metadata.resourceVersion);
    assert.deepEqual(Object.keys(event['objectRef']), [
      'resource',
      'namespace',
      'name',
      'uid',
      'apiVersion',
      'resourceVersion',
    ]);
  });
});

describe('the level of a request', () => {
  const bodies = (event: Event) => [event['requestObject'], event['responseObject']];
  const levels: [level: Level, hasRequest: boolean, hasResponse: boolean][] = [
    ['Metadata', false, false],
    ['Request', true, false],
    ['RequestResponse', true, true],
  ];
  for (const [level, hasRequest, hasResponse] of levels) {
    it(`${level} says what goes in and out, for each verb`, async () => {
      const server = await AuditedServer.start([{ level }]);
      const check = (verb: string, events: readonly Event[], hasBody: boolean): Event => {
        const event = last(events);
        assert.equal(event['verb'], verb);
        const [request, response] = bodies(event);
        assert.equal(request !== undefined, hasRequest && hasBody, `request of ${verb}`);
        assert.equal(response !== undefined, hasResponse, `response of ${verb}`);
        assert.deepEqual(bodies(events[0] ?? {}), [undefined, undefined]);
        return event;
      };
      const created = check('create', await server.of(`POST ${MAPS}`, map('a')), true);
      if (hasRequest) assert.deepEqual(created['requestObject'], map('a'));
      if (hasResponse) assert.equal(created['responseObject'].metadata.name, 'a');
      check('get', await server.of(`GET ${MAPS}/a`), false);
      const listed = check('list', await server.of(`GET ${MAPS}`), false);
      if (hasResponse) assert.equal(listed['responseObject'].items.at(-1).metadata.name, 'a');
      check('update', await server.of(`PUT ${MAPS}/a`, map('a', 'w')), true);
      const patched = check(
        'patch',
        await server.of(`PATCH ${MAPS}/a`, { data: { k: 'x' } }),
        true,
      );
      if (hasRequest) assert.deepEqual(patched['requestObject'], { data: { k: 'x' } });
      const options = { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 };
      const deleted = check('delete', await server.of(`DELETE ${MAPS}/a`, options), true);
      if (hasRequest) assert.deepEqual(deleted['requestObject'], options);
      assert.equal(deleted['responseStatus'].status, 'Success');
      assert.equal(deleted['responseStatus'].code, 200);
      assert.equal(deleted['responseStatus'].details.kind, 'configmaps');
      check('deletecollection', await server.of(`DELETE ${MAPS}`), false);
    });
  }

  it('None leaves nothing, and no request is asked for more', async () => {
    const server = await AuditedServer.start([
      { level: 'None', verbs: ['get'] },
      { level: 'Metadata' },
    ]);
    assert.deepEqual(await server.of(`GET ${MAPS}/a`), []);
    assert.equal((await server.of(`GET ${MAPS}`)).length, 2);
  });

  it('answers as without an audit log', async () => {
    const server = await AuditedServer.start([{ level: 'RequestResponse' }]);
    await server.api.must(`POST ${MAPS}`, map('a'));
    const list = await server.api.must(`GET ${MAPS}`);
    assert.equal(list.items.at(-1).metadata.name, 'a');
    assert.equal((await server.api.must(`GET ${MAPS}/a`)).data.k, 'v');
  });

  it('leaves no byte of a Secret at Metadata', async () => {
    const server = await AuditedServer.start([{ level: 'Metadata' }]);
    const secrets = '/api/v1/namespaces/default/secrets';
    const secret = { metadata: { name: 's' }, stringData: { password: 'hunter2' } };
    const headers = { authorization: 'Bearer nonsense-token' };
    await server.api.call(`POST ${secrets}`, secret, { headers });
    await server.api.call(`GET ${secrets}`, undefined, { headers });
    await server.api.call(`GET ${secrets}/s`, undefined, { headers });
    await server.api.call(`PATCH ${secrets}/s`, { stringData: { password: 'hunter3' } });
    const { text } = server.output;
    assert.ok(text.includes('"secrets"'));
    for (const piece of ['hunter', Buffer.from('hunter2').toString('base64'), 'nonsense-token'])
      assert.ok(!text.includes(piece), piece);
  });

  it('omits stages, of the policy and of the rule', async () => {
    const server = await AuditedServer.start(
      [
        { level: 'Metadata', verbs: ['get'], omitStages: ['ResponseComplete'] },
        { level: 'Metadata' },
      ],
      { policy: { omitStages: ['RequestReceived'] } },
    );
    assert.deepEqual(await server.of(`GET ${MAPS}/a`), []);
    assert.deepEqual(stages(await server.of(`GET ${MAPS}`)), ['ResponseComplete']);
  });

  it('omits managed fields of what comes and goes, in lists and Tables too', async () => {
    const server = await AuditedServer.start([
      { level: 'RequestResponse', omitManagedFields: true },
    ]);
    const entry = {
      manager: 'me',
      operation: 'Update',
      apiVersion: 'v1',
      time: '2026-01-01T00:00:00Z',
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:data': { 'f:k': {} } },
    };
    const managed = { ...map('a'), metadata: { name: 'a', managedFields: [entry] } };
    const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
    const created = last(await server.of(`POST ${MAPS}`, managed));
    assert.deepEqual(created['requestObject'], map('a'));
    assert.equal(created['responseObject'].metadata.name, 'a');
    const events = [
      created,
      last(await server.of(`GET ${MAPS}/a`)),
      last(await server.of(`GET ${MAPS}`)),
      last(await server.of(`GET ${MAPS}?includeObject=Object`, undefined, { headers: table })),
    ];
    for (const event of events)
      assert.ok(!JSON.stringify(event['responseObject']).includes('managedFields'));
    assert.equal(events[3]?.['responseObject'].kind, 'Table');
    const reply = await server.api.call(`GET ${MAPS}/a`);
    assert.ok(reply.body.metadata.managedFields.length > 0, 'the client gets them');
  });
});

describe('bodies', () => {
  const send = async (server: AuditedServer, type: string, body: Uint8Array, accept = type) => {
    server.take();
    await server.api.environment.resolve(
      server.api.server.handler({
        method: 'POST',
        url: MAPS,
        headers: { 'content-type': type, accept },
        body,
        peer: { component: { name: 'admin', groups: ['system:masters'] } },
      }),
    );
    return last(server.take());
  };

  it('of YAML and protobuf are JSON', async () => {
    const server = await AuditedServer.start([{ level: 'RequestResponse' }]);
    const yaml = await send(server, 'application/yaml', Buffer.from('metadata:\n  name: ya\n'));
    assert.deepEqual(yaml['requestObject'], { metadata: { name: 'ya' } });
    assert.equal(yaml['responseObject'].metadata.name, 'ya');
    const raw = encodeProtobuf(typeByName('io.k8s.api.core.v1.ConfigMap'), map('p'));
    const type = 'application/vnd.kubernetes.protobuf';
    const binary = await send(server, type, encodeEnvelope('v1', 'ConfigMap', raw));
    assert.deepEqual(binary['requestObject'], { kind: 'ConfigMap', apiVersion: 'v1', ...map('p') });
    assert.equal(binary['responseObject'].kind, 'ConfigMap');
    assert.equal(binary['responseObject'].metadata.name, 'p');
  });

  it('of a list in protobuf are JSON', async () => {
    const server = await AuditedServer.start([{ level: 'RequestResponse' }]);
    await server.api.must(`POST ${MAPS}`, map('a'));
    const headers = { accept: 'application/vnd.kubernetes.protobuf' };
    const { responseObject } = last(await server.of(`GET ${MAPS}`, undefined, { headers }));
    assert.equal(responseObject.kind, 'ConfigMapList');
    assert.equal(responseObject.items.at(-1).metadata.name, 'a');
  });

  it('that cannot be read are not there', async () => {
    const server = await AuditedServer.start([{ level: 'RequestResponse' }]);
    const event = await send(server, 'application/json', Buffer.from('{"metadata":'));
    assert.equal(event['requestObject'], undefined);
    assert.equal(event['responseStatus'].code, 400);
    assert.equal(event['responseObject'].kind, 'Status');
  });

  it('of pages and documents that are no objects are not there', async () => {
    const server = await AuditedServer.start([{ level: 'RequestResponse' }]);
    for (const path of ['/version', '/openapi/v2', '/healthz'])
      assert.equal(last(await server.of(`GET ${path}`))['responseObject'], undefined, path);
    assert.equal(last(await server.of('GET /apis'))['responseObject'].kind, 'APIGroupList');
  });

  it('that a reader in this process takes as objects are written down, and stay the server’s', async () => {
    const server = await AuditedServer.start([
      { level: 'RequestResponse', omitManagedFields: true },
    ]);
    await server.api.must(`POST ${MAPS}`, map('a'));
    server.take();
    const { body } = await server.api.environment.resolve(
      server.api.server.handler({
        method: 'GET',
        url: MAPS,
        headers: {},
        takesObjects: true,
        peer: { component: { name: 'x', groups: ['system:masters'] } },
      }),
    );
    const { responseObject } = last(server.take());
    assert.equal(responseObject.items.at(-1).metadata.name, 'a');
    assert.ok(!JSON.stringify(responseObject).includes('managedFields'));
    assert.ok(body?.kind === 'object' && JSON.stringify(body.object).includes('managedFields'));
  });
});

describe('refusals', () => {
  it('of who may not, say so', async () => {
    const server = await AuditedServer.start([{ level: 'Request' }]);
    const events = await server.of(`POST ${MAPS}`, map('a'), BOB);
    assert.deepEqual(stages(events), ['RequestReceived', 'ResponseComplete']);
    const { annotations, responseStatus, requestObject } = last(events);
    assert.equal(annotations['authorization.k8s.io/decision'], 'forbid');
    assert.deepEqual(
      [responseStatus.code, responseStatus.reason, responseStatus.status],
      [403, 'Forbidden', 'Failure'],
    );
    assert.equal(requestObject, undefined);
  });

  it('give the authorizer’s reason', async () => {
    const server = await AuditedServer.start([{ level: 'Metadata' }]);
    const rbac = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';
    await server.api.must(`POST ${rbac}`, {
      metadata: { name: 'bob' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'bob' }],
    });
    const { annotations } = last(await server.of(`GET ${MAPS}`, undefined, BOB));
    assert.match(
      annotations['authorization.k8s.io/reason'],
      /^RBAC: allowed by ClusterRoleBinding "bob"/,
    );
  });

  it('of who cannot be believed are written down once, as of nobody', async () => {
    const server = await AuditedServer.start([
      { level: 'None', users: ['system:anonymous'] },
      { level: 'RequestResponse' },
    ]);
    const events = await server.of(`GET ${MAPS}`, undefined, { token: 'nonsense' });
    assert.deepEqual(stages(events), ['ResponseStarted']);
    const [event] = events;
    assert.deepEqual(event?.['user'], {});
    assert.equal(event?.['responseStatus'].code, 401);
    assert.equal(event?.['responseStatus'].message, 'Unauthorized');
    assert.ok(!JSON.stringify(event).includes('nonsense'));
    const audit = await AuditedServer.start([{ level: 'Metadata', userGroups: ['a'] }]);
    assert.deepEqual(await audit.of(`GET ${MAPS}`, undefined, { token: 'nonsense' }), []);
  });

  it('of a time limit that is none are written down too', async () => {
    const server = await AuditedServer.start([{ level: 'Metadata' }]);
    const events = await server.of(`GET ${MAPS}?timeout=soon`);
    assert.deepEqual(stages(events), ['ResponseStarted']);
    assert.equal(events[0]?.['responseStatus'].code, 400);
  });

  it('say as whom somebody acted', async () => {
    const server = await AuditedServer.start([{ level: 'Metadata' }]);
    const headers = { 'impersonate-user': 'bob', 'impersonate-group': 'dev' };
    const events = await server.of(`GET ${MAPS}`, undefined, { headers });
    assert.equal(events[0]?.['impersonatedUser'], undefined);
    const { user, impersonatedUser, authenticationMetadata, responseStatus } = last(events);
    assert.equal(user.username, 'admin');
    assert.equal(impersonatedUser.username, 'bob');
    assert.ok(impersonatedUser.groups.includes('dev'));
    assert.equal(authenticationMetadata.impersonationConstraint, 'impersonate:user-info');
    assert.equal(responseStatus.code, 403);
    const featureGates = new FeatureGates(parseFeatureGates('ConstrainedImpersonation=false'));
    const old = await AuditedServer.start([{ level: 'Metadata' }], { featureGates });
    const event = last(await old.of(`GET ${MAPS}`, undefined, { headers }));
    assert.equal(event['impersonatedUser'].username, 'bob');
    assert.equal(event['authenticationMetadata'], undefined, 'the old right has no name');
  });
});

const NODE = { metadata: { name: 'n1' } };
const POD = {
  metadata: { name: 'p' },
  spec: {
    nodeName: 'n1',
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    containers: [{ name: 'c', image: 'i' }],
  },
};
const PODS = '/api/v1/namespaces/default/pods';

/** A sink that keeps nothing, and whose reader can go away. */
function reader() {
  const closers: (() => void)[] = [];
  const sink: ByteSink = {
    write: () => true,
    end: () => {},
    abort: () => {},
    onDrain: () => {},
    onClose: (callback) => void closers.push(callback),
  };
  return { sink, close: () => closers.forEach((callback) => callback()) };
}

describe('requests that run long', () => {
  const ask = async (server: AuditedServer, url: string, more: Partial<HttpRequest> = {}) => {
    server.take();
    return server.api.environment.resolve(
      server.api.server.handler({
        method: 'GET',
        url,
        headers: {},
        peer: { component: { name: 'admin', groups: ['system:masters'] } },
        ...more,
      }),
    );
  };

  it('are complete when their stream ends', async () => {
    const server = await AuditedServer.start([{ level: 'RequestResponse' }]);
    const { body } = await ask(server, `${MAPS}?watch=true`);
    const events = server.take();
    assert.deepEqual(stages(events), ['RequestReceived', 'ResponseStarted']);
    assert.equal(last(events)['verb'], 'watch');
    assert.deepEqual(last(events)['responseStatus'], { metadata: {}, code: 200 });
    const { sink, close } = reader();
    assert.ok(body?.kind === 'stream');
    body.start(sink);
    await server.api.environment.advance(1000);
    assert.deepEqual(server.take(), []);
    close();
    close();
    await server.api.environment.runUntilIdle();
    const [complete, ...more] = server.take();
    assert.deepEqual([complete?.['stage'], more], ['ResponseComplete', []]);
    assert.equal(complete?.['responseObject'], undefined);
    const tookMs =
      Date.parse(complete?.['stageTimestamp']) - Date.parse(complete?.['requestReceivedTimestamp']);
    assert.equal(tookMs, 1000);
  });

  it('are complete when who asked is gone before the stream begins', async () => {
    const server = await AuditedServer.start([{ level: 'Metadata' }]);
    const gone = new AbortController();
    await ask(server, `${MAPS}?watch=true`, { signal: gone.signal });
    server.take();
    gone.abort();
    await server.api.environment.runUntilIdle();
    assert.deepEqual(stages(server.take()), ['ResponseComplete']);
  });

  it('of readers in this process are complete when they end', async () => {
    const server = await AuditedServer.start([{ level: 'Metadata' }]);
    const { body } = await ask(server, `${MAPS}?watch=true`, { takesObjects: true });
    assert.ok(body?.kind === 'events');
    const closers: (() => void)[] = [];
    body.start({
      events: () => {},
      end: () => {},
      abort: () => {},
      onClose: (callback) => void closers.push(callback),
    });
    server.take();
    closers.forEach((callback) => callback());
    await server.api.environment.runUntilIdle();
    assert.deepEqual(stages(server.take()), ['ResponseComplete']);
  });

  it('that become connections are complete when those are closed', async () => {
    const socket = new PassThrough();
    let isJoined = false;
    const upgrade = (): void => {
      isJoined = true;
    };
    const kubelets = { to: () => () => Promise.resolve({ status: 101, headers: {}, upgrade }) };
    const server = await AuditedServer.start([{ level: 'Metadata' }], { kubelets });
    await server.api.must('POST /api/v1/nodes', NODE);
    const account = { metadata: { name: 'default' } };
    await server.api.must('POST /api/v1/namespaces/default/serviceaccounts', account);
    await server.api.must(`POST ${PODS}`, POD);
    const answer = await ask(server, `${PODS}/p/exec?command=ls`, { method: 'POST' });
    const events = server.take();
    assert.deepEqual(stages(events), ['RequestReceived', 'ResponseStarted']);
    assert.equal(last(events)['responseStatus'].code, 101);
    assert.equal(last(events)['objectRef'].subresource, 'exec');
    answer.upgrade?.(socket, new Uint8Array(0));
    assert.ok(isJoined);
    assert.deepEqual(server.take(), []);
    socket.destroy();
    await new Promise((resolve) => socket.once('close', resolve));
    await server.api.environment.runUntilIdle();
    assert.deepEqual(stages(server.take()), ['ResponseComplete']);
  });

  it('that are refused begin and end at once', async () => {
    const server = await AuditedServer.start([{ level: 'Metadata' }]);
    const events = await server.of(`GET ${MAPS}?watch=true`, undefined, BOB);
    assert.deepEqual(stages(events), ['RequestReceived', 'ResponseStarted', 'ResponseComplete']);
    assert.equal(events[1]?.['responseStatus'].code, 403);
  });
});
