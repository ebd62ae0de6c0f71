/** Programs in Go: `client-go/`, built here and run against the control plane over HTTPS. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { unlessCommand } from '../e2e/needs.ts';
import { startHttpsCluster } from './https-cluster.ts';

const run = promisify(execFile);
const MODULE = join(import.meta.dirname, 'client-go');
/** Some fifty modules are downloaded and compiled, the first time. */
const BUILD_TIMEOUT_MS = 600_000;
const RUN_TIMEOUT_MS = 180_000;

const skip = unlessCommand('go', 'programs in Go against the API server');

describe('client-go', { skip }, () => {
  it('takes the API server for upstream’s', { timeout: 900_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'coxswain-client-go-'));
    const cluster = await startHttpsCluster();
    try {
      const program = join(folder, 'client-go');
      await run('go', ['build', '-o', program, '.'], {
        cwd: MODULE,
        timeout: BUILD_TIMEOUT_MS,
      });
      const result = await run(program, ['--kubeconfig', cluster.kubeconfig], {
        timeout: RUN_TIMEOUT_MS,
      }).catch((error: unknown) => error as { stdout: string; code: number });
      const lines = result.stdout.trimEnd().split('\n');
      const failed = lines.filter((line) => !line.startsWith('ok '));
      assert.deepEqual(failed, []);
      assert.equal('code' in result ? result.code : 0, 0);
      assert.ok(lines.length >= 13, `only ${lines.length} checks were made`);
    } finally {
      await cluster.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
