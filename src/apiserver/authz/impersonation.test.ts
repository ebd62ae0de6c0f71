import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { StatusError } from '#api/meta/status.ts';
import type { User } from '../context.ts';
import { requestInfoOf } from '../request-info.ts';
import { attributesFor, type AuthorizationAttributes } from './authorizer.ts';
import { Impersonation } from './impersonation.ts';

const caller: User = { name: 'agent', groups: [] };
const JANE: User = { name: 'jane', groups: [] };
const ACCOUNT: User = { name: 'system:serviceaccount:shop:till', groups: [] };
const NODE: User = { name: 'system:node:n1', groups: [] };
const onNode = (node: string): User => ({
  name: 'system:serviceaccount:shop:agent',
  groups: [],
  extra: { 'authentication.kubernetes.io/node-name': [node], other: ['x'] },
});

/** `verb resource[/subresource] [namespace/]name`, or with `*` for all names. */
let rights: string[];
let asked: AuthorizationAttributes[];

beforeEach(() => {
  rights = [];
  asked = [];
});

function textOf({ verb, resource, subresource, namespace, name }: AuthorizationAttributes): string {
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  return `${verb} ${what} ${namespace === '' ? '' : `${namespace}/`}${name}`;
}

function impersonation(constrained = true): Impersonation {
  return new Impersonation(
    async (attributes) => {
      asked.push(attributes);
      const allowed = rights.includes(textOf(attributes));
      return { outcome: allowed ? 'allow' : 'none', reason: '' };
    },
    { constrained },
  );
}

/** Mode and groups, or the refusal. */
async function act(
  as: User,
  options: { from?: User; by?: Impersonation; request?: string } = {},
): Promise<string> {
  const {
    from = caller,
    by = impersonation(),
    request = 'GET /api/v1/namespaces/shop/pods',
  } = options;
  const [method = '', url = ''] = request.split(' ');
  try {
    const { mode, user } = await by.check(as, attributesFor(from, requestInfoOf(method, url)));
    return `${mode} ${user.name} ${user.groups.join()}`;
  } catch (error) {
    assert.ok(error instanceof StatusError);
    return `${error.status.code} ${error.message}`;
  }
}

