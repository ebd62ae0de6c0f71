/**
 * How a node follows the authority of its cluster: it tells in its Node which ones it believes, and a
 * machine that joined takes over what `kube-public/cluster-info` says.
 *
 * What it reads there it believes because of the connection, whose server one of the authorities
 * vouches for that it has; and only if it keeps one of these, so that nothing cuts it off.
 */
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { NODE } from '#api/core/node.ts';
import { type Environment, sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Client } from '#client/client.ts';
import { addressOf, CLUSTER_INFO, CLUSTER_INFO_KEY } from '#kubelet/bootstrap/cluster-info.ts';
import { certificateKeyPins } from '#kubelet/bootstrap/key-pins.ts';
import { isSignedBy } from '#kubelet/bootstrap/rotation.ts';
import { AUTHORITIES_ANNOTATION } from './join-names.ts';

/** A rotation waits for this at each of its steps. */
const LOOK_MS = 15_000;
/** Two while one is rotated; more than this nobody has. */
const AUTHORITIES_MAX = 8;

export interface AuthorityLoopOptions {
  readonly environment: Environment;
  /** Of the node, over a verified connection. */
  readonly client: Client;
  readonly node: string;
  /** PEM, what the process believes: the signing one first. */
  readonly authority: string;
  /** PEM: what the process shows as a client at this time. */
  readonly shownCertificate: () => string;
  /** Takes over what the cluster says; false: somebody else writes it. */
  readonly follows: boolean;
  /** Called once, with another authority; the loop is over then. */
  readonly onAuthority: (authority: string) => void;
}

export class AuthorityLoop {
  readonly #options: AuthorityLoopOptions;
  #last = '';

  constructor(options: AuthorityLoopOptions) {
    this.#options = options;
  }

  /** Until the signal, or until another authority was taken over. */
  async run(signal: AbortSignal): Promise<void> {
    const { environment, onAuthority } = this.#options;
    while (!signal.aborted) {
      try {
        const next = await this.#look();
        if (next !== undefined && !signal.aborted) return onAuthority(next);
        this.#last = '';
      } catch (error) {
        if (!signal.aborted) this.#complain(messageOf(error));
      }
      await sleep(environment, LOOK_MS, signal);
    }
  }

  /** Once, not at each look: the API server may be away for hours. */
  #complain(error: string): void {
    if (error === this.#last) return;
    this.#last = error;
    this.#options.environment.log.warn('cannot follow the authority of the cluster', { error });
  }

  /** What is to be taken over; undefined: nothing. */
  async #look(): Promise<string | undefined> {
    const { client, authority, follows } = this.#options;
    if (follows) {
      const { name, namespace } = CLUSTER_INFO;
      const info = await client.get(CONFIG_MAP, name, namespace);
      const told = addressOf(info.data?.[CLUSTER_INFO_KEY] ?? '').authority;
      if (isOther(told, authority)) return told;
    }
    await this.#tell();
    return undefined;
  }

  async #tell(): Promise<void> {
    const { client, authority, node, shownCertificate } = this.#options;
    if (!isSignedBy(shownCertificate(), authority)) return;
    const pins = pinsText(authority);
    const { metadata } = await client.get(NODE, node);
    if (metadata?.annotations?.[AUTHORITIES_ANNOTATION] === pins) return;
    const annotations = { [AUTHORITIES_ANNOTATION]: pins };
    await client.patch(NODE, { name: node }, 'merge', { metadata: { annotations } });
  }
}

/** As `AUTHORITIES_ANNOTATION` has them. `authority`: PEM. */
export function pinsText(authority: string): string {
  return certificateKeyPins(authority).join(',');
}

/** Throws an Error for an authority that is not to be believed. */
function isOther(told: string, own: string): boolean {
  const pins = certificateKeyPins(told);
  const known = certificateKeyPins(own);
  if (pins.join(',') === known.join(',')) return false;
  if (pins.length > AUTHORITIES_MAX)
    throw new Error(`cluster-info names ${pins.length} authorities, more than ${AUTHORITIES_MAX}`);
  if (!pins.some((pin) => known.includes(pin)))
    throw new Error(
      'cluster-info names none of the authorities that this node knows: it has to join anew',
    );
  return true;
}
