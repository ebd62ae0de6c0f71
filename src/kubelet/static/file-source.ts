/**
 * Keeps looking at the manifests of static pods: every 20 seconds, and when the file system says
 * that something has changed.
 *
 *   look ─▶ files ─▶ changed ones are read as pods ─▶ onPods(all of them)
 *                         └─ bad ones: the log, an event
 *
 * A manifest that turns bad keeps its pod until it is found bad and unchanged by a look that nobody
 * has asked for: an editor may be in the middle of writing it. Upstream: pkg/kubelet/config/file.go,
 * v1.36; 20 seconds are `fileCheckFrequency`.
 */
import { trimEndOf } from '#base/trim.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { FileSystem } from '#base/doors.ts';
import type { Environment, Timer } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { keyOf } from '#client/informer.ts';
import type { KubeletEvents } from '../events.ts';
import { ManifestError, readManifest } from './manifest.ts';
import { type ManifestFile, readManifestFiles } from './manifest-files.ts';

const CHECK_MS = 20_000;

export interface FileSourceOptions {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly events: KubeletEvents;
  readonly nodeName: string;
  /** Absolute path of a directory of manifests, or of one manifest. */
  readonly path: string;
  /** Told all static pods, after each look that could tell what there is. */
  readonly onPods: (pods: readonly Pod[]) => void;
  /** How often to look, milliseconds; 20 seconds unless given. */
  readonly fileCheckFrequencyMs?: number | undefined;
}

interface Known {
  readonly content: Uint8Array | Error;
  readonly pod: Pod | undefined;
  /** Why the content is no pod. */
  readonly error: Error | undefined;
}

export class FileSource {
  readonly #options: FileSourceOptions;
  readonly #path: string;
  /** By path; only of files that are there. */
  #known = new Map<string, Known>();
  #problem: string | undefined;
  #watch: { close(): void } | undefined;
  #timer: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isAsked = false;
  #stopped = false;
  readonly #seen = Promise.withResolvers<void>();

  constructor(options: FileSourceOptions) {
    this.#options = options;
    this.#path = trimEndOf(options.path, (last) => last === '/') || options.path.slice(0, 1);
  }

  /** Resolves after the first look, whatever it found. */
  async start(): Promise<void> {
    await this.#look(true);
    this.#schedule();
  }

  /** Resolves when it could be told once what there is. */
  seen(): Promise<void> {
    return this.#seen.promise;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#watch?.close();
    await this.#looking;
  }

  #schedule(): void {
    if (this.#stopped) return;
    const { environment, fileCheckFrequencyMs = CHECK_MS } = this.#options;
    this.#timer = environment.timers.after(fileCheckFrequencyMs, () => {
      void this.#look(true).then(() => this.#schedule());
    });
  }

  /** Something has changed: many words at once are one look. */
  #ask(): void {
    if (this.#isAsked || this.#stopped) return;
    this.#isAsked = true;
    void this.#look(false);
  }

  /** Never rejects; looks never overlap. */
  #look(isPeriodic: boolean): Promise<void> {
    this.#looking = this.#looking.then(async () => {
      if (!isPeriodic) this.#isAsked = false;
      if (this.#stopped) return;
      this.#listen();
      try {
        await this.#read(isPeriodic);
      } catch (error) {
        this.#complain(messageOf(error));
      }
    });
    return this.#looking;
  }

  /** A directory that is not there yet cannot be watched: each look tries again. */
  #listen(): void {
    if (this.#watch !== undefined) return;
    try {
      this.#watch = this.#options.fileSystem.watch(this.#path, () => this.#ask());
    } catch (error) {
      this.#options.environment.log.debug('cannot watch manifests', { error: messageOf(error) });
    }
  }

  async #read(isPeriodic: boolean): Promise<void> {
    const { files, problem } = await readManifestFiles(this.#options.fileSystem, this.#path);
    // What was watched is gone with the directory.
    if (files.length === 0 && problem !== undefined) this.#unlisten();
    if (problem === undefined) this.#problem = undefined;
    else this.#complain(problem);
    const known = files.map((file) => [file.path, this.#next(file, isPeriodic)] as const);
    this.#known = new Map(known);
    if (this.#stopped) return;
    this.#options.onPods(this.#pods());
    this.#seen.resolve();
  }

  #unlisten(): void {
    this.#watch?.close();
    this.#watch = undefined;
  }

  #next(file: ManifestFile, isPeriodic: boolean): Known {
    const before = this.#known.get(file.path);
    if (before !== undefined && sameContent(before.content, file.content)) {
      const isOver = before.error !== undefined && isPeriodic;
      return isOver ? { ...before, pod: undefined } : before;
    }
    try {
      return { content: file.content, pod: this.#podOf(file), error: undefined };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#reject(file.path, error);
      return { content: file.content, pod: before?.pod, error };
    }
  }

  #podOf({ path, content }: ManifestFile): Pod {
    if (content instanceof Error) throw content;
    const { environment, nodeName } = this.#options;
    const { pod, problems } = readManifest(content, { path, nodeName });
    if (problems.length > 0) environment.log.warn('manifest of static pod', { path, problems });
    return pod;
  }

  #reject(path: string, error: Error): void {
    const { environment, events, nodeName } = this.#options;
    environment.log.error('cannot process manifest file', { path, error: error.message });
    const text =
      error instanceof ManifestError ? error.message : `cannot be read: ${error.message}`;
    const reference = { kind: 'Node', name: nodeName, uid: nodeName };
    events.event({
      about: { reference },
      type: 'Warning',
      reason: 'FailedValidation',
      message: `Error validating manifest of static pod ${path}: ${text}`,
    });
  }

  /** Once for as long as it is the same. */
  #complain(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    const { log } = this.#options.environment;
    log.error('unable to read manifest path', { path: this.#path, error: problem });
  }

  /** Of two of the same name the later file counts, as upstream has it; so it is with uids. */
  #pods(): Pod[] {
    const pods = [...this.#known.values()].flatMap(({ pod }) => (pod === undefined ? [] : [pod]));
    const named = new Map(pods.map((pod) => [keyOf(pod), pod]));
    return [...new Map([...named.values()].map((pod) => [pod.metadata?.uid, pod])).values()];
  }
}

function sameContent(a: Uint8Array | Error, b: Uint8Array | Error): boolean {
  if (a instanceof Error || b instanceof Error)
    return a instanceof Error && b instanceof Error && a.message === b.message;
  return Buffer.compare(a, b) === 0;
}
