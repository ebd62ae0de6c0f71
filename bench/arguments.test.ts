/** The command line of a bench, and what it refuses. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { choose, parseArguments } from './arguments.ts';

const MEASUREMENTS = [{ name: 'cold start' }, { name: 'restart with 10,000 pods' }];

describe('arguments', () => {
  it('five rounds of everything, compared with nothing, unless said otherwise', () => {
    assert.deepEqual(parseArguments(['start']), {
      name: 'start',
      rounds: 5,
      against: undefined,
      againstKubeconfig: undefined,
      pods: 100_000,
      scale: 1,
      only: [],
    });
  });

  it('flags come before or behind the name', () => {
    assert.deepEqual(
      parseArguments(['--rounds', '2', 'start', '--against', '/opt/x', '--only', 'Cold start']),
      {
        name: 'start',
        rounds: 2,
        against: '/opt/x',
        againstKubeconfig: undefined,
        pods: 100_000,
        scale: 1,
        only: ['cold', 'start'],
      },
    );
  });

  for (const [words, problem] of [
    [[], /^Name one bench: npm run bench/],
    [['start', 'stop'], /^Name one bench/],
    [['start', '--round', '2'], /^Unknown option '--round': npm run bench/],
    [['start', '--rounds', '0'], /^Cannot run 0 rounds: give a number/],
    [['start', '--rounds', '1.5'], /^Cannot run 1\.5 rounds/],
    [['api', '--pods', '0'], /^Cannot write 0 pods: give a number/],
    [['scheduling', '--scale', '1.5'], /^Cannot scale by 1\.5: give a number above 0, at most 1/],
    [['scheduling', '--scale', '0'], /^Cannot scale by 0/],
    [['api', '--against', 'x', '--against-kubeconfig', 'y'], /^Compare with one thing/],
  ] as const) {
    it(`"${words.join(' ')}" is refused with what to do`, () => {
      assert.throws(() => parseArguments(words), { message: problem });
    });
  }

  it('a measurement is chosen when its name has all the words', () => {
    assert.deepEqual(choose(MEASUREMENTS, ['start']), MEASUREMENTS);
    assert.deepEqual(choose(MEASUREMENTS, ['cold', 'start']), [{ name: 'cold start' }]);
    assert.deepEqual(choose([{ name: 'a CRI client' }], ['cri']), [{ name: 'a CRI client' }]);
  });

  it('words that no measurement has are refused with the names there are', () => {
    assert.throws(() => choose(MEASUREMENTS, ['pods', 'cold']), {
      message: /"pods cold": there are cold start, restart with 10,000 pods$/,
    });
  });
});
