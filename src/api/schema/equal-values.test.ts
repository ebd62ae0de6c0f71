import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { equalOfType } from './equal-values.ts';
import { typeByName } from './schema.ts';

const POLICY = typeByName('io.k8s.api.networking.v1.NetworkPolicy');

function equal(left: object, right: object): boolean {
  return equalOfType(POLICY, { spec: { ...left } }, { spec: { ...right } });
}

describe('equality by type', () => {
  it('tells a pointer to an empty struct from none', () => {
    assert.equal(
      equal({ ingress: [{ from: [{ podSelector: {} }] }] }, { ingress: [{ from: [{}] }] }),
      false,
    );
  });

  it('takes empty and missing lists, maps and structs for the same', () => {
    assert.equal(equal({ ingress: [], podSelector: { matchLabels: {} } }, {}), true);
    assert.equal(equal({ ingress: [{ from: [] }] }, { ingress: [{}] }), true);
  });

  it('sees what differs deep inside, whatever the order of keys', () => {
    const selector = (a: string, b: string) => ({ podSelector: { matchLabels: { a, b } } });
    assert.equal(equal(selector('1', '2'), selector('1', '3')), false);
    assert.equal(
      equal(selector('1', '2'), { podSelector: { matchLabels: { b: '2', a: '1' } } }),
      true,
    );
  });

  it('tells an empty free-form value from none', () => {
    const type = typeByName(
      'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps',
    );
    assert.equal(equalOfType(type, { default: {} }, {}), false);
  });
});
