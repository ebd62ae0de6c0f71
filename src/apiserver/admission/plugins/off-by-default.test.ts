/** Plug-ins that are off unless they are asked for, about more than pods; and PodGroupWorkloadExists. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Rounds } from '../admission.ts';
import { FeatureGates } from '#api/features/feature-gates.ts';
import { parseRuntimeConfig } from '#api/features/runtime-config.ts';
import type { AnyKind } from '#api/kind.ts';
import type { OwnerReference } from '#api/meta/object.ts';
import { AdmissionBench, type Asked } from '#kit/admission.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { NAMESPACES, WORKLOADS } from '../targets.ts';
import { alwaysDeny } from './always.ts';
import { denyServiceExternalIps } from './deny-service-external-ips.ts';
import { eventRateLimit } from './event-rate-limit.ts';
import { namespaceAutoProvision, namespaceExists } from './namespace-presence.ts';
import { ownerReferencesPermissionEnforcement } from './owner-references.ts';
import { podGroupWorkloadExists } from './pod-group-workload.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const map = (name: string, metadata: object = {}) => ({ metadata: { name, ...metadata } });

describe('AlwaysAdmit and AlwaysDeny', () => {
  it('let everything in, and nothing', async () => {
    assert.equal(
      await new AdmissionBench().run(alwaysDeny, { plural: 'configmaps', object: map('a') }),
      '403 configmaps "a" is forbidden: admission control is denying all modifications',
    );
    const enabled = ['AlwaysAdmit', 'AlwaysDeny'];
    const server = await TestApiServer.start();
    assert.equal((await server.call(`POST ${MAPS}`, map('a'))).status, 201);
    const { store, environment } = server;
    const denying = await TestApiServer.start({ admission: { enabled }, store, environment });
    const refused = 'is forbidden: admission control is denying all modifications';
    assert.equal(await denying.refusal(`POST ${MAPS}`, map('b')), `403 configmaps "b" ${refused}`);
    assert.equal(
      await denying.refusal(`PATCH ${MAPS}/a`, { data: { a: 'b' } }),
      `403 configmaps "a" ${refused}`,
    );
    assert.equal(await denying.refusal(`DELETE ${MAPS}/a`), `403 configmaps "a" ${refused}`);
    assert.equal((await denying.call(`GET ${MAPS}/a`)).status, 200);
  });
});

describe('NamespaceAutoProvision', () => {
  it('makes the namespace of what is made', async () => {
    const bench = new AdmissionBench();
    bench.reader.put(NAMESPACES, { metadata: { name: 'there' } });
    const plugin = namespaceAutoProvision(bench.services);
    const run = (asked: Partial<Asked>) =>
      bench.run(plugin, { plural: 'configmaps', object: map('a'), ...asked });
    await run({ namespace: 'there' });
    await run({ namespace: 'new', operation: 'UPDATE' });
    await run({ plural: 'namespaces', namespace: 'own' });
    await run({ plural: 'nodes', namespaced: false });
    await plugin.admit?.(
      {
        ...bench.attributes({ plural: 'configmaps', namespace: 'dry', object: {} }),
        dryRun: true,
      },
      new Rounds(),
    );
    assert.deepEqual(bench.created, []);
    assert.equal(await run({ namespace: 'new' }), 'admitted');
    assert.deepEqual(bench.created, ['new']);
  });

  it('does so in an API server that has it on', async () => {
    const server = await TestApiServer.start({
      admission: { enabled: ['NamespaceAutoProvision'] },
    });
    const made = await server.call('POST /api/v1/namespaces/new/configmaps', map('a'));
    assert.equal(made.status, 201);
    assert.equal((await server.call('GET /api/v1/namespaces/new')).status, 200);
    assert.match(
      await server.refusal('POST /api/v1/namespaces/Bad/configmaps', map('a')),
      /^403 configmaps "a" is forbidden: .*Namespace "Bad" is invalid/,
    );
    const off = await TestApiServer.start();
    assert.equal(
      await off.refusal('POST /api/v1/namespaces/new/configmaps', map('a')),
      '404 namespaces "new" not found',
    );
  });
});

describe('NamespaceExists', () => {
  it('refuses writes in a namespace that is not there', async () => {
    const bench = new AdmissionBench();
    const plugin = namespaceExists(bench.services);
    const run = (asked: Partial<Asked> = {}) =>
      bench.run(plugin, { plural: 'configmaps', object: map('a'), ...asked });
    const missing = '404 namespaces "default" not found';
    assert.equal(await run(), missing);
    assert.equal(await run({ operation: 'DELETE' }), missing);
    assert.equal(await run({ operation: 'CONNECT' }), 'admitted');
    assert.equal(await run({ plural: 'namespaces', namespace: 'default' }), 'admitted');
    assert.equal(await run({ plural: 'nodes', namespaced: false }), 'admitted');
    bench.reader.beforeCatchUp = () =>
      bench.reader.put(NAMESPACES, { metadata: { name: 'default' } });
    assert.equal(await run(), 'admitted');
  });

  it('does so in an API server that has it on', async () => {
    const disabled = ['NamespaceLifecycle'];
    const server = await TestApiServer.start({
      admission: { disabled, enabled: ['NamespaceExists'] },
    });
    assert.equal(
      await server.refusal('POST /api/v1/namespaces/new/configmaps', map('a')),
      '404 namespaces "new" not found',
    );
    const off = await TestApiServer.start({ admission: { disabled } });
    assert.equal((await off.call('POST /api/v1/namespaces/new/configmaps', map('a'))).status, 201);
  });
});

describe('DenyServiceExternalIPs', () => {
  const service = (...externalIPs: string[]) => ({
    metadata: { name: 'web' },
    spec: { ports: [{ port: 80 }], externalIPs },
  });
  const REFUSED =
    '403 services "web" is forbidden: Use of external IPs is denied by admission control';

  it('refuses addresses that the Service had not before', async () => {
    const run = (object: object, old?: object, subresource = '') =>
      new AdmissionBench().run(denyServiceExternalIps, {
        plural: 'services',
        object,
        subresource,
        ...(old === undefined ? {} : { old, operation: 'UPDATE' as const }),
      });
    assert.equal(await run(service('1.2.3.4')), REFUSED);
    assert.equal(await run(service()), 'admitted');
    assert.equal(await run(service('1.2.3.4'), service('1.2.3.4', '1.2.3.5')), 'admitted');
    assert.equal(await run(service('1.2.3.4', '1.2.3.6'), service('1.2.3.4')), REFUSED);
    assert.equal(await run(service('1.2.3.4'), service(), 'status'), 'admitted');
  });

  it('does so in an API server that has it on', async () => {
    const server = await TestApiServer.start({
      admission: { enabled: ['DenyServiceExternalIPs'] },
    });
    const path = '/api/v1/namespaces/default/services';
    assert.equal(await server.refusal(`POST ${path}`, service('1.2.3.4')), REFUSED);
    assert.equal((await server.call(`POST ${path}`, service())).status, 201);
  });
});

describe('EventRateLimit', () => {
  const event = (name: string, about = 'pod-a', component = 'kubelet') => ({
    metadata: { name, namespace: 'default' },
    involvedObject: { kind: 'Pod', namespace: 'default', name: about },
    source: { component },
    type: 'Normal',
  });
  const limits = (type: 'Server' | 'Namespace' | 'User' | 'SourceAndObject', cacheSize = 4096) => ({
    eventLimits: [{ type, qps: 1, burst: 2, cacheSize }],
  });
  /** How many of three equal events of each of two kinds are let in. */
  async function letIn(
    type: Parameters<typeof limits>[0],
    one: Partial<Asked>,
    other: Partial<Asked>,
  ): Promise<number[]> {
    const bench = new AdmissionBench(limits(type));
    const plugin = eventRateLimit(bench.services);
    const count = async (asked: Partial<Asked>): Promise<number> => {
      let admitted = 0;
      for (let i = 0; i < 3; i++)
        if (
          (await bench.run(plugin, { plural: 'events', object: event('e'), ...asked })) ===
          'admitted'
        )
          admitted++;
      return admitted;
    };
    return [await count(one), await count(other)];
  }

  it('keeps a rate for the server, each namespace, each user, and each object of a source', async () => {
    const user = (name: string): Partial<Asked> => ({ user: { name, groups: [] } });
    assert.deepEqual(await letIn('Server', {}, { namespace: 'b' }), [2, 0]);
    assert.deepEqual(await letIn('Namespace', {}, { namespace: 'b' }), [2, 2]);
    assert.deepEqual(await letIn('Namespace', user('a'), user('b')), [2, 0]);
    assert.deepEqual(await letIn('User', user('a'), user('b')), [2, 2]);
    assert.deepEqual(await letIn('SourceAndObject', {}, { object: event('e', 'pod-b') }), [2, 2]);
    assert.deepEqual(
      await letIn('SourceAndObject', {}, { object: event('e', 'pod-a', 'me') }),
      [2, 2],
    );
    assert.deepEqual(await letIn('SourceAndObject', {}, { object: event('f') }), [2, 0]);
    assert.deepEqual(await letIn('Server', { plural: 'pods' }, { group: 'events.k8s.io' }), [3, 3]);
    assert.deepEqual(
      await letIn('Server', { operation: 'DELETE' }, { operation: 'UPDATE' }),
      [3, 2],
    );
  });

  it('names each limit that is reached, and takes from all of them', async () => {
    const bench = new AdmissionBench({
      eventLimits: [
        { type: 'Namespace', qps: 1, burst: 1, cacheSize: 9 },
        { type: 'User', qps: 1, burst: 1, cacheSize: 9 },
      ],
    });
    const plugin = eventRateLimit(bench.services);
    const ask = (namespace: string, name: string) =>
      bench.run(plugin, {
        plural: 'events',
        object: event('e'),
        namespace,
        user: { name, groups: [] },
      });
    assert.equal(await ask('a', 'joe'), 'admitted');
    assert.equal(
      await ask('a', 'joe'),
      '429 Too many requests: [limit reached on type Namespace for key a, limit reached on type User for key joe]',
    );
    assert.equal(
      await ask('a', 'eve'),
      '429 Too many requests: limit reached on type Namespace for key a',
    );
    assert.equal(
      await ask('b', 'eve'),
      '429 Too many requests: limit reached on type User for key eve',
    );
  });

  it('forgets who was seen longest ago, beyond the size of its cache', async () => {
    const bench = new AdmissionBench({
      eventLimits: [{ type: 'Namespace', qps: 1, burst: 1, cacheSize: 1 }],
    });
    const plugin = eventRateLimit(bench.services);
    const ask = (namespace: string) =>
      bench.run(plugin, { plural: 'events', object: event('e'), namespace });
    assert.equal(await ask('a'), 'admitted');
    assert.match(await ask('a'), /^429/);
    assert.equal(await ask('b'), 'admitted');
    assert.equal(await ask('a'), 'admitted');
  });

  it('is kept by an API server that has it on, and lets more in as time goes by', async () => {
    const server = await TestApiServer.start({
      admission: { enabled: ['EventRateLimit'], configuration: limits('Server') },
    });
    const path = '/api/v1/namespaces/default/events';
    const codes: number[] = [];
    const post = async (name: string, query = ''): Promise<void> => {
      codes.push((await server.call(`POST ${path}${query}`, event(name))).status);
    };
    await post('dry', '?dryRun=All');
    for (const name of ['a', 'b', 'c']) await post(name);
    await server.environment.advance(1000);
    for (const name of ['d', 'e']) await post(name);
    assert.deepEqual(codes, [201, 201, 201, 429, 201, 429]);
  });
});

