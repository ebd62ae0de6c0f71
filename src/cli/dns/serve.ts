/** The DNS of a cluster with the pages that CoreDNS has beside it: in a node's process, or alone. */
import { EventRecorder } from '#client/events.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import type { RestClient } from '#client/rest.ts';
import { messageOf } from '#base/error.ts';
import type { Environment } from '#base/env.ts';
import type { Handler } from '#base/http/message.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { healthPage, metricsPage, readyPage } from '#dns/pages.ts';
import { DnsServer, type DnsServerOptions } from '#dns/server.ts';
import { serveHttp } from '#edge/http-server.ts';
import { realNetwork } from '#edge/network.ts';

/** `0`: that page is not served. */
export interface DnsPages {
  readonly host: string;
  readonly metricsPort: number;
  readonly healthPort: number;
  readonly readyPort: number;
}

export type DnsOptions = Pick<
  DnsServerOptions,
  'addresses' | 'listenAddresses' | 'port' | 'clusterDomain' | 'ownRanges' | 'resolvers' | 'version'
> & {
  readonly environment: Environment;
  readonly client: RestClient;
  readonly signal: AbortSignal;
  /** The machine's or the pod's name, in events. */
  readonly host: string;
  readonly pages: DnsPages;
};

/** Resolves when it listens; what it has is closed at the signal. Rejects where it cannot listen. */
export async function serveDns(options: DnsOptions): Promise<DnsServer> {
  const { environment, client, signal, host, pages } = options;
  const informers = new InformerFactory({ client, environment });
  const metrics = new MetricRegistry();
  const dns = new DnsServer({
    ...options,
    network: realNetwork(),
    informers,
    metrics,
    events: new EventRecorder({ client, environment, component: 'coredns', host, signal }),
  });
  informers.start(signal);
  await dns.start(signal);
  // Nothing authenticates these pages.
  const handlers: readonly [port: number, handler: Handler][] = [
    [pages.metricsPort, metricsPage(metrics)],
    [pages.healthPort, healthPage()],
    [pages.readyPort, readyPage(dns)],
  ];
  for (const [port, handler] of handlers) {
    if (port === 0) continue;
    try {
      const served = await serveHttp({ handler, host: pages.host, port });
      signal.addEventListener('abort', () => {
        served.close().catch(() => {});
      });
    } catch (error) {
      // Another program listens there: names matter more than a page.
      environment.log.warn('cannot serve a page of the DNS', { port, error: messageOf(error) });
    }
  }
  return dns;
}
