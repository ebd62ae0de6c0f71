/** `npm run bench -- dns`: cluster DNS beside CoreDNS, both on the same API server, asked by dnsperf. */
import { writeFileSync } from 'node:fs';
import { Resolver } from 'node:dns/promises';
import { join } from 'node:path';
import { freePorts, openCluster, type Cluster } from './cluster.ts';
import { hasDnsperf, latency, throughput } from './dns/dnsperf.ts';
import { createServices, LAST_NAME, questions } from './dns/names.ts';
import { COXSWAIN_DNS, type DnsSubject } from './dns/subjects.ts';
import { usageOf } from './measure.ts';
import { alternate, type Measurement, rowOf, type Results, type Rounds } from './rounds.ts';
import { during, type Subject } from './subject.ts';
import type { Row } from './table.ts';
import { untilTrue } from './wait.ts';

export interface DnsBench extends Rounds {
  /** Whose API server both ask. */
  readonly coxswain: Subject;
  readonly upstream: DnsSubject | undefined;
}

const WARM_SECONDS = 3;
const SECONDS = 8;
/** A rate that both hold with ease, and one near to what a busy node asks. */
const RATES = [2_000, 10_000] as const;
const START_TIMEOUT_MS = 60_000;
const LOOK_MS = 50;

interface Figures {
  readonly perSecond: number;
  /** Milliseconds, in the order of the rates. */
  readonly p99Ms: readonly number[];
  readonly megabytes: number;
}

export const DNS_MEASUREMENTS: readonly Measurement<DnsBench>[] = [
  { name: 'cluster dns with 1,000 services', run },
];

async function run(bench: DnsBench): Promise<Row[]> {
  if (!hasDnsperf()) return rowsOf({ coxswain: 'needs dnsperf', upstream: 'needs dnsperf' });
  const { scope } = bench;
  const directory = scope.temporaryDirectory();
  const cluster = await openCluster(directory);
  const running = await bench.coxswain.start({ scope, directory });
  return during(running, async ({ client }) => {
    await createServices(client);
    const path = join(directory, 'questions');
    const { text, namedPercent } = questions();
    writeFileSync(path, text);
    const results = await alternate<Figures, DnsSubject>(bench, {
      name: 'cluster dns with 1,000 services',
      coxswain: COXSWAIN_DNS,
      upstream: bench.upstream,
      once: (subject) => measure(bench, cluster, { subject, path, namedPercent }),
    });
    return rowsOf(results);
  });
}

async function measure(
  { scope }: Rounds,
  cluster: Cluster,
  parts: { readonly subject: DnsSubject; readonly path: string; readonly namedPercent: number },
): Promise<Figures> {
  const { subject, ...rest } = parts;
  const [port = 0] = await freePorts(1);
  const asked = { ...rest, port };
  const server = subject.start(scope, cluster, port);
  try {
    await untilAnswers(port, server.failed);
    await throughput({ ...asked, seconds: WARM_SECONDS });
    const perSecond = await throughput({ ...asked, seconds: SECONDS });
    const p99Ms: number[] = [];
    const log = join(cluster.data.logs, 'dnsperf.log');
    for (const rate of RATES) p99Ms.push(await latency({ ...asked, seconds: SECONDS }, rate, log));
    return { perSecond, p99Ms, megabytes: usageOf([server.pid]).megabytes };
  } finally {
    await server.stop();
  }
}

async function untilAnswers(port: number, failed: Promise<never>): Promise<void> {
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  await untilTrue(
    async () => {
      const addresses = await resolver.resolve4(LAST_NAME).catch(() => []);
      return addresses.length > 0;
    },
    { timeoutMs: START_TIMEOUT_MS, everyMs: LOOK_MS, what: 'the DNS to answer', failed },
  );
}

function rowsOf(results: Results<Figures>): Row[] {
  return [
    rowOf(results, {
      what: 'answers a second, 100 questions on the way',
      unit: '/s',
      ratioGoal: { atLeast: 1.2 },
      value: ({ perSecond }) => perSecond,
    }),
    ...RATES.map((rate, index) =>
      rowOf(results, {
        what: `p99 at ${rate.toLocaleString('en')} questions a second`,
        unit: 'µs',
        ratioGoal: { atMost: 1 },
        value: ({ p99Ms }) => (p99Ms[index] ?? Number.NaN) * 1_000,
      }),
    ),
    rowOf(results, { what: 'memory', unit: 'MB', value: ({ megabytes }) => megabytes }),
  ];
}
