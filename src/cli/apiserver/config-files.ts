/**
 * Configuration files that count while the API server runs: what is written into them holds from
 * then on. One that turns bad keeps what held before, and the log says why.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/util/filesystem/watchuntil.go and the
 * reloads of authentication and authorization, which look at least once a minute.
 */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Environment, Timer } from '#base/env.ts';
import { type Live, LiveValue } from '#base/live.ts';
import { realFileSystem } from '#edge/file-system.ts';
import { readFile } from '../flags.ts';
import { messageOf } from '../user-error.ts';

const LOOK_MS = 60_000;

interface Followed {
  readonly path: string;
  /** Reads the file again. */
  look(environment: Environment): void;
}

export class ConfigFiles {
  readonly #followed: Followed[] = [];
  readonly #watches: { close(): void }[] = [];
  #timer: Timer | undefined;

  /** The value of a file, read now. `parse`: throws for a text that cannot be used. */
  follow<T>(path: string, parse: (text: string) => T): Live<T> {
    const text = readFile(path);
    const live = new LiveValue(parse(text), text);
    let seen = text;
    this.#followed.push({
      path,
      look({ log }) {
        try {
          const next = readFileSync(path, 'utf8');
          if (next === seen) return;
          seen = next;
          const value = parse(next);
          // As upstream has it, another text that says the same is no reload.
          if (JSON.stringify(value) === JSON.stringify(live.current)) return;
          live.set(value, next);
          log.info('a configuration file holds from now on', { path });
        } catch (error) {
          log.error('cannot use a configuration file; what it said before holds', {
            path,
            error: messageOf(error),
          });
          live.fail(messageOf(error));
        }
      },
    });
    return live;
  }

  /** Follows the files: by the kernel's word where it gives one, and each minute. */
  start(environment: Environment): void {
    for (const followed of this.#followed) {
      const { path } = followed;
      try {
        const watch = realFileSystem().watch(dirname(path), () => followed.look(environment));
        this.#watches.push(watch);
      } catch (error) {
        environment.log.debug('cannot watch a configuration file', {
          path,
          error: messageOf(error),
        });
      }
    }
    if (this.#followed.length > 0) this.#schedule(environment);
  }

  #schedule(environment: Environment): void {
    this.#timer = environment.timers.after(LOOK_MS, () => {
      for (const followed of this.#followed) followed.look(environment);
      this.#schedule(environment);
    });
  }

  stop(): void {
    this.#timer?.cancel();
    for (const watch of this.#watches) watch.close();
  }
}
