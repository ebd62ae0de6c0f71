/** How long the first packet of a connection takes when rules decide where it goes. */
import { fileURLToPath } from 'node:url';
import type { Processes } from '#base/doors.ts';
import { runCommand } from '#base/run-command.ts';

const PROGRAM = fileURLToPath(new URL('connect-process.ts', import.meta.url));
const CONNECTIONS = 1_000;
const TIMEOUT_MS = 120_000;

export interface FirstPacket {
  /** Microseconds until a connection stands, in the median: to an endpoint itself. */
  readonly direct: number;
  /** To a Service that leads there. */
  readonly throughService: number;
}

export interface Target {
  readonly address: string;
  readonly port: number;
}

/**
 * `processes` run in a network namespace with nothing in it but the rules of the Service. Its range is
 * routed there, as a node's is, and the endpoint is an address of its own.
 */
export async function measureFirstPacket(
  processes: Processes,
  { service, endpoint, range }: { service: Target; endpoint: Target; range: string },
): Promise<FirstPacket> {
  const ip = (...args: string[]) => runCommand(processes, 'ip', args, {});
  await ip('link', 'set', 'lo', 'up');
  await ip('address', 'add', `${endpoint.address}/32`, 'dev', 'lo');
  await ip('route', 'add', range, 'dev', 'lo', 'src', endpoint.address);
  const words = [endpoint, service].flatMap(({ address, port }) => [address, String(port)]);
  const output = await runCommand(
    processes,
    process.execPath,
    [PROGRAM, ...words, String(CONNECTIONS)],
    { timeoutMs: TIMEOUT_MS },
  );
  return JSON.parse(output) as FirstPacket;
}
