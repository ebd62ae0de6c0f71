/**
 * Holds a client's requests to a rate: those beyond it wait, in order.
 *
 * Upstream: staging/src/k8s.io/client-go/rest/request.go (tryThrottle), v1.36; the rate is that of
 * `kubeAPIQPS` and its like.
 */
import { type Environment, sleep } from '#base/env.ts';
import type { Handler } from '#base/http/message.ts';
import { type Rate, TokenBucket } from '#base/token-bucket.ts';

/** client-go's, for a configuration that says 0. */
const PER_SECOND_DEFAULT = 5;
const BURST_DEFAULT = 10;

export function throttled(
  handler: Handler,
  rate: Rate,
  environment: Pick<Environment, 'clock' | 'timers'>,
): Handler {
  const perSecond = rate.perSecond === 0 ? PER_SECOND_DEFAULT : rate.perSecond;
  const burst = rate.burst === 0 ? BURST_DEFAULT : rate.burst;
  const bucket = new TokenBucket({ perSecond, burst }, environment.clock);
  return async (request) => {
    const waitMs = bucket.take();
    if (waitMs > 0) await sleep(environment, waitMs);
    return handler(request);
  };
}
