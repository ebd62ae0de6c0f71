/**
 * Where a certificate that rotates lies: one file for each, certificate and key together, and a link
 * to the one that counts. File names are upstream's.
 *
 *   kubelet-client-2026-01-31-12-00-00.pem
 *   kubelet-client-current.pem → kubelet-client-2026-01-31-12-00-00.pem
 *
 * Source: upstream staging/src/k8s.io/client-go/util/certificate/certificate_store.go, v1.36.
 * Unlike there, older ones than the one before the last are taken away.
 */
import type { FileSystem } from '#base/doors.ts';
import { type CertificatePair, joinPair, splitPair } from './key-pair.ts';

/** `kubelet-client` and `kubelet-server` are upstream's. */
export type StoreName = 'kubelet-client' | 'kubelet-server';

/** Behind a rename of the link comes the clean-up: the one in use and the one before. */
const KEPT = 2;
const PRIVATE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** The link, or the file, of the certificate that counts. */
export function currentPath(folder: string, name: StoreName): string {
  return `${folder}/${name}-current.pem`;
}

export class CertificateStore {
  readonly #fileSystem: FileSystem;
  readonly #folder: string;
  readonly #name: StoreName;

  constructor(options: {
    readonly fileSystem: FileSystem;
    readonly folder: string;
    readonly name: StoreName;
  }) {
    this.#fileSystem = options.fileSystem;
    this.#folder = options.folder;
    this.#name = options.name;
  }

  /** Undefined: there is none, or none that fits its key. */
  async current(): Promise<CertificatePair | undefined> {
    try {
      return splitPair(await this.#fileSystem.readText(currentPath(this.#folder, this.#name)));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** From now on this one counts. A crash leaves the old one or the new one. */
  async update(pair: CertificatePair, nowMs: number): Promise<void> {
    const fileSystem = this.#fileSystem;
    await fileSystem.makeDirectory(this.#folder, FOLDER_MODE);
    const file = `${this.#name}-${stampOf(nowMs)}.pem`;
    await fileSystem.writeFileAtomic(`${this.#folder}/${file}`, joinPair(pair), PRIVATE_MODE);
    const current = currentPath(this.#folder, this.#name);
    const updated = `${this.#folder}/${this.#name}-updated.pem`;
    await fileSystem.remove(updated);
    await fileSystem.symlink(file, updated);
    await fileSystem.rename(updated, current);
    await this.#forgetOld();
  }

  async #forgetOld(): Promise<void> {
    const stamped = new RegExp(`^${this.#name}-\\d{4}(-\\d\\d){5}\\.pem$`);
    const files = (await this.#fileSystem.list(this.#folder)).filter((name) => stamped.test(name));
    // Stamps sort as their times do.
    for (const name of files.toSorted().slice(0, -KEPT))
      await this.#fileSystem.remove(`${this.#folder}/${name}`);
  }
}

/** `2026-01-31-12-00-00`, UTC. */
function stampOf(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[T:]/g, '-');
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
