/**
 * For tests of admission webhooks: a server of ours, and a server of webhooks at an address or behind
 * a Service, with an answer for each path.
 */
import type { HttpResponse } from '#base/http/message.ts';
import type { Backend } from '#apiserver/proxy/transport.ts';
import { TestApiServer } from './api-server.ts';

export const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1';
const ADDRESS = 'https://10.0.0.7:9443';

// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;

export interface Review {
  readonly kind: string;
  readonly apiVersion: string;
  readonly request: Json;
}

/** The `response` of a review, without its uid. */
export type Respond = (request: Json, review: Review) => object | Promise<object>;

export interface Asked {
  readonly backend: Backend;
  /** Path and query. */
  readonly url: string;
  readonly review: Review;
}

export interface HookOptions {
  readonly mutating?: boolean;
  readonly [field: string]: unknown;
}

export class WebhookServer {
  readonly api: TestApiServer;
  /** In order. */
  readonly asked: Asked[] = [];
  readonly #responds = new Map<string, Respond>();
  readonly #answers = new Map<string, (asked: Asked) => Promise<HttpResponse>>();

  private constructor(options: ConstructorParameters<typeof TestApiServer>[0] = {}) {
    this.api = new TestApiServer({
      backends: {
        to:
          (backend) =>
          async ({ url, body }) => {
            const review = JSON.parse(Buffer.from(body ?? '').toString()) as Review;
            const asked = { backend, url, review };
            this.asked.push(asked);
            const path = url.split('?', 1)[0] ?? '';
            const answer = this.#answers.get(path);
            return answer === undefined ? this.#reviewed(path, review) : answer(asked);
          },
      },
      ...options,
    });
  }

  static async start(
    options: ConstructorParameters<typeof TestApiServer>[0] = {},
  ): Promise<WebhookServer> {
    const server = new WebhookServer(options);
    await server.api.environment.resolve(server.api.server.start());
    return server;
  }

  /** What webhooks at `path` say; all is allowed where nothing is said. */
  respond(path: string, respond: Respond): void {
    this.#responds.set(path, respond);
  }

  /** What the server at `path` does, whatever it is. */
  answer(path: string, answer: (asked: Asked) => Promise<HttpResponse>): void {
    this.#answers.set(path, answer);
  }

  async #reviewed(path: string, review: Review): Promise<HttpResponse> {
    const { request, apiVersion, kind } = review;
    const said = (await this.#responds.get(path)?.(request, review)) ?? { allowed: true };
    return json(200, { apiVersion, kind, response: { uid: request.uid, ...said } });
  }

  /** Configures one webhook, at `path`, of configuration and webhook name `name.example.com`. */
  async hook(name: string, path: string, options: HookOptions = {}): Promise<Json> {
    const { mutating = false, ...over } = options;
    return this.configure(name, [webhook(name, path, over)], mutating);
  }

  async configure(name: string, webhooks: object[], mutating = false): Promise<Json> {
    const plural = mutating ? 'mutatingwebhookconfigurations' : 'validatingwebhookconfigurations';
    const body = { metadata: { name }, webhooks };
    return this.api.must(`POST ${CONFIGURATIONS}/${plural}`, body);
  }

  /** The paths that were asked, without what follows them. */
  get paths(): string[] {
    return this.asked.map(({ url }) => url.split('?', 1)[0] ?? '');
  }

  get requests(): Json[] {
    return this.asked.map(({ review }) => review.request);
  }
}

/** One webhook, of all writes of ConfigMaps unless `over` says otherwise. */
export function webhook(name: string, path: string, over: object = {}): object {
  return {
    name: `${name}.example.com`,
    clientConfig: { url: `${ADDRESS}${path}` },
    rules: [rule('configmaps')],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    ...over,
  };
}

export function rule(resource: string, over: object = {}): object {
  return {
    operations: ['*'],
    apiGroups: [''],
    apiVersions: ['v1'],
    resources: [resource],
    ...over,
  };
}

/** A response with a patch. */
export function patch(...operations: object[]): object {
  return {
    allowed: true,
    patchType: 'JSONPatch',
    patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
  };
}

export function json(status: number, value: object): HttpResponse {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: { kind: 'bytes', bytes: Buffer.from(JSON.stringify(value)) },
  };
}
