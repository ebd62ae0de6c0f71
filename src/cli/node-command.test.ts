/** The command lines of joining: which flags are whose, and what is said of bad ones. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';

const COX = join(import.meta.dirname, '..', '..', 'bin', 'cox.ts');
const NOWHERE = '/nonexistent/node';
const PIN = `sha256:${'0'.repeat(64)}`;

function cox(words: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COX, ...words.split(' ')], {
    encoding: 'utf8',
    env: { ...process.env, KUBECONFIG: '/nonexistent/kubeconfig' },
  });
  return `${status} ${stdout}${stderr}`;
}

describe('the command line', () => {
  const rows: readonly (readonly [words: string, answer: RegExp])[] = [
    ['node', /^1 error: required option '--data-dir <DIR>' not specified/],
    [`node --data-dir ${NOWHERE}`, /^1 Cannot run a node of \/nonexistent\/node: none was set up/],
    [`node reset --data-dir ${NOWHERE}`, /^1 Cannot reset \/nonexistent\/node: there is no such/],
    ['node drain', /^1 error: missing required argument 'NAME'/],
    ['node drain n', /^1 Cannot read \/nonexistent\/kubeconfig|^1 Cannot find a kubeconfig/],
    ['join 192.0.2.1:6443', /^1 Cannot join: give --token/],
    [`join --discovery-token-ca-cert-hash ${PIN} a:1`, /^1 Cannot join: give --token/],
    ['join a:1 --token abcdef.0123456789abcdef', /^1 Cannot join: give --discovery-token-ca/],
    ['token delete', /^1 error: missing required argument 'token'/],
    ['token generate', /^0 [a-z0-9]{6}\.[a-z0-9]{16}\n$/],
    ['token creat', /^1 error: unknown command 'creat'/],
  ];
  for (const [words, answer] of rows) {
    it(`cox ${words}`, () => {
      assert.match(cox(words), answer);
    });
  }
});
