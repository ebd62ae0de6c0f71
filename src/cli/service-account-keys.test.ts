import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { killedAfter } from '#kit/killed-writes.ts';
import {
  dropOldServiceAccountKeys,
  openServiceAccountKeys,
  rotateServiceAccountKey,
  signingSinceMs,
} from './service-account-keys.ts';

let folder = '';
const publicOf = (key: string): string =>
  createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sa-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the keys of service accounts', () => {
  it('are made once: one that signs', () => {
    const first = openServiceAccountKeys(folder);
    assert.deepEqual(openServiceAccountKeys(folder), first);
    assert.deepEqual(first.trusted, []);
    assert.equal(readFileSync(join(folder, 'sa.pub'), 'utf8'), publicOf(first.key));
    assert.equal(statSync(join(folder, 'sa.key')).mode & 0o777, 0o600);
  });

  it('rotate: the one of before is believed until it is dropped', () => {
    const first = openServiceAccountKeys(folder);
    rotateServiceAccountKey(folder);
    const second = openServiceAccountKeys(folder);
    assert.notEqual(second.key, first.key);
    assert.deepEqual(second.trusted, [publicOf(first.key)]);
    assert.equal(
      readFileSync(join(folder, 'sa.pub'), 'utf8'),
      publicOf(second.key) + publicOf(first.key),
    );
    assert.throws(() => rotateServiceAccountKey(folder), /is trusted still.*--finish/);
    assert.equal(openServiceAccountKeys(folder).key, second.key);
    dropOldServiceAccountKeys(folder);
    assert.deepEqual(openServiceAccountKeys(folder), { key: second.key, trusted: [] });
  });

  it('sign since their file was written', () => {
    openServiceAccountKeys(folder);
    utimesSync(join(folder, 'sa.key'), 1_000, 2_000);
    assert.equal(signingSinceMs(folder), 2_000_000);
  });

  it('go on after a kill between the two files', () => {
    const first = openServiceAccountKeys(folder);
    assert.ok(killedAfter(1, () => rotateServiceAccountKey(folder)));
    assert.equal(openServiceAccountKeys(folder).key, first.key);
    rotateServiceAccountKey(folder);
    const next = openServiceAccountKeys(folder);
    assert.notEqual(next.key, first.key);
    assert.deepEqual(next.trusted, [publicOf(first.key)]);
  });
});
