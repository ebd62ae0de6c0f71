import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HttpResponse } from '#base/http/message.ts';
import { RestClient } from '#client/rest.ts';
import { TestApiServer } from '#kit/api-server.ts';
import { diff, history, undelete } from './commands.ts';

const NO_SUCH_PATH = 'the server could not find the requested resource';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const ADMIN = { name: 'ann', groups: ['system:masters'] };

/** A server where ann made a Deployment and scaled it, and the client that she uses. */
async function scaledDeployment() {
  const server = await TestApiServer.start();
  const { environment } = server;
  const labels = { app: 'web' };
  const made = await server.must(
    `POST ${DEPLOYMENTS}`,
    {
      metadata: { name: 'web' },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'one' }] } },
      },
    },
    { as: ADMIN },
  );
  await environment.advance(60_000);
  const scaled = await server.must(
    `PATCH ${DEPLOYMENTS}/web`,
    { spec: { replicas: 3 }, metadata: { annotations: { note: 'x'.repeat(100) } } },
    { as: ADMIN, headers: { 'user-agent': 'kubectl/v1.36.0 (linux/amd64) kubernetes/abc' } },
  );
  const client = new RestClient({
    handler: (request) => server.server.handler({ ...request, peer: { component: ADMIN } }),
    environment,
    userAgent: 'cox',
  });
  const revision = Number(scaled.metadata.resourceVersion);
  const created = Number(made.metadata.resourceVersion);
  return { server, cluster: { client, namespace: 'default' }, created, revision };
}

describe('cox history', () => {
  it('shows who changed which field when, the newest first', async () => {
    const { cluster, created, revision } = await scaledDeployment();
    const lines = (await history(['deploy/web'], {}, cluster)).trimEnd().split('\n');
    assert.deepEqual(lines, [
      'REVISION   TIME                   EVENT     USER   BY',
      `${revision}        2026-01-01T00:01:00Z   Updated   ann    kubectl/v1.36.0 (patch)`,
      `  metadata.annotations: added {"note":"${'x'.repeat(50)}…`,
      '  spec.replicas: 1 → 3',
      `${created}        2026-01-01T00:00:00Z   Created   ann    test (create)`,
    ]);
  });

  it('shows one field alone, and the rest behind a limit', async () => {
    const { cluster, revision } = await scaledDeployment();
    const field = await history(['deployments.apps', 'web'], { field: 'spec.replicas' }, cluster);
    assert.match(field, /Updated .*\n {2}spec\.replicas: 1 → 3\n/);
    assert.match(field, /Created .*\n {2}spec\.replicas: added 1\n/);
    const first = await history(['Deployment', 'web'], { limit: '1' }, cluster);
    assert.match(first, new RegExp(`There are more: --before ${revision} shows them`));
    const rest = await history(['deployment', 'web'], { before: `${revision}` }, cluster);
    assert.match(rest, /Created/);
    assert.doesNotMatch(rest, /Updated|more/);
  });

  it('gives the whole answer as JSON and as YAML', async () => {
    const { cluster } = await scaledDeployment();
    const json = JSON.parse(await history(['deploy', 'web'], { output: 'json' }, cluster));
    assert.equal(json.kind, 'ObjectHistory');
    assert.equal(json.revisions.length, 2);
    const yaml = await history(['deploy', 'web'], { output: 'yaml' }, cluster);
    assert.match(yaml, /^kind: ObjectHistory$/m);
  });

  it('says what is wrong', async () => {
    const { cluster } = await scaledDeployment();
    const refusals: [readonly string[], RegExp][] = [
      [['deploy'], /^Name one object: KIND NAME or KIND\/NAME/],
      [['deploy', 'web', 'more'], /^Name one object/],
      [['gadget', 'web'], /^Cannot find the kind "gadget": the server has none\.$/],
      [
        ['deploy', 'nobody'],
        /^Error from server \(NotFound\): deployments\.apps "nobody" not found/,
      ],
      [['secret', 'a'], /^Error from server \(NotFound\): the history of secrets is not kept/],
    ];
    for (const [words, message] of refusals)
      await assert.rejects(history(words, {}, cluster), { name: 'UserError', message });
  });

  it('says so when the server is not one of ours', async () => {
    const { server } = await scaledDeployment();
    const status = { kind: 'Status', code: 404, message: NO_SUCH_PATH };
    const notFound: HttpResponse = {
      status: 404,
      headers: { 'content-type': 'application/json' },
      body: { kind: 'bytes', bytes: Buffer.from(JSON.stringify(status)) },
    };
    const client = new RestClient({
      handler: (request) =>
        request.url.includes('coxswain')
          ? Promise.resolve(notFound)
          : server.server.handler({ ...request, peer: { component: ADMIN } }),
      environment: server.environment,
      userAgent: 'cox',
    });
    await assert.rejects(history(['deploy', 'web'], {}, { client, namespace: 'default' }), {
      name: 'UserError',
      message: /^This cluster keeps no history/,
    });
  });
});

describe('cox diff', () => {
  it('shows the fields that differ', async () => {
    const { cluster, created, revision } = await scaledDeployment();
    const text = await diff(['deploy', 'web'], { from: `${created}`, field: 'spec' }, cluster);
    assert.deepEqual(text.split('\n').slice(1), [
      'FIELD           FROM   TO',
      'spec.replicas   1      3',
      '',
    ]);
    const head = `Deployment default/web, from revision ${created} to ${revision}`;
    assert.equal(text.split('\n')[0], head);
    const before = `${created - 1}`;
    const none = await diff(['deploy', 'web'], { from: before, to: `${revision}` }, cluster);
    assert.match(none, new RegExp(`from revision ${before} \\(not there\\) to ${revision}\n`));
    const same = await diff(['deploy', 'web'], { from: `${revision}` }, cluster);
    assert.match(same, /No field differs\.\n$/);
  });

  it('takes times for revisions', async () => {
    const { cluster } = await scaledDeployment();
    const text = await diff(
      ['deploy', 'web'],
      { from: '2026-01-01T00:00:30Z', field: 'spec.replicas' },
      cluster,
    );
    assert.match(text, /spec\.replicas +1 +3\n/);
    await assert.rejects(diff(['deploy', 'web'], { from: 'yesterday' }, cluster), {
      name: 'UserError',
      message: /^Cannot read "yesterday": give a revision/,
    });
  });
});

describe('cox undelete', () => {
  it('makes the object anew', async () => {
    const { server, cluster, created } = await scaledDeployment();
    await server.must(`DELETE ${DEPLOYMENTS}/web?propagationPolicy=Background`);
    const words = ['deploy', 'web'];
    const dry = await undelete(words, { dryRun: true }, cluster);
    assert.equal(dry, 'deployment.apps/web undeleted (dry run)\n');
    assert.equal((await server.call(`GET ${DEPLOYMENTS}/web`)).status, 404);
    assert.equal(await undelete(words, {}, cluster), 'deployment.apps/web undeleted\n');
    assert.equal((await server.must(`GET ${DEPLOYMENTS}/web`)).spec.replicas, 3);
    await assert.rejects(undelete(words, {}, cluster), {
      message: 'Error from server (AlreadyExists): deployments.apps "web" already exists',
    });
    await server.must(`DELETE ${DEPLOYMENTS}/web?propagationPolicy=Background`);
    await undelete(words, { revision: `${created}` }, cluster);
    assert.equal((await server.must(`GET ${DEPLOYMENTS}/web`)).spec.replicas, 1);
  });
});
