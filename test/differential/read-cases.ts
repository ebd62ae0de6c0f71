/** Reads of stored objects: every list option, Tables, metadata alone, other encodings, deletes. */
import type { AnyKind } from '#api/kind.ts';
import { collectionUrl, kindLabel, objectUrl, resourceLabel } from './kind-urls.ts';
import type { Case, CaseRequest } from './model.ts';
import { nameOf, objectsOf } from './objects.ts';

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const PARTIAL = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
const PARTIAL_LIST = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
/** Marks our objects, so that lists show nothing else. */
export const MARK = 'differential';
const MINE = `labelSelector=${MARK}`;

const LISTS: readonly string[] = [
  MINE,
  `${MINE}&limit=1`,
  `${MINE}&limit=-1`,
  `${MINE}&limit=x`,
  `${MINE}&limit=1&resourceVersion=0`,
  `${MINE}&resourceVersion=0`,
  `${MINE}&resourceVersion=0&resourceVersionMatch=NotOlderThan`,
  `${MINE}&resourceVersion=0&resourceVersionMatch=Exact`,
  `${MINE}&resourceVersion=1&resourceVersionMatch=NotOlderThan`,
  `${MINE}&resourceVersionMatch=NotOlderThan`,
  `${MINE}&resourceVersionMatch=Exact`,
  `${MINE}&resourceVersion=1&resourceVersionMatch=Bad`,
  `${MINE}&resourceVersion=x`,
  `${MINE}&resourceVersion=-1`,
  `${MINE}&resourceVersion=999999999`,
  `${MINE}&continue=x`,
  `${MINE}&continue=x&resourceVersion=5`,
  `${MINE}&continue=x&resourceVersionMatch=Exact`,
  `${MINE}&timeoutSeconds=x`,
  `${MINE}&pretty=true`,
  `${MINE}&sendInitialEvents=true`,
  `${MINE}&watch=1&sendInitialEvents=true`,
  `${MINE}&watch=1&resourceVersionMatch=NotOlderThan`,
  `${MINE}&watch=1&resourceVersion=x`,
  `${MINE}&watch=1&sendInitialEvents=true&resourceVersionMatch=Exact`,
  `labelSelector=${MARK}%3Dyes`,
  `labelSelector=${MARK}!%3Dyes,${MARK}`,
  `labelSelector=${MARK}%20in%20(yes,no)`,
  `labelSelector=${MARK}%20notin%20(yes),${MARK}`,
  `labelSelector=!none,${MARK}`,
  'labelSelector=%3D',
  'labelSelector=a%20in',
  'labelSelector=a%3D%3D%3Db',
  'labelSelector=Bad%20Key',
  'labelSelector=a%3Da%20b',
  `labelSelector=${MARK}>1`,
  `${MINE}&fieldSelector=metadata.name%3Dfull`,
  `${MINE}&fieldSelector=metadata.name!%3Dfull`,
  `${MINE}&fieldSelector=metadata.namespace%3Dother`,
  `${MINE}&fieldSelector=spec.bad%3Dx`,
  `${MINE}&fieldSelector=metadata.labels%3Dx`,
  `${MINE}&fieldSelector=metadata.name`,
  `${MINE}&fieldSelector=a%3Db%3Dc`,
];

/** Field selectors that some kind has; the others must refuse them. */
const FIELDS = [
  'spec.nodeName',
  'status.phase',
  'spec.restartPolicy',
  'spec.schedulerName',
  'spec.serviceAccountName',
  'spec.hostNetwork',
  'status.podIP',
  'status.podIPs',
  'status.nominatedNodeName',
  'type',
  'reason',
  'involvedObject.kind',
  'involvedObject.name',
  'source',
  'reportingComponent',
  'regarding.kind',
  'status.replicas',
  'status.successful',
  'spec.unschedulable',
  'spec.clusterIP',
  'spec.type',
  'spec.signerName',
  'spec.name',
  'spec.driver',
  'spec.nodeName',
  'name',
  'spec.parentRef.resource',
  'spec.group',
  'spec.data',
  'spec.privileged',
];

