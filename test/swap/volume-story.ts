/** What must come true of volumes whichever of the components are ours, with a simulated driver. */
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import { EVENT } from '#api/core/event.ts';
import { NODE } from '#api/core/node.ts';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import { isPodReady } from '#api/core/pod-helpers.ts';
import { attachmentName, uniqueVolumeName } from '#api/storage/attachment-names.ts';
import { VOLUME_ATTACHMENT } from '#api/storage/volume-attachment.ts';
import { realEnvironment } from '#edge/environment.ts';
import { DRIVER } from '../kit/csi/backend.ts';
import { SimulatedCsiDriver } from '../kit/csi/driver.ts';
import type { Story, World } from './stories.ts';

const LABELS = { app: 'db' };
const CLAIM = 'data-db-0';

export const VOLUME_STORY: Story = {
  name: 'a volume is made, attached, refused to a second node, moved, enlarged and deleted',
  async tell(world) {
    const csi = new SimulatedCsiDriver();
    await csi.install(world.client);
    csi.start(realEnvironment({ logLevel: 'error' }), () => world.client);
    try {
      const { name, node } = await comes(world);
      const other = await moves(world, name, node);
      await growsAndGoes(world, csi, { name, node: other });
    } finally {
      await csi.stop();
    }
  },
};

interface Placed {
  readonly name: string;
  readonly node: string;
}

/** The Pod of a StatefulSet starts when its volume is attached. */
async function comes(world: World): Promise<Placed> {
  const { client, namespace, until } = world;
  await client.create(STATEFUL_SET, {
    metadata: { name: 'db', namespace },
    spec: {
      replicas: 1,
      serviceName: 'db',
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: LABELS },
        spec: { containers: [{ name: 'a', image: 'v1' }], terminationGracePeriodSeconds: 1 },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: {
            accessModes: ['ReadWriteOnce'],
            storageClassName: 'late',
            resources: { requests: { storage: '1Gi' } },
          },
        },
      ],
    },
  });
  await until('a ready Pod', () => isReady(world, 'db-0'));
  const { spec } = await client.get(POD, 'db-0', namespace);
  const claim = await client.get(PERSISTENT_VOLUME_CLAIM, CLAIM, namespace);
  const placed = { name: claim.spec?.volumeName ?? '', node: spec?.nodeName ?? '' };
  await until('the end of its attachment', () => isAttached(world, placed));
  await isTold(world, 'db-0', `AttachVolume.Attach succeeded for volume "${placed.name}" `);
  return placed;
}

/** Another node gets it when the first one does not use it any more. */
async function moves(world: World, name: string, node: string): Promise<string> {
  const { client, namespace, until } = world;
  const hostname = { key: 'kubernetes.io/hostname', operator: 'NotIn' as const, values: [node] };
  const nodeSelectorTerms = [{ matchExpressions: [hostname] }];
  await client.create(POD, {
    metadata: { name: 'second', namespace },
    spec: {
      affinity: {
        nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
      },
      containers: [{ name: 'a', image: 'v1' }],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: CLAIM } }],
    },
  });
  const used = 'Volume is already used by pod(s) db-0';
  await isTold(world, 'second', `Multi-Attach error for volume "${name}" ${used}`);
  await client.patch(STATEFUL_SET, { name: 'db', namespace }, 'merge', { spec: { replicas: 0 } });
  await until('the second Pod', () => isReady(world, 'second'));
  const { spec } = await client.get(POD, 'second', namespace);
  const other = spec?.nodeName ?? '';
  await until('the attachment to its node', () => isAttached(world, { name, node: other }));
  await until('the first node without it', async () => {
    const { status } = await client.get(NODE, node);
    return (status?.volumesAttached ?? []).length === 0;
  });
  return other;
}

async function growsAndGoes(world: World, csi: SimulatedCsiDriver, placed: Placed): Promise<void> {
  const { client, namespace, until } = world;
  const target = { name: CLAIM, namespace };
  const spec = { resources: { requests: { storage: '2Gi' } } };
  await client.patch(PERSISTENT_VOLUME_CLAIM, target, 'merge', { spec });
  await until('a larger claim', async () => {
    const { status } = await client.get(PERSISTENT_VOLUME_CLAIM, CLAIM, namespace);
    return status?.capacity?.['storage'] === '2Gi';
  });
  await client.delete(PERSISTENT_VOLUME_CLAIM, target);
  await client.delete(POD, { name: 'second', namespace });
  await until('nothing left', async () => {
    const volumes = await client.list(PERSISTENT_VOLUME);
    const attachments = await client.list(VOLUME_ATTACHMENT);
    const { status } = await client.get(NODE, placed.node);
    const counts = [volumes.items, attachments.items, status?.volumesAttached ?? []];
    return counts.every(({ length }) => length === 0) && csi.backend.volumes.size === 0;
  });
}

async function isReady({ client, namespace }: World, name: string): Promise<boolean> {
  const { items } = await client.list(POD, { namespace });
  return items.some((pod) => pod.metadata?.name === name && isPodReady(pod));
}

/** By one VolumeAttachment, and the node knows. */
async function isAttached({ client }: World, { name, node }: Placed): Promise<boolean> {
  const volume = { driver: DRIVER, volumeHandle: name };
  const { items } = await client.list(VOLUME_ATTACHMENT);
  const { status } = await client.get(NODE, node);
  const [only, ...others] = items;
  return (
    others.length === 0 &&
    only?.metadata?.name === attachmentName(volume, node) &&
    only.status?.attached === true &&
    (status?.volumesAttached ?? []).some((each) => each.name === uniqueVolumeName(volume))
  );
}

function isTold({ client, namespace, until }: World, pod: string, text: string): Promise<void> {
  return until(`"${text}"`, async () => {
    const { items } = await client.list(EVENT, { namespace });
    return items.some(
      ({ involvedObject, message }) => involvedObject.name === pod && message === text,
    );
  });
}
