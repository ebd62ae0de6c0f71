/**
 * The clients of a component that runs alone: as whom its kubeconfig says, or, for a controller, as
 * its service account in kube-system, with tokens that the API server gives.
 *
 * Source: upstream staging/src/k8s.io/controller-manager/pkg/clientbuilder, v1.36.
 */
import { SERVICE_ACCOUNT } from '#api/core/service-account.ts';
import type { TokenRequest } from '#api/gen/authentication-v1.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/status.ts';
import type { Environment } from '#base/env.ts';
import type { Handler } from '#base/http/message.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import type { Client } from '#client/client.ts';
import { RestClient } from '#client/rest.ts';
import { httpClient } from '#edge/http-client.ts';
import { type Access, readAccess } from '../kube-client.ts';
import { ClientMetrics } from './client-metrics.ts';

const NAMESPACE = 'kube-system';
const TOKEN_SECONDS = 3600;
/** A token is renewed when so much of its life is over. */
const RENEW_AFTER = 0.8;
const MS_PER_SECOND = 1000;

/** Clients that say nothing more once their signal is aborted. */
export interface WorkingClients {
  /** As the kubeconfig says. */
  base(userAgent: string): RestClient;
  /** As a service account of kube-system. */
  serviceAccount(name: string, userAgent: string): RestClient;
}

export interface ComponentClients extends WorkingClients {
  /** As the kubeconfig says, for what is to be done after the signal. */
  lasting(userAgent: string): RestClient;
  /** For the term of a leader: what it began must not go on beside the next one. */
  during(term: AbortSignal): WorkingClients;
  close(): void;
}

/** Throws UserError when the kubeconfig cannot be used. */
export function componentClients(options: {
  /** Its path; or what was read already. */
  readonly kubeconfig: string | Access;
  readonly environment: Environment;
  readonly signal: AbortSignal;
  /** Where requests are counted. */
  readonly metrics: MetricRegistry;
}): ComponentClients {
  const { environment, signal } = options;
  const metrics = new ClientMetrics(options.metrics, environment.clock);
  const { kubeconfig } = options;
  const access = typeof kubeconfig === 'string' ? readAccess(kubeconfig) : kubeconfig;
  const { token } = access;
  const own = roadTo(access, metrics);
  // Who shows a certificate is known by that, and not by its token.
  const { cert: _cert, key: _key, ...anonymous } = access.tls;
  const others = roadTo({ ...access, tls: anonymous }, metrics);
  const credentials = token === undefined ? {} : { token };
  const lasting = (userAgent: string): RestClient =>
    new RestClient({ handler: own.handler, environment, userAgent, ...credentials });
  const during = (term: AbortSignal): WorkingClients => {
    const options = { environment, signal: term };
    const base = (userAgent: string): RestClient =>
      new RestClient({ handler: own.handler, userAgent, ...options, ...credentials });
    return {
      base,
      serviceAccount(name, userAgent) {
        const tokens = new AccountTokens(base(userAgent), name, environment);
        return new RestClient({ handler: tokens.on(others.handler), userAgent, ...options });
      },
    };
  };
  return {
    ...during(signal),
    during,
    lasting,
    close() {
      own.close();
      others.close();
    },
  };
}

function roadTo(
  { connection, tls }: Access,
  metrics: ClientMetrics,
): { readonly handler: Handler; close(): void } {
  const { host, port, basePath } = connection;
  const http = httpClient({ host, port, ...(connection.tls ? { tls } : {}) });
  const handler: Handler = (request) => http.handler({ ...request, url: basePath + request.url });
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return { handler: metrics.measured(handler, address), close: () => http.close() };
}

/** The tokens of one service account, one after the other. */
class AccountTokens {
  readonly #client: Client;
  readonly #name: string;
  readonly #environment: Pick<Environment, 'clock'>;
  #token: Promise<string> | undefined;
  #renewAtMs = 0;

  constructor(client: Client, name: string, environment: Pick<Environment, 'clock'>) {
    this.#client = client;
    this.#name = name;
    this.#environment = environment;
  }

  /** `handler` with the token of the moment in each request. */
  on(handler: Handler): Handler {
    return async (request) => {
      const authorization = `Bearer ${await this.#current()}`;
      return handler({ ...request, headers: { ...request.headers, authorization } });
    };
  }

  #current(): Promise<string> {
    const nowMs = this.#environment.clock.monotonicMs();
    if (this.#token === undefined || nowMs >= this.#renewAtMs) {
      this.#renewAtMs = nowMs + TOKEN_SECONDS * MS_PER_SECOND * RENEW_AFTER;
      this.#token = this.#ask();
      this.#token.catch(() => {
        this.#token = undefined;
      });
    }
    return this.#token;
  }

  /** Makes the account where there is none yet. */
  async #ask(): Promise<string> {
    const target = { name: this.#name, namespace: NAMESPACE };
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: TOKEN_SECONDS },
    };
    const request = (): Promise<TokenRequest> =>
      this.#client.createSubresource<TokenRequest>(SERVICE_ACCOUNT, target, 'token', body);
    const answer = await request().catch(async (error: unknown) => {
      if (!isNotFound(error)) throw error;
      await this.#client.create(SERVICE_ACCOUNT, { metadata: target }).catch((cause: unknown) => {
        if (!isAlreadyExists(cause)) throw cause;
      });
      return request();
    });
    return answer.status?.token ?? '';
  }
}
