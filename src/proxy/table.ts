/**
 * The table of one family of IP: what shall be in it, what the kernel has of that, and what has to be
 * forgotten (flows, clients) once the kernel has the rest.
 */
import type { Processes } from '#base/doors.ts';
import { removalScript } from '#base/nftables/commands.ts';
import { type ElementChange, Elements } from '#base/nftables/elements.ts';
import { runCommand } from '#base/run-command.ts';
import { forgottenClients, keptClients, type RememberedClient } from './affinity.ts';
import { conntrackDeletions } from './conntrack.ts';
import { IP_FAMILIES } from './ip-family.ts';
import { deltaScript, fullScript, type TableOptions } from './nftables.ts';

const NFT_TIMEOUT_MS = 30_000;
const OUTPUT = { timeoutMs: NFT_TIMEOUT_MS, outputMaxBytes: 256 * 1024 * 1024 };
/** Conntrack entries are forgotten one call a place; more places than this in one go are dropped. */
const CONNTRACK_CALLS_MAX = 500;

/** One way to bring the kernel in step. */
export interface Step {
  /** For `nft -f -`; empty: there is nothing to write. */
  readonly script: string;
  /** It replaces the table, and is not made of changes alone. */
  readonly isWhole: boolean;
}

export class ProxyTable {
  readonly elements = new Elements();
  readonly #processes: Processes;
  #options: TableOptions;
  /** Chains that the table has; undefined: the table must be written whole. */
  #chains: Set<string> | undefined;
  /** Of the step that was asked for last. */
  #nextChains: Set<string> | undefined;
  /** Changes that the kernel does not have yet. */
  #pending: readonly ElementChange[] = [];
  #hasWritten = false;

  constructor(options: TableOptions, processes: Processes) {
    this.#options = options;
    this.#processes = processes;
  }

  get family(): TableOptions['family'] {
    return this.#options.family;
  }

  /** Whether the kernel has what it was last told. */
  get isWritten(): boolean {
    return this.#hasWritten && this.#chains !== undefined;
  }

  /** What has these addresses and belongs to nobody is refused from the next step on. */
  refuse(ranges: readonly string[]): void {
    this.#options = { ...this.#options, refusedRanges: ranges };
    this.invalidate();
  }

  /** The kernel's table is not as we left it, or nobody knows: the next step writes it whole. */
  invalidate(): void {
    this.#chains = undefined;
    // Of a step that is on its way nobody knows any more whether it is the last word.
    this.#nextChains = undefined;
  }

  /** What is to be written now. `written` or `invalidate` says what became of it. */
  async step(): Promise<Step> {
    const changes = this.elements.takeChanges();
    // Changes that were not written come first, so that what they replaced is forgotten too.
    this.#pending = [...this.#pending, ...changes];
    const chains = this.#chains && new Set(this.#chains);
    const delta = chains && deltaScript(this.#options, changes, chains);
    if (delta !== undefined) {
      this.#nextChains = chains;
      return { script: delta, isWhole: false };
    }
    const remembered = await this.#remembered();
    // Only now: what shall be refused may have changed meanwhile.
    const whole = fullScript(this.#options, this.elements, remembered);
    this.#nextChains = whole.chains;
    return { script: whole.script, isWhole: true };
  }

  /**
   * The kernel has the step. Makes it forget flows and clients that lead to endpoints which are
   * gone; rejects when it could not.
   */
  async written(): Promise<void> {
    const changes = this.#pending;
    const isFirst = !this.#hasWritten;
    this.#chains = this.#nextChains;
    this.#pending = [];
    this.#hasWritten = true;
    // At the start everything is new to us, but not to the kernel: flows that run go on.
    if (isFirst || changes.length === 0) return;
    await this.#forgetClients(changes);
    const deletions = conntrackDeletions(changes, this.family);
    for (const args of deletions.slice(0, CONNTRACK_CALLS_MAX)) {
      await this.#processes.run('conntrack', args, { timeoutMs: NFT_TIMEOUT_MS });
    }
  }

  get #affinity(): string[] {
    return [this.family, this.#options.table, 'affinity'];
  }

  /** Clients that stick to an endpoint, as the table of now knows them; none when there is none. */
  async #remembered(): Promise<RememberedClient[]> {
    const result = await this.#processes.run(
      'nft',
      ['-j', 'list', 'map', ...this.#affinity],
      OUTPUT,
    );
    if (result.exitCode !== 0) return [];
    return keptClients(Buffer.from(result.stdout).toString('utf8'), this.elements);
  }

  async #forgetClients(changes: readonly ElementChange[]): Promise<void> {
    const left = changes.some(
      ({ map, before }) => map.endsWith('endpoints') && before !== undefined,
    );
    const sticky = [...this.elements.entries('sticky_services')].length > 0;
    if (!left || !sticky) return;
    const listing = await runNft(this.#processes, ['-j', 'list', 'map', ...this.#affinity]);
    // One by one: an element that timed out meanwhile must not keep the others.
    for (const key of forgottenClients(listing, this.elements)) {
      await this.#processes.run('nft', ['delete', 'element', ...this.#affinity, `{ ${key} }`]);
    }
  }
}

/** Standard output of nft; rejects when it fails. */
export function runNft(
  processes: Processes,
  args: readonly string[],
  input?: string,
): Promise<string> {
  const options = { ...OUTPUT, ...(input === undefined ? {} : { input }) };
  return runCommand(processes, 'nft', args, options);
}

/** Removes every rule of ours: when the node leaves for good. */
export async function removeProxyTables(processes: Processes, table: string): Promise<void> {
  for (const family of IP_FAMILIES) {
    await processes.run('nft', ['-f', '-'], {
      input: removalScript(family, table),
      timeoutMs: NFT_TIMEOUT_MS,
    });
  }
}
