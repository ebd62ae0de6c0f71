import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { HttpResponse } from '#base/http/message.ts';
import { decodeEnvelope, decodeProtobuf } from '#api/codec/protobuf.ts';
import { chosenKinds } from '#api/chosen-kinds.ts';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { fixedKinds } from '#api/kind.ts';
import { KINDS } from '#api/kinds.ts';
import { compareVersions } from '#api/meta/version.ts';
import { typeByName } from '#api/schema/schema.ts';
import { requestInfoOf } from '../request-info.ts';
import { createDiscovery } from './discovery.ts';

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const discovery = createDiscovery({ kinds: fixedKinds(KINDS), serverAddress: '10.10.10.10:8050' });

function ask(
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): HttpResponse | undefined {
  const request = { method, url: path, headers };
  return discovery.handle({
    request,
    info: requestInfoOf(method, path),
    header: (name) => headers[name] ?? '',
  });
}

function bytesOf(response: HttpResponse | undefined): Uint8Array {
  assert.equal(response?.body?.kind, 'bytes');
  return response?.body?.kind === 'bytes' ? response.body.bytes : new Uint8Array(0);
}

function jsonOf(response: HttpResponse | undefined): Record<string, never> {
  return JSON.parse(Buffer.from(bytesOf(response)).toString());
}

const shared = process.env['COXSWAIN_SHARED'];
const golden = shared === undefined ? '' : join(shared, 'golden/discovery');
const skip = existsSync(golden) ? false : 'COXSWAIN_SHARED with golden/discovery is absent';

/** Alpha versions, and the beta versions that a default server does not serve. */
const OFF_BY_DEFAULT: readonly string[] = [
  'admissionregistration.k8s.io/v1alpha1',
  'admissionregistration.k8s.io/v1beta1',
  'certificates.k8s.io/v1alpha1',
  'certificates.k8s.io/v1beta1',
  'coordination.k8s.io/v1alpha2',
  'coordination.k8s.io/v1beta1',
  'internal.apiserver.k8s.io/v1alpha1',
  'networking.k8s.io/v1beta1',
  'resource.k8s.io/v1alpha3',
  'resource.k8s.io/v1beta1',
  'resource.k8s.io/v1beta2',
  'scheduling.k8s.io/v1alpha2',
  'storage.k8s.io/v1beta1',
  'storagemigration.k8s.io/v1beta1',
];

interface GoldenVersion {
  version: string;
  groupVersion: string;
}

function withoutOff<T extends { name: string; versions: GoldenVersion[] }>(groups: T[]): T[] {
  return groups
    .map((group) => ({
      ...group,
      versions: group.versions.filter(
        ({ version }) => !OFF_BY_DEFAULT.includes(`${group.name}/${version}`),
      ),
    }))
    .filter(({ versions }) => versions.length > 0);
}

describe('discovery equals upstream for what a default server serves', { skip }, () => {
  const read = (file: string): never =>
    JSON.parse(readFileSync(join(golden, file), 'utf8')) as never;

  test('the list of groups, in order', () => {
    const want: { groups: { name: string; versions: GoldenVersion[] }[] } = read('apis.json');
    assert.deepEqual(jsonOf(ask('/apis')), { ...want, groups: withoutOff(want.groups) });
  });

  test('the versions of the core group', () => {
    assert.deepEqual(jsonOf(ask('/api')), read('api.json'));
  });

  for (const file of skip === false ? readdirSync(golden) : []) {
    const [, group = '', version] = /^apis?__(.*?)(?:__(.*))?\.json$/.exec(file) ?? [];
    if (group === '' || OFF_BY_DEFAULT.includes(`${group}/${version}`)) continue;
    const path = `/${file.replace('.json', '').replaceAll('__', '/')}`;
    test(`the document ${path}`, () => {
      const want: { versions?: GoldenVersion[]; name: string } = read(file);
      if (want.versions === undefined) {
        assert.deepEqual(jsonOf(ask(path)), want);
        return;
      }
      const [served] = withoutOff([{ ...want, versions: want.versions }]);
      if (served === undefined) assert.equal(ask(path), undefined);
      else assert.deepEqual(jsonOf(ask(path)), served);
    });
  }

  test('the aggregated document', () => {
    const want: { items: { metadata: { name: string }; versions: GoldenVersion[] }[] } =
      read('aggregated_v2.json');
    const items = want.items
      .map((item) => ({
        ...item,
        versions: item.versions.filter(
          ({ version }) => !OFF_BY_DEFAULT.includes(`${item.metadata.name}/${version}`),
        ),
      }))
      .filter(({ versions }) => versions.length > 0);
    assert.deepEqual(jsonOf(ask('/apis', { accept: AGGREGATED })), { ...want, items });
  });
});