describe('OwnerReferencesPermissionEnforcement', () => {
  const owner = (uid: string, blockOwnerDeletion?: boolean, kind = 'ReplicaSet'): OwnerReference =>
    ({
      apiVersion: 'apps/v1',
      kind,
      name: 'rs',
      uid,
      ...(blockOwnerDeletion === undefined ? {} : { blockOwnerDeletion }),
    }) as OwnerReference;
  const owned = (...ownerReferences: OwnerReference[]) => ({
    metadata: { name: 'web', ownerReferences },
  });
  /** What is asked of the authorizer, and the answer. */
  async function ask(
    next: object,
    old: object | undefined,
    may: (verb: string) => boolean,
    subresource = '',
  ): Promise<[string, string[]]> {
    const asked: string[] = [];
    const bench = new AdmissionBench();
    const kinds = [
      { group: 'apps', version: 'v1', kind: 'ReplicaSet', plural: 'replicasets', namespaced: true },
      { group: '', version: 'v1', kind: 'Node', plural: 'nodes', namespaced: false },
    ] as AnyKind[];
    const plugin = ownerReferencesPermissionEnforcement({
      ...bench.services,
      resources: { ...bench.services.resources, kinds: () => kinds },
      authorize: ({ verb, group, resource, subresource: view, namespace, name }) => {
        asked.push(`${verb} ${resource}.${group}/${view} ${namespace}/${name}`);
        return { outcome: may(verb) ? 'allow' : 'none', reason: 'no right' };
      },
    });
    const said = await bench.run(plugin, {
      plural: 'pods',
      subresource,
      object: next,
      ...(old === undefined ? {} : { old, operation: 'UPDATE' as const }),
    });
    return [said, asked];
  }
  const DELETE =
    '403 pods "web" is forbidden: cannot set an ownerRef on a resource you can\'t delete: no right, <nil>';
  const BLOCK =
    '403 pods "web" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can\'t set finalizers on: no right, <nil>';
  const finalizers = 'update replicasets.apps/finalizers default/rs';

  it('asks for the right to delete of who changes owners, and to finalize of who blocks them', async () => {
    const [none, all] = [() => false, () => true];
    assert.deepEqual(await ask(owned(owner('1')), undefined, none), ['admitted', []]);
    assert.deepEqual(await ask(owned(owner('1')), owned(), none), [
      DELETE,
      ['delete pods./ default/web'],
    ]);
    assert.deepEqual(await ask(owned(), owned(owner('1')), none), [
      DELETE,
      ['delete pods./ default/web'],
    ]);
    assert.deepEqual(await ask(owned(owner('1', true)), owned(owner('1', true)), none), [
      'admitted',
      [],
    ]);
    assert.deepEqual(await ask(owned(owner('1')), owned(), none, 'status'), ['admitted', []]);
    assert.deepEqual(await ask(owned(owner('1', true)), undefined, none), [BLOCK, [finalizers]]);
    assert.deepEqual(await ask(owned(owner('1', true)), undefined, all), [
      'admitted',
      [finalizers],
    ]);
    const unblocked = owned(owner('1', false));
    assert.deepEqual(await ask(owned(owner('1', true)), unblocked, all), [
      'admitted',
      ['delete pods./ default/web', finalizers],
    ]);
    const two = owned(owner('1', true), owner('2'));
    assert.deepEqual(await ask(two, owned(owner('1', true)), all), [
      'admitted',
      ['delete pods./ default/web'],
    ]);
    const node = { ...owner('1', true, 'Node'), apiVersion: 'v1' };
    assert.deepEqual(await ask(owned(node), undefined, all), [
      'admitted',
      ['update nodes./finalizers /rs'],
    ]);
  });

  it('refuses to block an owner of a kind that there is not', async () => {
    const other = { ...owner('1', true), apiVersion: 'apps/v2' };
    const [version] = await ask(owned(other), undefined, () => true);
    assert.match(version, /no matches for kind "ReplicaSet" in version "apps\/v2"$/);
    const [said] = await ask(owned(owner('1', true, 'Set')), undefined, () => true);
    assert.equal(
      said,
      '403 pods "web" is forbidden: cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion apps/v1 Kind Set: no matches for kind "Set" in version "apps/v1"',
    );
  });

  it('does so in an API server that has it on', async () => {
    const server = await TestApiServer.start({
      admission: { enabled: ['OwnerReferencesPermissionEnforcement'] },
    });
    const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'maps' };
    await server.must(`POST ${rbac}/roles`, {
      metadata: { name: 'maps' },
      rules: [
        { apiGroups: [''], resources: ['configmaps'], verbs: ['create', 'update', 'patch', 'get'] },
      ],
    });
    await server.must(`POST ${rbac}/rolebindings`, {
      metadata: { name: 'maps' },
      roleRef,
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'joe' }],
    });
    const as = { name: 'joe', groups: ['system:authenticated'] };
    const blocking = map('a', { ownerReferences: [owner('1', true)] });
    assert.match(
      await server.refusal(`POST ${MAPS}`, blocking, { as }),
      /^403 .* a resource you can't set finalizers on: /,
    );
    assert.equal((await server.call(`POST ${MAPS}`, map('a'), { as })).status, 201);
    const patch = { metadata: { ownerReferences: [owner('1')] } };
    assert.match(
      await server.refusal(`PATCH ${MAPS}/a`, patch, { as }),
      /^403 configmaps "a" is forbidden: cannot set an ownerRef on a resource you can't delete: /,
    );
    assert.equal((await server.call(`PATCH ${MAPS}/a`, patch)).status, 200);
  });
});

