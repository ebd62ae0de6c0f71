/** A server that runs already, found by a kubeconfig whose user has a client certificate. */
import { readFileSync } from 'node:fs';
import { fromYaml } from '#api/codec/yaml.ts';
import { RestClient } from '#client/rest.ts';
import { realEnvironment } from '#edge/environment.ts';
import { httpClient } from '#edge/http-client.ts';
import type { Target } from './connection.ts';
import { type ApiSubject, makeNamespace } from './subject.ts';

interface Kubeconfig {
  readonly clusters?: readonly { readonly cluster?: Readonly<Record<string, string>> }[];
  readonly users?: readonly { readonly user?: Readonly<Record<string, string>> }[];
}

/** Its first cluster and user. What needs a process of its own cannot be measured with it. */
export function kubeconfigServer(path: string): ApiSubject {
  const target = targetOfKubeconfig(path);
  return {
    name: 'upstream',
    isOwn: false,
    async start({ directory, syncDelayMs }) {
      if (syncDelayMs !== undefined) throw new Error('Its disk cannot be slowed down from here');
      const { host, port, ca, cert, key } = target;
      const http = httpClient({ host, port, tls: { ca, cert, key } });
      const environment = realEnvironment({ logLevel: 'error' });
      const client = new RestClient({ handler: http.handler, environment, userAgent: 'bench' });
      await makeNamespace(client);
      return {
        directory,
        client,
        target,
        pids: [],
        readyMs: Number.NaN,
        failed: new Promise(() => {}),
        loopDelay: () => Promise.resolve(undefined),
        stop: () => Promise.resolve(http.close()),
      };
    },
  };
}

export function targetOfKubeconfig(path: string): Target {
  const { clusters, users } = fromYaml(readFileSync(path, 'utf8')) as Kubeconfig;
  const cluster = clusters?.[0]?.cluster ?? {};
  const user = users?.[0]?.user ?? {};
  const url = new URL(cluster['server'] ?? '');
  const data = (values: Readonly<Record<string, string>>, name: string): string => {
    const inline = values[`${name}-data`];
    if (inline !== undefined) return Buffer.from(inline, 'base64').toString();
    const file = values[name];
    if (file === undefined) throw new Error(`Cannot use ${path}: it has no ${name}`);
    return readFileSync(file, 'utf8');
  };
  return {
    host: url.hostname,
    port: Number(url.port || 443),
    ca: data(cluster, 'certificate-authority'),
    cert: data(user, 'client-certificate'),
    key: data(user, 'client-key'),
  };
}
