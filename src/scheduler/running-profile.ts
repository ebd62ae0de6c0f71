/** A profile at work: its plug-ins with those that need the scheduler itself, and what it says. */
import type { Pod } from '#api/gen/core-v1.ts';
import type { EventRecorder } from '#client/events.ts';
import type { EventResource } from './cluster-events.ts';
import { EXTENDER } from './extended-cycle.ts';
import type { Plugin } from './framework.ts';
import { defaultPreemption } from './plugins/default-preemption.ts';
import { PodReports } from './pod-reports.ts';
import type { Writer } from './pod-writes.ts';
import { Preemptor, type PreemptorOptions } from './preemptor.ts';
import type { Profile } from './profile.ts';

const DEFAULT_SCHEDULER_NAME = 'default-scheduler';

const RESOURCES: readonly Exclude<EventResource, '*'>[] = [
  'Pod',
  'Node',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'StorageClass',
  'CSINode',
  'CSIDriver',
  'CSIStorageCapacity',
  'VolumeAttachment',
  'ResourceClaim',
  'ResourceSlice',
  'DeviceClass',
  'PodGroup',
];

/** Nobody knows what helps a pod that an extender refused: anything may. */
const EXTENDER_HINTS: Plugin = {
  name: EXTENDER,
  hints: RESOURCES.map((resource) => ({
    resource,
    actions: ['Add', 'Delete', 'Update'],
    // But for what the scheduler itself says of the pod.
    helps: ({ uid }, { action, after }) => action !== 'Update' || after?.metadata?.uid !== uid,
  })),
};

export interface RunningProfileOptions extends Writer {
  readonly events: EventRecorder;
  readonly isGoing: PreemptorOptions['isGoing'];
  readonly hasExtenders: boolean;
}

export class RunningProfile {
  readonly profile: Profile;
  readonly plugins: readonly Plugin[];
  readonly reports: PodReports;
  readonly preemptor: Preemptor;
  /** Whether no plug-in scores nodes. */
  readonly oneIsEnough: boolean;

  constructor(profile: Profile, options: RunningProfileOptions) {
    const { schedulerName, waitsForPreemption } = profile;
    this.profile = profile;
    this.reports = new PodReports(options);
    this.preemptor = new Preemptor({ ...options, schedulerName });
    this.plugins = [
      ...profile.plugins,
      ...(waitsForPreemption ? [defaultPreemption((pod) => this.preemptor.isPreempting(pod))] : []),
      ...(options.hasExtenders ? [EXTENDER_HINTS] : []),
    ];
    this.oneIsEnough = profile.plugins.every((plugin) => plugin.preScore === undefined);
  }
}

export function schedulerNameOf({ spec }: Pod): string {
  return spec?.schedulerName ?? DEFAULT_SCHEDULER_NAME;
}
