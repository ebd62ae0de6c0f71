/** An API server in this process on the real environment, for tests of what goes over real sockets. */
import { generateKeyPairSync } from 'node:crypto';
import { readBody } from '#base/http/message.ts';
import { type ApiServer, createApiServer } from '#apiserver/server.ts';
import type { ApiServerOptions } from '#apiserver/server-options.ts';
import { MemoryStore } from '#store/memory.ts';
import type { Store } from '#store/store.ts';
import { AheadTime } from './ahead-time.ts';
import type { Reply } from './api-server.ts';

export type RealTimeOptions = Partial<ApiServerOptions> & {
  readonly time?: AheadTime;
  /** In memory unless given. Closed at the end. */
  readonly store?: Store;
};

export class RealTimeServer {
  readonly time: AheadTime;
  readonly #store: Store;
  readonly #server: ApiServer;

  private constructor({ time = new AheadTime(), store, ...rest }: RealTimeOptions) {
    const { environment } = time;
    this.time = time;
    this.#store = store ?? new MemoryStore(environment);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#server = createApiServer({
      environment,
      store: this.#store,
      serviceAccountKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      serviceAccountIssuer: 'https://kubernetes.default.svc',
      serviceClusterIpRange: '10.96.0.0/16',
      serviceNodePortRange: { from: 30_000, to: 32_767 },
      advertise: { address: '10.0.0.1', port: 6443 },
      clientCa: 'A CA\n',
      kubelets: {
        to: () => {
          throw new Error('there is no kubelet');
        },
      },
      ...rest,
    });
  }

  static async start(options: RealTimeOptions = {}): Promise<RealTimeServer> {
    const server = new RealTimeServer(options);
    try {
      await server.#server.start();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  async stop(): Promise<void> {
    await this.#server.stop();
    await this.#store.close();
  }

  /** As the administrator. `request`: `POST /api/v1/namespaces`; patches are merge patches. */
  async call(request: string, body?: object): Promise<Reply> {
    const [method = '', url = ''] = request.split(' ');
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const response = await this.#server.handler({
      method,
      url,
      headers: { 'content-type': type, accept: 'application/json', 'user-agent': 'test' },
      ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
      peer: { component: { name: 'admin', groups: ['system:masters'] } },
    });
    const text = Buffer.from(await readBody(response.body)).toString();
    const { status, headers } = response;
    return { status, headers, body: text.startsWith('{') ? JSON.parse(text) : text };
  }
}
