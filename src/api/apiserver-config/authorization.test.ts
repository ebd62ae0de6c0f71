import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '../component-config/error.ts';
import { readAuthorization } from './authorization.ts';

const HEAD = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\n';
const GOOD = {
  timeout: '3s',
  subjectAccessReviewVersion: 'v1',
  failurePolicy: 'NoOpinion',
  connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: '/etc/authz.conf' },
};

const configOf = (authorizers: unknown): string =>
  `${HEAD}authorizers: ${JSON.stringify(authorizers)}`;
const webhook = (over: object = {}, name = 'a'): object => ({
  type: 'Webhook',
  name,
  webhook: { ...GOOD, ...over },
});

function refusal(text: string, required: readonly string[] = []): string {
  try {
    readAuthorization(text, {
      required,
      fileFault: (path) =>
        path === '/gone' ? 'error loading file: stat /gone: no such file or directory' : undefined,
    });
    return 'taken';
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
}

describe('an AuthorizationConfiguration', () => {
  it('is read with its defaults', () => {
    const text = configOf([{ type: 'Node', name: 'node' }, webhook()]);
    assert.deepEqual(readAuthorization(text, { fileFault: () => undefined }), {
      authorizers: [
        { type: 'Node', name: 'node' },
        {
          type: 'Webhook',
          name: 'a',
          webhook: {
            authorizedTtlNanos: 300e9,
            cacheAuthorizedRequests: true,
            unauthorizedTtlNanos: 30e9,
            cacheUnauthorizedRequests: true,
            timeoutNanos: 3e9,
            subjectAccessReviewVersion: 'v1',
            matchConditionSubjectAccessReviewVersion: '',
            failurePolicy: 'NoOpinion',
            connectionInfo: GOOD.connectionInfo,
            matchConditions: [],
          },
        },
      ],
    });
  });

  it('keeps what was said', () => {
    const said = {
      authorizedTTL: '1m',
      cacheAuthorizedRequests: false,
      unauthorizedTTL: '2s',
      cacheUnauthorizedRequests: false,
      matchConditionSubjectAccessReviewVersion: 'v1',
      matchConditions: [{ expression: "request.user != 'jane'" }],
    };
    const { authorizers } = readAuthorization(configOf([webhook(said)]), {
      fileFault: () => undefined,
    });
    const { webhook: read } = authorizers[0] ?? {};
    assert.equal(read?.authorizedTtlNanos, 60e9);
    assert.equal(read?.unauthorizedTtlNanos, 2e9);
    assert.equal(read?.cacheAuthorizedRequests, false);
    assert.equal(read?.cacheUnauthorizedRequests, false);
    assert.deepEqual(read?.matchConditions, said.matchConditions);
  });

  const at = 'authorizers[0]';
  const conditions = (...texts: string[]): object => ({
    matchConditionSubjectAccessReviewVersion: 'v1',
    matchConditions: texts.map((expression) => ({ expression })),
  });
  const table: readonly (readonly [claim: string, text: string, message: string | RegExp])[] = [
    [
      'without authorizers',
      configOf([]),
      'authorizers: Required value: at least one authorization mode must be defined',
    ],
    [
      'that is empty',
      '',
      'authorizers: Required value: at least one authorization mode must be defined',
    ],
    [
      'with unknown and repeated fields',
      `${HEAD}authorizers: [{type: RBAC, name: rbac, nme: x}]\nfoo: 1\nkind: AuthorizationConfiguration`,
      /^failed to load AuthorizationConfiguration from file: strict decoding error: .*unknown field "authorizers\[0\]\.nme".*unknown field "foo"/s,
    ],
    [
      'of another version',
      'apiVersion: apiserver.config.k8s.io/v9\nkind: AuthorizationConfiguration',
      'failed to load AuthorizationConfiguration from file: no kind "AuthorizationConfiguration" is registered for version "apiserver.config.k8s.io/v9" in scheme "pkg/apis/apiserver/load/load.go:32"',
    ],
    ['without a type', configOf([{ name: 'a' }]), `${at}.type: Required value`],
    [
      'of an unknown type',
      configOf([{ type: 'Magic', name: 'a' }]),
      `${at}.type: Unsupported value: "Magic": supported values: "ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook"`,
    ],
    [
      'of a type twice',
      configOf([
        { type: 'RBAC', name: 'rbac' },
        { type: 'RBAC', name: 'b' },
      ]),
      'authorizers[1].type: Duplicate value: "RBAC"',
    ],
    ['without a name', configOf([{ type: 'RBAC' }]), `${at}.name: Required value`],
    [
      'with a name twice',
      configOf([webhook(), webhook()]),
      'authorizers[1].name: Duplicate value: "a"',
    ],
    [
      'with a bad name',
      configOf([webhook({}, 'A_b')]),
      /^authorizers\[0\]\.name: Invalid value: "A_b": authorizer name is invalid: a lowercase RFC 1123 subdomain must/,
    ],
    [
      'with a name of its own for no webhook',
      configOf([
        { type: 'RBAC', name: 'b' },
        { type: 'Node', name: 'n' },
      ]),
      '[expected name rbac for authorizer RBAC instead of b, expected name node for authorizer Node instead of n]',
    ],
    [
      'of no webhook',
      configOf([{ type: 'Webhook', name: 'a' }]),
      `${at}.webhook: Required value: required when type=Webhook`,
    ],
    [
      'of a webhook where none is meant',
      configOf([{ type: 'RBAC', name: 'rbac', webhook: GOOD }]),
      `${at}.webhook: Invalid value: "non-null": may only be specified when type=Webhook`,
    ],
    ['without a timeout', configOf([webhook({ timeout: '0s' })]), `${at}.timeout: Required value`],
    [
      'with a long timeout',
      configOf([webhook({ timeout: '30.001s' })]),
      `${at}.timeout: Invalid value: "30.001s": must be > 0s and <= 30s`,
    ],
    [
      'with times before now',
      configOf([webhook({ timeout: '-1s', authorizedTTL: '-1s', unauthorizedTTL: '-2s' })]),
      `[${at}.timeout: Invalid value: "-1s": must be > 0s and <= 30s, ${at}.authorizedTTL: Invalid value: "-1s": must be > 0s, ${at}.unauthorizedTTL: Invalid value: "-2s": must be > 0s]`,
    ],
    [
      'that says nothing of the webhook',
      configOf([{ type: 'Webhook', name: 'a', webhook: { timeout: '1s' } }]),
      `[${at}.subjectAccessReviewVersion: Required value, ${at}.failurePolicy: Required value, ${at}.connectionInfo.type: Required value]`,
    ],
    [
      'with unknown choices',
      configOf([
        webhook({
          subjectAccessReviewVersion: 'v2',
          matchConditionSubjectAccessReviewVersion: 'v1beta1',
          failurePolicy: 'Fail',
        }),
      ]),
      `[${at}.subjectAccessReviewVersion: Unsupported value: "v2": supported values: "v1", "v1beta1", ${at}.matchConditionSubjectAccessReviewVersion: Unsupported value: "v1beta1": supported values: "v1", ${at}.failurePolicy: Unsupported value: "Fail": supported values: "NoOpinion", "Deny"]`,
    ],
    [
      'with conditions of no version',
      configOf([webhook({ matchConditions: [{ expression: 'true' }] })]),
      `${at}.matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are specified`,
    ],
    [
      'of an unknown connection',
      configOf([webhook({ connectionInfo: { type: 'Pigeon' } })]),
      `${at}.connectionInfo.type: Unsupported value: {"Type":"Pigeon","KubeConfigFile":null}: supported values: "InClusterConfig", "KubeConfigFile"`,
    ],
    [
      'with a file in the cluster',
      configOf([webhook({ connectionInfo: { type: 'InClusterConfig', kubeConfigFile: '/a' } })]),
      `${at}.connectionInfo.kubeConfigFile: Invalid value: "/a": can only be set when type=KubeConfigFile`,
    ],
    [
      'without a file',
      configOf([webhook({ connectionInfo: { type: 'KubeConfigFile' } })]),
      `${at}.connectionInfo.kubeConfigFile: Required value`,
    ],
    [
      'with a file somewhere',
      configOf([webhook({ connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: 'a' } })]),
      `${at}.connectionInfo.kubeConfigFile: Invalid value: "a": must be an absolute path`,
    ],
    [
      'with a file that is gone',
      configOf([webhook({ connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: '/gone' } })]),
      `${at}.connectionInfo.kubeConfigFile: Invalid value: "/gone": error loading file: stat /gone: no such file or directory`,
    ],
    [
      'with conditions that are none',
      configOf([webhook(conditions(' ', 'true', 'true', '1', 'request.nobody'))]),
      /^\[authorizers\[0\]\.matchConditions\[0\]\.expression: Required value, authorizers\[0\]\.matchConditions\[2\]\.expression: Duplicate value: "true", authorizers\[0\]\.matchConditions\[3\]\.expression: Invalid value: "1": must evaluate to bool but got int, authorizers\[0\]\.matchConditions\[4\]\.expression: Invalid value: "request\.nobody": compilation failed: ERROR: <input>:1:8: undefined field 'nobody'/,
    ],
    [
      'with too many conditions',
      configOf([webhook(conditions(...Array.from({ length: 65 }, (_, i) => `${i} == 0`)))]),
      `${at}.matchConditions: Too many: 65: must have at most 64 items`,
    ],
  ];
  for (const [claim, text, message] of table)
    it(`${claim} is refused`, () => {
      if (typeof message === 'string') assert.equal(refusal(text), message);
      else assert.match(refusal(text), message);
    });

  it('keeps the types that were there at the start, but for webhooks', () => {
    const text = configOf([{ type: 'RBAC', name: 'rbac' }]);
    assert.equal(refusal(text, ['RBAC', 'Webhook']), 'taken');
    assert.equal(refusal(text, ['RBAC', 'Node', 'ABAC']), 'missing required types: [ABAC Node]');
  });
});
