/**
 * When the pods of this node were last ended for a shutdown of the machine, and until when: kept on
 * disk, so that metrics tell of it after the machine has started again.
 *
 * Upstream: pkg/kubelet/nodeshutdown/storage.go, v1.36 (name of the file, its fields, the metrics).
 */
import { timeText } from '#api/meta/time.ts';
import type { FileSystem } from '#base/doors.ts';
import { alpha, type MetricRegistry } from '#base/metrics.ts';

const FILE = 'graceful_node_shutdown_state';
const MS_PER_SECOND = 1000;

/** Milliseconds since 1970. */
interface Times {
  readonly startMs?: number;
  readonly endMs?: number;
}

export class ShutdownRecord {
  readonly #fileSystem: FileSystem;
  readonly #path: string;
  #times: Times = {};

  constructor(options: {
    readonly fileSystem: FileSystem;
    readonly rootDirectory: string;
    readonly registry: MetricRegistry;
  }) {
    this.#fileSystem = options.fileSystem;
    this.#path = `${options.rootDirectory}/${FILE}`;
    const { registry } = options;
    registry.observed(
      alpha(
        'kubelet_graceful_shutdown_start_time_seconds',
        'When pods were last begun to end for a shutdown of the machine, since unix epoch.',
      ),
      () => [[[], (this.#times.startMs ?? 0) / MS_PER_SECOND]],
    );
    registry.observed(
      alpha(
        'kubelet_graceful_shutdown_end_time_seconds',
        'When they had ended, or had no more time.',
      ),
      () => [[[], (this.#times.endMs ?? 0) / MS_PER_SECOND]],
    );
  }

  /** Reads what an earlier kubelet wrote; what cannot be read counts as never. */
  async load(): Promise<void> {
    const text = await this.#fileSystem.readText(this.#path).catch(() => '{}');
    this.#times = timesOf(text);
  }

  /** Rejects when it cannot be written; the metrics know it all the same. */
  started(nowMs: number): Promise<void> {
    return this.#set({ startMs: nowMs });
  }

  /** Rejects when it cannot be written; the metrics know it all the same. */
  ended(nowMs: number): Promise<void> {
    return this.#set({ ...this.#times, endMs: nowMs });
  }

  #set(times: Times): Promise<void> {
    this.#times = times;
    const { startMs, endMs } = times;
    const text = JSON.stringify({
      ...(startMs === undefined ? {} : { startTime: timeText(startMs) }),
      ...(endMs === undefined ? {} : { endTime: timeText(endMs) }),
    });
    return this.#fileSystem.writeFileAtomic(this.#path, text);
  }
}

function timesOf(text: string): Times {
  try {
    const { startTime, endTime } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const [startMs, endMs] = [startTime, endTime].map((time) =>
      typeof time === 'string' ? Date.parse(time) : Number.NaN,
    );
    return {
      ...(startMs === undefined || Number.isNaN(startMs) ? {} : { startMs }),
      ...(endMs === undefined || Number.isNaN(endMs) ? {} : { endMs }),
    };
  } catch {
    return {};
  }
}