describe('discovery with all versions on equals upstream’s', { skip }, () => {
  const gates = new FeatureGates(
    parseFeatureGates(
      'ClusterTrustBundle=true,PodCertificateRequest=true,GenericWorkload=true,StorageVersionMigrator=true',
    ),
  );
  const kinds = fixedKinds(chosenKinds(gates, new Map([['api/all', 'true']])));
  const all = createDiscovery({ kinds, serverAddress: '10.10.10.10:8050' });
  for (const file of skip === false ? readdirSync(golden) : []) {
    const isAggregated = file === 'aggregated_v2.json';
    const path = isAggregated ? '/apis' : `/${file.replace('.json', '').replaceAll('__', '/')}`;
    test(`the document ${file}`, () => {
      const headers: Record<string, string> = isAggregated ? { accept: AGGREGATED } : {};
      const response = all.handle({
        request: { method: 'GET', url: path, headers },
        info: requestInfoOf('GET', path),
        header: (name) => headers[name] ?? '',
      });
      assert.deepEqual(jsonOf(response), JSON.parse(readFileSync(join(golden, file), 'utf8')));
    });
  }
});

test('hashes of stored versions are there only while their gate is on', () => {
  const off = createDiscovery({ kinds: fixedKinds(KINDS), versionHashes: false });
  const path = '/apis/apps/v1';
  const response = off.handle({
    request: { method: 'GET', url: path, headers: {} },
    info: requestInfoOf('GET', path),
    header: () => '',
  });
  assert.doesNotMatch(Buffer.from(bytesOf(response)).toString(), /storageVersionHash/);
});

describe('forms of discovery', () => {
  test('the aggregated document has an ETag, and is not sent again to a client that has it', () => {
    const first = ask('/api', { accept: AGGREGATED });
    assert.equal(first?.headers['content-type'], AGGREGATED);
    const etag = first?.headers['etag'] ?? '';
    assert.match(etag, /^"[0-9A-F]{128}"$/);
    const again = ask('/api', { accept: AGGREGATED, 'if-none-match': etag });
    assert.equal(again?.status, 304);
    assert.equal(again?.body, undefined);
    assert.equal(ask('/api', { accept: AGGREGATED, 'if-none-match': '"other"' })?.status, 200);
  });

  test('a client that offers older forms first or later gets the first that there is', () => {
    const kubectl = `${AGGREGATED},application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json`;
    assert.equal(jsonOf(ask('/apis', { accept: kubectl }))['kind'], 'APIGroupDiscoveryList');
    const beta =
      'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';
    assert.equal(jsonOf(ask('/apis', { accept: beta }))['kind'], 'APIGroupList');
    assert.equal(
      jsonOf(ask('/apis', { accept: `application/json,${AGGREGATED}` }))['kind'],
      'APIGroupList',
    );
    assert.equal(jsonOf(ask('/apis/apps/v1', { accept: kubectl }))['kind'], 'APIResourceList');
  });

  test('protobuf holds the same as JSON', () => {
    const response = ask('/apis/apps/v1', { accept: 'application/vnd.kubernetes.protobuf' });
    assert.equal(response?.headers['content-type'], 'application/vnd.kubernetes.protobuf');
    const envelope = decodeEnvelope(bytesOf(response));
    assert.equal(envelope?.kind, 'APIResourceList');
    const type = typeByName('io.k8s.apimachinery.pkg.apis.meta.v1.APIResourceList');
    const decoded = decodeProtobuf(type, envelope?.raw ?? new Uint8Array(0));
    const names = (list: unknown): unknown => (list as { name: string }[]).map(({ name }) => name);
    assert.deepEqual(names(decoded['resources']), names(jsonOf(ask('/apis/apps/v1'))['resources']));
  });

  test('paths end with a slash or not; others are left to somebody else', () => {
    assert.deepEqual(jsonOf(ask('/apis/')), jsonOf(ask('/apis')));
    assert.equal(ask('/apis/apps/v2'), undefined);
    assert.equal(ask('/apis/nothing'), undefined);
    assert.equal(ask('/api/v1/pods'), undefined);
    assert.equal(ask('/api', {}, 'POST'), undefined);
  });
});

test('stable versions come before beta, beta before alpha, higher before lower', () => {
  const sorted = [
    'v1alpha1',
    'v2',
    'foo',
    'v1beta1',
    'v10',
    'v1beta2',
    'v1',
    'bar',
    'v11alpha2',
  ].toSorted(compareVersions);
  assert.deepEqual(sorted, [
    'v10',
    'v2',
    'v1',
    'v1beta2',
    'v1beta1',
    'v11alpha2',
    'v1alpha1',
    'bar',
    'foo',
  ]);
});
