/**
 * The files of an authority, and how a second one takes its place while everybody goes on working:
 *
 *   files                                                phase
 *   NAME.crt: one certificate                            single
 *   NAME.crt: both, NAME.key: the old one, NAME-next.*   both-trusted
 *   NAME.crt: both, NAME.key: the new one                new-signs
 *
 * Who signs is told by NAME.key alone, so that one rename makes the new one sign. Each step may be
 * killed between two writes and done again. NAME.crt is what is trusted; a file whose first
 * certificate is that of the key is what upstream's components take to sign by.
 *
 * NAME-cross.crt is a cross-certificate (RFC 5280, 3.2): the new one's key, vouched for by the old one.
 * A server that shows it too is believed by who knows the old one alone.
 *
 * Source of the order: Kubernetes documentation, "Manual Rotation of CA Certificates".
 */
import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pemBlocks } from '#base/pem.ts';
import { createCertificate, type Name } from '#base/x509.ts';
import { readTextIfThere, writeFileDurably } from './files.ts';
import { type KeyPair, newKey, readFittingPair, readPair, writePair } from './key-pair-files.ts';
import { UserError } from './user-error.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const AUTHORITY_LIFE_MS = 10 * 365 * DAY_MS;
/** Clocks of a cluster differ a little. */
export const BACKDATE_MS = 60 * 60 * 1000;

export type AuthorityPhase = 'single' | 'both-trusted' | 'new-signs';

export interface Authority extends KeyPair {
  /** All that are trusted, in PEM: that of the key first. */
  readonly certificate: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly name: Name;
}

/** Where an authority lies, and its name. */
export interface AuthorityPlace {
  readonly folder: string;
  /** File name without its ending. */
  readonly file: string;
  readonly commonName: string;
  /** Servers show certificates of it. */
  readonly hasServers: boolean;
}

/** The authorities of a cluster: of servers and clients, and of front proxies. */
export function clusterAuthorities(folder: string): {
  readonly authority: AuthorityPlace;
  readonly frontProxy: AuthorityPlace;
} {
  return {
    authority: { folder, file: 'ca', commonName: 'kubernetes', hasServers: true },
    frontProxy: { folder, file: 'front-proxy-ca', commonName: 'front-proxy-ca', hasServers: false },
  };
}

/** The certificates of a PEM text, each as a text of its own. */
export function certificatesIn(pem: string): string[] {
  return pemBlocks(pem)
    .filter(({ label }) => label === 'CERTIFICATE')
    .map(({ text }) => text);
}

/** Reads it, or makes it where it is missing. Throws UserError where its key is another one's. */
export function openAuthority(place: AuthorityPlace, nowMs: number): Authority {
  const { folder, file, commonName } = place;
  const stored = readPair(folder, file) ?? createAuthority(place, file, nowMs);
  const privateKey = createPrivateKey(stored.key);
  const publicKey = createPublicKey(privateKey);
  const certificates = certificatesIn(stored.certificate);
  const own = certificates.find((text) => isOf(text, publicKey));
  if (own === undefined)
    throw new UserError(
      `Cannot sign with ${join(folder, `${file}.key`)}: ${file}.crt beside it holds no certificate of that key. Put back the two that belong together.`,
    );
  const certificate = [own, ...certificates.filter((text) => text !== own)].join('');
  return { certificate, key: stored.key, name: { commonName }, privateKey, publicKey };
}

function isOf(certificate: string, publicKey: KeyObject): boolean {
  return new X509Certificate(certificate).publicKey.equals(publicKey);
}

function createAuthority(place: AuthorityPlace, file: string, nowMs: number): KeyPair {
  const name = { commonName: place.commonName };
  const { publicKey, privateKey } = newKey();
  const certificate = createCertificate({
    subject: name,
    publicKey,
    issuer: { name, publicKey, privateKey },
    serial: randomBytes(8),
    notBeforeMs: nowMs - BACKDATE_MS,
    notAfterMs: nowMs + AUTHORITY_LIFE_MS,
    uses: ['authority'],
  });
  return writePair(place.folder, file, { certificate, privateKey });
}

