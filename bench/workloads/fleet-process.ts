/**
 * The process of `fleet.ts`: many nodes behind one client. What each node reports is what a simulated
 * node reports; but all pods come by one watch, because thousands of kubelets beside a control plane
 * on one machine would leave it no processor.
 */
import { LEASE } from '#api/coordination/lease.ts';
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import { isPodTerminal } from '#api/core/pod-helpers.ts';
import type { Lease } from '#api/gen/coordination-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { microTimeText } from '#api/meta/time.ts';
import { type Change, Informer } from '#client/informer.ts';
import { realEnvironment } from '#edge/environment.ts';
import { SimulatedPod } from '#kubelet/simulated/simulated-pod.ts';
import { nodeObject } from '#kubelet/simulated/status.ts';
import { connect, readCluster } from '../cluster.ts';
import { sleep } from '../wait.ts';
import { type FleetOptions, type FromFleet, nodeName, type ToFleet } from './fleet.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
const LEASE_SECONDS = 40;
const RENEW_MS = 10_000;
const WRITERS = 32;
/** One report when a pod runs and is ready, and one when it has ended. */
const DELAYS = { startMs: 0, readyMs: 200, stopMs: 200 };
const FACTS = { cpus: 32, memoryGigabytes: 128, podsMax: 110, labels: {} };
/** A status is only looked at, never used: all pods may have one address. */
const HOST_IP = '172.30.0.1';
const POD_IP = '10.200.0.1';

const environment = realEnvironment({ logLevel: 'error' });
const never = new AbortController().signal;
const leases: Lease[] = [];
const pods = new Map<string, SimulatedPod>();
let renews = false;

function tell(message: FromFleet): void {
  // Nobody listens any more when the bench is ending.
  process.send?.(message, undefined, undefined, () => {});
}

const [options = ''] = process.argv.slice(2);
const { directory, nodes, runsPods } = JSON.parse(options) as FleetOptions;
const { client } = connect(readCluster(directory));

process.on('message', (message: ToFleet) => {
  if (message.type === 'renews') renews = message.renews;
  else
    renewAll().then(
      () => tell({ type: 'done' }),
      (error: unknown) => tell({ type: 'failed', message: String(error) }),
    );
});

/** `WRITERS` at a time. */
async function forEachNode(work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const writer = async (): Promise<void> => {
    while (next < nodes) await work(next++);
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}

function leaseSpec(name: string): NonNullable<Lease['spec']> {
  const renewTime = microTimeText(environment.clock.now());
  return { holderIdentity: name, leaseDurationSeconds: LEASE_SECONDS, renewTime };
}

async function join(index: number): Promise<void> {
  const name = nodeName(index);
  const facts = { ...FACTS, name, address: HOST_IP, kubeletVersion: 'v1.36.0' };
  await client.create(NODE, nodeObject(facts, environment.clock.now()));
  const metadata = { name, namespace: LEASE_NAMESPACE };
  leases[index] = await client.create(LEASE, { metadata, spec: leaseSpec(name) });
}

async function renew(index: number): Promise<void> {
  const lease = leases[index];
  if (lease === undefined) return;
  leases[index] = await client.update(LEASE, { ...lease, spec: leaseSpec(nodeName(index)) });
}

function renewAll(): Promise<void> {
  return forEachNode(renew);
}

/** Each node's lease every ten seconds, at even distances. */
async function keepRenewing(): Promise<void> {
  for (;;) {
    const beganMs = performance.now();
    for (let index = 0; index < nodes; index++) {
      const waitMs = beganMs + (index * RENEW_MS) / nodes - performance.now();
      if (waitMs > 1 || index % WRITERS === 0) await sleep(Math.max(0, waitMs));
      // A refused renewal is repeated in the next round.
      if (renews) renew(index).catch(() => {});
    }
    await sleep(Math.max(0, beganMs + RENEW_MS - performance.now()));
  }
}

function follow(informer: Informer<Pod>, { type, key, object, previous }: Change<Pod>): void {
  const uid = object.metadata?.uid ?? '';
  if (type === 'deleted') {
    pods.delete(uid);
    return;
  }
  const isDeleting = object.metadata?.deletionTimestamp !== undefined;
  const known = pods.get(uid);
  if (known !== undefined) {
    if (isDeleting && previous?.metadata?.deletionTimestamp === undefined) watchOver(known.stop());
    return;
  }
  if (isPodTerminal(object) && !isDeleting) return;
  const pod = new SimulatedPod(object, {
    client,
    environment,
    delays: DELAYS,
    hostIp: HOST_IP,
    podIp: POD_IP,
    signal: never,
    current() {
      const current = informer.get(key);
      return current?.metadata?.uid === uid ? current : undefined;
    },
  });
  pods.set(uid, pod);
  watchOver(isDeleting ? pod.stop() : pod.run());
}

function watchOver(work: Promise<void>): void {
  work.catch((error: unknown) => tell({ type: 'failed', message: String(error) }));
}

async function start(): Promise<void> {
  await forEachNode(join);
  if (runsPods) {
    const selection = { fieldSelector: 'spec.nodeName!=' };
    const informer = new Informer<Pod>({ client, environment, type: POD, selection });
    informer.onChange((change) => follow(informer, change));
    informer.start(never);
    await informer.synced();
  }
  renews = true;
  tell({ type: 'done' });
  await keepRenewing();
}

start().catch((error: unknown) => tell({ type: 'failed', message: String(error) }));
