/**
 * Our components in the places of upstream's and the other way round: the same stories.
 *
 *   npm run swap -- --against DIR     DIR holds etcd, kube-apiserver, kube-controller-manager,
 *                                     kube-scheduler and kubelet
 *   npm run swap -- --against DIR --node      also kube-proxy; with a real node, as root
 */
import { parseArgs } from 'node:util';
import { NAMESPACE } from '#api/core/namespace.ts';
import { SERVICE_ACCOUNT } from '#api/core/service-account.ts';
import { Scope } from '../../bench/scope.ts';
import { checkBinaries } from '../../bench/upstream.ts';
import { untilTrue } from '../../bench/wait.ts';
import type { Running } from '../../bench/subject.ts';
import { type Mix, type Side, startMix } from './cluster.ts';
import { PLAN_STORY } from './plan-story.ts';
import { type NodeMix, startNodeMix } from './node.ts';
import { NODE_STORIES, withKubectl } from './node-stories.ts';
import { STORIES, type Story } from './stories.ts';

const STORY_TIMEOUT_MS = 60_000;
/** Upstream's kubelet measures volumes once a minute. */
const NODE_STORY_TIMEOUT_MS = 180_000;
const LOOK_MS = 100;

const MIXES: readonly (readonly [name: string, mix: Mix])[] = [
  [
    'our API server, upstream’s controllers and scheduler',
    { apiServer: 'ours', controllerManager: 'upstream', scheduler: 'upstream' },
  ],
  [
    'upstream’s API server, our controllers and scheduler',
    { apiServer: 'upstream', controllerManager: 'ours', scheduler: 'ours' },
  ],
  ['all ours', { apiServer: 'ours', controllerManager: 'ours', scheduler: 'ours' }],
  [
    'all upstream’s',
    { apiServer: 'upstream', controllerManager: 'upstream', scheduler: 'upstream' },
  ],
];

const NODE_MIXES: readonly (readonly [name: string, mix: NodeMix])[] = [
  [
    'our control plane, upstream’s kubelet and proxy',
    { ...everything('ours'), kubelet: 'upstream', proxy: 'upstream' },
  ],
  [
    'upstream’s control plane, our kubelet and proxy',
    { ...everything('upstream'), kubelet: 'ours', proxy: 'ours' },
  ],
  ['all ours, in parts', { ...everything('ours'), kubelet: 'ours', proxy: 'ours' }],
  ['all upstream’s', { ...everything('upstream'), kubelet: 'upstream', proxy: 'upstream' }],
];

function everything(side: Side): Mix {
  return { apiServer: side, controllerManager: side, scheduler: side };
}

const { values } = parseArgs({
  options: { against: { type: 'string' }, node: { type: 'boolean', default: false } },
});
const folder = values.against;
if (folder === undefined)
  throw new Error("Name the folder with upstream's programs: npm run swap -- --against DIR");
checkBinaries(folder);

const scope = new Scope();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    scope.close().then(
      () => process.exit(1),
      () => process.exit(1),
    );
  });

let failures = 0;
try {
  if (values.node)
    for (const [name, mix] of NODE_MIXES) {
      const stories = (cluster: Running) =>
        NODE_STORIES.map((story) => withKubectl(story, cluster.directory));
      await tellAll(name, () => startNodeMix(scope, folder, mix), stories);
    }
  else
    for (const [name, mix] of MIXES)
      await tellAll(
        name,
        () => startMix(scope, folder, mix),
        () => [...STORIES, PLAN_STORY],
      );
} finally {
  await scope.close();
}
process.exitCode = failures === 0 ? 0 : 1;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function tellAll(
  name: string,
  start: () => Promise<Running>,
  storiesOf: (cluster: Running) => readonly Story[],
): Promise<void> {
  say(name);
  const cluster = await start();
  try {
    for (const [index, story] of storiesOf(cluster).entries())
      await told(cluster, story, `story-${index}`);
  } finally {
    await cluster.stop();
  }
}

async function told({ client, failed }: Running, story: Story, namespace: string) {
  const beganMs = performance.now();
  const timeoutMs = values.node ? NODE_STORY_TIMEOUT_MS : STORY_TIMEOUT_MS;
  const until = (what: string, check: () => Promise<boolean>): Promise<void> =>
    untilTrue(check, { what, failed, timeoutMs, everyMs: LOOK_MS });
  let problem = '';
  try {
    await client.create(NAMESPACE, { metadata: { name: namespace } });
    await until('its service account', () =>
      client.get(SERVICE_ACCOUNT, 'default', namespace).then(() => true),
    );
    await story.tell({ client, namespace, until });
    await client.delete(NAMESPACE, { name: namespace });
    await until('its namespace to go', () =>
      client.get(NAMESPACE, namespace).then(
        () => false,
        () => true,
      ),
    );
  } catch (error) {
    failures++;
    problem = `: ${error instanceof Error ? error.message : String(error)}`;
  }
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(1);
  say(`  ${problem === '' ? 'ok  ' : 'FAIL'} ${seconds.padStart(5)} s  ${story.name}${problem}`);
}
