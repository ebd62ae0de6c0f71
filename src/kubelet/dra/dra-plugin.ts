/** One plug-in of a driver at its socket. Upstream: pkg/kubelet/cm/dra/plugin/dra_plugin.go, v1.36. */
import type { Environment } from '#base/env.ts';
import {
  GRPC_CODE,
  grpcCodeName,
  grpcErrorOf,
  type GrpcSocketChannel,
  type GrpcSockets,
} from '#base/grpc.ts';
import { alpha, type Histogram, type MetricRegistry } from '#base/metrics.ts';
import {
  type ClaimReference,
  DRA,
  draPath,
  type PrepareAnswer,
  type ReportedHealth,
  type UnprepareAnswer,
  WATCH_HEALTH_PATH,
} from './dra-api.ts';
import { DRA_BUCKETS } from './dra-buckets.ts';

const TIMEOUT_MS = 45_000;
const MS_PER_SECOND = 1000;

export interface DraPluginOptions {
  readonly environment: Environment;
  readonly sockets: GrpcSockets;
  readonly registry: MetricRegistry;
  readonly driver: string;
  readonly endpoint: string;
  /** `v1.DRAPlugin` or an older one. */
  readonly service: string;
}

export class DraPlugin {
  readonly driver: string;
  readonly endpoint: string;
  /** Fires when the kubelet is done with it. */
  readonly closed: AbortSignal;
  /** Somebody listens at its socket. */
  isConnected = false;
  readonly #options: DraPluginOptions;
  readonly #channel: GrpcSocketChannel;
  readonly #abort = new AbortController();
  readonly #durations: Histogram;

  constructor(options: DraPluginOptions) {
    this.#options = options;
    this.driver = options.driver;
    this.endpoint = options.endpoint;
    this.closed = this.#abort.signal;
    this.#channel = options.sockets.open(options.endpoint);
    this.#durations = options.registry.histogram(
      alpha(
        'dra_grpc_operations_duration_seconds',
        'How long calls to drivers of devices took.',
        'driver_name',
        'method_name',
        'grpc_status_code',
      ),
      DRA_BUCKETS,
    );
  }

  async prepare(claims: readonly ClaimReference[]): Promise<PrepareAnswer> {
    const request = DRA.encode('NodePrepareResourcesRequest', { claims });
    const answer = await this.#call('NodePrepareResources', request);
    return DRA.decode('NodePrepareResourcesResponse', answer);
  }

  async unprepare(claims: readonly ClaimReference[]): Promise<UnprepareAnswer> {
    const request = DRA.encode('NodeUnprepareResourcesRequest', { claims });
    const answer = await this.#call('NodeUnprepareResources', request);
    return DRA.decode('NodeUnprepareResourcesResponse', answer);
  }

  /** Resolves when the driver ends it; false: the driver does not tell of health at all. */
  async watchHealth(onReport: (devices: readonly ReportedHealth[]) => void): Promise<boolean> {
    try {
      await this.#channel.serverStream(
        WATCH_HEALTH_PATH,
        DRA.encode('NodeWatchResourcesRequest', {}),
        (bytes) => onReport(DRA.decode('NodeWatchResourcesResponse', bytes).devices ?? []),
        this.closed,
      );
      return true;
    } catch (error) {
      return grpcErrorOf(error).code !== GRPC_CODE.unimplemented;
    }
  }

  connected(): Promise<{ readonly closed: Promise<void> }> {
    return this.#channel.connected();
  }

  close(): void {
    this.#abort.abort();
    this.#channel.close();
  }

  async #call(method: string, request: Uint8Array): Promise<Uint8Array> {
    const { environment, service } = this.#options;
    const path = draPath(service, method);
    const startMs = environment.clock.monotonicMs();
    let code: number = GRPC_CODE.ok;
    try {
      return await this.#channel.unary(path, request, { timeoutMs: TIMEOUT_MS });
    } catch (error) {
      ({ code } = grpcErrorOf(error));
      throw error;
    } finally {
      const seconds = (environment.clock.monotonicMs() - startMs) / MS_PER_SECOND;
      this.#durations.observe([this.driver, path, grpcCodeName(code)], seconds);
    }
  }
}
