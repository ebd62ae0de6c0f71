/**
 * A registry of images (Debian's docker-registry) for tests: on loopback, without TLS, with its
 * images in a folder. Several may serve the same folder.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';

/** Who may pull from a registry that is guarded. */
export const USER = { name: 'alice', password: 'open-sesame' };
/** As htpasswd -B writes it: bcrypt, the only form that the registry takes. */
const HTPASSWD = `${USER.name}:$2y$05$abcdefghijklmnopqrstuutXu9KzOt.1yBoZUeFWoT/914/JfszCO\n`;
const START_TIMEOUT_MS = 20_000;

export interface RegistryOptions {
  readonly port: number;
  /** Of its images. */
  readonly images: string;
  /** Path of its configuration, which is written. */
  readonly configuration: string;
  readonly isGuarded: boolean;
}

export class Registry {
  readonly #options: RegistryOptions;
  #process: ChildProcess | undefined;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** `127.0.0.1:PORT`. */
  get host(): string {
    return `127.0.0.1:${this.#options.port}`;
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const { configuration, images, isGuarded } = this.#options;
    const passwords = `${configuration}.htpasswd`;
    writeFileSync(passwords, HTPASSWD);
    const text = {
      version: 0.1,
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: images } },
      http: { addr: this.host },
      ...(isGuarded ? { auth: { htpasswd: { realm: 'test', path: passwords } } } : {}),
    };
    // Its configuration is YAML, and JSON is YAML.
    writeFileSync(configuration, JSON.stringify(text));
    const child = spawn('docker-registry', ['serve', configuration], { stdio: 'ignore' });
    this.#process = child;
    const untilMs = Date.now() + START_TIMEOUT_MS;
    while (Date.now() < untilMs && child.exitCode === null) {
      const answer = await fetch(`http://${this.host}/v2/`).catch(() => undefined);
      if (answer?.status === (isGuarded ? 401 : 200)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await this.stop();
    throw new Error(`Cannot start a registry at ${this.host}: it does not answer`);
  }

  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** The digest of what a tag names. */
  async digest(repository: string, tag: string): Promise<string> {
    const type = 'application/vnd.docker.distribution.manifest.v2+json';
    const answer = await fetch(`http://${this.host}/v2/${repository}/manifests/${tag}`, {
      method: 'HEAD',
      headers: { accept: `${type}, application/vnd.oci.image.manifest.v1+json` },
    });
    const digest = answer.headers.get('docker-content-digest');
    if (digest === null) throw new Error(`${repository}:${tag} has no digest: ${answer.status}`);
    return digest;
  }
}
