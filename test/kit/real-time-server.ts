/** An API server in this process on the real environment, for tests of what goes over real sockets. */
import { readBody } from '#base/http/message.ts';
import { type ApiServer, createApiServer } from '#apiserver/server.ts';
import type { ApiServerOptions } from '#apiserver/server-options.ts';
import { MemoryStore } from '#store/memory.ts';
import type { Store } from '#store/store.ts';
import { AheadTime } from './ahead-time.ts';
import type { Reply } from './api-server.ts';
import { testServerOptions } from './server-options.ts';

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
    this.#server = createApiServer({
      ...testServerOptions(),
      environment,
      store: this.#store,
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
