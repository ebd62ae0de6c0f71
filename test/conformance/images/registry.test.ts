/** What a runtime asks of a registry when it pulls, of a small archive. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ImageArchive } from './archive.ts';
import { registryOf } from './registry.ts';

describe('the registry of the images', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cox-registry-'));
  let server: Server;
  let base: string;
  const get = (path: string, method = 'GET'): Promise<Response> =>
    fetch(`${base}${path}`, { method });

  before(async () => {
    const content = join(folder, 'content');
    mkdirSync(content);
    writeFileSync(join(content, 'greeting'), 'hello');
    const layout = join(folder, 'layout');
    mkdirSync(layout);
    const archive = new ImageArchive(layout);
    archive.add('registry.k8s.io/team/box:1', [archive.layer(content)], { Cmd: ['/greeting'] });
    archive.pack(join(folder, 'images.tar'));
    server = registryOf(join(folder, 'images.tar'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });

  it('gives a manifest by tag and by digest, and each blob as its digest says', async () => {
    const byTag = await get('/v2/team/box/manifests/1');
    assert.equal(byTag.status, 200);
    assert.equal(byTag.headers.get('content-type'), 'application/vnd.oci.image.manifest.v1+json');
    const digest = byTag.headers.get('docker-content-digest') ?? '';
    const text = await byTag.text();
    assert.equal(await (await get(`/v2/team/box/manifests/${digest}`)).text(), text);
    const { config, layers } = JSON.parse(text) as {
      config: { digest: string };
      layers: { digest: string; size: number }[];
    };
    for (const blob of [config, ...layers]) {
      const answer = await get(`/v2/team/box/blobs/${blob.digest}`);
      const bytes = Buffer.from(await answer.arrayBuffer());
      assert.equal(`sha256:${createHash('sha256').update(bytes).digest('hex')}`, blob.digest);
    }
  });

  it('says how large a thing is without sending it', async () => {
    const answer = await get('/v2/team/box/manifests/1', 'HEAD');
    assert.ok(Number(answer.headers.get('content-length')) > 0);
    assert.equal(await answer.text(), '');
  });

  it('has no other images, tags or blobs', async () => {
    const none = `sha256:${'0'.repeat(64)}`;
    for (const path of ['team/box/manifests/2', 'box/manifests/1', `team/box/blobs/${none}`, 'x'])
      assert.equal((await get(`/v2/${path}`)).status, 404, path);
  });
});
