/** `cox plan` as people run it: a process, a kubeconfig, files, and an API server behind TLS. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import { SERVICE_ACCOUNT } from '#api/core/service-account.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { SERVICE_CIDR } from '#api/networking/service-cidr.ts';
import { type TestServer, testServer } from '../component/test-server.ts';

const COX = join(import.meta.dirname, '..', '..', '..', 'bin', 'cox.ts');

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function cox(args: readonly string[], input = ''): Promise<Run> {
  const child = spawn(process.execPath, [COX, ...args], { stdio: 'pipe' });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => (output.stdout += String(text)));
  child.stderr.on('data', (text) => (output.stderr += String(text)));
  child.stdin.end(input);
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, ...output }));
  });
}

/** A server that knows of a node, and a way to ask for plans of what happens there. */
async function nodeOnServer(t: TestContext): Promise<{
  server: TestServer;
  plan: (args: readonly string[], input?: string) => Promise<Run>;
}> {
  const server = await testServer(t);
  const { client, pki } = server;
  await client.create(SERVICE_ACCOUNT, { metadata: { name: 'default', namespace: 'default' } });
  const resources = { cpu: '2', memory: '4Gi', pods: '110' };
  await client.create(NODE, {
    metadata: { name: 'n1' },
    status: {
      capacity: resources,
      allocatable: resources,
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  });
  const kubeconfig = server.kubeconfig('admin', pki.admin);
  return {
    server,
    plan: (args, input) => cox(['plan', '--kubeconfig', kubeconfig, ...args], input),
  };
}

/** What a plan would change there, if it wrote. */
function allOf({ client }: TestServer): Promise<unknown[]> {
  const types = [NODE, POD, SERVICE_ACCOUNT, DEPLOYMENT, REPLICA_SET, SERVICE_CIDR];
  return Promise.all(types.map(async (type) => (await client.list<KubeObject>(type)).items));
}

function web(name: string, cpu: string): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  replicas: 1
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      containers:
        - { name: main, image: web, resources: { requests: { cpu: "${cpu}" } } }
`;
}

it('cox plan shows what files would do, and its exit code says whether all is well', async (t) => {
  const { server, plan } = await nodeOnServer(t);
  const folder = join(server.folder, 'shop');
  mkdirSync(join(folder, 'more'), { recursive: true });
  writeFileSync(join(folder, 'web.yaml'), `# the shop\n---\n${web('web', '1')}`);
  writeFileSync(join(folder, 'notes.txt'), 'no manifest');
  writeFileSync(join(folder, 'more', 'big.yml'), web('big', '64'));
  const before = await allOf(server);

  const fine = await plan(['-f', folder, '--pod-start', '8s']);
  assert.equal(fine.stderr, '');
  assert.equal(fine.code, 0);
  assert.match(
    fine.stdout,
    /^1 object would be created and 1 pod would be created\. At rest after 8s\.\n/,
  );
  assert.match(fine.stdout, /\nDeployment default\/web +created +the change\n/);
  assert.match(fine.stdout, /\ndefault\/web-\S+ +created +n1 +\+0s\n/);
  assert.doesNotMatch(fine.stdout, /big/);

  const pending = await plan(['-R', '-f', folder, '-n', 'default', '-o', 'json']);
  assert.equal(pending.code, 2);
  const { kind, pending: waiting, rests } = JSON.parse(pending.stdout);
  assert.deepEqual([kind, waiting.length, rests], ['Plan', 1, true]);
  assert.match(waiting[0].sentence, /^Pod big-\S+ fits none of 1 node: Insufficient cpu\.$/);

  assert.deepEqual(await allOf(server), before);
});

it('cox plan reads stdin, and says what is refused', async (t) => {
  const { plan } = await nodeOnServer(t);
  const bad = await plan(
    ['-f', '-', '-o', 'yaml'],
    web('Bad_Name', '1').replace('replicas: 1', 'replica: 1'),
  );
  assert.equal(bad.code, 2, bad.stderr);
  assert.match(bad.stdout, /^apiVersion: plan\.coxswain\.dev\/v1alpha1\n/);
  assert.match(bad.stdout, /^ {2}request: apply Deployment default\/Bad_Name\n {2}source: stdin$/m);
  assert.match(bad.stdout, /\.spec\.replica: field not declared in schema/);
});

it('cox plan ends with 1 when there is no answer', async (t) => {
  const { server, plan } = await nodeOnServer(t);
  const nothing = await plan([]);
  assert.deepEqual(
    [nothing.code, nothing.stderr],
    [1, 'Say what would change: -f FILE, or --drain NODE.\n'],
  );
  const missing = await plan(['-f', join(server.folder, 'none.yaml')]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /^the path ".*none\.yaml" does not exist\n$/);
  const broken = await plan(['-f', '-'], 'a: [');
  assert.equal(broken.code, 1);
  assert.match(broken.stderr, /^error parsing stdin: /);
  const nobody = await cox(['plan', '--kubeconfig', '/nowhere', '-f', '-'], web('web', '1'));
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /^Cannot read \/nowhere/);
});
