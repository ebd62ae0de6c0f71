/** How long what is told of a pod may be. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { truncated } from './pod-reports.ts';

it('messages of events are cut at 1,024 bytes, and at no place within a character', () => {
  assert.equal(truncated('a'.repeat(1_024)), 'a'.repeat(1_024));
  assert.equal(truncated('a'.repeat(1_025)), `${'a'.repeat(1_020)} ...`);
  assert.equal(truncated('ä'.repeat(512)), 'ä'.repeat(512));
  assert.equal(truncated(`a${'ä'.repeat(512)}`), `a${'ä'.repeat(509)} ...`);
  assert.equal(truncated('😀'.repeat(257)), `${'😀'.repeat(255)} ...`);
});
