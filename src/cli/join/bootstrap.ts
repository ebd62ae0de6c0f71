/** Finds the cluster, asks for the certificate of this node, and reads what the node has to know. */
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { NODE } from '#api/core/node.ts';
import type { BootstrapToken } from '#api/core/bootstrap-token.ts';
import type { Node } from '#api/gen/core-v1.ts';
import { isNotFound } from '#api/meta/status.ts';
import type { TlsClientOptions } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import type { Handler } from '#base/http/message.ts';
import type { Client } from '#client/client.ts';
import { RestClient } from '#client/rest.ts';
import { clientOrder } from '#kubelet/bootstrap/certificate-order.ts';
import type { ClusterAddress } from '#kubelet/bootstrap/cluster-info.ts';
import { discover } from '#kubelet/bootstrap/discovery.ts';
import type { CertificatePair, CreateKey } from '#kubelet/bootstrap/key-pair.ts';
import { requestCertificate } from '#kubelet/bootstrap/request-certificate.ts';
import { KUBEADM_CONFIG, KUBELET_CONFIG } from '../join-names.ts';
import type { NodeConfig } from '../node-config.ts';
import { UserError } from '../user-error.ts';
import type { JoinPlan } from './options.ts';
import { type ClusterSettings, clusterSettings } from './settings.ts';

export interface Joined {
  /** PEM, the cluster's. */
  readonly authority: string;
  readonly config: NodeConfig;
  readonly pair: CertificatePair;
}

export interface JoinDoors {
  readonly environment: Environment;
  readonly createKey: CreateKey;
  /** A road to an API server. */
  connect(
    endpoint: { readonly host: string; readonly port: number },
    tls: TlsClientOptions,
  ): { readonly handler: Handler; close(): void };
  /** What a discovery file says, and the token in it, if there is one. */
  readFile(path: string): {
    readonly address: ClusterAddress;
    readonly token: BootstrapToken | undefined;
  };
  /** What this node is told. Rejects with UserError, before a certificate is asked for. */
  configure(server: ClusterAddress, settings: ClusterSettings): Promise<NodeConfig>;
  /** Runs a step and tells of it when it takes long. */
  step<T>(title: string, work: () => Promise<T>): Promise<T>;
  /** Tells why something is tried again. */
  readonly onRetry: (reason: string) => void;
}

/** Rejects with UserError or BootstrapError. */
export async function bootstrapNode(
  plan: JoinPlan,
  nodeName: string,
  doors: JoinDoors,
): Promise<Joined> {
  const { environment, createKey } = doors;
  const { address, token } = await find(plan, doors);
  const { host, port, authority } = address;
  const road = doors.connect({ host, port }, { ca: authority });
  try {
    const client = new RestClient({
      handler: road.handler,
      environment,
      userAgent: 'cox-join',
      token: () => `${token.id}.${token.secret}`,
    });
    const settings = await readSettings(client);
    await refuseTakenName(client, nodeName);
    const config = await doors.configure(address, settings);
    const order = clientOrder(nodeName);
    const pair = await doors.step('Waiting for the certificate of this node', () =>
      requestCertificate({ environment, client, order, keys: createKey() }),
    );
    return { authority, config, pair };
  } finally {
    road.close();
  }
}

async function find(
  plan: JoinPlan,
  doors: JoinDoors,
): Promise<{ readonly address: ClusterAddress; readonly token: BootstrapToken }> {
  if (plan.kind === 'file') {
    const file = doors.readFile(plan.path);
    const token = plan.bootstrapToken ?? file.token;
    if (token === undefined)
      throw new UserError(
        `Cannot join: ${plan.path} has no bootstrap token. Give one with --tls-bootstrap-token.`,
      );
    return { address: file.address, token };
  }
  const { host, port, token, pins, bootstrapToken } = plan;
  const { environment, onRetry } = doors;
  const address = await doors.step(`Looking for the cluster at ${host}:${port}`, () =>
    discover({
      environment,
      endpoint: { host, port },
      token,
      pins,
      onRetry,
      dial: (endpoint, authority) =>
        doors.connect(
          endpoint,
          authority === undefined ? { insecureSkipVerify: true } : { ca: authority },
        ),
    }),
  );
  return { address, token: bootstrapToken };
}

async function readSettings(client: Client): Promise<ClusterSettings> {
  const [cluster, kubelet] = await Promise.all(
    [KUBEADM_CONFIG, KUBELET_CONFIG].map(({ name, namespace }) =>
      client.get(CONFIG_MAP, name, namespace),
    ),
  );
  return clusterSettings({ cluster: cluster ?? {}, kubelet: kubelet ?? {} });
}

/** As kubeadm: two machines of one name would take each other's pods. */
async function refuseTakenName(client: Client, name: string): Promise<void> {
  const node: Node | undefined = await client.get(NODE, name).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  const ready = node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  if (ready === 'True')
    throw new UserError(
      `Cannot join: a Node with name ${JSON.stringify(name)} and status "Ready" already exists in the cluster. Delete it there, or give this machine another name with --node-name.`,
    );
}
