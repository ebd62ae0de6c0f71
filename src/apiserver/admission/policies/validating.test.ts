/** Validating policies, through the whole API server. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { TestApiServer } from '#kit/api-server.ts';
import { deployment, PolicyServer, rule } from '#kit/policy-server.ts';
import { CONFIGURATIONS } from '#kit/webhook-server.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';

let policies: PolicyServer;
let api: TestApiServer;

beforeEach(async () => {
  policies = await PolicyServer.start();
  ({ api } = policies);
});

/** A policy `p` of ConfigMaps with these validations, bound as `b`. */
async function guard(validations: readonly object[], spec: object = {}, binding: object = {}) {
  await policies.validating('p', { validations, ...spec }, { b: binding });
}

const map = (data: object = {}, name = 'm'): object => ({ metadata: { name }, data });

describe('validating policies', () => {
  it('guard Deployments, as the official suite has it', async () => {
    await policies.validating(
      'policy.example.com',
      {
        matchConstraints: {
          namespaceSelector: { matchLabels: { unique: 'true' } },
          resourceRules: [rule('deployments', 'apps')],
        },
        validations: [
          {
            expression: 'object.spec.replicas > 1',
            messageExpression: "'wants replicas > 1, got ' + object.spec.replicas",
          },
        ],
      },
      { b: { matchResources: { namespaceSelector: { matchLabels: { unique: 'true' } } } } },
    );
    const path = (namespace: string) => `POST /apis/apps/v1/namespaces/${namespace}/deployments`;
    await api.must('POST /api/v1/namespaces', {
      metadata: { name: 'n', labels: { unique: 'true' } },
    });
    // The message is a sum of a string and a number: that fails, and the expression is shown.
    assert.equal(
      await api.refusal(path('n'), deployment('marker', 1)),
      `422 deployments.apps "marker" is forbidden: ValidatingAdmissionPolicy 'policy.example.com' with binding 'b' denied request: failed expression: object.spec.replicas > 1`,
    );
    await api.must(path('n'), deployment('replicated', 2));
    await api.must(path('default'), deployment('elsewhere', 1));
    await api.must('POST /apis/apps/v1/namespaces/n/replicasets', deployment('set', 1));
  });

  it('refuse with the reason, code and message that a validation has', async () => {
    await guard([
      { expression: "!has(object.data.a) || object.data.a == ''", message: ' no a ' },
      { expression: '!has(object.data.f)', reason: 'Forbidden' },
      { expression: '!has(object.data.t)', reason: 'RequestEntityTooLarge' },
      {
        expression: '!has(object.data.m)',
        message: 'static',
        messageExpression: "' ' + object.data.m + ' '",
      },
    ]);
    const said = async (data: object): Promise<unknown[]> => {
      const { status, body } = await api.call(`POST ${MAPS}`, map(data));
      return [status, body.code, body.reason, body.message.replace(/^.* denied request: /, '')];
    };
    const expression = (name: string): string => `failed expression: !has(object.data.${name})`;
    assert.deepEqual(await said({ a: 'x', f: 'y' }), [422, 422, 'Invalid', 'no a']);
    assert.deepEqual(await said({ f: 'y' }), [403, 403, 'Forbidden', expression('f')]);
    assert.deepEqual(await said({ t: 'y' }), [413, 413, 'RequestEntityTooLarge', expression('t')]);
    assert.deepEqual(await said({ m: 'said' }), [422, 422, 'Invalid', 'said']);
    // What cannot be shown in one short line is not shown.
    for (const m of ['', 'two\nlines', 'x'.repeat(5 * 1024 + 1)])
      assert.deepEqual(await said({ m }), [422, 422, 'Invalid', 'static'], m.slice(0, 9));
    assert.equal((await said({ m: 'x'.repeat(5 * 1024) }))[3], 'x'.repeat(5 * 1024));
    const { body } = await api.call(`POST ${MAPS}`, map({ f: 'y' }));
    const message = `ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ${expression('f')}`;
    assert.equal(body.message, `configmaps "m" is forbidden: ${message}`);
    assert.deepEqual(body.details, { name: 'm', kind: 'configmaps', causes: [{ message }] });
  });

  it('do what the binding says: deny, warn, or only audit', async () => {
    const validations = [{ expression: 'false', message: 'no' }, { expression: 'false' }];
    await guard(validations, {}, { validationActions: ['Warn'] });
    const { status, headers } = await api.call(`POST ${MAPS}`, map());
    assert.equal(status, 201);
    const warning = (message: string): string =>
      `299 - "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': ${message}"`;
    assert.equal(
      headers['warning'],
      [warning('no'), warning('failed expression: false')].join(', '),
    );
    await policies.validating('q', { validations }, { audit: { validationActions: ['Audit'] } });
    assert.equal((await api.call(`POST ${MAPS}`, map({}, 'n'))).status, 201);
    await policies.validating(
      'r',
      { validations },
      { deny: { validationActions: ['Audit', 'Deny'] } },
    );
    assert.match(await api.refusal(`POST ${MAPS}`, map({}, 'o')), /'r' with binding 'deny'.*: no$/);
  });

  it('answer the first refusal, by the names of policies and bindings', async () => {
    const validations = (message: string) => ({ validations: [{ expression: 'false', message }] });
    await policies.validating('b', validations('of b'), { z: {}, y: {} });
    await policies.validating('a', validations('of a'), {});
    assert.match(await api.refusal(`POST ${MAPS}`, map()), /'b' with binding 'y'/);
    await policies.validating('aa', validations('of aa'), { zz: {} });
    assert.match(await api.refusal(`POST ${MAPS}`, map()), /'aa' with binding 'zz' .*: of aa$/);
  });

  it('follow their objects: new revisions, other bindings, deletion', async () => {
    await guard([{ expression: 'false' }]);
    assert.match(await api.refusal(`POST ${MAPS}`, map()), /^422/);
    const policy = `${CONFIGURATIONS}/validatingadmissionpolicies/p`;
    await api.must(`PATCH ${policy}`, { spec: { validations: [{ expression: 'true' }] } });
    await api.must(`POST ${MAPS}`, map());
    await api.must(`PATCH ${policy}`, { spec: { validations: [{ expression: 'false' }] } });
    assert.match(await api.refusal(`POST ${MAPS}`, map({}, 'n')), /^422/);
    await api.must(`DELETE ${CONFIGURATIONS}/validatingadmissionpolicybindings/b`);
    await api.must(`POST ${MAPS}`, map({}, 'n'));
  });

  it('are told of the request and its namespace', async () => {
    const said = [
      "request.operation == 'CREATE'",
      "request.userInfo.username == 'admin'",
      "request.resource.resource == 'configmaps' && request.kind.kind == 'ConfigMap'",
      "request.namespace == 'default' && request.name == 'm'",
      '!request.dryRun',
      'oldObject == null',
      "object.metadata.name == 'm'",
      "namespaceObject.metadata.name == 'default'",
      "namespaceObject.metadata.labels['kubernetes.io/metadata.name'] == 'default'",
      "namespaceObject.metadata.creationTimestamp < timestamp('2999-01-01T00:00:00Z')",
      "namespaceObject.status.phase == 'Active'",
    ];
    await guard(said.map((expression) => ({ expression })));
    await api.must(`POST ${MAPS}`, map());
    assert.match(await api.refusal(`POST ${MAPS}?dryRun=All`, map()), /: !request.dryRun$/);
  });

  it('see no namespace where there is none', async () => {
    await guard([{ expression: 'namespaceObject == null' }], {
      matchConstraints: { resourceRules: [rule('namespaces'), rule('configmaps')] },
    });
    await api.must('POST /api/v1/namespaces', { metadata: { name: 'n' } });
    assert.match(await api.refusal(`POST ${MAPS}`, map()), /^422/);
  });

  it('leave out what is excluded, and what conditions say no to', async () => {
    await guard([{ expression: 'false' }], {
      matchConstraints: {
        resourceRules: [rule('*')],
        excludeResourceRules: [rule('configmaps', '', { resourceNames: ['free'] })],
      },
      matchConditions: [{ name: 'c', expression: "request.name != 'conditional'" }],
    });
    await api.must(`POST ${MAPS}`, map({}, 'free'));
    await api.must(`POST ${MAPS}`, map({}, 'conditional'));
    assert.match(await api.refusal(`POST ${MAPS}`, map()), /^422/);
    await api.must(`POST /apis/apps/v1/namespaces/default/deployments`, deployment('d', 1));
  });

  it('compute variables when they are read, each once', async () => {
    await guard(
      [
        { expression: 'variables.twice == 2 && variables.one == 1' },
        { expression: "variables.broken == 1 || request.name == 'm'" },
        {
          expression: "variables.broken == 1 && request.name == 'm'",
          messageExpression: "'never' + variables.text",
        },
      ],
      {
        variables: [
          { name: 'one', expression: 'size(object.metadata.name)' },
          { name: 'twice', expression: 'variables.one + variables.one' },
          { name: 'broken', expression: 'object.none' },
          { name: 'text', expression: "'x'" },
        ],
      },
    );
    assert.match(
      await api.refusal(`POST ${MAPS}`, map()),
      /denied request: expression 'variables.broken == 1 && request.name == 'm'' resulted in error: composited variable "broken" fails to evaluate: no such key: none$/,
    );
  });

  it('ask the authorizer', async () => {
    await guard([
      { expression: "authorizer.requestResource.check('create').allowed()", message: 'resource' },
      { expression: "authorizer.path('/metrics').check('get').allowed()", message: 'path' },
    ]);
    await api.must(`POST ${MAPS}`, map());
    await api.must('POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'joe' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
      subjects: [{ kind: 'User', name: 'joe' }],
    });
    const as = { as: { name: 'joe', groups: ['system:authenticated'] } };
    assert.match(await api.refusal(`POST ${MAPS}`, map({}, 'n'), as), /: path$/);
  });

  it('never lock up: configuration of policies and reviews of access are not theirs', async () => {
    await guard([{ expression: 'false' }], {
      matchConstraints: {
        resourceRules: [rule('*', '*', { apiVersions: ['*'], operations: ['*'] })],
      },
    });
    const review = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    const spec = { nonResourceAttributes: { path: '/', verb: 'get' } };
    await api.must(`POST ${review}`, { spec });
    await api.must('POST /apis/authentication.k8s.io/v1/selfsubjectreviews', {});
    assert.match(
      await api.refusal(`POST ${CONFIGURATIONS}/validatingwebhookconfigurations`, {
        metadata: { name: 'w' },
      }),
      /^422/,
    );
    assert.match(await api.refusal(`POST ${MAPS}`, map()), /^422/);
    await api.must(`DELETE ${CONFIGURATIONS}/validatingadmissionpolicies/p`);
    await api.must(`POST ${MAPS}`, map());
  });

  it('are asked of deletions, with the object as it was', async () => {
    await api.must(`POST ${MAPS}`, map({ keep: 'yes' }));
    await guard([{ expression: "object == null && oldObject.data.keep != 'yes'" }], {
      matchConstraints: { resourceRules: [rule('configmaps', '', { operations: ['DELETE'] })] },
    });
    assert.match(await api.refusal(`DELETE ${MAPS}/m`), /^422 configmaps "m" is forbidden/);
    await api.must(`PATCH ${MAPS}/m`, { data: { keep: 'no' } });
    await api.must(`DELETE ${MAPS}/m`);
  });

  it('are asked of connections, with their options', async () => {
    await api.must('POST /api/v1/namespaces/default/serviceaccounts', {
      metadata: { name: 'default' },
    });
    await api.must('POST /api/v1/namespaces/default/pods', {
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    await guard([{ expression: "object.kind == 'PodExecOptions' && !object.stdin" }], {
      matchConstraints: { resourceRules: [rule('pods/exec', '', { operations: ['CONNECT'] })] },
    });
    const exec = 'POST /api/v1/namespaces/default/pods/p/exec?command=sh&container=c';
    assert.match(await api.refusal(`${exec}&stdin=true`), /^422 pods "p" is forbidden: Validating/);
  });

  it('see a server-side apply as what it makes', async () => {
    await guard([{ expression: "object.data.a != 'b'", message: 'not b' }]);
    const apply = (a: string) =>
      api.refusal(
        `PATCH ${MAPS}/m?fieldManager=me`,
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' }, data: { a } },
        { headers: { 'content-type': 'application/apply-patch+yaml' } },
      );
    assert.match(await apply('b'), /^422 .*: not b$/);
    assert.match(await apply('c'), /^201/);
  });
});

describe('a validating policy that cannot be decided', () => {
  const rows: [what: string, spec: object, message: RegExp][] = [
    [
      'fails',
      { validations: [{ expression: 'object.none == 1' }] },
      /: expression 'object.none == 1' resulted in error: no such key: none$/,
    ],
    [
      'has conditions that fail',
      {
        validations: [{ expression: 'true' }],
        matchConditions: [{ name: 'c', expression: 'object.none == 1' }],
      },
      /: expression 'object.none == 1' resulted in error: no such key: none$/,
    ],
    [
      'has parameters of a kind that is not there',
      { validations: [{ expression: 'true' }], paramKind: { apiVersion: 'x.io/v1', kind: 'None' } },
      /ValidatingAdmissionPolicy 'p' denied request: failed to configure policy: failed to find resource referenced by paramKind: 'x.io\/v1, Kind=None'$/,
    ],
    [
      'has an annotation that fails',
      { auditAnnotations: [{ key: 'k', valueExpression: 'string(object.none)' }] },
      /'p' with binding 'b' denied request: expression 'string\(object.none\)' resulted in error: no such key: none$/,
    ],
  ];
  for (const [what, spec, message] of rows)
    it(`follows its failurePolicy where it ${what}`, async () => {
      await policies.validating('p', { ...spec, failurePolicy: 'Ignore' });
      await api.must(`POST ${MAPS}`, map());
      await api.must(`DELETE ${CONFIGURATIONS}/validatingadmissionpolicies/p`);
      await api.must(`DELETE ${CONFIGURATIONS}/validatingadmissionpolicybindings/b`);
      await policies.validating('p', spec);
      assert.match(await api.refusal(`POST ${MAPS}`, map({}, 'n')), message);
    });

  /** Costs some hundred thousand. */
  const dear = (depth: number): string =>
    depth === 0 ? 'true' : `object.data.list.split('').all(x${depth}, ${dear(depth - 1)})`;

  it('costs too much: one expression, or all of them', async () => {
    const list = 'x'.repeat(60);
    await guard([{ expression: dear(4) }]);
    assert.match(
      await api.refusal(`POST ${MAPS}`, map({ list })),
      /resulted in error: operation cancelled: actual cost limit exceeded$/,
    );
    const many = Array.from({ length: 60 }, () => ({ expression: dear(3) }));
    await policies.validating('a', { validations: many }, { c: {} });
    assert.match(
      await api.refusal(`POST ${MAPS}`, map({ list })),
      /'a' with binding 'c' denied request: validation failed due to running out of cost budget, no further validation rules will be run$/,
    );
  });

  it('pays for its variables, once for each round of expressions', async () => {
    const list = 'x'.repeat(60);
    const variables = Array.from({ length: 40 }, (_, i) => ({
      name: `v${i}`,
      expression: dear(3),
    }));
    const all = variables.map(({ name }) => `variables.${name}`);
    await guard([{ expression: all.slice(0, 3).join(' && ') }, { expression: 'variables.v0' }], {
      variables,
    });
    await api.must(`POST ${MAPS}`, map({ list }));
    await policies.validating(
      'a',
      { validations: [{ expression: all.join(' && ') }], variables },
      { c: {} },
    );
    assert.match(
      await api.refusal(`POST ${MAPS}`, map({ list }, 'n')),
      /running out of cost budget/,
    );
  });

  it('pays for a variable once, however many expressions read it', async () => {
    const list = 'x'.repeat(60);
    const variables = [{ name: 'v', expression: dear(3) }];
    const validations = Array.from({ length: 60 }, () => ({ expression: 'variables.v' }));
    await guard(validations, { variables });
    await api.must(`POST ${MAPS}`, map({ list }));
  });

  it('may not have messages that cost too much, even where nobody reads them', async () => {
    const list = 'x'.repeat(60);
    const message = { expression: 'true', messageExpression: `string(${dear(3)})` };
    await guard(Array.from({ length: 60 }, () => message));
    assert.match(
      await api.refusal(`POST ${MAPS}`, map({ list })),
      /denied request: failed messageExpression: validation failed due to running out of cost budget/,
    );
  });
});
