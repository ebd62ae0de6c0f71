/**
 * What is out of date in how TLS servers show who they are: who asks them tells it in metrics.
 *
 * Source: upstream apiserver/pkg/util/x509metrics.
 */
import type { CertificateFault, Handler } from './message.ts';

/** `handler`; `notice` is told of the faults of each answer, and of each failure to connect. */
export function noticingFaults(
  handler: Handler,
  notice: (fault: CertificateFault) => void,
): Handler {
  return async (request) => {
    try {
      const response = await handler(request);
      for (const fault of response.certificateFaults ?? []) notice(fault);
      return response;
    } catch (error) {
      for (const fault of faultsOf(error)) notice(fault);
      throw error;
    }
  };
}

/** For which no connection came to be, however deep in `error` it lies. */
export function faultsOf(error: unknown): readonly CertificateFault[] {
  for (let at = error; at instanceof Error; at = at.cause)
    if ('certificateFaults' in at) return at.certificateFaults as readonly CertificateFault[];
  return [];
}
