/**
 * The node's heartbeat: a Lease that is renewed while the kubelet lives.
 *
 * Source: KEP-589. Upstream: staging/src/k8s.io/component-helpers/apimachinery/lease/controller.go,
 * v1.36: 40 seconds long, renewed every 10.
 */
import type { Lease } from '#api/gen/coordination-v1.ts';
import { isStatus } from '#api/meta/status.ts';
import { microTimeText } from '#api/meta/time.ts';
import { type Environment, sleep } from '#base/env.ts';
import type { Client } from '#client/client.ts';
import { LEASE } from '../resources.ts';

const NAMESPACE = 'kube-node-lease';
/** Of it passes between one renewal and the next. */
const RENEW_FRACTION = 0.25;
const DURATION_SECONDS = 40;
/** Spread of the renewals of many nodes. */
const JITTER = 0.04;
const RETRY_FIRST_MS = 200;
const RETRY_MAX_MS = 7000;

export interface LeaseOptions {
  readonly environment: Environment;
  readonly client: Client;
  readonly nodeName: string;
  /** Of the Node object: the Lease goes with it. Undefined while it is not known. */
  readonly nodeUid: () => string | undefined;
  /** How long the Lease lasts; 40 unless given. */
  readonly nodeLeaseDurationSeconds?: number | undefined;
}

/** Runs until `signal` is aborted. */
export async function keepLease(options: LeaseOptions, signal: AbortSignal): Promise<void> {
  const { environment, nodeLeaseDurationSeconds = DURATION_SECONDS } = options;
  const renewMs = nodeLeaseDurationSeconds * RENEW_FRACTION * 1_000;
  let lease: Lease | undefined;
  let retryMs = RETRY_FIRST_MS;
  while (!signal.aborted) {
    try {
      lease = await renew(options, lease);
      retryMs = RETRY_FIRST_MS;
      const jitter = 1 + JITTER * (2 * environment.random.next() - 1);
      await sleep(environment, renewMs * jitter, signal);
    } catch (error) {
      lease = undefined;
      environment.log.debug('cannot renew lease', { error: String(error), retryMs });
      await sleep(environment, retryMs, signal);
      retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
    }
  }
}

async function renew(options: LeaseOptions, held: Lease | undefined): Promise<Lease> {
  const { client, nodeName } = options;
  const current = held ?? (await find(options));
  if (current === undefined) return client.create(LEASE, renewed(options, { spec: {} }));
  return client.update(LEASE, renewed(options, current)).catch((error: unknown) => {
    if (!isStatus(error, 'Conflict')) throw error;
    return client.get(LEASE, nodeName, NAMESPACE).then((fresh) => {
      return client.update(LEASE, renewed(options, fresh));
    });
  });
}

async function find({ client, nodeName }: LeaseOptions): Promise<Lease | undefined> {
  try {
    return await client.get(LEASE, nodeName, NAMESPACE);
  } catch (error) {
    if (isStatus(error, 'NotFound')) return undefined;
    throw error;
  }
}

function renewed(options: LeaseOptions, lease: Lease): Lease {
  const { environment, nodeName, nodeUid, nodeLeaseDurationSeconds = DURATION_SECONDS } = options;
  const uid = nodeUid();
  const owner = { apiVersion: 'v1', kind: 'Node', name: nodeName, uid: uid ?? '' };
  return {
    ...lease,
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      ...lease.metadata,
      name: nodeName,
      namespace: NAMESPACE,
      ...(uid === undefined ? {} : { ownerReferences: [owner] }),
    },
    spec: {
      ...lease.spec,
      holderIdentity: nodeName,
      leaseDurationSeconds: nodeLeaseDurationSeconds,
      renewTime: microTimeText(environment.clock.now()),
    },
  };
}
