/** What a kubelet's configuration says of the log of its process. Pure. */
import type { KubeletConfiguration } from '#kubelet/config/types.ts';
import type { RealEnvironmentOptions } from '#edge/environment.ts';

/** From this verbosity on everything is logged. */
const DEBUG_VERBOSITY = 4;

export function logOptions({ logging }: KubeletConfiguration): RealEnvironmentOptions {
  return {
    logLevel: logging.verbosity >= DEBUG_VERBOSITY ? 'debug' : 'info',
    logFormat: logging.format === 'json' ? 'json' : 'text',
  };
}
