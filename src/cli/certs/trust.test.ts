import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ConfigMap, Namespace, Node } from '#api/gen/core-v1.ts';
import { issuePair } from '#kit/certificates.ts';
import { testAuthority } from '#kit/join-world.ts';
import { pinsText } from '../authority-loop.ts';
import { AUTHORITIES_ANNOTATION } from '../join-names.ts';
import { distrust, type PublishedTrust, type ShownByNode, unready } from './trust.ts';

const old = testAuthority();
const next = testAuthority();
const both = next.certificate + old.certificate;
const LIFE = { notBeforeMs: 0, notAfterMs: Date.UTC(2040, 0, 1) };

const node = (name: string, pins: string | undefined, ready = 'True'): Node => ({
  metadata: {
    name,
    ...(pins === undefined ? {} : { annotations: { [AUTHORITIES_ANNOTATION]: pins } }),
  },
  status: { conditions: [{ type: 'Ready', status: ready }] },
});
const rootCa = (namespace: string, text: string): ConfigMap => ({
  metadata: { name: 'kube-root-ca.crt', namespace },
  data: { 'ca.crt': text },
});
const namespace = (name: string, phase: 'Active' | 'Terminating' = 'Active'): Namespace => ({
  metadata: { name },
  status: { phase },
});
const info = (authority: string): ConfigMap => {
  const data = Buffer.from(authority).toString('base64');
  const cluster = { server: 'https://192.0.2.1:6443', 'certificate-authority-data': data };
  return { data: { kubeconfig: JSON.stringify({ clusters: [{ name: '', cluster }] }) } };
};

const good: PublishedTrust = {
  nodes: [node('n1', pinsText(both))],
  namespaces: [namespace('default')],
  rootCas: [rootCa('default', both)],
  clusterInfo: info(both),
};

describe('who does not believe an authority yet', () => {
  it('is nobody when objects and nodes name it', () => {
    assert.deepEqual(distrust(good, both), []);
  });

  it('is whoever names another one, or another order', () => {
    const reversed = old.certificate + next.certificate;
    const lines = distrust(
      {
        nodes: [node('n1', pinsText(reversed)), node('n2', undefined), node('n3', pinsText(both))],
        namespaces: [namespace('a'), namespace('b'), namespace('c', 'Terminating'), namespace('d')],
        rootCas: [rootCa('a', old.certificate), rootCa('b', 'nonsense'), rootCa('d', both)],
        clusterInfo: info(old.certificate),
      },
      both,
    );
    assert.deepEqual(
      lines.map((line) => line.replace(/ (does not|\().*/, '')),
      [
        'ConfigMap kube-public/cluster-info',
        'ConfigMap a/kube-root-ca.crt',
        'ConfigMap b/kube-root-ca.crt',
        'Node n1',
        'Node n2',
      ],
    );
    assert.ok(lines[4]?.includes(`node n2 ${AUTHORITIES_ANNOTATION}=${pinsText(both)}`));
  });

  it('is everybody where cluster-info is gone', () => {
    assert.deepEqual(distrust({ ...good, clusterInfo: undefined }, both), [
      'ConfigMap kube-public/cluster-info does not name it yet',
    ]);
  });
});

describe('which nodes still need the authority of before', () => {
  const SINCE_MS = 1_000_000;
  const since = { authority: both, sinceMs: SINCE_MS };
  const fact = (over: Partial<ShownByNode> = {}): ShownByNode => ({
    node: node('n1', undefined),
    renewedMs: SINCE_MS,
    shown: { certificate: issuePair(next, LIFE).certificate },
    ...over,
  });

  it('are none when all show certificates of the new one, and are Ready', () => {
    assert.deepEqual(unready([fact(), fact()], since), []);
  });

  it('are those that show one of the old one', () => {
    const shown = { certificate: issuePair(old, LIFE).certificate };
    assert.match(unready([fact(), fact({ shown })], since).join('\n'), /^Node n1 still shows/);
  });

  it('are those that cannot be asked', () => {
    const lines = unready([fact({ shown: { error: 'no answer in time' } })], since);
    assert.deepEqual(lines, ['Node n1 does not show its certificate: no answer in time']);
  });

  it('are those that were not Ready since', () => {
    const line = ['Node n1 has not been Ready since the new authority signs'];
    assert.deepEqual(unready([fact({ renewedMs: SINCE_MS - 1 })], since), line);
    assert.deepEqual(unready([fact({ renewedMs: undefined })], since), line);
    assert.deepEqual(unready([fact({ node: node('n1', undefined, 'Unknown') })], since), line);
    assert.deepEqual(unready([fact({ node: { metadata: { name: 'n1' } } })], since), line);
  });
});
