/** The kinds beside upstream's discovery documents. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { AnyKind } from './kind.ts';
import { KINDS, kindByName, kindByResource } from './kinds.ts';

interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly singularName: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

const folder = path.join(process.env['COXSWAIN_SHARED'] ?? '/nonexistent', 'golden/discovery');
const skip = existsSync(folder) ? false : 'COXSWAIN_SHARED names no golden data';

/** Subresources that the API server has code for: exec, logs, tokens and the like. */
const ACTIONS = new Set([
  'attach',
  'binding',
  'eviction',
  'exec',
  'log',
  'portforward',
  'proxy',
  'token',
]);

function documentOf(group: string, version: string): { resources: ApiResource[] } | undefined {
  const file = group === '' ? `api__${version}.json` : `apis__${group}__${version}.json`;
  const name = path.join(folder, file);
  if (!existsSync(name)) return undefined;
  return JSON.parse(readFileSync(name, 'utf8')) as { resources: ApiResource[] };
}

function shown(kind: AnyKind): ApiResource {
  return {
    name: kind.plural,
    kind: kind.kind,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    verbs: kind.verbs.toSorted(),
    shortNames: kind.shortNames.toSorted(),
    categories: kind.categories.toSorted(),
  };
}

function subresourcesOf(kind: AnyKind): string[] {
  const names = (kind.views ?? []).map(({ name }) => name);
  if (kind.hasStatus === true) names.push('status');
  if (kind.scale !== undefined) names.push('scale');
  return names.toSorted();
}

const groupVersions = [...new Set(KINDS.map(({ group, version }) => `${group}/${version}`))];

describe('KINDS', { skip }, () => {
  for (const groupVersion of groupVersions) {
    const [group = '', version = ''] = groupVersion.split('/');
    it(`serves ${group || 'core'}/${version} as upstream's discovery has it`, () => {
      const resources = documentOf(group, version)?.resources ?? [];
      const kinds = KINDS.filter((kind) => kind.group === group && kind.version === version);
      const wanted = resources
        .filter(({ name }) => !name.includes('/'))
        .map(
          ({ name, kind, singularName, namespaced, verbs, shortNames = [], categories = [] }) => ({
            name,
            kind,
            singularName,
            namespaced,
            verbs: verbs.toSorted(),
            shortNames: shortNames.toSorted(),
            categories: categories.toSorted(),
          }),
        );
      assert.deepEqual(
        kinds.map(shown).toSorted((left, right) => (left.name < right.name ? -1 : 1)),
        wanted.toSorted((left, right) => (left.name < right.name ? -1 : 1)),
      );
      for (const kind of kinds) {
        const names = resources
          .filter(({ name }) => name.startsWith(`${kind.plural}/`))
          .map(({ name }) => name.slice(kind.plural.length + 1))
          .filter((name) => !ACTIONS.has(name));
        assert.deepEqual(subresourcesOf(kind), names.toSorted(), kind.plural);
      }
    });
  }

  it('leaves out no stable version', () => {
    const groups = JSON.parse(readFileSync(path.join(folder, 'apis.json'), 'utf8')) as {
      groups: { name: string; versions: { version: string }[] }[];
    };
    const stable = groups.groups.flatMap(({ name, versions }) =>
      versions
        .filter(({ version }) => /^v\d+$/.test(version))
        .map(({ version }) => `${name}/${version}`),
    );
    assert.deepEqual(groupVersions.toSorted(), ['/v1', ...stable].toSorted());
  });
});

describe('kindByResource() and kindByName()', () => {
  it('find the same kind', () => {
    assert.equal(
      kindByResource('apps', 'v1', 'deployments'),
      kindByName('apps', 'v1', 'Deployment'),
    );
    assert.equal(kindByResource('', 'v1', 'pods')?.kind, 'Pod');
  });
  it('find nothing for another version', () => {
    assert.equal(kindByName('apps', 'v2', 'Deployment'), undefined);
  });
});
