/**
 * Who is at the other end of a TLS connection, by the certificate that it has shown.
 *
 * Two authorities may be believed for two things: the clients' one says who a user is, the front
 * proxy's one that somebody may speak for users. A certificate of the second is no user's, whatever
 * name it bears.
 */
import { createHash, X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, PeerCertificate, TLSSocket } from 'node:tls';
import type { Peer } from '#base/http/message.ts';
import { pemBlocks } from '#base/pem.ts';
import type { HttpRequestIn } from './http-intake.ts';

export interface Authorities {
  readonly client: readonly X509Certificate[];
  readonly frontProxy: readonly X509Certificate[];
}

/** Undefined where there is no front proxy, and so nothing to tell apart. */
export function authoritiesOf(tls: {
  readonly clientCa?: string;
  readonly frontProxyCa?: string;
}): Authorities | undefined {
  if (tls.frontProxyCa === undefined) return undefined;
  return { client: certificatesOf(tls.clientCa), frontProxy: certificatesOf(tls.frontProxyCa) };
}

function certificatesOf(bundle = ''): X509Certificate[] {
  return pemBlocks(bundle)
    .filter(({ label }) => label === 'CERTIFICATE')
    .map(({ der }) => new X509Certificate(der));
}

/** Reading a certificate costs more than a small request: once a connection is enough. */
const peers = new WeakMap<object, { peer: Peer; validToMs: number }>();

/** Who is at the other end. A certificate counts while it is verified and not expired. */
export function peerOf(request: HttpRequestIn, authorities?: Authorities): Peer {
  const socket = 'stream' in request ? request.stream.session?.socket : request.socket;
  if (socket === undefined) return {};
  const owner = 'stream' in request ? (request.stream.session ?? socket) : socket;
  let known = peers.get(owner);
  if (known === undefined) {
    known = readPeer(socket as Partial<TLSSocket>, authorities);
    peers.set(owner, known);
  }
  if (Date.now() <= known.validToMs) return known.peer;
  const { certificate: _, frontProxy: __, ...rest } = known.peer;
  return rest;
}

function readPeer(
  socket: Partial<TLSSocket>,
  authorities: Authorities | undefined,
): { peer: Peer; validToMs: number } {
  const { remoteAddress, alpnProtocol } = socket;
  const peer: Peer = {
    ...(remoteAddress === undefined ? {} : { address: remoteAddress }),
    ...(alpnProtocol === 'h2' ? { isMultiplexed: true } : {}),
  };
  const certificate = socket.authorized === true ? socket.getPeerCertificate?.(true) : undefined;
  if (certificate?.subject === undefined) return { peer, validToMs: Number.POSITIVE_INFINITY };
  const subject = subjectOf(certificate);
  const chain = [...chainOf(certificate)].map(({ raw }) => new X509Certificate(raw));
  const isClient = authorities === undefined || descends(chain, authorities.client);
  const isProxy = authorities !== undefined && descends(chain, authorities.frontProxy);
  return {
    peer: {
      ...peer,
      ...(isClient ? { certificate: subject } : {}),
      ...(isProxy ? { frontProxy: { commonName: subject.commonName } } : {}),
    },
    validToMs: earliestExpiry(certificate),
  };
}

/** Whether one of `authorities` vouches for the chain's first, by signatures: names can be shared. */
function descends(
  chain: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): boolean {
  for (const [at, link] of chain.entries()) {
    if (authorities.some((authority) => isIssued(link, authority))) return true;
    const next = chain[at + 1];
    if (next === undefined || !next.ca || !isIssued(link, next)) return false;
  }
  return false;
}

function isIssued(certificate: X509Certificate, by: X509Certificate): boolean {
  return certificate.checkIssued(by) && certificate.verify(by.publicKey);
}

/** The attribute type that Kubernetes gives a user's UID in a certificate. */
const OID_UID = '1.3.6.1.4.1.57683.2';

function subjectOf({ subject, raw }: PeerCertificate): NonNullable<Peer['certificate']> {
  const fields = subject as unknown as Readonly<Record<string, string | string[] | undefined>>;
  const [uid] = listOf(fields[OID_UID]);
  return {
    commonName: listOf(fields['CN']).at(-1) ?? '',
    organizations: listOf(fields['O']),
    ...(uid === undefined ? {} : { uid }),
    fingerprint: createHash('sha256').update(raw).digest('hex'),
  };
}

function listOf(value: string | string[] | undefined): string[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

/** From the certificate to its authority. */
function* chainOf(leaf: DetailedPeerCertificate): Generator<DetailedPeerCertificate> {
  const seen = new Set<DetailedPeerCertificate>();
  for (
    let at: DetailedPeerCertificate | undefined = leaf;
    at !== undefined && !seen.has(at);
    at = at.issuerCertificate as DetailedPeerCertificate | undefined
  ) {
    seen.add(at);
    yield at;
  }
}

/** A chain is good as long as all of it is. */
function earliestExpiry(leaf: DetailedPeerCertificate): number {
  return Math.min(...[...chainOf(leaf)].map((link) => Date.parse(link.valid_to)));
}
