import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mustVerify } from './verification-policy.ts';

const LIST = ['r.example/team/*', 'docker.io/library/nginx'];

describe('mustVerify', () => {
  const cases: readonly [policy: string, repository: string, isPulled: boolean, boolean][] = [
    ['NeverVerify', 'r.example/a', true, false],
    ['NeverVerifyPreloadedImages', 'r.example/a', true, true],
    ['NeverVerifyPreloadedImages', 'r.example/a', false, false],
    ['NeverVerifyAllowlistedImages', 'r.example/team/a', true, false],
    ['NeverVerifyAllowlistedImages', 'r.example/team/a/b', false, false],
    ['NeverVerifyAllowlistedImages', 'r.example/teamwork', false, true],
    ['NeverVerifyAllowlistedImages', 'docker.io/library/nginx', true, false],
    ['NeverVerifyAllowlistedImages', 'docker.io/library/nginx/a', false, true],
    ['AlwaysVerify', 'r.example/team/a', false, true],
    ['AlwaysVerify', 'r.example/team/a', true, true],
  ];
  for (const [policy, repository, isPulled, wanted] of cases)
    it(`${policy}: ${repository}, ${isPulled ? 'pulled' : 'preloaded'}`, () => {
      const config = {
        imagePullCredentialsVerificationPolicy: policy,
        preloadedImagesVerificationAllowlist: LIST,
      };
      assert.equal(mustVerify(config, repository, isPulled), wanted);
    });

  it('has no list but what is given', () => {
    const policy = 'NeverVerifyAllowlistedImages';
    assert.ok(mustVerify({ imagePullCredentialsVerificationPolicy: policy }, 'r.example/a', false));
  });
});
