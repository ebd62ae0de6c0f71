/** Certificates and their keys as files of a folder: `NAME.crt` and `NAME.key`, kubeadm's names. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { isPair, keyText } from '#kubelet/bootstrap/key-pair.ts';
import { readTextIfThere, writeFileDurably } from './files.ts';

/** PEM texts of a certificate and its private key. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** A new P-256 key. */
export function newKey(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** Undefined where one of the two files is missing; whether they fit together is not looked at. */
export function readPair(folder: string, file: string): KeyPair | undefined {
  const certificate = readTextIfThere(join(folder, `${file}.crt`));
  const key = readTextIfThere(join(folder, `${file}.key`));
  return certificate === undefined || key === undefined ? undefined : { certificate, key };
}

/** Undefined too where the certificate is not for the key: a kill came between the two writes. */
export function readFittingPair(folder: string, file: string): KeyPair | undefined {
  const pair = readPair(folder, file);
  return pair !== undefined && isPair(pair) ? pair : undefined;
}

/** The key first: a certificate without its key would be read as half a pair and remade anyway. */
export function writePair(
  folder: string,
  file: string,
  parts: { readonly certificate: string; readonly privateKey: KeyObject },
): KeyPair {
  const pair = { certificate: parts.certificate, key: keyText(parts.privateKey) };
  writeFileDurably(join(folder, `${file}.key`), pair.key, 0o600);
  writeFileDurably(join(folder, `${file}.crt`), pair.certificate, 0o600);
  return pair;
}
