/** The pools of addresses of a cluster that `cox up` made, and the node's part of them. */
import { networkInterfaces } from 'node:os';
import type { Environment } from '#base/env.ts';
import type { RestClient } from '#client/rest.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { realProcesses } from '#edge/processes.ts';
import { Announcer } from '#load-balancer/announcer.ts';
import { parsePools, PoolError, poolCidrs } from '#load-balancer/pools.ts';
import type { NodeConfig } from './node-config.ts';
import { UserError } from './user-error.ts';

/** What takes the pools of before away. */
const NO_POOLS = 'none';

/** The flags as they are kept: pools as text, none for `none`. Throws UserError. */
export function poolTexts(flags: readonly string[]): string[] {
  if (flags.length === 1 && flags[0] === NO_POOLS) return [];
  try {
    parsePools(flags);
  } catch (error) {
    if (!(error instanceof PoolError)) throw error;
    throw new UserError(`Cannot use --load-balancer-pool: ${error.message}`);
  }
  return [...flags];
}

/** CIDRs of all addresses of the pools: they are Services' alone. */
export function loadBalancerRanges({ loadBalancerPools = [] }: NodeConfig): string[] {
  return poolCidrs(parsePools(loadBalancerPools));
}

/** Answers for the addresses that this node speaks for, on the interface that has its own. */
export async function startAnnouncer(options: {
  readonly environment: Environment;
  readonly config: NodeConfig;
  readonly client: RestClient;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { environment, config, client, signal } = options;
  const pools = parsePools(config.loadBalancerPools ?? []);
  if (pools.length === 0) return;
  const device = deviceOf(config.address);
  if (device === undefined) {
    environment.log.error(
      'no interface has the address of the node: no address of a load balancer is served',
      { address: config.address },
    );
    return;
  }
  const informers = new InformerFactory({ client, environment });
  const announcer = new Announcer({
    environment,
    informers,
    processes: realProcesses(),
    nodeName: config.name,
    device,
    pools,
  });
  informers.start(signal);
  await announcer.start(signal);
  // What this does not get to goes by itself, within a minute.
  signal.addEventListener('abort', () => {
    announcer.stop().catch(() => {});
  });
}

function deviceOf(address: string): string | undefined {
  const all = Object.entries(networkInterfaces());
  return all.find(([, own]) => own?.some((each) => each.address === address))?.[0];
}
