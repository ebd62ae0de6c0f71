import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '../component-config/error.ts';
import { readPolicy } from './read-policy.ts';

const HEAD = 'apiVersion: audit.k8s.io/v1\nkind: Policy\n';

function refusal(text: string): string {
  try {
    readPolicy(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  return '';
}

describe('an audit policy', () => {
  it('is read with all that it says', () => {
    const policy = readPolicy(`${HEAD}
metadata: {name: mine}
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: None
  users: [system:kube-proxy]
  userGroups: [a]
  verbs: [watch]
  namespaces: [""]
  resources:
  - group: ""
    resources: [endpoints, "services/*"]
    resourceNames: [x]
  omitStages: [Panic]
  omitManagedFields: false
- level: Metadata
  nonResourceURLs: ["/healthz*", "*"]
`);
    assert.deepEqual(policy.omitStages, ['RequestReceived']);
    assert.equal(policy.omitManagedFields, true);
    assert.deepEqual(policy.rules, [
      {
        level: 'None',
        users: ['system:kube-proxy'],
        userGroups: ['a'],
        verbs: ['watch'],
        namespaces: [''],
        // The empty group is the one that need not be named.
        resources: [{ resources: ['endpoints', 'services/*'], resourceNames: ['x'] }],
        omitStages: ['Panic'],
        omitManagedFields: false,
      },
      { level: 'Metadata', nonResourceURLs: ['/healthz*', '*'] },
    ]);
  });

  it('is read as JSON too', () => {
    const text = JSON.stringify({
      apiVersion: 'audit.k8s.io/v1',
      kind: 'Policy',
      rules: [{ level: 'Request' }],
    });
    assert.deepEqual(readPolicy(text).rules, [{ level: 'Request' }]);
  });

  const SCHEME = 'in scheme "k8s.io/apiserver/pkg/audit/scheme.go:30"';
  const rows: [claim: string, text: string, message: string][] = [
    ['without rules', HEAD, 'loaded illegal policy with 0 rules'],
    [
      'of another version',
      'apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules: [{level: None}]',
      `failed decoding: no kind "Policy" is registered for version "audit.k8s.io/v1beta1" ${SCHEME}`,
    ],
    [
      'of another kind',
      'apiVersion: audit.k8s.io/v1\nkind: Event\nrules: [{level: None}]',
      `failed decoding: no kind "Event" is registered for version "audit.k8s.io/v1" ${SCHEME}`,
    ],
    [
      'with an unknown field',
      `${HEAD}rules: [{level: None, user: [a]}]`,
      'failed decoding: strict decoding error: unknown field "rules[0].user"',
    ],
    ['without a level', `${HEAD}rules: [{verbs: [get]}]`, 'rules[0].level: Required value'],
    [
      'with an unknown level',
      `${HEAD}rules: [{level: None}, {level: Full}]`,
      'rules[1].level: Unsupported value: "Full": supported values: "None", "Metadata", "Request", "RequestResponse"',
    ],
    [
      'with an unknown stage',
      `${HEAD}omitStages: [Never]\nrules: [{level: None, omitStages: [Panic, Later]}]`,
      '[omitStages[0]: Invalid value: "Never": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic, rules[0].omitStages[1]: Invalid value: "Later": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic]',
    ],
    [
      'with a path that does not begin as one',
      `${HEAD}rules: [{level: None, nonResourceURLs: [healthz]}]`,
      `rules[0].nonResourceURLs[0]: Invalid value: "healthz": non-resource URL rules must begin with a '/' character`,
    ],
    [
      'with a wildcard within a path',
      `${HEAD}rules: [{level: None, nonResourceURLs: ["/a*b", "/a*"]}]`,
      `rules[0].nonResourceURLs[0]: Invalid value: "/a*b": non-resource URL wildcards '*' must be the final character of the rule`,
    ],
    [
      'with paths and resources',
      `${HEAD}rules: [{level: None, nonResourceURLs: ["*"], resources: [{group: ""}]}]`,
      'rules[0].nonResourceURLs: Invalid value: ["*"]: rules cannot apply to both regular resources and non-resource URLs',
    ],
    [
      'with paths and namespaces',
      `${HEAD}rules: [{level: None, nonResourceURLs: ["*"], namespaces: [a]}]`,
      'rules[0].nonResourceURLs: Invalid value: ["*"]: rules cannot apply to both regular resources and non-resource URLs',
    ],
    [
      'with names of no resource',
      `${HEAD}rules: [{level: None, resources: [{group: "*", resourceNames: [a]}]}]`,
      'rules[0].resources.resourceNames: Invalid value: ["a"]: using resourceNames requires at least one resource',
    ],
  ];
  for (const [claim, text, message] of rows)
    it(`is refused ${claim}`, () => assert.equal(refusal(text), message));

  it('is refused with a group that has a version', () => {
    assert.match(
      refusal(`${HEAD}rules: [{level: None, resources: [{group: apps/v1}]}]`),
      /^rules\[0\]\.resources\.group: Invalid value: "apps\/v1": a lowercase RFC 1123 subdomain/,
    );
  });
});
