/** A cluster of `cox up` that runs, as `cox certs rotate` sees it: its processes, its API, its kubelets. */
import { join } from 'node:path';
import { LEASE } from '#api/coordination/lease.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { NAMESPACE } from '#api/core/namespace.ts';
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import type { Lease } from '#api/gen/coordination-v1.ts';
import type { Node } from '#api/gen/core-v1.ts';
import { type Environment, sleep } from '#base/env.ts';
import type { Client } from '#client/client.ts';
import { RestClient } from '#client/rest.ts';
import { type HttpClient, httpClient } from '#edge/http-client.ts';
import { shownCertificate } from '#edge/shown-certificate.ts';
import { CLUSTER_INFO } from '#kubelet/bootstrap/cluster-info.ts';
import { type ClusterConfig, realNodeName } from '../cluster-config.ts';
import { clusterPki } from '../cluster-pki.ts';
import { type DataDirectory, otherNodeDirectory } from '../data-directory.ts';
import { localHost } from '../listen-address.ts';
import { readNode } from '../node-config.ts';
import type { NodeDirectory } from '../node-directory.ts';
import { isReady } from '../readiness.ts';
import { areTakenOver, certificatesDigest } from '../self-hosted/certificates.ts';
import { runningPid } from '../supervisor.ts';
import { messageOf, UserError } from '../user-error.ts';
import type { RunningCluster } from './rotate.ts';
import { distrust, type ShownByNode, unready } from './trust.ts';

const LOOK_MS = 200;
/** For a process to end, to come back, and to answer. */
const TAKE_OVER_MS = 120_000;
/** Joined machines look every quarter of a minute, begin anew, and ask for certificates. */
const TRUST_MS = 180_000;
const TRUST_LOOK_MS = 1_000;
const SHOW_MS = 5_000;
const LEASES = 'kube-node-lease';
const CONTROL_PLANE = { namespace: 'kube-system', labelSelector: 'tier=control-plane' };

export interface RunningParts {
  readonly environment: Environment;
  readonly data: DataDirectory;
  readonly config: ClusterConfig;
}

/** Its control plane and its nodes are kept running by a `cox up`. */
export function runningCluster(parts: RunningParts): RunningCluster {
  return {
    async takeOver() {
      const isHosted = parts.config.selfHosted === true;
      if (!isHosted) await restartControlPlane(parts);
      for (const directory of nodeDirectories(parts)) {
        await restartNode(parts, directory);
        if (isHosted && directory === parts.data) await untilPodsShow(parts);
      }
    },
    untilTrusted: (authority) => untilTrusted(parts, authority),
    objections: (authority, sinceMs) =>
      asAdmin(parts, async ({ client }) => {
        const told = await publishedTrust(parts, client);
        const facts = await Promise.all(told.nodes.map((node) => shownBy(client, node)));
        return [...distrust(told, authority), ...unready(facts, { authority, sinceMs })];
      }),
  };
}

/** Of the real nodes that this start of the cluster has. */
function nodeDirectories({ data, config }: RunningParts): NodeDirectory[] {
  if (config.simulatedNodes > 0) return [];
  const others = Array.from({ length: config.realNodes - 1 }, (_, index) =>
    otherNodeDirectory(data, realNodeName(config, index + 2)),
  );
  return [data, ...others];
}

async function restartControlPlane(parts: RunningParts): Promise<void> {
  await restart(parts, parts.data, 'control-plane');
  await until(parts, join(parts.data.logs, 'control-plane.log'), () =>
    asAdmin(parts, ({ http }) => isReady(http.handler)),
  );
}

/** The control plane's pods begin anew with the process of their node. */
function untilPodsShow(parts: RunningParts): Promise<void> {
  const { logs, pki } = parts.data;
  return until(parts, join(logs, 'pods'), () =>
    asAdmin(parts, async ({ http, client }) => {
      if (!(await isReady(http.handler))) return false;
      const { items } = await client.list(POD, CONTROL_PLANE);
      return areTakenOver(items, certificatesDigest(pki));
    }),
  );
}

async function restartNode(parts: RunningParts, directory: NodeDirectory): Promise<void> {
  const known = readNode(directory);
  if (known === undefined) return;
  await restart(parts, directory, 'node');
  const { address: host, kubeletPort: port } = known.config;
  const wanted = known.identity.kubeletServer.certificate.trim();
  await until(parts, join(directory.logs, 'node.log'), async () => {
    const shown = await shownCertificate({ host, port }, SHOW_MS);
    return shown.trim() === wanted;
  });
}