export function readCases(kind: AnyKind): Case[] {
  if (!kind.verbs.includes('list')) return [];
  const ask = asker(kind);
  const collection = collectionUrl(kind);
  return [
    ...LISTS.map((query) => ask(`list ${query}`, get(`${collection}?${query}`))),
    ...[...new Set(FIELDS)].map((field) =>
      ask(`list by ${field}`, get(`${collection}?${MINE}&fieldSelector=${field}%3Dtrue`)),
    ),
    ...[...new Set(FIELDS)].map((field) =>
      ask(`list by ${field} not`, get(`${collection}?${MINE}&fieldSelector=${field}!%3Dtrue`)),
    ),
    ...objectsOf(kind).flatMap((object) => objectReads(kind, nameOf(object))),
    ...['None', 'Metadata', 'Object', 'Bad'].map((include) =>
      ask(
        `list as Table with ${include}`,
        get(`${collection}?${MINE}&includeObject=${include}`, TABLE),
      ),
    ),
    ask('list as Table', get(`${collection}?${MINE}`, TABLE)),
    ask('list of metadata', get(`${collection}?${MINE}`, PARTIAL_LIST)),
    ask('list as a kind of object', get(`${collection}?${MINE}`, PARTIAL)),
    ask('list as something else', get(`${collection}?${MINE}`, 'text/plain')),
    ask('list as YAML', get(`${collection}?${MINE}`, 'application/yaml')),
    ask('get what is not there', get(objectUrl(kind, 'not-there'))),
    ask('get what has a bad name', get(objectUrl(kind, 'Bad_Name'))),
    ask('delete what is not there', {
      method: 'DELETE',
      url: `${objectUrl(kind, 'not-there')}?dryRun=All`,
    }),
    ask('post to a name', { method: 'POST', url: objectUrl(kind, 'minimal'), body: {} }),
    ask('put to the collection', { method: 'PUT', url: collection, body: {} }),
    ask('patch of what is not there', {
      method: 'PATCH',
      url: `${objectUrl(kind, 'not-there')}?dryRun=All`,
      headers: { 'content-type': 'application/merge-patch+json' },
      body: {},
    }),
    ask('delete collection by a dry run', {
      method: 'DELETE',
      url: `${collection}?${MINE}&dryRun=All`,
    }),
    ask('delete collection by a bad selector', {
      method: 'DELETE',
      url: `${collection}?labelSelector=%3D&dryRun=All`,
    }),
  ];
}

function objectReads(kind: AnyKind, name: string): Case[] {
  const ask = asker(kind);
  const url = objectUrl(kind, name);
  const remove = (what: string, body: CaseRequest['body'], query = ''): Case =>
    ask(`delete ${name}: ${what}`, {
      method: 'DELETE',
      url: `${url}?dryRun=All${query}`,
      ...(body === undefined ? {} : { body }),
    });
  // With a body the query does not count.
  const options = { kind: 'DeleteOptions', apiVersion: 'v1', dryRun: ['All'] };
  return [
    ask(`get ${name}`, get(url)),
    ask(`get ${name} as Table`, get(url, TABLE)),
    ask(`get the metadata of ${name}`, get(url, PARTIAL)),
    ask(`get ${name} as YAML`, get(url, 'application/yaml')),
    ask(`get ${name} at 0`, get(`${url}?resourceVersion=0`)),
    ask(`get ${name} at a bad version`, get(`${url}?resourceVersion=x`)),
    ...(kind.hasStatus === true ? [ask(`get status of ${name}`, get(`${url}/status`))] : []),
    ...(kind.scale === undefined ? [] : [ask(`get scale of ${name}`, get(`${url}/scale`))]),
    ask(`get no subresource of ${name}`, get(`${url}/none`)),
    remove('plain', undefined),
    remove('a bad dry run', undefined, '&dryRun=Bad'),
    remove('foreground', { ...options, propagationPolicy: 'Foreground' }),
    remove('orphan', { ...options, propagationPolicy: 'Orphan' }),
    remove('background', { ...options, propagationPolicy: 'Background' }),
    remove('a bad policy', { ...options, propagationPolicy: 'Bad' }),
    remove('policy and orphanDependents', {
      ...options,
      propagationPolicy: 'Orphan',
      orphanDependents: true,
    }),
    remove('grace 5', { ...options, gracePeriodSeconds: 5 }),
    remove('grace -1', { ...options, gracePeriodSeconds: -1 }),
    remove('another uid', { ...options, preconditions: { uid: 'another' } }),
    remove('its uid', { ...options, preconditions: { uid: '$uid' } }),
    remove('another version', { ...options, preconditions: { resourceVersion: '1' } }),
    remove('its version', { ...options, preconditions: { resourceVersion: '$resourceVersion' } }),
    remove('options of another kind', { ...options, kind: 'Other' }),
    remove('no JSON', '{'),
    remove('a bad dryRun in the body', { ...options, dryRun: ['Bad'] }),
  ];
}

function get(url: string, accept?: string): CaseRequest {
  return { method: 'GET', url, ...(accept === undefined ? {} : { headers: { accept } }) };
}

function asker(kind: AnyKind) {
  return (what: string, request: CaseRequest): Case => ({
    id: `${resourceLabel(kind)}: ${what}`,
    kind: kindLabel(kind),
    requests: [request],
  });
}
