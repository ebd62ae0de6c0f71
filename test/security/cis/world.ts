/**
 * What `cox up` writes and runs, for the checks: a data directory with everything in it, and the
 * control plane as its process has it, on the real store, files and sockets. Pods are not run.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readBody } from '#base/http/message.ts';
import { writeAdminKubeconfig } from '#cli/admin-kubeconfig.ts';
import { API_SERVER } from '#cli/apiserver/flags.ts';
import { CLUSTER_DEFAULTS, type ClusterConfig, writeClusterConfig } from '#cli/cluster-config.ts';
import { clusterPki } from '#cli/cluster-pki.ts';
import { freePort } from '#cli/component/test-server.ts';
import { serveControlPlane } from '#cli/control-plane-serve.ts';
import { CONTROLLER_MANAGER } from '#cli/controller-manager/flags.ts';
import { dataDirectoryAt, prepareDataDirectory } from '#cli/data-directory.ts';
import { withDefaultAudit } from '#cli/default-audit.ts';
import { type Flags, parseFlags, type Program } from '#cli/flags.ts';
import { type NodeConfig, writeNode } from '#cli/node-config.ts';
import { nodeLayout } from '#cli/node-layout.ts';
import { type ClusterPki, type KeyPair, nodeCertificates } from '#cli/pki.ts';
import { SCHEDULER } from '#cli/scheduler/flags.ts';
import { certificatesDigest } from '#cli/self-hosted/certificates.ts';
import { writeComponentKubeconfigs, writeManifests } from '#cli/self-hosted/files.ts';
import { controlPlaneManifests, type ManifestName } from '#cli/self-hosted/manifests.ts';
import { realEnvironment } from '#edge/environment.ts';
import { type HttpClient, httpClient } from '#edge/http-client.ts';
import { readManifest } from '#kubelet/static/manifest.ts';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';

const HOST = '127.0.0.1';

export interface Reply {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

/** Who asks: a certificate, a token, or nobody. */
export type Caller = KeyPair | { readonly token: string } | 'nobody';

export class World {
  readonly environment = realEnvironment({ logLevel: 'error' });
  readonly data = dataDirectoryAt(mkdtempSync(join(tmpdir(), 'coxswain-cis-')));
  readonly layout = nodeLayout(this.data);
  readonly config: ClusterConfig;
  readonly node: NodeConfig;
  readonly pki: ClusterPki;
  readonly #manifests: ReadonlyMap<ManifestName, string>;
  readonly #clients = new Map<Caller, HttpClient>();
  #stop: (() => Promise<void>) | undefined;

  private constructor(listenPort: number) {
    const { data } = this;
    this.config = {
      ...CLUSTER_DEFAULTS,
      listenHost: HOST,
      listenPort,
      nodeName: 'n1',
      nodeAddress: '192.0.2.10',
      simulatedNodes: 0,
    };
    prepareDataDirectory(data);
    writeClusterConfig(data, this.config);
    this.pki = clusterPki(data, this.config, this.environment.clock.now());
    writeAdminKubeconfig(data, this.config, this.pki);
    writeComponentKubeconfigs(data.pki, this.config, this.pki);
    this.#manifests = controlPlaneManifests({
      config: withDefaultAudit(data, this.config),
      image: { reference: 'coxswain.local/coxswain:1', key: 'abc' },
      pki: data.pki,
      store: data.store,
      certificates: certificatesDigest(data.pki),
    });
    this.node = this.#writeNode();
  }

  static async start(): Promise<World> {
    const world = new World(await freePort());
    const { environment, data, config } = world;
    const store = await openSqliteStore({ directory: data.store, environment });
    // A simulated node: the address of a real one is not there to listen at.
    const served = { ...config, simulatedNodes: 1 };
    world.#stop = await serveControlPlane({ environment, data, config: served, store });
    return world;
  }

  /** Everything that was to be written is, when it resolves. */
  async stop(): Promise<void> {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
    await this.#stop?.();
    this.#stop = undefined;
  }

  remove(): void {
    rmSync(this.data.path, { recursive: true, force: true });
  }

  /** `request`: `POST /api/v1/namespaces`. Patches are merge patches. */
  async call(request: string, body?: object, as: Caller = this.pki.admin): Promise<Reply> {
    const [method = '', url = ''] = request.split(' ');
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const response = await this.#clientOf(as).handler({
      method,
      url,
      headers: {
        'content-type': type,
        accept: 'application/json',
        ...(typeof as === 'object' && 'token' in as ? { authorization: `Bearer ${as.token}` } : {}),
      },
      ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
    });
    const text = Buffer.from(await readBody(response.body)).toString();
    try {
      return { status: response.status, body: JSON.parse(text) };
    } catch {
      return { status: response.status, body: text };
    }
  }

  /** Asks until `found` says something; what it says. */
  async eventually<T>(request: string, found: (reply: Reply) => T | undefined): Promise<T> {
    for (;;) {
      const value = found(await this.call(request));
      if (value !== undefined) return value;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** A certificate of a user of the cluster. */
  user(commonName: string, organizations: readonly string[] = []): KeyPair {
    return this.pki.leaf({
      file: `user-${commonName}`,
      subject: { commonName, organizations },
      uses: ['client'],
    });
  }

  /** A node of that name, as its kubelet asks. */
  kubelet(name: string): KeyPair {
    return nodeCertificates(this.pki, { name, addresses: [HOST] }).client;
  }

  /** The flags of a component in a pod, as it reads them itself. */
  apiServerFlags = () => this.#flagsIn('kube-apiserver.yaml', API_SERVER);
  managerFlags = () => this.#flagsIn('kube-controller-manager.yaml', CONTROLLER_MANAGER);
  schedulerFlags = () => this.#flagsIn('kube-scheduler.yaml', SCHEDULER);

  #flagsIn<N extends string>(name: ManifestName, program: Program<N>): Flags<N> {
    const text = Buffer.from(this.#manifests.get(name) ?? '');
    const { pod } = readManifest(text, { path: name, nodeName: 'n1' });
    return parseFlags(program, (pod.spec?.containers[0]?.args ?? []).slice(1));
  }

  #clientOf(as: Caller): HttpClient {
    const known = this.#clients.get(as);
    if (known !== undefined) return known;
    const ca = this.pki.authority.certificate;
    const identity =
      typeof as === 'object' && 'key' in as ? { cert: as.certificate, key: as.key } : {};
    const client = httpClient({
      host: HOST,
      port: this.config.listenPort,
      tls: { ca, ...identity },
    });
    this.#clients.set(as, client);
    return client;
  }

  #writeNode(): NodeConfig {
    const { data, pki, config } = this;
    const { name, address } = { name: config.nodeName, address: config.nodeAddress };
    const { client, server } = nodeCertificates(pki, { name, addresses: [address] });
    const node: NodeConfig = {
      name,
      hostname: name,
      address,
      kubeletPort: config.kubeletPort,
      apiServer: { host: HOST, port: config.listenPort },
      podCidr: config.podCidr,
      serviceClusterIpRange: config.serviceClusterIpRange,
      dnsAddress: config.dnsAddress,
      clusterDomain: config.clusterDomain,
      podNetwork: config.podNetwork,
      sysfs: '/sys',
    };
    const identity = {
      authority: pki.authority.certificate,
      kubeletClient: client,
      kubeletServer: server,
      proxy: pki.proxy,
      dns: pki.dns,
    };
    writeNode(data, { config: node, identity });
    mkdirSync(this.layout.staticPods, { recursive: true, mode: 0o711 });
    writeManifests(this.layout.staticPods, this.#manifests);
    return node;
  }
}