/** Containers go on meanwhile. Resolves when another process has its place. */
async function restart(
  parts: RunningParts,
  directory: NodeDirectory,
  name: 'control-plane' | 'node',
): Promise<void> {
  const before = runningPid(directory.run, name);
  if (before !== undefined) process.kill(before, 'SIGTERM');
  await until(parts, join(directory.logs, `${name}.log`), () => {
    const now = runningPid(directory.run, name);
    return Promise.resolve(now !== undefined && now !== before);
  });
}

/** `log`: where to look when it takes too long. What cannot be asked yet is asked again. */
async function until(
  { environment }: RunningParts,
  log: string,
  isThere: () => Promise<boolean>,
): Promise<void> {
  const { clock } = environment;
  const limit = clock.monotonicMs() + TAKE_OVER_MS;
  for (;;) {
    if (await isThere().catch(() => false)) return;
    if (clock.monotonicMs() > limit)
      throw new UserError(
        `A process did not take its new certificates over within ${TAKE_OVER_MS / 1000} s: see ${log}. Then give the same command again.`,
      );
    await sleep(environment, LOOK_MS);
  }
}

async function untilTrusted(parts: RunningParts, authority: string): Promise<void> {
  const { environment } = parts;
  const limit = environment.clock.monotonicMs() + TRUST_MS;
  for (;;) {
    const left = await asAdmin(parts, async ({ client }) =>
      distrust(await publishedTrust(parts, client), authority),
    ).catch((error: unknown) => [messageOf(error)]);
    if (left.length === 0) return;
    if (environment.clock.monotonicMs() > limit)
      throw new UserError(
        [
          'Not everybody believes the authority yet:',
          ...left.map((line) => `  ${line}`),
          'Give the same command again when that is so.',
        ].join('\n'),
      );
    await sleep(environment, TRUST_LOOK_MS);
  }
}

/** Simulated nodes are part of the control plane, and believe nobody. */
async function publishedTrust({ config }: RunningParts, client: Client) {
  const [nodes, namespaces, rootCas, clusterInfo] = await Promise.all([
    config.simulatedNodes > 0 ? [] : client.list(NODE).then(({ items }) => items),
    client.list(NAMESPACE),
    client.list(CONFIG_MAP, { fieldSelector: 'metadata.name=kube-root-ca.crt' }),
    client.get(CONFIG_MAP, CLUSTER_INFO.name, CLUSTER_INFO.namespace),
  ]);
  return { nodes, namespaces: namespaces.items, rootCas: rootCas.items, clusterInfo };
}

async function shownBy(client: Client, node: Node): Promise<ShownByNode> {
  const { addresses = [], daemonEndpoints } = node.status ?? {};
  const host = addresses.find(({ type }) => type === 'InternalIP')?.address ?? '';
  const port = daemonEndpoints?.kubeletEndpoint?.Port ?? 0;
  const [lease, shown] = await Promise.all([
    client.get(LEASE, node.metadata?.name ?? '', LEASES).catch(() => undefined),
    shownCertificate({ host, port }, SHOW_MS).then(
      (certificate) => ({ certificate }),
      (error: unknown) => ({ error: messageOf(error) }),
    ),
  ]);
  return { node, renewedMs: renewedMs(lease), shown };
}

function renewedMs(lease: Lease | undefined): number | undefined {
  const time = Date.parse(lease?.spec?.renewTime ?? '');
  return Number.isNaN(time) ? undefined : time;
}

/** With the administrator's certificate of this moment. */
async function asAdmin<T>(
  { environment, data, config }: RunningParts,
  work: (road: { readonly http: HttpClient; readonly client: Client }) => Promise<T>,
): Promise<T> {
  const { authority, admin } = clusterPki(data, config, environment.clock.now());
  const http = httpClient({
    host: localHost(config.listenHost),
    port: config.listenPort,
    tls: { ca: authority.certificate, cert: admin.certificate, key: admin.key },
  });
  try {
    return await work({
      http,
      client: new RestClient({ handler: http.handler, environment, userAgent: 'cox-certs' }),
    });
  } finally {
    http.close();
  }
}
