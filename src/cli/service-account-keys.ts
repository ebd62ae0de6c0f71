/**
 * The key that signs the tokens of service accounts (`sa.key`), and the public halves of those whose
 * tokens are believed (`sa.pub`): that of the signing key first, behind it the one of before, as long
 * as tokens of it may be about.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { pemBlocks } from '#base/pem.ts';
import { keyText } from '#kubelet/bootstrap/key-pair.ts';
import { readTextIfThere, writeFileDurably } from './files.ts';
import { newKey } from './key-pair-files.ts';
import { UserError } from './user-error.ts';

export interface ServiceAccountKeys {
  /** PEM private key (EC P-256) that signs. */
  readonly key: string;
  /** PEM public keys of before: their tokens are believed too. */
  readonly trusted: readonly string[];
}

/** Reads them, or makes the first. */
export function openServiceAccountKeys(folder: string): ServiceAccountKeys {
  const key = readTextIfThere(join(folder, 'sa.key'));
  if (key !== undefined) return { key, trusted: othersThan(key, publicKeysIn(folder)) };
  return { key: writeNew(folder, []), trusted: [] };
}

/**
 * A new key signs from the next start on; the one of before is believed. Throws UserError where one
 * of before is believed still: of three nobody would know how old they are.
 */
export function rotateServiceAccountKey(folder: string): void {
  const { key, trusted } = openServiceAccountKeys(folder);
  const own = publicTextOf(key);
  // Public keys before that of the signing one are what a kill left of a rotation.
  if (trusted.length > 0 && publicKeysIn(folder)[0] === own)
    throw new UserError(
      'Cannot make a new service-account key: the one before the last is trusted still. Run "cox certs rotate --service-account-key --finish" first.',
    );
  writeNew(folder, [own]);
}

/** Since when the key signs, in milliseconds since 1970: its file is written once. */
export function signingSinceMs(folder: string): number {
  return statSync(join(folder, 'sa.key')).mtimeMs;
}

/** Tokens of the keys of before are believed no more from the next start on. */
export function dropOldServiceAccountKeys(folder: string): void {
  writePublic(folder, [publicTextOf(openServiceAccountKeys(folder).key)]);
}

/** The public half first: a token is never signed by a key that nobody will know. */
function writeNew(folder: string, others: readonly string[]): string {
  const { publicKey, privateKey } = newKey();
  const key = keyText(privateKey);
  writePublic(folder, [textOf(publicKey), ...others]);
  writeFileDurably(join(folder, 'sa.key'), key, 0o600);
  return key;
}

function writePublic(folder: string, keys: readonly string[]): void {
  writeFileDurably(join(folder, 'sa.pub'), keys.join(''), 0o644);
}

function publicKeysIn(folder: string): string[] {
  return pemBlocks(readTextIfThere(join(folder, 'sa.pub')) ?? '').map(({ text }) => text);
}

function othersThan(key: string, keys: readonly string[]): string[] {
  const own = publicTextOf(key);
  return keys.filter((text) => text !== own);
}

function publicTextOf(key: string): string {
  return textOf(createPublicKey(createPrivateKey(key)));
}

function textOf(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString();
}
