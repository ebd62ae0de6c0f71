/** What the flags of the controller manager choose. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CONTROLLERS } from '#controllers/index.ts';
import { RECYCLER_TIMEOUTS } from '#controllers/persistentvolume-binder/recycle.ts';
import { SIGNING_KEY } from '#kit/cluster.ts';
import { parseFlags } from '../flags.ts';
import { UserError } from '../user-error.ts';
import { CONCURRENCY, CONTROLLER_MANAGER } from './flags.ts';
import { concurrenciesOf, controllerOptions } from './options.ts';
import { chosenControllers } from './selection.ts';

const flagsOf = (...args: string[]) => parseFlags(CONTROLLER_MANAGER, args);

describe('--controllers', () => {
  const names = (...words: string[]): string[] => chosenControllers(words).map(({ name }) => name);
  const all = CONTROLLERS.filter(({ isOffByDefault }) => isOffByDefault !== true).map(
    ({ name }) => name,
  );

  it('takes all with a star, less what is taken away, by any of its names', () => {
    assert.deepEqual(names('*'), all);
    assert.deepEqual(
      names('*', '-podgc', '-deployment-controller'),
      all.filter((name) => !/^(?:pod-garbage|deployment)/.test(name)),
    );
  });
  it('takes what is off by default only when it is named', () => {
    assert.equal(all.includes('token-cleaner-controller'), false);
    assert.deepEqual(names('bootstrapsigner', 'tokencleaner'), [
      'bootstrap-signer-controller',
      'token-cleaner-controller',
    ]);
  });
  it('takes what is named without one', () => {
    assert.deepEqual(names('ttl', 'namespace-controller'), [
      'ttl-controller',
      'namespace-controller',
    ]);
    assert.deepEqual(names('-ttl'), []);
  });
  it('refuses what is no controller', () => {
    assert.throws(() => names('*', '-nothing'), {
      message: '"nothing" is not in the list of known controllers',
    });
  });
});

describe('flags of the controller manager', () => {
  it('say how much is done at a time', () => {
    const flags = flagsOf('--concurrent-deployment-syncs=7');
    const concurrencies = concurrenciesOf(flags);
    assert.equal(concurrencies.get('deployment-controller'), 7);
    assert.equal(concurrencies.get('namespace-controller'), 10);
    assert.throws(() => concurrenciesOf(flagsOf('--concurrent-gc-syncs=0')), UserError);
  });
  it('name controllers that there are', () => {
    const known = new Set(
      CONTROLLERS.flatMap(({ make }) => make({ serviceAccountKey: SIGNING_KEY })).map(
        (controller) => controller.name,
      ),
    );
    for (const [controller] of CONCURRENCY) assert.ok(known.has(controller), controller);
  });
  it('open gates, and refuse those that there are not', () => {
    assert.equal(controllerOptions(flagsOf()).maxUnavailableStatefulSet, false);
    const flags = flagsOf('--feature-gates=MaxUnavailableStatefulSet=true');
    assert.equal(controllerOptions(flags).maxUnavailableStatefulSet, true);
    assert.throws(() => controllerOptions(flagsOf('--feature-gates=Nothing=true')), UserError);
  });
  it('give nodes ranges when told to', () => {
    assert.equal(controllerOptions(flagsOf()).nodeIpam, undefined);
    const given = flagsOf(
      '--allocate-node-cidrs',
      '--cluster-cidr=10.1.0.0/16,fd00::/48',
      '--service-cluster-ip-range=10.1.4.0/24',
      '--node-cidr-mask-size-ipv4=26',
    );
    assert.deepEqual(controllerOptions(given).nodeIpam, {
      clusterCidrs: ['10.1.0.0/16', 'fd00::/48'],
      serviceCidrs: ['10.1.4.0/24'],
      nodeBitsV4: 26,
    });
    assert.throws(() => controllerOptions(flagsOf('--allocate-node-cidrs')), UserError);
  });
  it('say who signs, and for how long', () => {
    assert.equal(controllerOptions(flagsOf()).signingCa, undefined);
    const [certificate, key] = ['flags.ts', 'options.ts'].map(
      (name) => new URL(name, import.meta.url).pathname,
    );
    const given = flagsOf(
      `--cluster-signing-cert-file=${certificate}`,
      `--cluster-signing-key-file=${key}`,
      `--service-account-private-key-file=${key}`,
      '--cluster-signing-duration=24h',
      '--legacy-service-account-token-clean-up-period=48h',
      '--resource-quota-sync-period=1m',
    );
    const { signingCa, serviceAccountKey, unusedTokensMs, quotaResyncMs } =
      controllerOptions(given);
    assert.match(signingCa?.certificate ?? '', /The flags of/);
    assert.match(signingCa?.key ?? '', /What the flags/);
    assert.equal(signingCa?.durationMs, 86_400_000);
    assert.equal(serviceAccountKey, signingCa?.key);
    assert.equal(unusedTokensMs, 172_800_000);
    assert.equal(quotaResyncMs, 60_000);
  });
  it('say how claims and volumes are seen to', () => {
    const { volumeBinder, attachDetach } = controllerOptions(flagsOf());
    assert.deepEqual(attachDetach, { checkMs: 60_000, neverForces: false });
    assert.deepEqual(volumeBinder, {
      syncMs: 15_000,
      provisions: true,
      recyclerTimeouts: RECYCLER_TIMEOUTS,
    });
    const given = controllerOptions(
      flagsOf(
        '--pvclaimbinder-sync-period=5s',
        '--enable-dynamic-provisioning=false',
        '--pv-recycler-minimum-timeout-hostpath=1',
        '--pv-recycler-timeout-increment-hostpath=2',
        '--pv-recycler-minimum-timeout-nfs=3',
        '--pv-recycler-increment-timeout-nfs=4',
        '--attach-detach-reconcile-sync-period=2m',
        '--disable-force-detach-on-timeout',
      ),
    );
    assert.deepEqual(given.volumeBinder, {
      syncMs: 5000,
      provisions: false,
      recyclerTimeouts: {
        hostPath: { minimumSeconds: 1, secondsPerGibibyte: 2 },
        nfs: { minimumSeconds: 3, secondsPerGibibyte: 4 },
      },
    });
    assert.deepEqual(given.attachDetach, { checkMs: 120_000, neverForces: true });
    const unchecked = controllerOptions(flagsOf('--disable-attach-detach-reconcile-sync'));
    assert.equal(unchecked.attachDetach?.checkMs, 0);
    assert.throws(
      () => controllerOptions(flagsOf('--attach-detach-reconcile-sync-period=500ms')),
      UserError,
    );
  });
  it('that upstream has and we have not are refused by name', () => {
    assert.throws(() => flagsOf('--kube-api-qps=5'), {
      message:
        'Cannot use --kube-api-qps: kube-controller-manager has this flag, cox controller-manager does not have it yet.',
    });
  });
});
