/** Whether the API server of a cluster runs, asked over the network: a pod of it has no pid file. */
import { join } from 'node:path';
import { readBody } from '#base/http/message.ts';
import { httpClient } from '#edge/http-client.ts';
import type { ClusterConfig } from '../cluster-config.ts';
import type { DataDirectory } from '../data-directory.ts';
import { readTextIfThere } from '../files.ts';
import { localHost } from '../listen-address.ts';

/** Something else may listen there, and say nothing. */
const TIMEOUT_MS = 2_000;

/** Who listens at the address of this cluster shows a certificate of its authority. Never rejects. */
export async function answersAsOwn(
  { pki }: Pick<DataDirectory, 'pki'>,
  { listenHost, listenPort }: Pick<ClusterConfig, 'listenHost' | 'listenPort'>,
): Promise<boolean> {
  const ca = readTextIfThere(join(pki, 'ca.crt'));
  if (ca === undefined) return false;
  const client = httpClient({ host: localHost(listenHost), port: listenPort, tls: { ca } });
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await client.handler({ method: 'GET', url: '/livez', headers: {}, signal });
    await readBody(answer.body);
    return true;
  } catch {
    return false;
  } finally {
    client.close();
  }
}
