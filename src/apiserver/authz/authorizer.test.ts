import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { requestInfoOf } from '../request-info.ts';
import { attributesFor, type Authorizer, composeAuthorizers, type Decision } from './authorizer.ts';

const ASKED = attributesFor({ name: 'jane', groups: [] }, requestInfoOf('GET', '/api/v1/pods'));
const NONE: Decision = { outcome: 'none', reason: '' };
const because = (outcome: Decision['outcome'], reason: string): Decision => ({ outcome, reason });
const later =
  (decision: Decision): Authorizer =>
  () =>
    Promise.resolve(decision);

describe('authorizers in order', () => {
  it('answer at once when those that are asked do', () => {
    const decide = composeAuthorizers([
      () => NONE,
      () => because('deny', 'no'),
      later(because('allow', '')),
    ]);
    assert.deepEqual(decide(ASKED), because('deny', 'no'));
    assert.deepEqual(
      composeAuthorizers([() => because('none', 'a'), () => NONE, () => because('none', 'b')])(
        ASKED,
      ),
      because('none', 'a\nb'),
    );
  });

  it('wait for one that has to ask before the next is asked', async () => {
    const decide = composeAuthorizers([
      later(because('none', 'far')),
      () => because('none', 'near'),
      later(because('allow', 'granted')),
      () => because('deny', 'never asked'),
    ]);
    assert.deepEqual(await decide(ASKED), because('allow', 'granted'));
    assert.deepEqual(
      await composeAuthorizers([later(because('none', 'far')), () => because('none', 'near')])(
        ASKED,
      ),
      because('none', 'far\nnear'),
    );
  });

  it('tell what went wrong when none of them decides', async () => {
    const broken: Authorizer = () => ({ outcome: 'none', reason: '', error: 'far away' });
    assert.deepEqual(await composeAuthorizers([broken, later(NONE), broken])(ASKED), {
      ...NONE,
      error: 'far away',
    });
    const all = [broken, () => ({ ...NONE, error: 'gone' })];
    assert.deepEqual(composeAuthorizers(all)(ASKED), { ...NONE, error: '[far away, gone]' });
    assert.deepEqual(composeAuthorizers([broken, () => because('allow', 'yes')])(ASKED), {
      outcome: 'allow',
      reason: 'yes',
    });
  });

  it('hand the signal of the request on', async () => {
    const { signal } = new AbortController();
    const seen: unknown[] = [];
    const spy: Authorizer = (_asked, given) => {
      seen.push(given);
      return NONE;
    };
    await composeAuthorizers([spy, later(NONE), spy])(ASKED, signal);
    assert.deepEqual(seen, [signal, signal]);
  });
});
