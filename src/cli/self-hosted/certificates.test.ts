import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { CLUSTER_DEFAULTS } from '../cluster-config.ts';
import { areTakenOver, certificatesDigest, FILES_READ } from './certificates.ts';
import { controlPlaneManifests } from './manifests.ts';

const COMPONENTS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];

describe('the certificates of a control plane in pods', () => {
  it('are all that the manifests name', () => {
    const manifests = controlPlaneManifests({
      config: {
        ...CLUSTER_DEFAULTS,
        listenHost: '127.0.0.1',
        listenPort: 6443,
        nodeName: 'n1',
        nodeAddress: '192.0.2.10',
        simulatedNodes: 0,
      },
      image: { reference: 'coxswain.local/coxswain:1', key: 'abc' },
      pki: '/d/pki',
      store: '/d/store',
      certificates: '',
    });
    const names = [...manifests.values()].flatMap((text) =>
      [...text.matchAll(/=\/etc\/kubernetes\/(?:pki\/)?(\S+)/g)].map(([, name = '']) => name),
    );
    assert.deepEqual([...new Set(names)].toSorted(), [...FILES_READ].toSorted());
  });

  it('have another digest when one of them is another, and only then', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'digest-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
    const seen = new Set([certificatesDigest(folder)]);
    for (const name of FILES_READ) {
      write(name, 'a');
      seen.add(certificatesDigest(folder));
      write(name, 'b');
      seen.add(certificatesDigest(folder));
    }
    assert.equal(seen.size, 1 + 2 * FILES_READ.length);
    const last = certificatesDigest(folder);
    write('kubelet-client-n2.crt', 'a');
    write('ca-next.crt', 'a');
    assert.equal(certificatesDigest(folder), last);
  });
});

describe('areTakenOver', () => {
  const pod = (component: string, digest: string, state: object = { running: {} }): Pod => ({
    metadata: {
      labels: { component },
      annotations: { 'coxswain.dev/certificates': digest },
    },
    spec: { containers: [] },
    status: {
      containerStatuses: [
        { name: component, image: 'i', imageID: '', ready: false, restartCount: 0, state },
      ],
    },
  });
  const all = COMPONENTS.map((component) => pod(component, 'd'));

  it('is true when each component runs with the files, whether it is ready yet or not', () => {
    assert.equal(areTakenOver(all, 'd'), true);
    assert.equal(areTakenOver(all, 'e'), false);
  });

  it('is false while one is missing, is of before, or does not run', () => {
    for (const [at, component] of COMPONENTS.entries()) {
      assert.equal(areTakenOver(all.toSpliced(at, 1), 'd'), false);
      for (const other of [pod(component, 'c'), pod(component, 'd', { waiting: {} })])
        assert.equal(areTakenOver(all.with(at, other), 'd'), false, component);
      assert.equal(areTakenOver([pod(component, 'c'), ...all], 'd'), true);
    }
  });
});
