/** The servers of a kubelet, which listen before it runs. */
import type { Handler } from '#base/http/message.ts';
import { textResponse } from './responses.ts';
import {
  healthServer,
  kubeletServer,
  type KubeletServerOptions,
  readOnlyServer,
} from './server.ts';

export interface KubeletServers {
  /** For who says who they are. */
  readonly whole: Handler;
  /** For everybody (`readOnlyPort`). */
  readonly readOnly: Handler;
  /** `/healthz` alone, for everybody (`healthzPort`). */
  readonly health: Handler;
}

/** `optionsNow`: asked until it has an answer, and once more for none; until then all answer 503. */
export function kubeletServers(optionsNow: () => KubeletServerOptions | undefined): KubeletServers {
  let known: KubeletServerOptions | undefined;
  const serving = (make: (options: KubeletServerOptions) => Handler): Handler => {
    let handler: Handler | undefined;
    return (request) => {
      known ??= optionsNow();
      if (known === undefined) return Promise.resolve(textResponse(503, 'kubelet is starting'));
      handler ??= make(known);
      return handler(request);
    };
  };
  return {
    whole: serving(kubeletServer),
    readOnly: serving(readOnlyServer),
    health: serving(healthServer),
  };
}
