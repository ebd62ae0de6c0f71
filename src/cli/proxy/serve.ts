/** The pages of a proxy over plain HTTP: anybody who reaches their address may ask. */
import type { Environment } from '#base/env.ts';
import type { Handler } from '#base/http/message.ts';
import { serveHttp } from '#edge/http-server.ts';
import { messageOf, UserError } from '../user-error.ts';
import { splitAddress } from './address.ts';
import type { ProxyConfig } from './config.ts';

/**
 * Serves `health` and `metrics` at the addresses of the configuration; answers how to stop. Where it
 * cannot, that is logged, or a UserError is thrown with `bindAddressHardFail`.
 */
export async function servePages(options: {
  readonly health: Handler;
  readonly metrics: Handler;
  readonly config: ProxyConfig;
  readonly environment: Environment;
}): Promise<() => Promise<void>> {
  const { health, metrics, config, environment } = options;
  const closings: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(closings.map((each) => each()));
  };
  const pages = [
    [config.healthzBindAddress, health],
    [config.metricsBindAddress, metrics],
  ] as const;
  for (const [address, handler] of pages) {
    const place = splitAddress(address);
    if (place === undefined) continue;
    try {
      const server = await serveHttp({ handler, ...place });
      closings.push(() => server.close({ graceMs: 0 }));
    } catch (error) {
      const problem = `Cannot serve at ${address}: ${messageOf(error)}`;
      if (config.bindAddressHardFail) {
        await close();
        throw new UserError(problem);
      }
      environment.log.error(problem);
    }
  }
  return close;
}
