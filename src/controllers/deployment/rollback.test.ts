/** Which revision a Deployment goes back to, and what is told of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Deployment } from '#api/gen/apps-v1.ts';
import { deployment, replicaSet } from '#kit/builders.ts';
import { planRollback, wantedRevision } from './rollback.ts';

const QUESTION = 'deprecated.deployment.rollback.to';

/** A Deployment of `v2` that is asked to go back to `revision`. */
function asked(revision: string): Deployment {
  const subject = deployment('image=v2');
  const annotations = { [QUESTION]: revision, why: 'v2', 'deployment.kubernetes.io/revision': '7' };
  return { ...subject, metadata: { ...subject.metadata, annotations } };
}

function planned(revision: string, sets: readonly string[]) {
  const subject = asked(revision);
  const all = sets.map((text) => {
    const rs = replicaSet(text);
    const annotations = { ...rs.metadata?.annotations, why: rs.metadata?.name ?? '' };
    return { ...rs, metadata: { ...rs.metadata, annotations } };
  });
  return planRollback(subject, wantedRevision(subject) ?? 0n, all);
}

describe('wantedRevision', () => {
  it('is what the annotation says, when it is a number', () => {
    const rows = [
      ['3', 3n],
      ['0', 0n],
      ['-1', -1n],
      ['', undefined],
      ['two', undefined],
    ] as const;
    for (const [text, revision] of rows) assert.equal(wantedRevision(asked(text)), revision);
    assert.equal(wantedRevision(deployment('')), undefined);
  });
});

describe('planRollback', () => {
  const SETS = ['v0 revision=3', 'v1 revision=6', 'v2 revision=7'];
  const unknown = 'DeploymentRollbackRevisionNotFound';
  const rows: readonly [claim: string, revision: string, sets: string[], told: string][] = [
    [
      'goes to a revision',
      '3',
      SETS,
      'Normal DeploymentRollback: Rolled back deployment "web" to revision 3',
    ],
    [
      'goes to the last revision',
      '0',
      SETS,
      'Normal DeploymentRollback: Rolled back deployment "web" to revision 6',
    ],
    [
      'knows no revision before the first',
      '0',
      ['v2 revision=1'],
      `Warning ${unknown}: Unable to find last revision.`,
    ],
    [
      'does not know every revision',
      '4',
      SETS,
      `Warning ${unknown}: Unable to find the revision to rollback to.`,
    ],
    [
      'stays where it is',
      '7',
      SETS,
      'Warning DeploymentRollbackTemplateUnchanged: The rollback revision contains the same template as current deployment "web"',
    ],
  ];
  for (const [claim, revision, sets, expected] of rows) {
    it(claim, () => {
      const { type, reason, message, deployment: written } = planned(revision, sets);
      assert.equal(`${type} ${reason}: ${message}`, expected);
      assert.equal(written.metadata?.annotations?.[QUESTION], undefined);
      if (type === 'Warning') assert.equal(written.spec?.template.spec?.containers[0]?.image, 'v2');
    });
  }

  it('brings template and annotations back, without what is of one object alone', () => {
    const { metadata, spec } = planned('3', SETS).deployment;
    assert.equal(spec?.template.spec?.containers[0]?.image, 'v0');
    assert.deepEqual(spec?.template.metadata?.labels, { app: 'web' });
    assert.deepEqual(metadata?.annotations, {
      'deployment.kubernetes.io/revision': '7',
      why: 'v0',
    });
  });
});
