/** Network policies between real containers on one node, with what the node itself has to reach. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { unlessReal } from './needs.ts';
import { eventually } from './product.ts';
import { type RealCluster, startRealCluster } from './real-cluster.ts';

const skip = unlessReal('network policies with real containers');
const SERVER = 'mkdir -p /www && echo hello > /www/index.html && exec httpd -f -p 8080 -h /www';
const POLICY = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'readers' },
  spec: {
    podSelector: { matchLabels: { app: 'web' } },
    ingress: [
      { from: [{ podSelector: { matchLabels: { role: 'reader' } } }], ports: [{ port: 'http' }] },
    ],
  },
};

/** argv: host, port. Prints the body of the answer. */
const CLIENT = `
const [host, port] = process.argv.slice(1);
const request = require('node:http').get({ host, port, timeout: 1000 }, (answer) => answer.pipe(process.stdout));
request.on('timeout', () => request.destroy()).on('error', () => console.log('nothing'));`;

/** The process of the pod that asks: of its name in no other program, so that it is found by it. */
const SLEEP = `sleep ${86_400 + process.pid}`;

function askerPid(): string {
  const found = readdirSync('/proc').find((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === `${SLEEP.replace(' ', '\0')}\0`;
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error(`No process of this machine runs ${SLEEP}`);
  return found;
}

function ourTables(): string[] {
  const { stdout } = spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.includes('coxswain-'));
}

describe('network policies', { skip }, () => {
  let cluster: RealCluster;
  before(async () => {
    cluster = await startRealCluster();
    await cluster.runWeb(SERVER);
    await cluster.runPod('asker', `exec ${SLEEP}`);
    await untilService('hello');
  });
  after(() => cluster?.close());

  /** From the network of `asker`, by a program of this machine. */
  const ask = (host: string, port: number): string => {
    const args = ['-t', askerPid(), '-n', process.execPath, '-e', CLIENT, host, String(port)];
    return spawnSync('nsenter', args, { encoding: 'utf8' }).stdout.trim();
  };
  const addressOf = (object: string): Promise<string> =>
    cluster.ok(['get', object, '-o', 'jsonpath={.status.podIP}{.spec.clusterIP}']);
  const askPod = async (): Promise<string> => ask(await addressOf('pod/web'), 8080);
  const untilService = (answer: string): Promise<true> =>
    eventually(async () => (ask(await addressOf('service/web'), 80) === answer ? true : undefined));

  it('isolate a pod from another on its node, by its address and by its Service', async () => {
    assert.equal(await askPod(), 'hello');
    await cluster.ok('create -f -', JSON.stringify(POLICY));
    await untilService('nothing');
    assert.equal(await askPod(), 'nothing');
  });

  it('let the probes of the kubelet pass', async () => {
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    const path = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
    assert.equal(await cluster.ok(['get', 'pod', 'web', '-o', path]), 'True');
  });

  it('let in a pod when it gets the label that they ask for', async () => {
    await cluster.ok('label pod asker role=reader');
    await untilService('hello');
    assert.equal(await askPod(), 'hello');
  });

  it('leave names and the API server to a pod that may not speak to anybody', async () => {
    const spec = { podSelector: { matchLabels: { role: 'reader' } }, policyTypes: ['Egress'] };
    await cluster.ok(
      'create -f -',
      JSON.stringify({ ...POLICY, metadata: { name: 'silent' }, spec }),
    );
    await untilService('nothing');
    const lookup = await cluster.ok('exec asker -- nslookup web.default.svc.cluster.local');
    assert.match(lookup, /10\.96\./);
  });

  it('go with the cluster', async () => {
    assert.equal(ourTables().filter((line) => line.endsWith('-policies')).length, 2);
    await cluster.product.stop();
    assert.deepEqual(ourTables(), []);
  });
});
