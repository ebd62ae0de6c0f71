import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { POD_SECURITY_DEFAULTS } from './options.ts';
import { exemptionWarning, isFullyPrivileged, MODES, type Policy, policyOf } from './policy.ts';
import { levelVersionText } from './version.ts';

const { defaults: OPEN } = POD_SECURITY_DEFAULTS;
const STRICT: Policy = {
  enforce: { level: 'baseline', version: 30 },
  audit: { level: 'restricted', version: 31 },
  warn: { level: 'baseline', version: 32 },
};

const labelled = (labels: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]),
  );

function read(labels: Record<string, string>, defaults: Policy): [string, string[]] {
  const { policy, errors } = policyOf(labelled(labels), defaults);
  return [
    MODES.map((mode) => levelVersionText(policy[mode])).join(' '),
    errors.map((error) => error.text()),
  ];
}

const at = (label: string): string => `metadata.labels[pod-security.kubernetes.io/${label}]`;

describe('the policy of a namespace', () => {
  const latest = 'privileged:latest';
  const rows: [
    labels: Record<string, string>,
    defaults: Policy,
    policy: string,
    errors?: string[],
  ][] = [
    [{}, OPEN, `${latest} ${latest} ${latest}`],
    [{}, STRICT, 'baseline:v1.30 restricted:v1.31 baseline:v1.32'],
    [{ audit: 'baseline' }, OPEN, `${latest} baseline:latest ${latest}`],
    // Who enforces and says nothing of warnings is warned of the same.
    [
      { enforce: 'restricted', 'enforce-version': 'v1.20' },
      OPEN,
      `restricted:v1.20 ${latest} restricted:v1.20`,
    ],
    [
      { enforce: 'baseline', 'warn-version': 'v1.9' },
      OPEN,
      `baseline:latest ${latest} baseline:v1.9`,
    ],
    [{ enforce: 'baseline', warn: 'privileged' }, OPEN, `baseline:latest ${latest} ${latest}`],
    [{ enforce: 'privileged' }, STRICT, 'privileged:v1.30 restricted:v1.31 baseline:v1.32'],
    [{ 'enforce-version': 'v1.0' }, STRICT, 'baseline:v1.0 restricted:v1.31 baseline:v1.32'],
    [
      { enforce: 'strict' },
      OPEN,
      `restricted:latest ${latest} ${latest}`,
      [
        `${at('enforce')}: Invalid value: "strict": must be one of privileged, baseline, restricted`,
      ],
    ],
    [
      { audit: 'x', 'audit-version': 'v2', warn: '', 'warn-version': 'v1.01' },
      STRICT,
      'baseline:v1.30 privileged:latest privileged:latest',
      [
        `${at('audit')}: Invalid value: "x": must be one of privileged, baseline, restricted`,
        `${at('audit-version')}: Invalid value: "v2": must be "latest" or "v1.x"`,
        `${at('warn')}: Invalid value: "": must be one of privileged, baseline, restricted`,
        `${at('warn-version')}: Invalid value: "v1.01": must be "latest" or "v1.x"`,
      ],
    ],
    [
      { enforce: 'baseline', 'enforce-version': '1.9' },
      STRICT,
      'baseline:latest restricted:v1.31 baseline:v1.32',
      [`${at('enforce-version')}: Invalid value: "1.9": must be "latest" or "v1.x"`],
    ],
  ];
  for (const [labels, defaults, policy, errors = []] of rows)
    it(`${JSON.stringify(labels)} is ${policy}`, () =>
      assert.deepEqual(read(labels, defaults), [policy, errors]));

  it('is open only where all of its modes are', () => {
    assert.equal(isFullyPrivileged(OPEN), true);
    for (const mode of MODES)
      assert.equal(isFullyPrivileged({ ...OPEN, [mode]: STRICT.enforce }), false, mode);
  });
});

describe('labels of an exempt namespace', () => {
  const warned = (labels: Record<string, string>, defaults = OPEN): string | undefined => {
    const all = labelled(labels);
    return exemptionWarning('n', all, policyOf(all, defaults).policy, defaults);
  };
  it('are warned of, those that ask for something', () => {
    const head = 'namespace "n" is exempt from Pod Security, and the policy';
    assert.equal(
      warned({ enforce: 'baseline', 'audit-version': 'v1.1', warn: 'restricted' }),
      `${head} (enforce=baseline:latest, warn=restricted:latest) will be ignored`,
    );
    assert.equal(
      warned({ 'audit-version': 'v1.1' }, STRICT),
      `${head} (audit=restricted:v1.1) will be ignored`,
    );
  });
  it('are not, where they ask for nothing, or for what is so without them', () => {
    assert.equal(warned({ enforce: 'privileged', 'enforce-version': 'v1.3' }), undefined);
    assert.equal(warned({ enforce: 'baseline' }, STRICT), undefined);
    assert.equal(warned({}), undefined);
  });
});