describe('constrained impersonation', () => {
  it('takes the right to be the user and the right to do this as somebody', async () => {
    const cannotBe =
      '403 users.authentication.k8s.io "jane" is forbidden: User "agent" cannot impersonate:user-info resource "users" in API group "authentication.k8s.io" at the cluster scope';
    const cannotDo =
      '403 pods is forbidden: User "agent" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "shop"';
    assert.equal(await act(JANE), cannotDo);
    rights = ['impersonate:user-info users jane'];
    assert.equal(await act(JANE), cannotDo);
    rights = ['impersonate-on:user-info:list pods shop/'];
    assert.equal(await act(JANE), cannotBe);
    rights.push('impersonate:user-info users jane');
    assert.equal(await act(JANE), 'user-info jane system:authenticated');
    assert.match(await act(JANE, { request: 'DELETE /api/v1/namespaces/shop/pods' }), /^403/);
  });

  it('takes the right to each group, uid and extra value', async () => {
    const jane = {
      ...JANE,
      groups: ['staff', 'ops'],
      uid: '7',
      extra: { 'acme.io/team': ['a', 'b'] },
    };
    const needed = [
      'impersonate-on:user-info:list pods shop/',
      'impersonate:user-info users jane',
      'impersonate:user-info uids 7',
      'impersonate:user-info groups staff',
      'impersonate:user-info groups ops',
      'impersonate:user-info userextras/acme.io/team a',
      'impersonate:user-info userextras/acme.io/team b',
    ];
    for (const left of needed) {
      rights = needed.filter((right) => right !== left);
      assert.match(await act(jane), /^403/, left);
    }
    rights = needed;
    assert.equal(await act(jane), 'user-info jane staff,ops,system:authenticated');
  });

  it('asks for the right to all groups, or extra values, where there are many', async () => {
    const groups = ['a', 'b', 'c', 'd'];
    const extra = { 'acme.io/a': groups };
    rights = [
      'impersonate-on:user-info:list pods shop/',
      'impersonate:user-info users jane',
      'impersonate:user-info groups *',
      'impersonate:user-info userextras/* *',
    ];
    assert.match(await act({ ...JANE, groups, extra }), /^user-info/);
    assert.match(await act({ ...JANE, groups: groups.slice(1) }), /^403/);
    assert.match(await act({ ...JANE, groups: [], extra: { 'acme.io/a': ['a'] } }), /^403/);
  });

  it('never makes anybody a master, nor a member of a group without a name', async () => {
    rights = [
      'impersonate-on:user-info:list pods shop/',
      'impersonate:user-info users jane',
      'impersonate:user-info groups system:masters',
      'impersonate:user-info groups ',
    ];
    assert.match(
      await act({ ...JANE, groups: ['system:masters'] }),
      /"system:masters" is forbidden: .*: impersonating the system:masters group is not allowed$/,
    );
    assert.match(
      await act({ ...JANE, groups: ['system:masters', ''] }),
      /: impersonating the empty string group is not allowed$/,
    );
  });

  it('refuses keys of extra values that no authenticator would give', async () => {
    rights = ['impersonate-on:user-info:list pods shop/', 'impersonate:user-info users jane'];
    const table: [Record<string, string[]>, RegExp][] = [
      [{ '': ['a'] }, /impersonating the empty string key in extra is not allowed$/],
      [
        { team: ['a'] },
        /invalid key in extra is not allowed: extra\.key: Invalid value: "team": must be a domain-prefixed path \(such as "acme.io\/foo"\)$/,
      ],
      [{ 'acme.io/Team': ['a'] }, /a non-lowercase key in extra is not allowed: "acme.io\/Team"$/],
      [{ 'acme.io/team': [''] }, /the empty string value in extra is not allowed$/],
    ];
    for (const [extra, message] of table) assert.match(await act({ ...JANE, extra }), message);
  });

  it('gives service accounts and nodes their own groups, and a mode of their own', async () => {
    rights = [
      'impersonate-on:serviceaccount:list pods shop/',
      'impersonate:serviceaccount serviceaccounts shop/till',
      'impersonate-on:arbitrary-node:list pods shop/',
      'impersonate:arbitrary-node nodes n1',
    ];
    assert.equal(
      await act(ACCOUNT),
      `serviceaccount ${ACCOUNT.name} system:serviceaccounts,system:serviceaccounts:shop,system:authenticated`,
    );
    assert.equal(
      await act(NODE),
      'arbitrary-node system:node:n1 system:nodes,system:authenticated',
    );
    rights.push(
      'impersonate-on:user-info:list pods shop/',
      'impersonate:user-info users system:node:n1',
    );
    rights = rights.filter((right) => !right.includes('arbitrary'));
    assert.match(await act(NODE), /^403/);
  });

  it('lets a service account act as the node that its Pod is on, and as no other', async () => {
    rights = [
      'impersonate-on:associated-node:list pods shop/',
      'impersonate:associated-node nodes *',
    ];
    assert.equal(
      await act(NODE, { from: onNode('n1') }),
      'associated-node system:node:n1 system:nodes,system:authenticated',
    );
    assert.match(await act(NODE, { from: onNode('n2') }), /^403/);
    const [first] = asked;
    assert.deepEqual(first?.user.extra, {
      'authentication.kubernetes.io/associated-node-keys': [
        'authentication.kubernetes.io/node-name',
        'other',
      ],
    });
  });

  it('tries first what worked last for the caller', async () => {
    const by = impersonation();
    rights = ['impersonate users jane'];
    assert.equal(await act(JANE, { by }), 'legacy jane system:authenticated');
    asked = [];
    assert.equal(await act(JANE, { by }), 'legacy jane system:authenticated');
    assert.deepEqual(asked.map(textOf), ['impersonate users jane']);
    rights = [];
    assert.match(
      await act(JANE, { by }),
      /^403 users "jane" is forbidden: .* cannot impersonate resource/,
    );
  });
});

describe('impersonation without the gate', () => {
  it('knows the legacy right alone', async () => {
    rights = ['impersonate-on:user-info:list pods shop/', 'impersonate:user-info users jane'];
    assert.match(
      await act(JANE, { by: impersonation(false) }),
      /cannot impersonate resource "users"/,
    );
    rights = ['impersonate users jane', 'impersonate groups system:masters'];
    assert.equal(
      await act({ ...JANE, groups: ['system:masters'] }, { by: impersonation(false) }),
      'legacy jane system:masters,system:authenticated',
    );
  });
});

describe('the groups of who is impersonated', () => {
  const groupsOf = (user: User): Promise<string> => {
    rights = [
      `impersonate users ${user.name}`,
      'impersonate groups system:unauthenticated',
      'impersonate groups system:authenticated',
      'impersonate serviceaccounts shop/till',
    ];
    return act(user, { by: impersonation(false) });
  };
  it('say that somebody is authenticated, or that nobody is', async () => {
    assert.equal(await groupsOf(JANE), 'legacy jane system:authenticated');
    assert.equal(
      await groupsOf({ ...JANE, groups: ['system:unauthenticated'] }),
      'legacy jane system:unauthenticated',
    );
    assert.equal(
      await groupsOf({ name: 'system:anonymous', groups: [] }),
      'legacy system:anonymous system:unauthenticated',
    );
    assert.equal(
      await groupsOf({ ...ACCOUNT, groups: ['system:authenticated'] }),
      `legacy ${ACCOUNT.name} system:authenticated`,
    );
  });
});
