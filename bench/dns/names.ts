/** The Services that are asked for, and the questions, in the form of dnsperf's data files. */
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import { SERVICE } from '#api/core/service.ts';
import type { RestClient } from '#client/rest.ts';

const NAMESPACE = 'default';
const SERVICES = 1_000;
/** Every tenth has no address of its own, but three Pods. */
const HEADLESS_EVERY = 10;
const AT_ONCE = 20;
const DOMAIN = `${NAMESPACE}.svc.cluster.local`;

export async function createServices(client: RestClient): Promise<void> {
  for (let first = 0; first < SERVICES; first += AT_ONCE) {
    const some = Array.from({ length: AT_ONCE }, (_, i) => first + i);
    await Promise.all(some.map((index) => createService(client, index)));
  }
}

async function createService(client: RestClient, index: number): Promise<void> {
  const name = nameOf(index);
  const isHeadless = index % HEADLESS_EVERY === 0;
  await client.create(SERVICE, {
    metadata: { name, namespace: NAMESPACE },
    spec: {
      clusterIP: isHeadless ? 'None' : addressOf(index),
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    },
  });
  await client.create(ENDPOINT_SLICE, {
    metadata: {
      name,
      namespace: NAMESPACE,
      labels: { 'kubernetes.io/service-name': name },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    endpoints: Array.from({ length: isHeadless ? 3 : 1 }, (_, i) => ({
      addresses: [`10.244.${index % 250}.${1 + i + 4 * Math.floor(index / 250)}`],
      conditions: { ready: true },
    })),
  });
}

/** Shuffled: what a cluster's Pods ask, most of it twice because of their search path. */
export function questions(): { readonly text: string; readonly namedPercent: number } {
  let unknown = 0;
  const lines: string[] = [];
  for (let step = 0; step < SERVICES; step++) {
    // 389 and 1,000 have no common factor: each is taken once, and neighbours are far apart.
    const index = (step * 389) % SERVICES;
    const name = nameOf(index);
    lines.push(`${name}.${DOMAIN} A`, `${name}.${DOMAIN} AAAA`);
    if (step % 2 === 0) {
      unknown++;
      lines.push(`${name}.${DOMAIN}.${DOMAIN} A`);
    }
    if (step % 10 === 0) lines.push(`_http._tcp.${name}.${DOMAIN} SRV`);
    if (step % 10 === 5 && index % HEADLESS_EVERY !== 0)
      lines.push(`${addressOf(index).split('.').toReversed().join('.')}.in-addr.arpa PTR`);
  }
  const namedPercent = 100 * (1 - unknown / lines.length);
  return { text: `${lines.join('\n')}\n`, namedPercent };
}

function nameOf(index: number): string {
  return `service-${index}`;
}

/** In the range of Services, above what the API server gives by itself. */
function addressOf(index: number): string {
  return `10.96.${100 + Math.floor(index / 200)}.${1 + (index % 200)}`;
}

/** One that both know only when they have read the cluster. */
export const LAST_NAME = `${nameOf(SERVICES - 1)}.${DOMAIN}`;
