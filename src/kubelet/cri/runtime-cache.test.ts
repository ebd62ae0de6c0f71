/** What is known of a pod after looks that cross each other. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import type { PodSandboxConfig } from '#api/gen/cri-v1.ts';
import { FakeCri } from '#kit/kubelet/fake-cri.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type { Cri, CriCallName } from './cri.ts';
import { containerLabels, podLabels } from './labels.ts';
import { RuntimeCache } from './runtime-cache.ts';

const UID = 'u1';
const POD: Pod = { metadata: { name: 'web', namespace: 'default', uid: UID } };
const CONFIG: PodSandboxConfig = { labels: podLabels(POD) };

let fake: FakeCri;
let cache: RuntimeCache;
let sandboxId: string;
let asked: CriCallName[];
/** The answer to the next such call is made at once, and comes when the test says so. */
let held: Map<CriCallName, Promise<void>>;

beforeEach(async () => {
  fake = new FakeCri(new VirtualEnvironment());
  asked = [];
  held = new Map();
  const cri: Cri = {
    async call(name, request) {
      asked.push(name);
      const answer = await fake.call(name, request);
      const until = held.get(name);
      held.delete(name);
      await until;
      return answer;
    },
    watchEvents: () => fake.watchEvents(),
  };
  cache = new RuntimeCache({
    cri,
    terminationMessage: () => Promise.resolve(''),
    onChange: () => {},
  });
  ({ podSandboxId: sandboxId = '' } = await fake.call('runPodSandbox', { config: CONFIG }));
  await cache.started(POD, { sandboxId });
});

async function create(name: string): Promise<string> {
  const config = { metadata: { name }, labels: containerLabels({ name }, POD) };
  const { containerId = '' } = await fake.call('createContainer', {
    podSandboxId: sandboxId,
    config,
    sandboxConfig: CONFIG,
  });
  return containerId;
}

async function start(name: string): Promise<string> {
  const containerId = await create(name);
  await fake.call('startContainer', { containerId });
  return containerId;
}

/** Name and state of the containers, in the order of their names. */
function seen(): string[] {
  return cache
    .get(UID)
    .containers.map(({ name, state }) => `${name} ${state}`)
    .toSorted();
}

/** Begins a look whose call is answered now; what it gives lets the answer come, and waits for the end. */
async function begin(
  call: CriCallName,
  look: () => Promise<unknown>,
): Promise<() => Promise<void>> {
  const { promise, resolve } = Promise.withResolvers<void>();
  held.set(call, promise);
  const looking = look();
  while (held.has(call)) await Promise.resolve();
  return async () => {
    resolve();
    await looking;
  };
}

describe('what was just started', () => {
  it('is known with its address and names, and without a listing', async () => {
    const containerId = await start('main');
    const { name, namespace, sandboxes } = await cache.started(POD, { sandboxId, containerId });
    assert.deepEqual([name, namespace], ['web', 'default']);
    assert.deepEqual(
      sandboxes.map(({ ips }) => ips),
      [['10.0.0.1']],
    );
    assert.deepEqual(seen(), ['main running']);
    assert.deepEqual(asked, ['podSandboxStatus', 'containerStatus']);
  });

  it('and has ended at once, is known as ended', async () => {
    const containerId = await start('main');
    fake.exit(containerId, 1);
    await cache.started(POD, { sandboxId, containerId });
    assert.deepEqual(seen(), ['main exited']);
  });

  it('and was seen before its start, is known once, and as running', async () => {
    const containerId = await create('main');
    // As after the event of a creation.
    await cache.refresh(UID);
    assert.deepEqual(seen(), ['main created']);
    await fake.call('startContainer', { containerId });
    const { sandboxes } = await cache.started(POD, { sandboxId, containerId });
    assert.deepEqual(seen(), ['main running']);
    await cache.started(POD, { sandboxId });
    assert.equal(sandboxes.length, 1);
    assert.equal(cache.get(UID).sandboxes.length, 1);
  });

  it('and ends later, is seen to by the next listing', async () => {
    const containerId = await start('main');
    await cache.started(POD, { sandboxId, containerId });
    fake.exit(containerId, 1);
    await cache.relist();
    assert.deepEqual(seen(), ['main exited']);
  });

  it('stays known after a look that began before it, whose news are known too', async () => {
    const first = await start('first');
    await cache.started(POD, { sandboxId, containerId: first });
    fake.exit(first, 0);
    const end = await begin('listContainers', () => cache.refresh(UID));
    await cache.started(POD, { sandboxId, containerId: await start('main') });
    await end();
    assert.deepEqual(seen(), ['first exited', 'main running']);
  });

  it('hides nothing that another look saw meanwhile', async () => {
    const first = await start('first');
    await cache.started(POD, { sandboxId, containerId: first });
    fake.exit(first, 0);
    const endOther = await begin('listContainers', () => cache.refresh(UID));
    const containerId = await start('main');
    const end = await begin('containerStatus', () =>
      cache.started(POD, { sandboxId, containerId }),
    );
    await endOther();
    await end();
    assert.deepEqual(seen(), ['first exited', 'main running']);
  });
});
