/** How long requests for certificates are kept, by table. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.ts';
import { isOver } from './age.ts';

const NOW_MS = Date.UTC(2030, 0, 2);
const MINUTE_MS = 60_000;
const ago = (minutes: number): string => new Date(NOW_MS - minutes * MINUTE_MS).toISOString();

function request(text: string): CertificateSigningRequest {
  const [type = '', minutes = '0', certificate = ''] = text.split(' ');
  const time = ago(Number(minutes));
  if (type === 'pending') return { metadata: { creationTimestamp: time } };
  const conditions = [{ type, status: 'True', lastUpdateTime: time }];
  return { metadata: { creationTimestamp: ago(5000) }, status: { conditions, certificate } };
}

describe('a request for a certificate', () => {
  for (const [text, expected] of [
    ['pending 1440', false],
    ['pending 1441', true],
    ['Denied 60', false],
    ['Denied 61', true],
    ['Failed 60', false],
    ['Failed 61', true],
    ['Approved 1440', false],
    ['Approved 1441', true],
    ['Approved 60 eA==', false],
    ['Approved 61 eA==', true],
  ] as const) {
    it(`${text} ${expected ? 'goes' : 'stays'}`, () =>
      assert.equal(isOver(request(text), NOW_MS), expected));
  }
});
