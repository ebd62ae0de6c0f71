/**
 * Finds plug-ins by their sockets in `plugins_registry`, and tells each whether it is taken.
 *
 *   socket comes ─▶ GetInfo ─▶ handler of its type ─▶ NotifyRegistrationStatus
 *   socket goes, or another one lies there ─▶ deregister
 *
 * A plug-in that could not be registered is tried again, later and later. Upstream:
 * pkg/kubelet/pluginmanager, v1.36: messages are its. It looks when the file system says that
 * something has changed; where it cannot say so, every ten seconds.
 */
import type { FileSystem } from '#base/doors.ts';
import type { Environment, Timer } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { GrpcSocketChannel, GrpcSockets } from '#base/grpc.ts';
import { alpha, type MetricRegistry } from '#base/metrics.ts';
import { GET_INFO_PATH, NOTIFY_PATH, REGISTRATION } from './plugin-api.ts';
import type { PluginFacts, PluginHandler } from './plugin-handler.ts';
import { socketsBelow } from './plugin-sockets.ts';

const LOOK_MS = 10_000;
const INFO_TIMEOUT_MS = 1000;
const NOTIFY_TIMEOUT_MS = 5000;
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 122_000;

export interface PluginWatcherOptions {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly sockets: GrpcSockets;
  readonly directory: string;
  /** By type, as plug-ins name theirs: `DRAPlugin`, `DevicePlugin`. */
  readonly handlers: Readonly<Record<string, PluginHandler>>;
  readonly registry: MetricRegistry;
}

interface Registered {
  readonly mark: string;
  readonly handler: PluginHandler;
  readonly facts: PluginFacts;
}

interface Failed {
  readonly mark: string;
  readonly delayMs: number;
  readonly atMs: number;
}

export class PluginWatcher {
  readonly #options: PluginWatcherOptions;
  /** As last looked. */
  #found: ReadonlyMap<string, string> = new Map();
  readonly #registered = new Map<string, Registered>();
  readonly #failed = new Map<string, Failed>();
  #watch: { close(): void } | undefined;
  #timer: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isAsked = false;
  #isStopped = false;

  constructor(options: PluginWatcherOptions) {
    this.#options = options;
    options.registry.observed(
      alpha(
        'plugin_manager_total_plugins',
        'Plug-ins that are there, and that are registered.',
        'socket_path',
        'state',
      ),
      () => [
        ...[...this.#registered.keys()].map(
          (path) => [[path, 'actual_state_of_world'], 1] as const,
        ),
        ...[...this.#found.keys()].map((path) => [[path, 'desired_state_of_world'], 1] as const),
      ],
    );
  }

  /** Resolves after the first look; plug-ins that answer late are waited for elsewhere. */
  async start(): Promise<void> {
    const { fileSystem, directory } = this.#options;
    await fileSystem.makeDirectory(directory, 0o755);
    this.#ask();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#watch?.close();
    this.#timer?.cancel();
    await this.#looking;
  }

  /** Many words at once are one look. */
  #ask(): void {
    if (this.#isAsked || this.#isStopped) return;
    this.#isAsked = true;
    this.#looking = this.#looking.then(async () => {
      this.#isAsked = false;
      await this.#look().catch((error: unknown) => this.#warn('cannot look for plug-ins', error));
      this.#schedule();
    });
  }

  async #look(): Promise<void> {
    if (this.#isStopped) return;
    this.#listen();
    const { fileSystem, directory } = this.#options;
    const found = await socketsBelow(fileSystem, directory);
    this.#found = found;
    for (const [path, { mark, handler, facts }] of this.#registered) {
      if (found.get(path) === mark) continue;
      this.#registered.delete(path);
      handler.deregister(facts);
    }
    for (const path of this.#failed.keys()) if (!found.has(path)) this.#failed.delete(path);
    // One that does not answer must not keep the others waiting.
    await Promise.all([...found].map(([path, mark]) => this.#meet(path, mark)));
  }

  #listen(): void {
    const { fileSystem, directory } = this.#options;
    try {
      this.#watch ??= fileSystem.watch(directory, () => this.#ask());
    } catch (error) {
      this.#warn('cannot watch plug-ins', error);
    }
  }

  /** The next try, or the next look where nobody tells of changes. */
  #schedule(): void {
    this.#timer?.cancel();
    const { clock, timers } = this.#options.environment;
    const times = [...this.#failed.values()].map(({ atMs }) => atMs);
    if (this.#watch === undefined) times.push(clock.monotonicMs() + LOOK_MS);
    if (this.#isStopped || times.length === 0) return;
    const delayMs = Math.max(0, Math.min(...times) - clock.monotonicMs());
    this.#timer = timers.after(delayMs, () => this.#ask());
  }

  async #meet(path: string, mark: string): Promise<void> {
    const nowMs = this.#options.environment.clock.monotonicMs();
    const failed = this.#failed.get(path);
    const before = failed?.mark === mark ? failed : undefined;
    if (this.#registered.has(path) || (before !== undefined && before.atMs > nowMs)) return;
    const channel = this.#options.sockets.open(path);
    try {
      await this.#register(channel, path, mark);
      this.#failed.delete(path);
    } catch (error) {
      this.#warn('cannot register plug-in', error);
      const delayMs = Math.min(RETRY_MAX_MS, (before?.delayMs ?? RETRY_FIRST_MS / 2) * 2);
      this.#failed.set(path, { mark, delayMs, atMs: nowMs + delayMs });
    } finally {
      channel.close();
    }
  }

  async #register(channel: GrpcSocketChannel, path: string, mark: string): Promise<void> {
    const bytes = await channel.unary(GET_INFO_PATH, REGISTRATION.encode('InfoRequest', {}), {
      timeoutMs: INFO_TIMEOUT_MS,
    });
    const info = REGISTRATION.decode('PluginInfo', bytes);
    const { type = '', name = '', endpoint = '', supportedVersions: versions = [] } = info;
    const facts = { name, endpoint: endpoint === '' ? path : endpoint, versions };
    const { handlers } = this.#options;
    const handler = Object.hasOwn(handlers, type) ? handlers[type] : undefined;
    try {
      if (handler === undefined)
        throw new Error(`no handler registered for plugin type: ${type} at socket ${path}`);
      await this.#hand(handler, facts);
    } catch (error) {
      const text = `RegisterPlugin error -- ${messageOf(error)}`;
      await notify(channel, text);
      throw new Error(text, { cause: error });
    }
    this.#registered.set(path, { mark, handler, facts });
    try {
      await notify(channel, '');
    } catch (error) {
      this.#registered.delete(path);
      handler.deregister(facts);
      throw error;
    }
  }

  async #hand(handler: PluginHandler, facts: PluginFacts): Promise<void> {
    try {
      handler.validate(facts);
    } catch (error) {
      throw new Error(`plugin validation failed with err: ${messageOf(error)}`, { cause: error });
    }
    await handler.register(facts).catch((error: unknown) => {
      throw new Error(`plugin registration failed with err: ${messageOf(error)}`, {
        cause: error,
      });
    });
  }

  #warn(message: string, error: unknown): void {
    const { directory, environment } = this.#options;
    environment.log.warn(message, { directory, error: messageOf(error) });
  }
}

/** `error`: why it is not taken; empty: it is. */
async function notify(channel: GrpcSocketChannel, error: string): Promise<void> {
  const status = { pluginRegistered: error === '', error };
  const bytes = REGISTRATION.encode('RegistrationStatus', status);
  await channel.unary(NOTIFY_PATH, bytes, { timeoutMs: NOTIFY_TIMEOUT_MS });
}
