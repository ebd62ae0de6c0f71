/** What explains for the API server of this process: it reads as whoever asks. */
import type { Explainer } from '#apiserver/why/handler.ts';
import type { Environment } from '#base/env.ts';
import type { Handler } from '#base/http/message.ts';
import { explain, type Explaining } from '#why/explain.ts';
import { clientAs } from '#client/in-process.ts';

/** `known`: of the scheduler, where it is in this process. */
export function explainerOn(
  handler: Handler,
  environment: Environment,
  known: Pick<Explaining, 'lastAttempt' | 'pluginsFor'> = {},
): Explainer {
  const explaining = { ...environment, ...known };
  return ({ user, name, namespace, ...type }) => {
    const client = clientAs(handler, user, { environment, userAgent: 'cox-why' });
    const subject = { type, name, ...(namespace === undefined ? {} : { namespace }) };
    return explain(client, subject, explaining);
  };
}
