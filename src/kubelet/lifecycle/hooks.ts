/**
 * Lifecycle hooks: what a container wants done after it started and before it stops.
 *
 * Source: API reference v1.36, LifecycleHandler; KEP-3960 (sleep). Upstream:
 * pkg/kubelet/lifecycle/handlers.go.
 */
import type { Container, LifecycleHandler, Pod } from '#api/gen/core-v1.ts';
import type { Network } from '#base/doors.ts';
import { type Environment, sleep, timeoutSignal } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Cri } from '../cri/cri.ts';
import { formatGoList } from '../go-format.ts';
import { podDescription } from '../pod/description.ts';
import { httpGet, httpGetTarget, targetUrl } from '../probes/http-get.ts';

/** A server that never answers must not hold a pod for ever; upstream relies on the grace period. */
const HTTP_TIMEOUT_MS = 30 * 60 * 1000;

export interface HookRequest {
  readonly handler: LifecycleHandler;
  readonly pod: Pod;
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
  readonly signal: AbortSignal;
}

export class HookRunner {
  readonly #environment: Environment;
  readonly #cri: Cri;
  readonly #network: Network;

  constructor(options: {
    readonly environment: Environment;
    readonly cri: Cri;
    readonly network: Network;
  }) {
    this.#environment = options.environment;
    this.#cri = options.cri;
    this.#network = options.network;
  }

  /** Rejects with upstream's message when the hook failed. */
  async run(request: HookRequest): Promise<void> {
    const { handler, signal } = request;
    if (handler.exec !== undefined) await this.#exec(request, handler.exec.command ?? []);
    else if (handler.httpGet !== undefined) await this.#http(request);
    else if (handler.sleep !== undefined) {
      await sleep(this.#environment, handler.sleep.seconds * 1000, signal);
    }
  }

  async #exec({ pod, container, containerId, signal }: HookRequest, cmd: string[]): Promise<void> {
    const prefix = `Exec lifecycle hook (${formatGoList(cmd)}) ${whose(pod, container)} failed - error: `;
    let answer: { readonly exitCode?: number; stdout?: Uint8Array; stderr?: Uint8Array };
    try {
      answer = await this.#cri.call('execSync', { containerId, cmd, timeout: 0 }, { signal });
    } catch (error) {
      const text = messageOf(error);
      throw new Error(`${prefix}${text}, message: ""`, { cause: error });
    }
    const { exitCode = 0, stdout, stderr } = answer;
    if (exitCode === 0) return;
    const errors = Buffer.from(stderr ?? []).toString();
    const output = `${Buffer.from(stdout ?? []).toString()}${errors}`;
    throw new Error(
      `${prefix}command '${cmd.join(' ')}' exited with ${exitCode}: ${errors}, message: ${JSON.stringify(output)}`,
    );
  }

  async #http({ handler, pod, container, podIp, signal }: HookRequest): Promise<void> {
    if (handler.httpGet === undefined) return;
    const target = httpGetTarget(handler.httpGet, container, podIp);
    const limit = timeoutSignal(this.#environment, HTTP_TIMEOUT_MS, signal);
    const url = targetUrl(target);
    try {
      const { status } = await httpGet(target, {
        network: this.#network,
        timeoutMs: HTTP_TIMEOUT_MS,
        signal: limit.signal,
        userAgent: 'kube-lifecycle/1.36',
      });
      if (status >= 400) throw new Error(`HTTP status code: ${status}`);
    } catch (error) {
      const text = messageOf(error);
      throw new Error(
        `HTTP lifecycle hook (${url}) ${whose(pod, container)} failed - error: ${text}`,
        {
          cause: error,
        },
      );
    } finally {
      limit.release();
    }
  }
}

function whose(pod: Pod, container: Container): string {
  return `for Container "${container.name}" in Pod "${podDescription(pod)}"`;
}
