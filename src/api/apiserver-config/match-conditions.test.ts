import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SubjectAccessReviewSpec } from '../gen/authorization-v1.ts';
import { compileMatchConditions } from './match-conditions.ts';

const SPEC: SubjectAccessReviewSpec = {
  user: 'jane',
  groups: ['staff'],
  resourceAttributes: {
    verb: 'list',
    resource: 'pods',
    namespace: 'shop',
    labelSelector: { requirements: [{ key: 'app', operator: 'In', values: ['web'] }] },
  },
};

function matches(...expressions: string[]): boolean | string {
  const { conditions, errors } = compileMatchConditions(
    expressions.map((expression) => ({ expression })),
  );
  assert.deepEqual(
    errors.map((error) => error.text()),
    [],
  );
  const outcome = conditions.matches(SPEC);
  return outcome instanceof Error ? outcome.message : outcome;
}

describe('match conditions', () => {
  it('see the question that would be asked', () => {
    assert.equal(matches(), true);
    for (const expression of [
      "request.user == 'jane' && request.uid == '' && 'staff' in request.groups",
      'size(request.extra) == 0',
      "has(request.resourceAttributes) && request.resourceAttributes.subresource == ''",
      '!has(request.nonResourceAttributes)',
      '!has(request.resourceAttributes.fieldSelector)',
      "request.resourceAttributes.labelSelector.requirements.exists(r, r.key == 'app' && r.values == ['web'])",
    ])
      assert.equal(matches(expression), true, expression);
  });

  it('let a request by as soon as one says no, whatever went wrong before', () => {
    assert.equal(matches("request.nonResourceAttributes.path == '/x'", 'false'), false);
    assert.equal(matches('true', "request.resourceAttributes.namespace == 'kube-system'"), false);
  });

  it('tell what went wrong when none says no', () => {
    const expression = "request.nonResourceAttributes.path == '/x'";
    assert.equal(
      matches(expression, 'true'),
      `cel evaluation error: expression '${expression}' resulted in error: no such key: nonResourceAttributes`,
    );
  });
});
