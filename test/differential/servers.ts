/** The two servers: ours in this process on a store in memory, the other by a kubeconfig. */
import { readFileSync } from 'node:fs';
import { fromYaml } from '#api/codec/yaml.ts';
import { createApiServer } from '#apiserver/server.ts';
import type { Environment, Timer } from '#base/env.ts';
import { type Handler, readBody } from '#base/http/message.ts';
import { connectionOf } from '#client/kubeconfig.ts';
import { realEnvironment } from '#edge/environment.ts';
import { httpClient } from '#edge/http-client.ts';
import { testServerOptions } from '#kit/server-options.ts';
import { MemoryStore } from '#store/memory.ts';
import type { Answer, CaseRequest, Subject } from './model.ts';
import { normalise } from './normalise.ts';
import { StoredVersions } from './stored-versions.ts';

const USER_AGENT = 'differential/v1';

export interface Identity {
  readonly name: string;
  readonly groups: readonly string[];
}

const ADMINISTRATOR: Identity = {
  name: 'kubernetes-admin',
  groups: ['system:masters', 'system:authenticated'],
};

/** As it is, but with timers that can be ended: those of waits that were cut off concern nobody. */
function endableEnvironment(): { environment: Environment; end: () => void } {
  const real = realEnvironment({ logLevel: 'error' });
  const open = new Set<Timer>();
  const after = (delayMs: number, callback: () => void): Timer => {
    const timer = real.timers.after(delayMs, () => {
      open.delete(timer);
      callback();
    });
    open.add(timer);
    return timer;
  };
  const end = (): void => {
    for (const timer of open) timer.cancel();
  };
  return { environment: { ...real, timers: { after } }, end };
}

export async function ourServer(identity: Identity = ADMINISTRATOR): Promise<Subject> {
  const { environment, end } = endableEnvironment();
  const server = createApiServer({
    ...testServerOptions(),
    environment,
    store: new MemoryStore(environment),
    serviceAccountIssuer: 'https://kubernetes.default.svc.cluster.local',
    advertise: { address: '192.0.2.2', port: 6443 },
    clientCa: '',
  });
  await server.start();
  const peer = { component: identity };
  return subject(
    'Coxswain',
    (request) => server.handler({ ...request, peer }),
    async () => {
      await server.stop();
      end();
    },
  );
}

/** `path`: of a kubeconfig. */
export function serverOf(path: string): Subject {
  const connection = connectionOf(fromYaml(readFileSync(path, 'utf8')));
  const http = httpClient({
    host: connection.host,
    port: connection.port,
    tls: {
      ...(connection.ca === undefined ? {} : { ca: connection.ca }),
      ...(connection.cert === undefined ? {} : { cert: connection.cert }),
      ...(connection.key === undefined ? {} : { key: connection.key }),
      insecureSkipVerify: connection.insecureSkipVerify,
    },
    ...(connection.token === undefined
      ? {}
      : { headers: () => ({ authorization: `Bearer ${connection.token ?? ''}` }) }),
  });
  return subject('upstream', http.handler, () => Promise.resolve(http.close()));
}

function subject(name: string, handler: Handler, close: () => Promise<void>): Subject {
  const versions = new StoredVersions();
  return {
    name,
    close,
    async ask(request): Promise<Answer> {
      const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
      try {
        const response = await handler({ ...sent(request, versions), signal });
        const text = Buffer.from(await readBody(response.body)).toString();
        versions.note(request, response.status, text);
        return normalise({ status: response.status, headers: response.headers, text }, request);
      } catch (error) {
        return { status: 0, headers: {}, body: error instanceof Error ? error.message : '' };
      }
    },
  };
}

const REQUEST_TIMEOUT_MS = 30_000;

function sent({ method, url, headers, body }: CaseRequest, versions: StoredVersions) {
  return {
    method,
    url,
    headers: {
      accept: 'application/json',
      'user-agent': USER_AGENT,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined
      ? {}
      : {
          body: Buffer.from(
            versions.fill(typeof body === 'string' ? body : JSON.stringify(body), url),
          ),
        }),
  };
}