describe('PodGroupWorkloadExists', () => {
  const group = (workloadName?: string, podGroupTemplateName = 't') => ({
    metadata: { name: 'g' },
    spec: {
      schedulingPolicy: { basic: {} },
      ...(workloadName === undefined
        ? {}
        : { podGroupTemplateRef: { workload: { workloadName, podGroupTemplateName } } }),
    },
  });
  const workload = {
    metadata: { name: 'w', namespace: 'default' },
    spec: { podGroupTemplates: [{ name: 't', schedulingPolicy: { basic: {} } }] },
  };
  const rejected = (why: string): string =>
    `403 podgroups.scheduling.k8s.io "g" is forbidden: PodGroup rejected: ${why}`;
  const gates = new FeatureGates(new Map([['GenericWorkload', true]]));

  it('refuses a group whose Workload or template is not there', async () => {
    const bench = new AdmissionBench();
    bench.reader.put(WORKLOADS, workload);
    const run = (object: object, asked: Partial<Asked> = {}, on = gates) =>
      bench.run(podGroupWorkloadExists({ ...bench.services, gates: on }), {
        group: 'scheduling.k8s.io',
        plural: 'podgroups',
        object,
        ...asked,
      });
    assert.equal(await run(group('w')), 'admitted');
    assert.equal(await run(group('none')), rejected('Workload "none" not found'));
    assert.equal(
      await run(group('w', 'u')),
      rejected('PodGroupTemplate "u" not found in Workload "w"'),
    );
    assert.equal(await run(group()), 'admitted');
    assert.equal(await run(group('none'), { operation: 'UPDATE' }), 'admitted');
    assert.equal(await run(group('none'), { subresource: 'status' }), 'admitted');
    assert.equal(
      await run(group('none'), { namespace: 'default' }, new FeatureGates()),
      'admitted',
    );
    bench.reader.beforeCatchUp = () =>
      bench.reader.put(WORKLOADS, {
        ...workload,
        metadata: { ...workload.metadata, name: 'late' },
      });
    assert.equal(await run(group('late')), 'admitted');
  });

  it('is on in an API server that has the gate', async () => {
    const server = await TestApiServer.start({
      featureGates: gates,
      runtimeConfig: parseRuntimeConfig('scheduling.k8s.io/v1alpha2=true'),
    });
    const path = '/apis/scheduling.k8s.io/v1alpha2/namespaces/default';
    assert.equal(
      await server.refusal(`POST ${path}/podgroups`, group('w')),
      rejected('Workload "w" not found'),
    );
    await server.must(`POST ${path}/workloads`, { metadata: { name: 'w' }, spec: workload.spec });
    assert.equal((await server.call(`POST ${path}/podgroups`, group('w'))).status, 201);
  });
});
