import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { findType, typeByName, typeForKind, builtinKinds } from './schema.ts';
import { isInline, type FieldSchema } from './types.ts';

const FOLDER = join(process.env['COXSWAIN_SHARED'] ?? '/nowhere', 'golden/openapi');
const skip = existsSync(FOLDER) ? false : 'COXSWAIN_SHARED names no folder with golden OpenAPI';

/** Models that are scalars to us, and one that is no API type. */
const NOT_STRUCTS =
  /\.(?:Quantity|FieldsV1|MicroTime|Time|RawExtension|IntOrString|apiextensions\.v1\.JSON|version\.Info)$/;

interface Property {
  readonly default?: unknown;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: string;
  readonly 'x-kubernetes-patch-strategy'?: string;
  readonly 'x-kubernetes-patch-merge-key'?: string;
}

interface Model extends Property {
  readonly properties?: Readonly<Record<string, Property>>;
  readonly required?: readonly string[];
}

function models(): [string, Model][] {
  if (skip !== false) return [];
  const found = new Map<string, Model>();
  for (const file of readdirSync(FOLDER).filter((name) => name !== 'swagger.json')) {
    const document = JSON.parse(readFileSync(join(FOLDER, file), 'utf8'));
    for (const [name, model] of Object.entries<Model>(document.components?.schemas ?? {})) {
      if (!NOT_STRUCTS.test(name)) found.set(name, model);
    }
  }
  return [...found];
}

/** What the table says of a field, in OpenAPI's words. */
function wordsOf({ type, patchStrategy, patchMergeKey }: FieldSchema): Property {
  const words: Record<string, unknown> = {};
  const listType = type.kind === 'list' || type.kind === 'scalar' ? type.listType : undefined;
  const mapKeys = type.kind === 'list' ? type.mapKeys : undefined;
  const mapType =
    type.kind === 'map' ? type.mapType : type.kind === 'object' ? type.structType : undefined;
  if (listType !== undefined) words['x-kubernetes-list-type'] = listType;
  if (mapKeys !== undefined) words['x-kubernetes-list-map-keys'] = mapKeys;
  if (mapType !== undefined) words['x-kubernetes-map-type'] = mapType;
  if (patchStrategy !== undefined) words['x-kubernetes-patch-strategy'] = patchStrategy.join(',');
  if (patchMergeKey !== undefined) words['x-kubernetes-patch-merge-key'] = patchMergeKey;
  return words;
}

function extensionsOf(property: Property): Property {
  const entries = Object.entries(property).filter(([key]) => key.startsWith('x-kubernetes-'));
  return Object.fromEntries(entries);
}

describe('the field table', { skip }, () => {
  for (const [name, model] of models()) {
    if (model.properties === undefined) continue;
    const { properties } = model;
    it(`has the fields, keys and defaults of OpenAPI: ${name}`, () => {
      const type = typeByName(name);
      assert.deepEqual([...type.byJson.keys()].toSorted(), Object.keys(properties).toSorted());
      const required = type.fields.filter((field) => field.required).map((field) => field.json);
      assert.deepEqual(required.toSorted(), [...(model.required ?? [])].toSorted());
      assert.equal(type.structType, model['x-kubernetes-map-type']);
      for (const field of type.fields) {
        const property = properties[field.json] ?? {};
        assert.deepEqual(wordsOf(field), extensionsOf(property), field.json);
        if (field.default !== undefined)
          assert.deepEqual(field.default, property.default, field.json);
      }
    });
  }
});

describe('typeForKind', () => {
  it('finds a kind in its group and version', () => {
    assert.equal(typeForKind('apps', 'v1', 'Deployment')?.name, 'io.k8s.api.apps.v1.Deployment');
    assert.equal(typeForKind('', 'v1', 'PodList')?.name, 'io.k8s.api.core.v1.PodList');
  });

  it('finds the kinds that every group has', () => {
    const name = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions';
    assert.equal(typeForKind('apps', 'v1', 'DeleteOptions')?.name, name);
    assert.equal(typeForKind('', 'v1', 'DeleteOptions')?.name, name);
  });

  it('knows nothing of types that are no kinds, and of other versions', () => {
    assert.equal(typeForKind('apps', 'v1', 'DeploymentSpec'), undefined);
    assert.equal(typeForKind('apps', 'v9', 'Deployment'), undefined);
  });

  it('finds each of the kinds that are listed', () => {
    const kinds = builtinKinds();
    assert.ok(kinds.length > 300);
    for (const { group, version, kind } of kinds)
      assert.ok(typeForKind(group, version, kind), kind);
  });
});

describe('a type', () => {
  it('is one value, however it is reached', () => {
    const spec = typeByName('io.k8s.api.core.v1.Pod').byJson.get('spec')?.type;
    assert.ok(spec?.kind === 'object');
    assert.equal(spec.type, typeByName('io.k8s.api.core.v1.PodSpec'));
  });

  it('may contain itself', () => {
    const not = typeByName(
      'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps',
    ).byJson.get('not');
    assert.ok(not?.type.kind === 'object');
    assert.equal(not.type.type.goName, 'JSONSchemaProps');
  });

  it('has the fields of inlined members, and remembers where protobuf nests them', () => {
    const volume = typeByName('io.k8s.api.core.v1.Volume');
    assert.ok(volume.byJson.has('emptyDir'));
    const inlined = volume.members.filter(isInline);
    assert.deepEqual(
      inlined.map(({ inline, type }) => [inline, type.goName]),
      [[2, 'VolumeSource']],
    );
  });

  it('knows enums, defaults and union members', () => {
    const port = typeByName('io.k8s.api.core.v1.ContainerPort').byJson.get('protocol');
    assert.ok(port?.type.kind === 'scalar');
    assert.deepEqual(port.type.enum, ['SCTP', 'TCP', 'UDP']);
    assert.equal(port.default, 'TCP');
    assert.deepEqual(typeByName('io.k8s.api.core.v1.SeccompProfile').unions, [
      { discriminator: 'type', fields: [['localhostProfile', 'LocalhostProfile']] },
    ]);
  });

  it("is undefined, or an error, when the name is nobody's", () => {
    assert.equal(findType('io.k8s.api.core.v1.Pot'), undefined);
    assert.throws(() => typeByName('Pot'), /Cannot find the built-in type "Pot"/);
  });
});
