/** `cox rbac` against an API server in process, and on an audit log. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { RestClient } from '#client/rest.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { UserError } from '../user-error.ts';
import { type AccessFlags, rbacWhoCan, rbacWhy } from './command.ts';
import { rbacLeast } from './least.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const READER = [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }];
const user = (name: string): object => ({ kind: 'User', name });
const account = (name: string, namespace: string): object => ({
  kind: 'ServiceAccount',
  name,
  namespace,
});

describe('cox rbac', () => {
  let api: TestApiServer;
  let client: RestClient;
  before(async () => {
    api = await TestApiServer.start();
    const { environment, server } = api;
    const component = { name: 'kubernetes-admin', groups: ['system:masters'] };
    client = new RestClient({
      handler: (request) => server.handler({ ...request, peer: { component } }),
      environment,
      userAgent: 'cox',
    });
    for (const name of ['shop', 'bank'])
      await api.must('POST /api/v1/namespaces', { metadata: { name } });
    await api.must(`POST ${RBAC}/namespaces/shop/roles`, {
      metadata: { name: 'reader' },
      rules: READER,
    });
    await api.must(`POST ${RBAC}/namespaces/shop/roles`, {
      metadata: { name: 'door' },
      rules: [{ apiGroups: [''], resources: ['secrets'], resourceNames: ['key'], verbs: ['get'] }],
    });
    await api.must(`POST ${RBAC}/clusterroles`, {
      metadata: { name: 'logs' },
      rules: [
        { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] },
        { nonResourceURLs: ['/metrics'], verbs: ['get'] },
        { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get'] },
      ],
    });
    const bind = (name: string, kind: string, role: string, ...subjects: object[]) =>
      api.must(`POST ${RBAC}/namespaces/shop/rolebindings`, {
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: role },
        subjects,
      });
    await bind('readers', 'Role', 'reader', user('jane'), account('web', 'bank'));
    await bind('doors', 'Role', 'door', user('jane'));
    await bind('lost', 'Role', 'nowhere', user('jane'));
    await api.must(`POST ${RBAC}/clusterrolebindings`, {
      metadata: { name: 'log-readers' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'logs' },
      subjects: [{ kind: 'Group', name: 'ops' }],
    });
  });
  after(() => api.server.stop());

  const ask = async (words: string, flags: AccessFlags = {}): Promise<string> => {
    const [verb = '', what = '', name] = words.split(' ');
    const { text, yes } = await rbacWhy({ verb, what, name }, flags, { client, namespace: 'shop' });
    return `${yes ? 'yes' : 'no'}: ${text}`;
  };
  const whoCan = async (words: string, flags: AccessFlags = {}): Promise<string> => {
    const [verb = '', what = '', name] = words.split(' ');
    const cluster = { client, namespace: 'shop' };
    return (await rbacWhoCan({ verb, what, name }, flags, cluster)).text;
  };

  it('names the binding that allows', async () => {
    assert.equal(
      await ask('get pods', { as: 'jane' }),
      [
        'yes: User jane may get pods in namespace shop.',
        '',
        'ALLOWED BY                 ROLE               SUBJECT',
        'RoleBinding shop/readers   Role shop/reader   User jane',
        '',
      ].join('\n'),
    );
  });

  it('names all groups of a user that count', async () => {
    const flags = { as: 'joe', asGroup: ['ops'], namespace: 'bank' };
    assert.match(await ask('get pods/log', flags), /log-readers +ClusterRole logs +Group ops/);
    assert.match(await ask('get /metrics', flags), /^yes: User joe may get \/metrics\./);
    assert.match(
      await ask('get deployments.apps', flags),
      /^yes: User joe may get deployments.apps in namespace bank\./,
    );
  });

  const near: readonly (readonly [string, AccessFlags, string])[] = [
    ['delete pods', { as: 'jane' }, 'it allows get, list and not delete'],
    ['get pods', { as: 'jane', namespace: 'bank' }, 'it counts in namespace shop and not in bank'],
    ['list pods', { as: 'jane', allNamespaces: true }, 'it counts in namespace shop alone'],
    ['get secrets door', { as: 'jane' }, 'it is about key and not door'],
    ['get secrets', { as: 'jane' }, 'it is about key alone, by name'],
    ['create jobs.batch', { as: 'jane' }, 'Role shop/nowhere does not exist'],
    ['get pods', { as: 'joe', asGroup: ['ops'] }, 'it is about pods/log and not pods'],
    ['get pods', { as: 'system:serviceaccount:shop:web' }, 'it names ServiceAccount bank/web'],
  ];
  for (const [words, flags, missing] of near)
    it(`says what is missing to ${words}: ${missing}`, async () => {
      const text = await ask(words, flags);
      assert.ok(text.startsWith('no: '), text);
      const lines = text.split('\n');
      assert.ok(
        lines.some((line) => line.endsWith(`   ${missing}`)),
        text,
      );
    });

  it('says nothing of what is far', async () => {
    assert.equal(
      await ask('get nodes', { as: 'joe' }),
      'no: User joe may not get nodes in the whole cluster.\n',
    );
  });

  it('is about who asks unless told', async () => {
    assert.ok(
      (await ask('delete nodes')).startsWith(
        'yes: User kubernetes-admin may delete nodes in the whole cluster: members of system:masters may do everything, always.\n',
      ),
    );
  });

  it('says where another authorizer allows', async () => {
    await api.must('POST /api/v1/nodes', { metadata: { name: 'n1' } });
    const text = await ask('get nodes n1', { as: 'system:node:n1', asGroup: ['system:nodes'] });
    assert.match(
      text,
      /^yes: User system:node:n1 may get nodes named n1 in the whole cluster, and not by RBAC but by another authorizer/,
    );
  });

  it('refuses what it cannot mean', async () => {
    await assert.rejects(ask('get pods', { asGroup: ['ops'] }), UserError);
    await assert.rejects(ask('get pears'), {
      message: 'Cannot find the kind "pears": the server has none.',
    });
  });

  it('lists who can', async () => {
    const text = await whoCan('get pods');
    assert.match(
      text,
      /^By RBAC these may get pods in namespace shop \(and system:masters, always\):\n/,
    );
    assert.match(
      text,
      /\nServiceAccount bank\/web +RoleBinding shop\/readers +Role shop\/reader\n/,
    );
    assert.match(text, /\nUser jane +RoleBinding shop\/readers +Role shop\/reader\n/);
    assert.doesNotMatch(await whoCan('get pods', { namespace: 'bank' }), /jane/);
    assert.doesNotMatch(await whoCan('get pods', { allNamespaces: true }), /jane/);
  });
});

describe('cox rbac least', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'coxswain-test-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const event = (words: string, more: object = {}): object => {
    const [verb = '', group = '', resource = '', namespace = '', name = ''] = words.split(' ');
    const text = (value: string): string | undefined => (value === '-' ? undefined : value);
    return {
      stage: 'ResponseComplete',
      verb,
      user: { username: 'jane' },
      objectRef: { resource, apiGroup: text(group), namespace: text(namespace), name: text(name) },
      responseStatus: { code: 200 },
      ...more,
    };
  };
  const least = (events: readonly object[], flags: object = {}): Promise<string> => {
    const path = join(folder, 'audit.log');
    writeFileSync(path, events.map((line) => `${JSON.stringify(line)}\n`).join(''));
    return rbacLeast('jane', { auditLog: [path], ...flags });
  };

  it('writes a role and a binding for each namespace, and for the cluster', async () => {
    const text = await least([
      event('get - pods shop a'),
      event('list - pods shop'),
      event('get - services shop b'),
      event('list - services shop'),
      event('get apps deployments bank c'),
      event('list - nodes - -'),
    ]);
    assert.equal(
      text,
      `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: jane
rules:
- apiGroups:
  - ""
  resources:
  - nodes
  verbs:
  - list
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: jane
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: jane
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: User
  name: jane
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: jane
  namespace: bank
rules:
- apiGroups:
  - apps
  resources:
  - deployments
  verbs:
  - get
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: jane
  namespace: bank
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: jane
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: User
  name: jane
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: jane
  namespace: shop
rules:
- apiGroups:
  - ""
  resources:
  - pods
  - services
  verbs:
  - get
  - list
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: jane
  namespace: shop
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: jane
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: User
  name: jane
`,
    );
  });

  it('leaves out what was refused, what others did, and what has no answer yet', async () => {
    const text = await least([
      event('get - pods shop a'),
      event('get - secrets shop a', { responseStatus: { code: 403 } }),
      event('get - configmaps shop a', {
        annotations: { 'authorization.k8s.io/decision': 'forbid' },
      }),
      event('get - endpoints shop a', { user: { username: 'joe' } }),
      event('get - events shop a', { impersonatedUser: { username: 'joe' } }),
      event('get - services shop a', { stage: 'RequestReceived' }),
    ]);
    assert.match(text, /- pods\n/);
    assert.doesNotMatch(text, /secrets|configmaps|endpoints|events|services/);
  });

  it('keeps what was forbidden by admission: the right was there', async () => {
    const text = await least([
      event('create - pods shop', {
        responseStatus: { code: 403 },
        annotations: { 'authorization.k8s.io/decision': 'allow' },
      }),
    ]);
    assert.match(text, /- create\n/);
  });

  it('counts what somebody did as the user', async () => {
    const text = await least([
      event('get - pods shop a', {
        user: { username: 'admin' },
        impersonatedUser: { username: 'jane' },
      }),
    ]);
    assert.match(text, /- pods\n/);
  });

  it('names objects where all requests did', async () => {
    const text = await least(
      [
        event('get - secrets shop b'),
        event('get - secrets shop a'),
        event('get - pods shop a'),
        event('list - pods shop'),
        event('create - jobs shop a'),
      ],
      { byName: true },
    );
    const rules = text.slice(text.indexOf('rules:'), text.indexOf('---'));
    assert.match(
      rules,
      /resourceNames:\n {2}- a\n {2}- b\n {2}resources:\n {2}- secrets\n {2}verbs:\n {2}- get\n/,
    );
    assert.match(rules, /resources:\n {2}- pods\n {2}verbs:\n {2}- list\n/);
    assert.match(rules, /resources:\n {2}- jobs\n {2}verbs:\n {2}- create\n/);
  });

  it('takes paths', async () => {
    const text = await least([
      {
        stage: 'ResponseComplete',
        verb: 'get',
        requestURI: '/metrics?a=b',
        user: { username: 'jane' },
      },
    ]);
    assert.match(text, /nonResourceURLs:\n {2}- \/metrics\n {2}verbs:\n {2}- get\n/);
  });

  it('refuses a log without the user, one that is none, and a bad name', async () => {
    await assert.rejects(
      least([event('get - pods shop a', { user: { username: 'joe' } })]),
      UserError,
    );
    await assert.rejects(least([event('get - pods shop a')], { name: 'A B' }), UserError);
    const path = join(folder, 'bad.log');
    writeFileSync(path, '{}\nno json\n');
    await assert.rejects(rbacLeast('jane', { auditLog: [path] }), {
      message: /^Cannot read line 2 of .*bad\.log: /,
    });
    await assert.rejects(rbacLeast('jane', { auditLog: [join(folder, 'none.log')] }), UserError);
  });
});
