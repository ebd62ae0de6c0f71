/** The CIS benchmark: every automated check that applies holds, and docs/cis.md says what is so. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CHECKS } from './checks.ts';
import { DOCUMENT, document } from './document.ts';
import { ENTRIES } from './table.ts';
import { World } from './world.ts';

describe('a cluster of cox up, by the CIS benchmark', () => {
  let world: World;
  before(async () => {
    world = await World.start();
  });
  after(async () => {
    await world.stop();
    world.remove();
  });

  for (const { id, title } of ENTRIES) {
    const check = CHECKS.get(id);
    if (check !== undefined) it(`${id} ${title}`, () => check(world));
  }

  it('no file of the data directory is for others, but public keys', () => {
    const files = readdirSync(world.data.path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    assert.ok(files.length > 30);
    const open = files.filter(
      (path) => (statSync(path).mode & 0o077) !== 0 && !path.endsWith('/sa.pub'),
    );
    assert.deepEqual(open, []);
  });

  it('the audit log has who wrote and who read Secrets, not what', async () => {
    const secrets = '/api/v1/namespaces/default/secrets';
    const stringData = { word: 'zq7canary' };
    await world.call(`POST ${secrets}`, { metadata: { name: 's' }, stringData });
    await world.call(`GET ${secrets}/s`);
    await world.call('GET /api/v1/namespaces/default/configmaps');
    await world.stop();
    const text = readFileSync(join(world.data.logs, 'audit', 'audit.log'), 'utf8');
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const seen = (verb: string, resource: string): number =>
      lines.filter((event) => event.verb === verb && event.objectRef?.resource === resource).length;
    assert.deepEqual([seen('create', 'secrets'), seen('get', 'secrets')], [1, 1]);
    assert.equal(seen('list', 'configmaps') + seen('watch', 'pods'), 0);
    assert.equal(seen('update', 'leases') + seen('create', 'events'), 0);
    assert.deepEqual([...new Set(lines.map(({ level }) => level))], ['Metadata']);
    assert.ok(lines.every(({ user }) => !user.username.startsWith('system:kube-')));
    assert.equal(text.includes('zq7canary'), false);
  });
});

describe('the mapping of the CIS benchmark', () => {
  it('holds every automated check that applies', () => {
    const held = ENTRIES.filter(({ isAutomated, applies }) => isAutomated && applies);
    assert.deepEqual(
      held.filter(({ id }) => !CHECKS.has(id)).map(({ id }) => id),
      [],
    );
    assert.equal(held.length, 51);
  });

  it('has each check once, with a reason where it does not apply', () => {
    const ids = ENTRIES.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(ENTRIES.every(({ how }) => how !== ''));
    const idle = ENTRIES.filter(({ id, applies }) => !applies && CHECKS.has(id));
    assert.deepEqual(idle, []);
  });

  it('is what docs/cis.md says', () => {
    assert.equal(readFileSync(DOCUMENT, 'utf8'), document(), 'run test/security/cis/document.ts');
  });
});
