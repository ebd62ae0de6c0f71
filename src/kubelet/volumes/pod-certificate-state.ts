/**
 * How far one podCertificate source of one pod is, and what its request says next.
 *
 *   initial ─▶ waiting ─▶ issued ─▶ waiting (and still issued) ─▶ issued ...
 *                 └───▶ refused ◀──────┘
 *
 * Pure. Source: KEP-4317. Upstream: pkg/kubelet/podcertificate/podcertificatemanager.go, v1.36.
 */
import type { PodCertificateRequest } from '#api/gen/certificates-v1beta1.ts';
import { pemBlocks } from '#base/pem.ts';
import { toPem } from '#base/x509.ts';

const MINUTE_MS = 60_000;
/** A request that has not been seen for so long was deleted. */
const ABANDON_MS = 10 * MINUTE_MS;
/** A certificate that is older than its renewal by so much is overdue. */
const OVERDUE_MS = 10 * MINUTE_MS;

/** PEM texts. */
export interface Credentials {
  readonly key: string;
  readonly certificateChain: string;
}

/** A request that was made, and the key that it is for. */
export interface Asked {
  readonly key: string;
  readonly name: string;
  /** From then on it was deleted, unless it is to be seen. */
  readonly abandonAtMs: number;
}

export interface Issued extends Credentials {
  readonly refreshAtMs: number;
  readonly notAfterMs: number;
  /** Reasons of the events that were recorded of its age. */
  readonly told: readonly string[];
}

export type CertificateState =
  | { readonly phase: 'initial' }
  | { readonly phase: 'waiting'; readonly asked: Asked; readonly issued?: Issued }
  | { readonly phase: 'issued'; readonly issued: Issued }
  | {
      readonly phase: 'refused';
      readonly outcome: 'denied' | 'failed';
      readonly reason: string;
      readonly message: string;
    };

/** An event about the pod: a warning. */
export interface Warning {
  readonly reason: string;
  readonly message: string;
}

/** Throws with upstream's message where there are none. */
export function credentialsOf(state: CertificateState): Credentials {
  if (state.phase === 'refused') {
    const { outcome, reason, message } = state;
    throw new Error(
      `PodCertificateRequest was permanently ${outcome}: ${because(reason, message)}`,
    );
  }
  const issued = issuedOf(state);
  if (issued === undefined) throw new Error('credential bundle is not issued yet');
  return issued;
}

const because = (reason: string, message: string, between = ' '): string =>
  `reason=${JSON.stringify(reason)}${between}message=${JSON.stringify(message)}`;

function issuedOf(state: CertificateState): Issued | undefined {
  return state.phase === 'waiting' || state.phase === 'issued' ? state.issued : undefined;
}

const isOverdue = ({ refreshAtMs }: Issued, nowMs: number): boolean =>
  nowMs > refreshAtMs + OVERDUE_MS;
const isExpired = ({ notAfterMs }: Issued, nowMs: number): boolean => nowMs > notAfterMs;

/** As the metric names it. */
export function stateName(state: CertificateState, nowMs: number): string {
  if (state.phase === 'refused') return state.outcome;
  const issued = issuedOf(state);
  if (issued === undefined) return 'not_yet_issued';
  if (isExpired(issued, nowMs)) return 'expired';
  return isOverdue(issued, nowMs) ? 'overdue_for_refresh' : 'fresh';
}

/** What a request that was created is waited for by. */
export function askedBy({ metadata }: PodCertificateRequest, key: string, jitterMs: number): Asked {
  const createdMs = Date.parse(metadata?.creationTimestamp ?? '');
  return { key, name: metadata?.name ?? '', abandonAtMs: createdMs + ABANDON_MS + jitterMs };
}

/** Where the request has led to; undefined while it is open. */
export function outcomeOf(
  { metadata, status }: PodCertificateRequest,
  { key }: Asked,
  jitterMs: number,
): { readonly state: CertificateState; readonly warning?: Warning } | undefined {
  for (const { type, reason = '', message = '' } of status?.conditions ?? []) {
    if (type === 'Issued') {
      const issued: Issued = {
        key,
        certificateChain: cleaned(status?.certificateChain ?? ''),
        refreshAtMs: Date.parse(status?.beginRefreshAt ?? '') + jitterMs,
        notAfterMs: Date.parse(status?.notAfter ?? ''),
        told: [],
      };
      return { state: { phase: 'issued', issued } };
    }
    if (type !== 'Denied' && type !== 'Failed') continue;
    const outcome = type === 'Denied' ? 'denied' : 'failed';
    const verb = type === 'Denied' ? 'was denied' : 'failed';
    const text = `PodCertificateRequest ${metadata?.namespace}/${metadata?.name} ${verb}, ${because(reason, message, ', ')}`;
    return {
      state: { phase: 'refused', outcome, reason, message },
      // Upstream gives the reason as the format and the text as its argument; so people see it.
      warning: { reason: type, message: `${reason}%!(EXTRA string=${text})` },
    };
  }
  return undefined;
}

/** The certificates, without what stands between them and beside them. */
function cleaned(chain: string): string {
  return pemBlocks(chain)
    .map(({ der }) => toPem('CERTIFICATE', der))
    .join('');
}

/** What is to be said of its age, each thing once. */
export function ageWarnings(issued: Issued, nowMs: number): Warning[] {
  return [
    {
      isSo: isOverdue(issued, nowMs),
      reason: 'CertificateOverdueForRefresh',
      message: 'PodCertificate refresh overdue',
    },
    {
      isSo: isExpired(issued, nowMs),
      reason: 'CertificateExpired',
      message: 'PodCertificate expired',
    },
  ]
    .filter(({ isSo, reason }) => isSo && !issued.told.includes(reason))
    .map(({ reason, message }) => ({ reason, message }));
}
