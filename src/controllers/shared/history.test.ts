/** Revisions: their data, hash and name are upstream's. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ControllerRevision } from '#api/gen/apps-v1.ts';
import type { PodTemplateSpec } from '#api/gen/core-v1.ts';
import {
  atRevision,
  newRevision,
  nextRevision,
  REVISION_HASH,
  revisionHash,
  sameData,
  sortRevisions,
  templatePatch,
} from './history.ts';

/** What upstream v1.34 stored for a StatefulSet `test`, whose revision it named test-776999688b. */
const TEMPLATE: PodTemplateSpec = {
  metadata: { labels: { app: 'foo' }, annotations: { test: 'value' } },
  spec: {
    containers: [
      {
        name: 'test',
        image: 'test',
        resources: {},
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        imagePullPolicy: 'Always',
      },
    ],
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
  },
};
const OWNER = {
  metadata: { name: 'test', namespace: 'default', annotations: { note: 'a' } },
  spec: { replicas: 2, template: TEMPLATE },
};
const reference = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  name: 'test',
  uid: 'u',
  controller: true,
  blockOwnerDeletion: true,
};

function made(template: PodTemplateSpec, collisionCount = 0): ControllerRevision {
  return newRevision({ owner: OWNER, reference, template, revision: 2, collisionCount });
}

function numbered(name: string, revision: number, second = 0): ControllerRevision {
  const creationTimestamp = `2026-01-01T00:00:0${second}Z`;
  return { metadata: { name, creationTimestamp }, revision };
}

describe('a new revision', () => {
  it('has the name that upstream gives it', () => {
    const revision = made(TEMPLATE);
    assert.equal(revision.metadata?.name, 'test-776999688b');
    assert.deepEqual(revision.metadata?.labels, { app: 'foo', [REVISION_HASH]: '776999688b' });
    assert.deepEqual(revision.metadata?.annotations, { note: 'a' });
    assert.deepEqual(revision.metadata?.ownerReferences, [reference]);
    assert.equal(revision.metadata?.namespace, 'default');
    assert.equal(revision.revision, 2);
  });

  it('holds the whole template, with zeros as Go writes them, to replace another', () => {
    const { data } = made({ spec: { containers: [{ name: 'a', image: 'i' }] } });
    assert.deepEqual(data, {
      spec: {
        template: {
          $patch: 'replace',
          metadata: {},
          spec: { containers: [{ image: 'i', name: 'a', resources: {} }] },
        },
      },
    });
  });

  it('has the same data in whatever order the template says it', () => {
    const { metadata, spec } = TEMPLATE;
    const other = { spec: spec ?? { containers: [] }, metadata: metadata ?? {} };
    assert.equal(JSON.stringify(templatePatch(other)), JSON.stringify(templatePatch(TEMPLATE)));
  });

  it('has another name with each collision, and one that fits, however long its owner is named', () => {
    assert.notEqual(made(TEMPLATE, 1).metadata?.name, made(TEMPLATE).metadata?.name);
    const owner = { ...OWNER, metadata: { name: 'x'.repeat(250) } };
    const long = newRevision({
      owner,
      reference,
      template: TEMPLATE,
      revision: 1,
      collisionCount: 0,
    });
    assert.equal(long.metadata?.name, `${'x'.repeat(223)}-776999688b`);
  });

  it('is hashed with the characters escaped that Go escapes', () => {
    const data = { a: '<&>' };
    assert.notEqual(revisionHash(data, 0), revisionHash({ a: '<&' }, 0));
    // FNV-1 of {"a":"\u003c\u0026\u003e"}0, worked out by hand from its definition.
    let hash = 0x811c9dc5n;
    for (const byte of Buffer.from(String.raw`{"a":"\u003c\u0026\u003e"}0`))
      hash = ((hash * 0x01000193n) & 0xffffffffn) ^ BigInt(byte);
    const letters = 'bcdfghjklmnpqrstvwxz2456789';
    const expected = String(hash).replace(/\d/g, (digit) =>
      letters.charAt(digit.charCodeAt(0) % 27),
    );
    assert.equal(revisionHash(data, 0), expected);
  });
});

describe('revisions', () => {
  it('are sorted by number, then by age, then by name', () => {
    const order = sortRevisions([
      numbered('d', 2),
      numbered('c', 1, 5),
      numbered('b', 1, 1),
      numbered('a', 1, 1),
    ]);
    assert.deepEqual(
      order.map(({ metadata }) => metadata?.name),
      ['a', 'b', 'c', 'd'],
    );
    assert.equal(nextRevision(order), 3);
    assert.equal(nextRevision([]), 1);
  });

  it('are equal when their data are', () => {
    const other = made({ ...TEMPLATE, metadata: { labels: { app: 'bar' } } });
    assert.equal(sameData(made(TEMPLATE), { ...made(TEMPLATE, 3), revision: 9 }), true);
    assert.equal(sameData(made(TEMPLATE), other), false);
  });

  it('put the template back, and nothing else', () => {
    const type = 'io.k8s.api.apps.v1.StatefulSet';
    const other = { spec: { containers: [{ name: 'z', image: 'z' }], hostname: 'h' } };
    const changed = { ...OWNER, spec: { replicas: 5, template: other } };
    const back = atRevision(type, changed, made(TEMPLATE));
    assert.deepEqual(back.spec, { replicas: 5, template: TEMPLATE });
  });
});
