/** What the flags of `cox controller-manager` mean for the controllers. Throws UserError. */
import type { FeatureGates } from '#api/features/feature-gates.ts';
import type { ControllerOptions } from '#controllers/index.ts';
import type { NodeIpamOptions } from '#controllers/node-ipam.ts';
import type { AttachDetachOptions } from '#controllers/persistentvolume-attach-detach.ts';
import type { VolumeBinderOptions } from '#controllers/persistentvolume-binder.ts';
import { parsePools, type Pool, PoolError } from '#load-balancer/pools.ts';
import { featureGatesOf } from '../feature-gates.ts';
import { UserError } from '../user-error.ts';
import { CONCURRENCY, type Flags } from './flags.ts';

/** Throws UserError that names the flag. */
export function gatesOf(flags: Flags): FeatureGates {
  return featureGatesOf(flags.text('feature-gates'), 'kube-controller-manager');
}

export function controllerOptions(flags: Flags): ControllerOptions {
  const rootCa = flags.file('root-ca-file');
  const nodeIpam = nodeIpamOf(flags);
  const serviceAccountKey = flags.file('service-account-private-key-file');
  const signingCa = signingCaOf(flags);
  const gates = gatesOf(flags);
  return {
    ...(rootCa === undefined ? {} : { rootCa }),
    ...(nodeIpam === undefined ? {} : { nodeIpam }),
    ...(serviceAccountKey === undefined ? {} : { serviceAccountKey }),
    ...(signingCa === undefined ? {} : { signingCa }),
    gates,
    maxUnavailableStatefulSet: gates.enabled('MaxUnavailableStatefulSet'),
    unusedTokensMs: flags.milliseconds('legacy-service-account-token-clean-up-period'),
    quotaResyncMs: flags.milliseconds('resource-quota-sync-period'),
    terminatedPodsMax: flags.number('terminated-pod-gc-threshold'),
    volumeBinder: volumeBinderOf(flags),
    attachDetach: attachDetachOf(flags),
  };
}

/** What is there for load balancers; empty: nothing, and Services wait for somebody else. */
export function poolsOf(flags: Flags): Pool[] {
  try {
    return parsePools(flags.text('load-balancer-pools').split(' ').filter(Boolean));
  } catch (error) {
    if (!(error instanceof PoolError)) throw error;
    throw new UserError(`Cannot use --load-balancer-pools: ${error.message}`);
  }
}

function volumeBinderOf(flags: Flags): VolumeBinderOptions {
  return {
    syncMs: flags.milliseconds('pvclaimbinder-sync-period'),
    provisions: flags.isOn('enable-dynamic-provisioning'),
    recyclerTimeouts: {
      hostPath: {
        minimumSeconds: flags.number('pv-recycler-minimum-timeout-hostpath'),
        secondsPerGibibyte: flags.number('pv-recycler-timeout-increment-hostpath'),
      },
      nfs: {
        minimumSeconds: flags.number('pv-recycler-minimum-timeout-nfs'),
        secondsPerGibibyte: flags.number('pv-recycler-increment-timeout-nfs'),
      },
    },
  };
}

function attachDetachOf(flags: Flags): AttachDetachOptions {
  const checkMs = flags.milliseconds('attach-detach-reconcile-sync-period');
  if (checkMs < 1000)
    throw new UserError(
      'duration time must be greater than one second as set via command line option reconcile-sync-loop-period',
    );
  return {
    checkMs: flags.isOn('disable-attach-detach-reconcile-sync') ? 0 : checkMs,
    neverForces: flags.isOn('disable-force-detach-on-timeout'),
  };
}

/** Nothing is signed unless both files are named, as upstream. */
function signingCaOf(flags: Flags): ControllerOptions['signingCa'] {
  const certificate = flags.file('cluster-signing-cert-file');
  const key = flags.file('cluster-signing-key-file');
  if (certificate === undefined || key === undefined) return undefined;
  return { certificate, key, durationMs: flags.milliseconds('cluster-signing-duration') };
}

function nodeIpamOf(flags: Flags): NodeIpamOptions | undefined {
  if (!flags.isOn('allocate-node-cidrs')) return undefined;
  const clusterCidrs = flags.list('cluster-cidr');
  if (clusterCidrs.length === 0)
    throw new UserError('--cluster-cidr is a required flag with --allocate-node-cidrs');
  const both = flags.number('node-cidr-mask-size');
  const nodeBitsV4 = flags.number('node-cidr-mask-size-ipv4') || both;
  const nodeBitsV6 = flags.number('node-cidr-mask-size-ipv6') || both;
  return {
    clusterCidrs,
    serviceCidrs: flags.list('service-cluster-ip-range'),
    ...(nodeBitsV4 === 0 ? {} : { nodeBitsV4 }),
    ...(nodeBitsV6 === 0 ? {} : { nodeBitsV6 }),
  };
}

/** How much each controller does at a time, by its own name. */
export function concurrenciesOf(flags: Flags): ReadonlyMap<string, number> {
  return new Map(
    CONCURRENCY.map(([controller, flag]) => {
      const count = flags.number(flag);
      if (count < 1) throw new UserError(`--${flag} must be greater than 0`);
      return [controller, count];
    }),
  );
}
