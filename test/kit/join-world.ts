/** A control plane as `cox up` makes it, in process and in virtual time, that machines can join. */
import { generateKeyPairSync } from 'node:crypto';
import { SECRET } from '#api/core/secret.ts';
import type { Secret } from '#api/gen/core-v1.ts';
import type { Handler, HttpRequest } from '#base/http/message.ts';
import { createCertificate } from '#base/x509.ts';
import { type ControlPlane, createControlPlane } from '#cli/control-plane.ts';
import { CLUSTER_DEFAULTS, type ClusterConfig } from '#cli/cluster-config.ts';
import { type ClusterRanges, serviceAddresses } from '#cli/cluster-ranges.ts';
import { publishClusterObjects, type PublishOptions } from '#cli/cluster-objects.ts';
import type { Client } from '#client/client.ts';
import { clientAs, type Identity } from '#client/in-process.ts';
import { RestClient } from '#client/rest.ts';
import { MemoryStore } from '#store/memory.ts';
import { testServerOptions } from './server-options.ts';
import { VirtualEnvironment } from './virtual-environment.ts';

export const JOIN_TOKEN = 'abcdef.0123456789abcdef';

const JOIN_CONFIG: ClusterConfig = {
  ...CLUSTER_DEFAULTS,
  listenHost: '0.0.0.0',
  listenPort: 6443,
  nodeName: 'first',
  nodeAddress: '192.0.2.10',
  simulatedNodes: 0,
};

/** A self-signed authority in force at the time that virtual clocks start, and long after. */
export function testAuthority(): { readonly certificate: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = { commonName: 'kubernetes' };
  const certificate = createCertificate({
    subject: name,
    publicKey,
    issuer: { name, publicKey, privateKey },
    serial: Buffer.from('01', 'hex'),
    notBeforeMs: 0,
    notAfterMs: Date.UTC(2046, 0, 1),
    uses: ['authority'],
  });
  return { certificate, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** The Secret of `JOIN_TOKEN`, as `cox token create` makes it, with other fields. */
export function joinTokenSecret(fields: Readonly<Record<string, string>> = {}): Secret {
  return {
    metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': 'abcdef',
      'token-secret': '0123456789abcdef',
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
      'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
      ...fields,
    },
  };
}

export interface JoinWorldOptions {
  /** False: certificates are approved, not made. */
  readonly hasSigner?: boolean;
  /** The default ones unless given. */
  readonly ranges?: ClusterRanges;
}

export class JoinWorld {
  readonly environment = new VirtualEnvironment();
  readonly authority = testAuthority();
  readonly plane: ControlPlane;
  readonly admin: Client;

  readonly #config: ClusterConfig;

  private constructor({ hasSigner = true, ranges }: JoinWorldOptions) {
    const { environment, authority } = this;
    const config =
      ranges === undefined
        ? JOIN_CONFIG
        : { ...JOIN_CONFIG, ...ranges, ...serviceAddresses(ranges) };
    this.#config = config;
    this.plane = createControlPlane({
      ...testServerOptions(),
      environment,
      store: new MemoryStore(environment),
      bootstrapTokens: true,
      serviceClusterIpRange: config.serviceClusterIpRange,
      serviceNodePortRange: config.nodePortRange,
      advertise: { address: config.nodeAddress, port: config.listenPort },
      clientCa: authority.certificate,
      rootCa: authority.certificate,
      ...(hasSigner ? { signingCa: authority } : {}),
      podCidr: config.podCidr,
      scheduler: false,
    });
    this.admin = this.as({ name: 'kubernetes-admin', groups: ['system:masters'] });
  }

  /** With a token that may be joined by. */
  static async start(options: JoinWorldOptions = {}): Promise<JoinWorld> {
    const world = new JoinWorld(options);
    await world.run(world.plane.start());
    await world.run(world.publish());
    await world.run(world.admin.create(SECRET, joinTokenSecret()));
    await world.environment.advance(1_000);
    return world;
  }

  /** `over`: where the DNS runs. */
  publish(over: Pick<PublishOptions, 'dnsImage'> = {}): Promise<void> {
    return publishClusterObjects({
      ...over,
      client: this.as({ name: 'system:apiserver', groups: ['system:masters'] }),
      dnsAddress: this.#config.dnsAddress,
      kubeletClientName: 'kube-apiserver-kubelet-client',
      join: {
        config: this.#config,
        authority: this.authority.certificate,
        certificatesDirectory: '/pki',
      },
    });
  }

  /** Awaits, moving virtual time as needed. */
  run<T>(promise: Promise<T>): Promise<T> {
    return this.environment.resolve(promise);
  }

  as(identity: Identity): RestClient {
    return clientAs(this.plane.handler, identity, {
      environment: this.environment,
      userAgent: 'test',
    });
  }

  /** The server as a socket reaches it: whoever asks is who their credentials say. */
  readonly socket: Handler = (request: HttpRequest) => this.plane.handler(request);

  withToken(token?: string): RestClient {
    return new RestClient({
      handler: this.socket,
      environment: this.environment,
      userAgent: 'test',
      ...(token === undefined ? {} : { token: () => token }),
    });
  }

  stop(): Promise<void> {
    return this.run(this.plane.stop());
  }
}
