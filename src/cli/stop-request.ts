/** Ctrl-C and SIGTERM: asked for once, and everything is taken down in order. */

export interface StopRequest {
  /** Resolves at the first Ctrl-C or SIGTERM. */
  readonly stopped: Promise<void>;
  readonly requested: () => boolean;
  /** Lets the process end. */
  readonly release: () => void;
}

/** `onRequest` is called at once, also while something is under way that has to end first. */
export function stopRequest(onRequest: () => void): StopRequest {
  const { promise, resolve } = Promise.withResolvers<void>();
  let isRequested = false;
  // Nothing else keeps this process alive: what it supervises runs on its own.
  const alive = setInterval(() => {}, 2 ** 30);
  const request = (): void => {
    if (!isRequested) onRequest();
    isRequested = true;
    resolve();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, request);
  return {
    stopped: promise,
    requested: () => isRequested,
    release: () => clearInterval(alive),
  };
}
