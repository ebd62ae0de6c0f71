/** What takes many objects with it: a namespace, and the owner of many dependents. */
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { NAMESPACE as NAMESPACE_KIND } from '#api/core/namespace.ts';
import type { ConfigMap } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { RestClient } from '#client/rest.ts';
import { targetOf } from '../api/subject.ts';
import { readCluster } from '../cluster.ts';
import { jsonRequest, Requests } from '../requests.ts';
import { alternate, type Bench, type Measurement, rowOf } from '../rounds.ts';
import { during, type Started, type Subject } from '../subject.ts';
import type { Row } from '../table.ts';
import { sleep, untilSeen, untilTrue } from '../wait.ts';

const OBJECTS = 10_000;
const CONNECTIONS = 16;
const TIMEOUT_MS = 420_000;
const LOOK_MS = 20;
/** So that the garbage collector has seen the objects; nothing tells that. */
const SETTLE_MS = 3_000;
const DOOMED = 'doomed';
const OWNER = 'owner';

export const NAMESPACE_DELETION: Measurement = {
  name: 'namespace with 10,000 objects deleted',
  run: (bench) => run(bench, `namespace with ${OBJECTS} objects deleted`, deleteNamespace),
};

export const GARBAGE_COLLECTION: Measurement = {
  name: 'garbage collection of 10,000 dependents',
  run: (bench) => run(bench, `garbage collection of ${OBJECTS} dependents`, deleteOwner),
};

type Deletion = (running: Started) => Promise<number>;

async function run(bench: Bench, what: string, deletion: Deletion): Promise<Row[]> {
  const { scope } = bench;
  const results = await alternate<number>(bench, {
    name: what,
    coxswain: bench.coxswain,
    upstream: bench.upstream?.subject,
    once: async (subject: Subject) =>
      during(await subject.start({ scope, directory: scope.temporaryDirectory() }), deletion),
  });
  return [rowOf(results, { what, unit: 'ms', value: (ms) => ms })];
}

/** Half of them ConfigMaps, half Secrets. */
async function deleteNamespace({ client, directory }: Started): Promise<number> {
  await client.create(NAMESPACE_KIND, { metadata: { name: DOOMED } });
  const path = `/api/v1/namespaces/${DOOMED}`;
  const data = { key: 'dmFsdWU=' };
  await write(directory, (index) =>
    index % 2 === 0
      ? jsonRequest('POST', `${path}/configmaps`, { metadata: { name: `bench-${index}` }, data })
      : jsonRequest('POST', `${path}/secrets`, { metadata: { name: `bench-${index}` }, data }),
  );
  await sleep(SETTLE_MS);
  const gone = untilSeen(
    client,
    { type: NAMESPACE_KIND, fieldSelector: `metadata.name=${DOOMED}` },
    { timeoutMs: TIMEOUT_MS, what: 'a namespace to be gone' },
    ({ type }) => type === 'DELETED',
  );
  const beganMs = performance.now();
  await client.delete(NAMESPACE_KIND, { name: DOOMED });
  return (await gone) - beganMs;
}

async function deleteOwner({ client, directory }: Started): Promise<number> {
  await client.create(NAMESPACE_KIND, { metadata: { name: DOOMED } });
  const metadata = { name: OWNER, namespace: DOOMED };
  const owner = await client.create<ConfigMap>(CONFIG_MAP, { metadata });
  await write(directory, (index) =>
    jsonRequest('POST', `/api/v1/namespaces/${DOOMED}/configmaps`, dependentOf(owner, index)),
  );
  await sleep(SETTLE_MS);
  const beganMs = performance.now();
  await client.delete(CONFIG_MAP, metadata, { propagationPolicy: 'Background' });
  await untilTrue(() => areGone(client), {
    timeoutMs: TIMEOUT_MS,
    everyMs: LOOK_MS,
    what: 'dependents to be gone',
  });
  return performance.now() - beganMs;
}

function dependentOf(owner: KubeObject, index: number): ConfigMap {
  const { name = '', uid = '' } = owner.metadata ?? {};
  return {
    metadata: {
      name: `dependent-${index}`,
      labels: { dependent: 'true' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid }],
    },
  };
}

async function areGone(client: RestClient): Promise<boolean> {
  const selection = { namespace: DOOMED, labelSelector: 'dependent=true', limit: 1 };
  const { items } = await client.list(CONFIG_MAP, selection);
  return items.length === 0;
}

async function write(directory: string, requestOf: (index: number) => Buffer): Promise<void> {
  const requests = await Requests.open(targetOf(readCluster(directory)), CONNECTIONS);
  try {
    await requests.send(OBJECTS, requestOf);
  } finally {
    requests.close();
  }
}
