/**
 * What the node's kernel remembers of its pods: the link-layer address behind each pod's address.
 *
 * Addresses come round again. The kernel believes for a minute and longer that an address is still at
 * the interface of the pod before, which is gone, and sends what is for the new pod into nowhere. A
 * pod that speaks first is noticed; one that waits to be spoken to is not. So the kernel forgets
 * whoever had the addresses of a new pod. (The bridge plug-in of Debian does not announce a pod: its
 * upstream does, by gratuitous ARP, RFC 5227, section 3.)
 */
import type { FileSystem, Processes } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { isIpv4 } from './routes.ts';

/** Of this process's network namespace: neighbours of IPv4 alone, proc(5). */
const ARP_TABLE = '/proc/net/arp';
const COMMAND_TIMEOUT_MS = 10_000;

export interface PodNeighboursOptions {
  readonly environment: Environment;
  readonly fileSystem: Pick<FileSystem, 'readText'>;
  readonly processes: Processes;
  /** What the pods hang on. */
  readonly bridge: string;
}

export class PodNeighbours {
  readonly #options: PodNeighboursOptions;

  constructor(options: PodNeighboursOptions) {
    this.#options = options;
  }

  /** `addresses` have come to a new pod. Does not reject: the kernel finds out by itself, later. */
  async forget(addresses: readonly string[]): Promise<void> {
    const { bridge, environment, fileSystem, processes } = this.#options;
    try {
      const known = neighboursIn(await fileSystem.readText(ARP_TABLE), bridge);
      // Nothing but a question to the kernel would tell of IPv6; to forget nobody costs no more.
      const stale = addresses.filter((address) => !isIpv4(address) || known.has(address));
      if (stale.length === 0) return;
      const input = stale.map((address) => `neighbour delete ${address} dev ${bridge}\n`).join('');
      // Forced: one that is not there is no reason against the next, and no failure.
      const options = { input, timeoutMs: COMMAND_TIMEOUT_MS };
      await processes.run('ip', ['-force', '-batch', '-'], options);
    } catch (error) {
      environment.log.warn('the kernel was not told of a new pod', {
        addresses: addresses.join(' '),
        error: messageOf(error),
      });
    }
  }
}

/** The addresses behind `device` in the text of the ARP table. */
export function neighboursIn(table: string, device: string): ReadonlySet<string> {
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/));
  return new Set(
    rows.flatMap(([address = '', ...rest]) => (rest.at(-1) === device ? [address] : [])),
  );
}
