/** What is said of custom resources, in both forms. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';
import { pathItemV2 } from './convert-v2.ts';
import { CUSTOM_MEDIA } from './custom-paths.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const object = (properties: object): object => ({ type: 'object', properties });

function definition(plural: string, kind: string, more: object = {}): object {
  const scale = { specReplicasPath: '.spec.r', statusReplicasPath: '.status.r' };
  const schema = { openAPIV3Schema: object({ spec: object({ r: { type: 'integer' } }) }) };
  return {
    metadata: { name: `${plural}.my.example.com` },
    spec: {
      group: 'my.example.com',
      scope: 'Namespaced',
      names: { plural, kind },
      versions: [
        {
          name: 'v1beta1',
          served: true,
          storage: true,
          schema,
          subresources: { status: {}, scale },
        },
      ],
      ...more,
    },
  };
}

let api: TestApiServer;

before(async () => {
  api = await TestApiServer.start();
  await api.must(`POST ${CRDS}`, definition('cats', 'Cat'));
  await api.must(`POST ${CRDS}`, definition('dogs', 'Dog'));
  await api.must(`POST ${CRDS}`, definition('sites', 'Site', { scope: 'Cluster' }));
  await api.environment.advance(100);
});

const ROOT = '/apis/my.example.com/v1beta1';

describe('the v3 document of custom resources', () => {
  it('has their paths alone, without indices and watches', async () => {
    const { paths, info, components } = await api.must(`GET /openapi/v3${ROOT}`);
    assert.deepEqual(Object.keys(paths), [
      `${ROOT}/cats`,
      `${ROOT}/dogs`,
      `${ROOT}/namespaces/{namespace}/cats`,
      `${ROOT}/namespaces/{namespace}/cats/{name}`,
      `${ROOT}/namespaces/{namespace}/cats/{name}/scale`,
      `${ROOT}/namespaces/{namespace}/cats/{name}/status`,
      `${ROOT}/namespaces/{namespace}/dogs`,
      `${ROOT}/namespaces/{namespace}/dogs/{name}`,
      `${ROOT}/namespaces/{namespace}/dogs/{name}/scale`,
      `${ROOT}/namespaces/{namespace}/dogs/{name}/status`,
      `${ROOT}/sites`,
      `${ROOT}/sites/{name}`,
      `${ROOT}/sites/{name}/scale`,
      `${ROOT}/sites/{name}/status`,
    ]);
    assert.equal(info.title, 'Kubernetes CRD Swagger');
    assert.equal(components.securitySchemes, undefined);
    const { get, patch } = paths[`${ROOT}/sites/{name}/scale`];
    assert.deepEqual(Object.keys(get.responses['200'].content), CUSTOM_MEDIA);
    assert.deepEqual(get['x-kubernetes-group-version-kind'].kind, 'Site');
    assert.deepEqual(Object.keys(patch.requestBody.content), [
      'application/json-patch+json',
      'application/merge-patch+json',
      'application/apply-patch+yaml',
    ]);
    assert.equal(get.operationId, 'readMyExampleComV1beta1SiteScale');
  });

  it('is in the index, and none of the group', async () => {
    const { paths } = await api.must('GET /openapi/v3');
    const named = Object.keys(paths).filter((path) => path.includes('my.example.com'));
    assert.deepEqual(named, ['apis/my.example.com/v1beta1']);
  });
});

describe('the v2 document', () => {
  it('says of custom resources what the v3 document says', async () => {
    const { paths } = await api.must(`GET /openapi/v3${ROOT}`);
    const whole = await api.must('GET /openapi/v2');
    for (const [path, item] of Object.entries(paths)) {
      const wanted = JSON.parse(JSON.stringify(pathItemV2(item as never, CUSTOM_MEDIA)));
      assert.deepEqual(whole.paths[path], wanted, path);
    }
    const { Cat, CatList } = Object.fromEntries(
      ['Cat', 'CatList'].map((kind) => [kind, whole.definitions[`com.example.my.v1beta1.${kind}`]]),
    );
    assert.equal(Cat.properties.spec.properties.r.type, 'integer');
    assert.equal(CatList.properties.items.items.$ref, '#/definitions/com.example.my.v1beta1.Cat');
  });

  it('names in models of all documents the kinds of all', async () => {
    const { definitions } = await api.must('GET /openapi/v2');
    const model = definitions['io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions'];
    const groups = model['x-kubernetes-group-version-kind'].map(
      ({ group }: { group: string }) => group,
    );
    assert.ok(groups.includes('apps') && groups.includes('my.example.com'));
  });

  it('is another one when a definition goes, and the same until then', async () => {
    const first = await api.call('GET /openapi/v2');
    const headers = { 'if-none-match': first.headers['etag'] ?? '' };
    assert.equal((await api.call('GET /openapi/v2', undefined, { headers })).status, 304);
    await api.must(`DELETE ${CRDS}/dogs.my.example.com`);
    await api.environment.advance(100);
    const { status, body } = await api.call('GET /openapi/v2', undefined, { headers });
    assert.equal(status, 200);
    assert.equal(body.paths[`${ROOT}/dogs`], undefined);
    assert.notEqual(body.paths[`${ROOT}/cats`], undefined);
  });
});
