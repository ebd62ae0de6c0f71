/**
 * 3,000 pods by chance, held against the published standard (`standard.ts`) and against the checks
 * of the API server: both must find the same against each, at every level and version.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { findingsOf } from '#apiserver/admission/pod-security/evaluate.ts';
import { LEVELS, type LevelVersion } from '#apiserver/admission/pod-security/version.ts';
import { Dice } from '../fuzz/dice.ts';
import { randomPod } from './pods.ts';
import { violations } from './standard.ts';

const PODS = 3_000;
/** Of v1. */
const NEWEST = 36;

/** At restricted one line of the standard says what another says at baseline, and more. */
const SAME: Readonly<Record<string, string>> = {
  'forbidden AppArmor profiles': 'forbidden AppArmor profile',
  'non-default capabilities': 'capabilities',
  'unrestricted capabilities': 'capabilities',
  'hostPath volumes': 'volumes',
  'restricted volume types': 'volumes',
};

const named = (reasons: readonly string[]): string[] =>
  [...new Set(reasons.map((reason) => SAME[reason] ?? reason))].toSorted();

describe('pods by chance', () => {
  const seen = new Map<string, number>();
  const count = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);

  it(`are judged as the published standard judges them: ${PODS}`, () => {
    for (let seed = 1; seed <= PODS; seed++) {
      const pod = randomPod(seed);
      const { spec, metadata } = pod;
      assert.ok(spec !== undefined && metadata !== undefined);
      const dice = new Dice(seed);
      for (const level of LEVELS)
        for (const version of ['latest', dice.below(NEWEST + 1)] as const) {
          const held: LevelVersion = { level, version };
          const found = named(findingsOf(held, { metadata, spec }).map(({ reason }) => reason));
          const wanted = named(violations(level, version === 'latest' ? NEWEST : version, pod));
          if (!isDeepStrictEqual(found, wanted))
            assert.deepEqual(
              found,
              wanted,
              `seed ${seed}, ${level} ${version}, ${JSON.stringify(pod)}`,
            );
          count(`${level} ${found.length === 0 ? 'allowed' : 'refused'}`);
          for (const reason of found) count(reason);
        }
    }
  });

  it('are allowed and refused often enough, for every reason that there is', () => {
    const least = Object.entries(Object.fromEntries(seen)).filter(([, times]) => times < 50);
    assert.deepEqual(least, []);
    assert.deepEqual([...seen.keys()].toSorted(), [
      'allowPrivilegeEscalation != false',
      'baseline allowed',
      'baseline refused',
      'capabilities',
      'forbidden AppArmor profile',
      'forbidden sysctls',
      'host namespaces',
      'hostPort',
      'hostProcess',
      'privileged',
      'privileged allowed',
      'probe or lifecycle host',
      'procMount',
      'restricted allowed',
      'restricted refused',
      'runAsNonRoot != true',
      'runAsUser=0',
      'seLinuxOptions',
      'seccompProfile',
      'volumes',
    ]);
  });
});
