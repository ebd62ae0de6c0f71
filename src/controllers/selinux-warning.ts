/**
 * SELinux warning: tells Pods that mount one volume with different SELinux labels, or one with a
 * label and another without, that only one of them would get it where they meet on a node. It
 * changes nothing. It looks at all Pods, wherever they run, or do not.
 *
 * Upstream: pkg/controller/volume/selinuxwarning, v1.36; KEP-1710.
 */
import { isPodTerminal } from '#api/core/pod-helpers.ts';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { claimsOf } from '#api/core/pod-claims.ts';
import { POD } from '#api/core/pod.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import type { CSIDriver } from '#api/gen/storage-v1.ts';
import { CSI_DRIVER } from '#api/storage/csi-driver.ts';
import { alpha } from '#base/metrics.ts';
import { type Change, type Informer, keyFor, keyOf, splitKey } from '#client/informer.ts';
import { type Controller, defineKeyController, type Setup } from '#reconcile/controller.ts';
import { mountLabels } from './selinux-warning/labels.ts';
import { type Conflict, Mounts } from './selinux-warning/mounts.ts';
import { labelledVolume, type VolumeLookups } from './selinux-warning/volumes.ts';

const BY_CLAIM = 'pod-claim';
const MOUNT_OPTION = 'MountOption';
const RECURSIVE = 'Recursive';

const CONFLICT = alpha(
  'selinux_warning_controller_selinux_volume_conflict',
  'Two Pods that mount one volume in different ways.',
  'property',
  'pod1_namespace',
  'pod1_name',
  'pod1_value',
  'pod2_namespace',
  'pod2_name',
  'pod2_value',
);

export const selinuxWarningController: Controller = defineKeyController({
  // As which it reports.
  name: 'selinux_warning',
  identity: 'selinux-warning-controller',
  queue: 'selinux_warning',
  concurrency: 1,
  create: (setup) => new Warnings(setup).reconcile,
});

class Warnings {
  readonly #setup: Setup;
  readonly #pods: Informer<Pod>;
  readonly #lookups: VolumeLookups;
  readonly #mounts = new Mounts();

  constructor(setup: Setup) {
    this.#setup = setup;
    this.#pods = setup.watch(POD, ({ type, key, object, previous }) => {
      const isNews = type !== 'modified' || isPodTerminal(object);
      // Another one may have got the name.
      return isNews || previous?.metadata?.uid !== object.metadata?.uid ? [key] : [];
    });
    this.#pods.index(BY_CLAIM, (pod) => claimsOf(pod).map(({ key }) => key));
    const claims = setup.watch<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIM, ({ key, object }) =>
      (object.spec?.volumeName ?? '') === '' ? [] : this.#podsOf(key),
    );
    const volumes = setup.watch(PERSISTENT_VOLUME, (change) => this.#podsOfVolume(change));
    const drivers = setup.watch<CSIDriver>(CSI_DRIVER, ({ key }) => this.#mounts.podsOf(key));
    this.#lookups = {
      claim: (key) => claims.get(key),
      volume: (name) => volumes.get(name),
      driver: (name) => drivers.get(name),
    };
    setup.metrics.observed(CONFLICT, () => this.#shown());
  }

  readonly reconcile = async (key: string): Promise<void> => {
    const pod = this.#pods.get(key);
    if (pod === undefined || isPodTerminal(pod)) this.#mounts.delete(key);
    else this.#look(key, pod);
  };

  #look(key: string, pod: Pod): void {
    const labels = mountLabels(pod);
    for (const volume of pod.spec?.volumes ?? []) {
      const found = labels.get(volume.name);
      const known = found && labelledVolume(pod, volume, this.#lookups);
      if (found === undefined || known === undefined) continue;
      const [label = '', another] = found;
      if (another !== undefined) {
        const message = `Volume ${JSON.stringify(volume.name)} is mounted twice with different SELinux labels inside this pod`;
        const reason = 'MultipleSELinuxLabels';
        this.#setup.events.event({ about: pod, type: 'Warning', reason, message });
        continue;
      }
      const policy = pod.spec?.securityContext?.seLinuxChangePolicy ?? MOUNT_OPTION;
      const isLabelled = known.takesLabel && policy !== RECURSIVE && label !== '';
      const mount = isLabelled ? { label, policy } : { label: '', policy: RECURSIVE };
      this.#tell(this.#mounts.set(key, known, mount));
    }
  }

  #tell(conflicts: readonly Conflict[]): void {
    for (const conflict of conflicts) {
      const about = this.#pods.get(conflict.pod);
      // Who is gone is in nobody's way.
      if (about === undefined) return;
      const reason = `${conflict.property}Conflict`;
      this.#setup.events.event({ about, type: 'Normal', reason, message: messageOf(conflict) });
    }
  }

  #podsOf(claim: string): string[] {
    return this.#pods.byIndex(BY_CLAIM, claim).map(keyOf);
  }

  #podsOfVolume({ object }: Change<PersistentVolume>): string[] {
    const { namespace, name = '', uid = '' } = object.spec?.claimRef ?? {};
    return uid === '' ? [] : this.#podsOf(keyFor(name, namespace));
  }

  *#shown(): Generator<readonly [readonly string[], number]> {
    for (const { property, pod, value, other, otherValue } of this.#mounts.conflicts()) {
      const [one, two] = [splitKey(pod), splitKey(other)];
      const ours = [one.namespace ?? '', one.name, value];
      yield [[property, ...ours, two.namespace ?? '', two.name, otherValue], 1];
    }
  }
}

/** Of a Pod in another namespace nothing is told. */
function messageOf({ property, pod, value, other, otherValue }: Conflict): string {
  const end = 'If both pods land on the same node, only one of them may access the volume.';
  const [one, two] = [splitKey(pod), splitKey(other)];
  return one.namespace === two.namespace
    ? `${property} "${value}" conflicts with pod ${two.name} that uses the same volume as this pod with ${property} "${otherValue}". ${end}`
    : `${property}"${value}" conflicts with another pod that uses the same volume as this pod with a different ${property}. ${end}`;
}
