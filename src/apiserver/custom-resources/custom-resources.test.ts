import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const TABS = '/apis/stable.example.com/v1/namespaces/default/crontabs';

const SCHEMA = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['cronSpec'],
      properties: {
        cronSpec: { type: 'string', pattern: '^\\S+( \\S+){4}$' },
        replicas: { type: 'integer', minimum: 0, maximum: 10, default: 1 },
        image: { type: 'string' },
        tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
      },
    },
    status: {
      type: 'object',
      properties: { replicas: { type: 'integer' }, selector: { type: 'string' } },
    },
  },
};

function definition(versions: object[] = [version('v1')]) {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'crontabs.stable.example.com' },
    spec: {
      group: 'stable.example.com',
      scope: 'Namespaced',
      names: { plural: 'crontabs', singular: 'crontab', kind: 'CronTab', shortNames: ['ct'] },
      versions,
    },
  };
}

function version(name: string, more: object = {}) {
  return {
    name,
    served: true,
    storage: name === 'v1',
    schema: { openAPIV3Schema: SCHEMA },
    subresources: {
      status: {},
      scale: {
        specReplicasPath: '.spec.replicas',
        statusReplicasPath: '.status.replicas',
        labelSelectorPath: '.status.selector',
      },
    },
    additionalPrinterColumns: [
      { name: 'Spec', type: 'string', jsonPath: '.spec.cronSpec' },
      { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
    ],
    ...more,
  };
}

const tab = (name: string, spec: object = {}, more: object = {}) => ({
  apiVersion: 'stable.example.com/v1',
  kind: 'CronTab',
  metadata: { name },
  spec: { cronSpec: '* * * * *', ...spec },
  ...more,
});

async function established(server: TestApiServer, versions?: object[]): Promise<void> {
  await server.must(`POST ${CRDS}`, definition(versions));
  await settled(server);
}

/** Lets the server's own controllers finish. */
async function settled(server: TestApiServer): Promise<void> {
  await server.environment.advance(10);
}

async function conditionsOf(server: TestApiServer) {
  const { status } = await server.must(`GET ${CRDS}/crontabs.stable.example.com`);
  return Object.fromEntries(
    status.conditions.map((one: { type: string; status: string; reason: string }) => [
      one.type,
      `${one.status} ${one.reason}`,
    ]),
  );
}

describe('a custom resource definition', () => {
  it('is established, and its resource served and discovered', async () => {
    const server = await TestApiServer.start();
    assert.equal((await server.call(`GET ${TABS}`)).status, 404);
    await established(server);
    assert.deepEqual(await conditionsOf(server), {
      NamesAccepted: 'True NoConflicts',
      Established: 'True InitialNamesAccepted',
    });
    const list = await server.must('GET /apis/stable.example.com/v1');
    assert.deepEqual(
      list.resources.map(({ name }: { name: string }) => name),
      ['crontabs', 'crontabs/scale', 'crontabs/status'],
    );
    const groups = await server.must('GET /apis');
    assert.ok(groups.groups.some(({ name }: { name: string }) => name === 'stable.example.com'));
    assert.equal((await server.must(`GET ${TABS}`)).kind, 'CronTabList');
  });

  it('is only marked by the first DELETE, whatever is said of propagation', async () => {
    const server = await TestApiServer.start();
    const { status, metadata } = await server.must(`POST ${CRDS}`, definition());
    assert.equal(status.conditions, null);
    const url = `${CRDS}/crontabs.stable.example.com`;
    assert.equal(
      await server.refusal(`DELETE ${url}`, { preconditions: { uid: 'x' } }),
      `409 Operation cannot be fulfilled on customresourcedefinitions.apiextensions.k8s.io "crontabs.stable.example.com": Precondition failed: UID in precondition: x, UID in object meta: ${metadata.uid}`,
    );
    const marked = await server.must(`DELETE ${url}?dryRun=All`, {
      propagationPolicy: 'Foreground',
    });
    const { finalizers, generation, deletionGracePeriodSeconds } = marked.metadata;
    assert.deepEqual(
      [finalizers, generation, deletionGracePeriodSeconds],
      [['customresourcecleanup.apiextensions.k8s.io'], 1, undefined],
    );
  });

  it('takes its objects along when it is deleted', async () => {
    const server = await TestApiServer.start();
    await established(server);
    await server.must(`POST ${TABS}`, tab('a'));
    await server.must(
      `POST ${TABS}`,
      tab('b', {}, { metadata: { name: 'b', finalizers: ['x.io/y'] } }),
    );
    await server.must(`DELETE ${CRDS}/crontabs.stable.example.com`);
    await settled(server);
    assert.equal((await conditionsOf(server))['Terminating'], 'True InstanceDeletionInProgress');
    assert.match(
      await server.refusal(`POST ${TABS}`, tab('c')),
      /^403 .*create not allowed while custom resource definition is terminating$/,
    );
    const [{ verbs }] = (await server.must('GET /apis/stable.example.com/v1')).resources;
    assert.deepEqual(verbs, ['delete', 'deletecollection', 'get', 'list', 'watch']);
    await server.must(`PATCH ${TABS}/b`, { metadata: { finalizers: null } });
    await settled(server);
    assert.equal((await server.call(`GET ${CRDS}/crontabs.stable.example.com`)).status, 404);
    assert.equal((await server.call(`GET ${TABS}`)).status, 404);
    // The same definition again begins with nothing.
    await established(server);
    assert.deepEqual((await server.must(`GET ${TABS}`)).items, []);
  });

  it('lets watches see its objects go, and itself with its last condition', async () => {
    const server = await TestApiServer.start();
    await established(server);
    await server.must(`POST ${TABS}`, tab('a'));
    const { metadata } = await server.must(`GET ${CRDS}`);
    const query = `watch=1&resourceVersion=${metadata.resourceVersion}&timeoutSeconds=5`;
    const replies = [TABS, CRDS].map((path) => server.call(`GET ${path}?${query}`));
    await server.environment.advance(10);
    await server.must(`DELETE ${CRDS}/crontabs.stable.example.com`);
    await server.environment.advance(6_000);
    const [objects, definitions] = await Promise.all(replies);
    assert.deepEqual([objects?.body.type, objects?.body.object.metadata.name], ['DELETED', 'a']);
    const lines: string[] = String(definitions?.body).trim().split('\n');
    assert.deepEqual(
      lines
        .map((line) => JSON.parse(line))
        .map(({ type, object }) => [type, object.status.conditions.at(-1).reason]),
      [
        ['MODIFIED', 'InstanceDeletionPending'],
        ['MODIFIED', 'InstanceDeletionInProgress'],
        ['DELETED', 'InstanceDeletionInProgress'],
      ],
    );
  });

  it('takes objects along that no version shows', async () => {
    const server = await TestApiServer.start();
    await established(server);
    await server.must(`POST ${TABS}`, tab('a'));
    const url = `${CRDS}/crontabs.stable.example.com`;
    const { spec } = await server.must(`GET ${url}`);
    const versions = spec.versions.map((version: object) => ({ ...version, served: false }));
    await server.must(`PATCH ${url}`, { spec: { versions } });
    assert.equal(await server.store.count('/registry/stable.example.com/'), 1);
    await server.must(`DELETE ${url}`);
    await settled(server);
    assert.equal(await server.store.count('/registry/stable.example.com/'), 0);
  });

  it('gets names that one of many has asked for at the same time, and no other', async () => {
    const server = await TestApiServer.start();
    const plurals = Array.from({ length: 12 }, (_, i) => `things${i}`);
    await Promise.all(
      plurals.map((plural) => {
        const { spec } = definition();
        const names = { plural, singular: `one-of-${plural}`, kind: 'Thing' };
        const metadata = { name: `${plural}.stable.example.com` };
        return server.must(`POST ${CRDS}`, { metadata, spec: { ...spec, names } });
      }),
    );
    await settled(server);
    const { items } = await server.must(`GET ${CRDS}`);
    const kinds = items.map(
      (item: { status: { acceptedNames: { kind: string } } }) => item.status.acceptedNames.kind,
    );
    assert.equal(kinds.filter((kind: string) => kind === 'Thing').length, 1);
  });

  it('waits for names that another definition holds', async () => {
    const server = await TestApiServer.start();
    await established(server);
    const other = definition();
    other.metadata.name = 'others.stable.example.com';
    other.spec.names = { plural: 'others', singular: 'other', kind: 'CronTab', shortNames: [] };
    await server.must(`POST ${CRDS}`, other);
    await settled(server);
    const { status } = await server.must(`GET ${CRDS}/others.stable.example.com`);
    assert.equal(status.conditions[0].reason, 'ListKindConflict');
    await server.must(`DELETE ${CRDS}/crontabs.stable.example.com`);
    await settled(server);
    const after = await server.must(`GET ${CRDS}/others.stable.example.com`);
    assert.equal(after.status.conditions[0].reason, 'NoConflicts');
  });

  it('is served again after a restart, with the objects that were there', async () => {
    const server = await TestApiServer.start();
    await established(server);
    await server.must(`POST ${TABS}`, tab('a'));
    const again = await TestApiServer.start({
      environment: server.environment,
      store: server.store,
    });
    assert.equal((await again.must(`GET ${TABS}/a`)).spec.cronSpec, '* * * * *');
  });
});

describe('a custom resource', () => {
  let server: TestApiServer;
  before(async () => {
    server = await TestApiServer.start();
    await established(server);
  });

  it('gets the defaults of its schema, and loses what that does not know', async () => {
    const made = await server.must(`POST ${TABS}`, tab('defaults', { unknown: 1 }));
    assert.deepEqual(made.spec, { cronSpec: '* * * * *', replicas: 1 });
    assert.equal(made.metadata.generation, 1);
    assert.deepEqual((await server.must(`GET ${TABS}/defaults`)).spec, made.spec);
  });

  it('is refused, or warned about, for unknown and duplicate fields', async () => {
    const strict = `POST ${TABS}?fieldValidation=Strict`;
    assert.match(
      await server.refusal(strict, tab('strict', { unknown: 1 })),
      /^400 .*strict decoding error: unknown field "spec.unknown"$/,
    );
    const warned = await server.call(`POST ${TABS}?fieldValidation=Warn&dryRun=All`, {
      ...tab('warned', { unknown: 1 }),
    });
    assert.equal(warned.headers['warning'], '299 - "unknown field \\"spec.unknown\\""');
  });

  it('is held to its schema', async () => {
    const reply = await server.call(`POST ${TABS}`, tab('bad', { cronSpec: 'x', replicas: 11 }));
    assert.equal(reply.status, 422);
    assert.deepEqual(
      reply.body.details.causes.map(({ field }: { field: string }) => field).toSorted(),
      ['spec.cronSpec', 'spec.replicas'],
    );
    assert.match(
      reply.body.message,
      /CronTab.stable.example.com "bad" is invalid: .*spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10/,
    );
    assert.equal(
      (await server.call(`POST ${TABS}`, tab('twice', { tags: ['a', 'a'] }))).status,
      422,
    );
  });

  it('has status and scale as subresources', async () => {
    await server.must(`POST ${TABS}`, { ...tab('scaled'), status: { replicas: 7 } });
    const first = await server.must(`GET ${TABS}/scaled`);
    assert.equal(first.status, undefined);
    const status = { replicas: 3, selector: 'app=x' };
    await server.must(`PUT ${TABS}/scaled/status`, { ...first, spec: {}, status });
    const second = await server.must(`GET ${TABS}/scaled`);
    assert.deepEqual([second.spec.cronSpec, second.status], ['* * * * *', status]);
    assert.equal(second.metadata.generation, 1);
    const scale = await server.must(`GET ${TABS}/scaled/scale`);
    assert.deepEqual([scale.spec.replicas, scale.status], [1, status]);
    await server.must(`PATCH ${TABS}/scaled/scale`, { spec: { replicas: 4 } });
    const third = await server.must(`GET ${TABS}/scaled`);
    assert.deepEqual([third.spec.replicas, third.metadata.generation], [4, 2]);
  });

  it('is printed in the columns of its version', async () => {
    await server.must(`POST ${TABS}`, tab('printed'));
    const table = await server.must(`GET ${TABS}/printed`, undefined, {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    });
    assert.deepEqual(
      table.columnDefinitions.map(({ name }: { name: string }) => name),
      ['Name', 'Spec', 'Replicas'],
    );
    assert.deepEqual(table.rows[0].cells, ['printed', '* * * * *', 1]);
  });

  it('is patched, but not strategically', async () => {
    await server.must(`POST ${TABS}`, tab('patched'));
    const patched = await server.must(`PATCH ${TABS}/patched`, { spec: { image: 'x' } });
    assert.equal(patched.spec.image, 'x');
    const reply = await server.call(
      `PATCH ${TABS}/patched`,
      { spec: {} },
      { headers: { 'content-type': 'application/strategic-merge-patch+json' } },
    );
    assert.equal(reply.status, 415);
  });

  it('is applied, field by field', async () => {
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    const apply = (manager: string, spec: object) =>
      server.call(
        `PATCH ${TABS}/applied?fieldManager=${manager}`,
        { ...tab('applied'), spec },
        { headers },
      );
    assert.equal((await apply('one', { cronSpec: '* * * * *', tags: ['a'] })).status, 201);
    const second = await apply('two', { tags: ['b'], image: 'x' });
    assert.deepEqual(second.body.spec.tags.toSorted(), ['a', 'b']);
    const conflict = await apply('two', { image: 'x', cronSpec: '1 * * * *' });
    assert.equal(conflict.status, 409);
    assert.deepEqual(conflict.body.details.causes[0].field, '.spec.cronSpec');
  });

  it('has no protobuf form', async () => {
    const headers = { 'content-type': 'application/vnd.kubernetes.protobuf' };
    assert.equal((await server.call(`POST ${TABS}`, tab('binary'), { headers })).status, 415);
    const accept = { accept: 'application/vnd.kubernetes.protobuf' };
    assert.equal((await server.call(`GET ${TABS}`, undefined, { headers: accept })).status, 406);
    const either = { accept: 'application/vnd.kubernetes.protobuf,application/json' };
    assert.equal((await server.call(`GET ${TABS}`, undefined, { headers: either })).status, 200);
  });
});

describe('rules of a custom resource', () => {
  it('are checked with the definition, and kept by its objects', async () => {
    const server = await TestApiServer.start();
    const withRule = (rule: string) => {
      const schema: typeof SCHEMA & { properties: { spec: object } } = structuredClone(SCHEMA);
      Object.assign(schema.properties.spec, { 'x-kubernetes-validations': [{ rule }] });
      return definition([version('v1', { schema: { openAPIV3Schema: schema } })]);
    };
    assert.match(
      await server.refusal(`POST ${CRDS}`, withRule('self.replica < 3')),
      /^422 .*x-kubernetes-validations\[0\].rule: Invalid value: .*undefined field 'replica'/s,
    );
    await server.must(`POST ${CRDS}`, withRule('self.replicas < 3'));
    await settled(server);
    await server.must(`POST ${TABS}`, tab('a', { replicas: 2 }));
    assert.equal(
      await server.refusal(`PATCH ${TABS}/a`, { spec: { replicas: 4 } }),
      '422 CronTab.stable.example.com "a" is invalid: spec: Invalid value: failed rule: self.replicas < 3',
    );
  });
});

describe('versions of a custom resource', () => {
  it('show one object, under the name of each', async () => {
    const server = await TestApiServer.start();
    await established(server, [version('v1'), version('v1beta1', { deprecated: true })]);
    await server.must(`POST ${TABS}`, tab('a'));
    const beta = await server.call(`GET ${TABS.replace('v1', 'v1beta1')}/a`);
    assert.equal(beta.body.apiVersion, 'stable.example.com/v1beta1');
    assert.equal(
      beta.headers['warning'],
      '299 - "stable.example.com/v1beta1 CronTab is deprecated; use stable.example.com/v1 CronTab"',
    );
    beta.body.spec.image = 'beta';
    await server.must(`PUT ${TABS.replace('v1', 'v1beta1')}/a`, beta.body);
    const stable = await server.must(`GET ${TABS}/a`);
    assert.deepEqual([stable.apiVersion, stable.spec.image], ['stable.example.com/v1', 'beta']);
  });

  it('give old objects the defaults that came later', async () => {
    const server = await TestApiServer.start();
    await established(server);
    await server.must(`POST ${TABS}`, tab('a'));
    const schema = structuredClone(SCHEMA);
    Object.assign(schema.properties.spec.properties.image, { default: 'busybox' });
    const crd = await server.must(`GET ${CRDS}/crontabs.stable.example.com`);
    crd.spec.versions[0].schema.openAPIV3Schema = schema;
    await server.must(`PUT ${CRDS}/crontabs.stable.example.com`, crd);
    await settled(server);
    assert.equal((await server.must(`GET ${TABS}/a`)).spec.image, 'busybox');
    assert.equal((await server.must(`GET ${TABS}`)).items[0].spec.image, 'busybox');
  });
});

describe('what is published of a custom resource', () => {
  it('is in OpenAPI as soon as it is served, and gone with it', async () => {
    const server = await TestApiServer.start();
    const before = await server.must('GET /openapi/v3');
    await established(server);
    const index = await server.must('GET /openapi/v3');
    const path = 'apis/stable.example.com/v1';
    const document = await server.must(`GET ${index.paths[path].serverRelativeURL}`);
    const model = document.components.schemas['com.example.stable.v1.CronTab'];
    assert.equal(model.properties.spec.properties.replicas.maximum, 10);
    assert.ok(document.paths['/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}']);
    const older = await server.must('GET /openapi/v2');
    const definition2 = older.definitions['com.example.stable.v1.CronTab'];
    assert.deepEqual(definition2['x-kubernetes-group-version-kind'], [
      { group: 'stable.example.com', kind: 'CronTab', version: 'v1' },
    ]);
    assert.ok(definition2.properties.metadata.$ref.startsWith('#/definitions/'));
    // What others have read of built-in kinds stays good.
    assert.deepEqual(index.paths['api/v1'], before.paths['api/v1']);
    await server.must(`DELETE ${CRDS}/crontabs.stable.example.com`);
    await settled(server);
    assert.equal((await server.must('GET /openapi/v3')).paths[path], undefined);
  });

  it('is described whatever its kind is called', async () => {
    const server = await TestApiServer.start();
    const named = definition();
    await server.must(`POST ${CRDS}`, {
      ...named,
      spec: { ...named.spec, names: { ...named.spec.names, kind: 'cron-tab' } },
    });
    await settled(server);
    const { definitions } = await server.must('GET /openapi/v2');
    assert.ok(definitions['com.example.stable.v1.cron-tab']);
    assert.ok(definitions['com.example.stable.v1.cron-tabList']);
    const document = await server.must('GET /openapi/v3/apis/stable.example.com/v1');
    assert.ok(document.components.schemas['com.example.stable.v1.cron-tabList']);
  });
});
