/** A whole API server on a store in memory, in virtual time, without a socket. */
import { type ApiServer, createApiServer } from '#apiserver/server.ts';
import type { ApiServerOptions } from '#apiserver/server-options.ts';
import { readBody } from '#base/http/message.ts';
import { MemoryStore } from '#store/memory.ts';
import { deepFreeze } from './freeze.ts';
import { testServerOptions } from './server-options.ts';
import { VirtualEnvironment } from './virtual-environment.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON, or text. */
  readonly body: any; // oxlint-disable-line typescript/no-explicit-any
}

export interface Identity {
  readonly name: string;
  readonly groups: readonly string[];
}

export interface CallOptions {
  readonly as?: Identity;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const MASTER: Identity = { name: 'admin', groups: ['system:masters'] };
const PATCH_TYPE = 'application/merge-patch+json';

export class TestApiServer {
  readonly environment: VirtualEnvironment;
  readonly store: MemoryStore;
  readonly server: ApiServer;

  constructor(
    options: Partial<ApiServerOptions> & {
      environment?: VirtualEnvironment;
      store?: MemoryStore;
    } = {},
  ) {
    this.environment = options.environment ?? new VirtualEnvironment();
    this.store = options.store ?? new MemoryStore(this.environment);
    this.server = createApiServer({
      ...testServerOptions(),
      onParsed: deepFreeze,
      ...options,
      environment: this.environment,
      store: this.store,
    });
  }

  static async start(
    options: ConstructorParameters<typeof TestApiServer>[0] = {},
  ): Promise<TestApiServer> {
    const server = new TestApiServer(options);
    await server.environment.resolve(server.server.start());
    return server;
  }

  /** `request`: `POST /api/v1/namespaces`. Objects are sent as JSON, patches as merge patches. */
  async call(request: string, body?: object, options: CallOptions = {}): Promise<Reply> {
    const [method = '', url = ''] = request.split(' ');
    const response = await this.environment.resolve(
      this.server.handler({
        method,
        url,
        headers: {
          'content-type': method === 'PATCH' ? PATCH_TYPE : 'application/json',
          accept: 'application/json',
          'user-agent': 'test',
          ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
          ...options.headers,
        },
        ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
        ...(options.token === undefined ? { peer: { component: options.as ?? MASTER } } : {}),
      }),
    );
    const text = Buffer.from(await readBody(response.body)).toString();
    return { status: response.status, headers: response.headers, body: parsed(text) };
  }

  /** As `call`; throws when the answer is no success. */
  async must(request: string, body?: object, options: CallOptions = {}): Promise<Reply['body']> {
    const reply = await this.call(request, body, options);
    if (reply.status >= 300)
      throw new Error(`${request}: ${reply.status} ${reply.body.message ?? reply.body}`);
    return reply.body;
  }

  /** The code and message of a refusal. */
  async refusal(request: string, body?: object, options: CallOptions = {}): Promise<string> {
    const reply = await this.call(request, body, options);
    return `${reply.status} ${reply.body.message ?? ''}`;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
