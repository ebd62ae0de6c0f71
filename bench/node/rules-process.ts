/**
 * Rules of 10,000 Services, written by nft into the network namespace that this process is in, which has
 * nothing else in it; says on standard output how long each step took.
 *
 *   node rules-process.ts maps|chains
 */
import type { Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { runCommand } from '#base/run-command.ts';
import { realProcesses } from '#edge/processes.ts';
import { nodeTables } from '#proxy/node-tables.ts';
import { planService } from '#proxy/plan.ts';
import { ProxyTable, runNft } from '#proxy/table.ts';
import { measureFirstPacket } from './first-packet.ts';
import { watchKernel } from './kernel-watch.ts';
import type { RuleTimes } from './rules.ts';

const SERVICES = 10_000;
const ENDPOINTS = 2;
const CHANGES = 20;
/** Chains take a minute and more. */
const CHAINS_TIMEOUT_MS = 600_000;
const TABLE = 'coxswain-bench';
const SERVICE_RANGE = '10.96.0.0/16';
const POD_RANGE = '10.244.0.0/16';
/** Whose first packets are measured: in the middle, with one endpoint. */
const MEASURED = 5_000;
const NODE = { name: 'n1', family: 'ip', zone: '', ownAddresses: [] } as const;

const processes = realProcesses();

async function measureMaps(): Promise<RuleTimes> {
  const [options] = nodeTables({
    table: TABLE,
    podRange: POD_RANGE,
    serviceRange: SERVICE_RANGE,
    podInterface: 'coxbench0',
    masqueradeAll: false,
  });
  const table = new ProxyTable(options, processes);
  const take = (index: number, turn: number): void => {
    const { service, slice } = worldOf(index, turn);
    table.elements.replace(`service ${index}`, planService(service, [slice], NODE));
  };
  const beganMs = performance.now();
  for (let index = 0; index < SERVICES; index++) take(index, 0);
  const { script } = await table.step();
  const plannedMs = performance.now();
  await runNft(processes, ['-f', '-'], script);
  const loadMs = performance.now() - plannedMs;
  await table.written();
  const changes = await measureChanges(async (index, turn) => {
    take(index, turn);
    await runNft(processes, ['-f', '-'], (await table.step()).script);
    await table.written();
  });
  const firstPacket = await measureFirstPacket(processes, MEASURED_PATH);
  return { planMs: plannedMs - beganMs, loadMs, ...changes, firstPacket };
}

function worldOf(index: number, turn: number): { service: Service; slice: EndpointSlice } {
  return {
    service: {
      metadata: { name: `s${index}`, namespace: 'default' },
      spec: {
        type: 'ClusterIP',
        clusterIP: serviceAddress(index),
        clusterIPs: [serviceAddress(index)],
        ipFamilies: ['IPv4'],
        ports: [{ port: 80, protocol: 'TCP' }],
      },
    },
    slice: {
      addressType: 'IPv4',
      ports: [{ port: 8080, protocol: 'TCP', name: '' }],
      endpoints: Array.from({ length: endpointsOf(index) }, (_, nth) => ({
        addresses: [endpointAddress(index, nth, turn)],
        conditions: { ready: true },
        nodeName: 'n2',
      })),
    },
  };
}

function endpointsOf(index: number): number {
  return index === MEASURED ? 1 : ENDPOINTS;
}

function serviceAddress(index: number): string {
  return `10.96.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`;
}

function endpointAddress(index: number, nth: number, turn: number): string {
  const number = (index * ENDPOINTS + nth + turn * 7) % 60_000;
  return `10.244.${Math.floor(number / 250)}.${1 + (number % 250)}`;
}

const MEASURED_PATH = {
  service: { address: serviceAddress(MEASURED), port: 80 },
  endpoint: { address: endpointAddress(MEASURED, 0, 0), port: 8080 },
  range: SERVICE_RANGE,
};

async function measureChains(): Promise<RuleTimes> {
  const lines = [
    `add table ip ${TABLE}`,
    `add map ip ${TABLE} services { type ipv4_addr . inet_proto . inet_service : verdict; }`,
    `add chain ip ${TABLE} services`,
    `add rule ip ${TABLE} services ip daddr . meta l4proto . th dport vmap @services`,
    ...Object.entries({ prerouting: 'dstnat', output: '-100' }).flatMap(([hook, priority]) => [
      `add chain ip ${TABLE} ${hook} { type nat hook ${hook} priority ${priority}; }`,
      `add rule ip ${TABLE} ${hook} jump services`,
    ]),
  ];
  for (let index = 0; index < SERVICES; index++) lines.push(...chainsOf(index));
  const beganMs = performance.now();
  await runCommand(processes, 'nft', ['-f', '-'], {
    input: `${lines.join('\n')}\n`,
    timeoutMs: CHAINS_TIMEOUT_MS,
  });
  const loadMs = performance.now() - beganMs;
  const changes = await measureChanges(async (index, turn) => {
    const chain = `e${index}-0`;
    const text = `flush chain ip ${TABLE} ${chain}\n${endpointRule(chain, endpointAddress(index, 0, turn))}\n`;
    await runNft(processes, ['-f', '-'], text);
  });
  const firstPacket = await measureFirstPacket(processes, MEASURED_PATH);
  return { planMs: 0, loadMs, ...changes, firstPacket };
}

/** `change` gives one Service the endpoints of another turn, and resolves when nft has ended. */
async function measureChanges(
  change: (index: number, turn: number) => Promise<void>,
): Promise<Pick<RuleTimes, 'changeMs' | 'changeEndedMs'>> {
  const kernel = await watchKernel(async (turn) => {
    await runNft(processes, ['-f', '-'], `add chain ip ${TABLE} probe-${turn}\n`);
  });
  let inKernelMs = 0;
  let endedMs = 0;
  try {
    for (let turn = 1; turn <= CHANGES; turn++) {
      const index = turn * 97;
      const shown = kernel.shows(endpointAddress(index, 0, turn));
      const beganMs = performance.now();
      await change(index, turn);
      endedMs += performance.now() - beganMs;
      inKernelMs += (await shown) - beganMs;
    }
  } finally {
    await kernel.stop();
  }
  return { changeMs: inKernelMs / CHANGES, changeEndedMs: endedMs / CHANGES };
}

function chainsOf(index: number): string[] {
  const count = endpointsOf(index);
  const endpoints = Array.from({ length: count }, (_, nth) => ({
    chain: `e${index}-${nth}`,
    address: endpointAddress(index, nth, 0),
  }));
  const picks = endpoints.map(({ chain }, nth) => `${nth} : goto ${chain}`).join(', ');
  return [
    `add chain ip ${TABLE} s${index}`,
    ...endpoints.flatMap(({ chain, address }) => [
      `add chain ip ${TABLE} ${chain}`,
      endpointRule(chain, address),
    ]),
    `add rule ip ${TABLE} s${index} numgen random mod ${count} vmap { ${picks} }`,
    `add element ip ${TABLE} services { ${serviceAddress(index)} . tcp . 80 : goto s${index} }`,
  ];
}

function endpointRule(chain: string, address: string): string {
  return `add rule ip ${TABLE} ${chain} meta l4proto tcp dnat to ${address}:8080`;
}

const [way] = process.argv.slice(2);
console.log(JSON.stringify(way === 'maps' ? await measureMaps() : await measureChains()));