/** How far the rotation of an authority is, by its files. One that is missing is single. */
export function phaseOf({ folder, file }: Pick<AuthorityPlace, 'folder' | 'file'>): AuthorityPhase {
  const certificates = certificatesIn(readTextIfThere(join(folder, `${file}.crt`)) ?? '');
  if (certificates.length < 2) return 'single';
  const next = readFittingPair(folder, nextOf(file));
  const signing = readTextIfThere(join(folder, `${file}.key`));
  return next === undefined || next.key === signing ? 'new-signs' : 'both-trusted';
}

/** PEM: what servers show behind their certificate while some know the old one alone; else empty. */
export function crossCertificate({ folder, file }: AuthorityPlace): string {
  return readTextIfThere(crossPath(folder, file)) ?? '';
}

function crossPath(folder: string, file: string): string {
  return join(folder, `${file}-cross.crt`);
}

function nextOf(file: string): string {
  return `${file}-next`;
}

/** The one that signs comes first in the file too, by which others know it: a kill may have left it so. */
export function putInOrder(place: AuthorityPlace, nowMs: number): void {
  const { certificate } = openAuthority(place, nowMs);
  const path = join(place.folder, `${place.file}.crt`);
  if (readTextIfThere(path) !== certificate) writeTrusted(place, certificate);
}

/** From single to both-trusted; else nothing. */
export function trustSecond(place: AuthorityPlace, nowMs: number): void {
  if (phaseOf(place) !== 'single') return;
  const current = openAuthority(place, nowMs);
  const next =
    readFittingPair(place.folder, nextOf(place.file)) ??
    createAuthority(place, nextOf(place.file), nowMs);
  writeTrusted(place, current.certificate + next.certificate);
}

/** From both-trusted to new-signs; what a kill left of that step is done, too. */
export function signWithSecond(place: AuthorityPlace, nowMs: number): void {
  const { folder, file } = place;
  const phase = phaseOf(place);
  if (phase === 'single') return;
  const next = readFittingPair(folder, nextOf(file));
  if (phase === 'both-trusted' && next !== undefined) {
    // By the old key, which goes with the next line.
    if (place.hasServers) writeCross(place, next, nowMs);
    writeFileDurably(join(folder, `${file}.key`), next.key, 0o600);
  }
  writeTrusted(place, openAuthority(place, nowMs).certificate);
  removeNext(place);
}

/** In force as long as the old one. */
function writeCross(place: AuthorityPlace, next: KeyPair, nowMs: number): void {
  const old = openAuthority(place, nowMs);
  const certificate = createCertificate({
    subject: old.name,
    publicKey: createPublicKey(createPrivateKey(next.key)),
    issuer: old,
    serial: randomBytes(8),
    notBeforeMs: nowMs - BACKDATE_MS,
    notAfterMs: new X509Certificate(old.certificate).validToDate.getTime(),
    uses: ['authority'],
  });
  writeFileDurably(crossPath(place.folder, place.file), certificate, 0o600);
}

/** Since when the key that signs does so, in milliseconds since 1970: its file is written once. */
export function authoritySinceMs({ folder, file }: AuthorityPlace): number {
  return statSync(join(folder, `${file}.key`)).mtimeMs;
}

/** From new-signs to single: the old one is trusted no more. Else nothing. */
export function dropOld(place: AuthorityPlace, nowMs: number): void {
  if (phaseOf(place) !== 'new-signs') return;
  // Before the rest: a later rotation would go on with them.
  removeNext(place);
  rmSync(crossPath(place.folder, place.file), { force: true });
  const [signing = ''] = certificatesIn(openAuthority(place, nowMs).certificate);
  writeTrusted(place, signing);
}

function writeTrusted({ folder, file }: AuthorityPlace, certificates: string): void {
  writeFileDurably(join(folder, `${file}.crt`), certificates, 0o600);
}

function removeNext({ folder, file }: AuthorityPlace): void {
  for (const ending of ['key', 'crt'])
    rmSync(join(folder, `${nextOf(file)}.${ending}`), { force: true });
}
