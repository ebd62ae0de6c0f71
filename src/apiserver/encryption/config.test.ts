import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '#api/component-config/error.ts';
import { readEncryptionConfig } from './config.ts';

const HEAD = 'apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n';
const KEY = 'keys: [{name: key1, secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}]';
const rules = (...texts: readonly string[]): string =>
  `${HEAD}resources:\n${texts.map((text) => `- ${text}\n`).join('')}`;
const secrets = (provider: string): string =>
  rules(`{resources: [secrets], providers: [${provider}]}`);
const kms = (members: string): string => secrets(`{kms: {${members}}}`);

/** The message of the error. */
function wrongIn(text: string): string {
  try {
    readEncryptionConfig(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  return '';
}

describe('encryption configuration', () => {
  it('is read with its defaults', () => {
    const text = kms('apiVersion: v2, name: one, endpoint: unix:///run/kms.sock');
    assert.deepEqual(readEncryptionConfig(text), {
      resources: [
        {
          resources: ['secrets'],
          providers: [
            {
              kms: {
                apiVersion: 'v2',
                name: 'one',
                endpoint: 'unix:///run/kms.sock',
                timeout: '3s',
              },
            },
          ],
        },
      ],
    });
  });

  const right: Readonly<Record<string, string>> = {
    'keys of 32 bytes': secrets(`{aescbc: {${KEY}}}, {aesgcm: {${KEY}}}, {secretbox: {${KEY}}}`),
    'values as they are': secrets('{identity: {}}'),
    'wildcards in rules of their own': rules(
      '{resources: [events], providers: [{identity: {}}]}',
      `{resources: ["*.apps"], providers: [{aescbc: {${KEY}}}]}`,
      `{resources: ["*."], providers: [{aescbc: {${KEY}}}]}`,
      `{resources: ["*.*"], providers: [{aescbc: {${KEY}}}]}`,
    ),
    'custom resources': rules(
      '{resources: [pandas.awesome.bears.example], providers: [{identity: {}}]}',
    ),
  };
  for (const [name, text] of Object.entries(right))
    it(`takes ${name}`, () => assert.equal(wrongIn(text), ''));

  const wrong: Readonly<Record<string, readonly [string, string]>> = {
    'no rules': [
      `${HEAD}resources: []\n`,
      'resources: Required value: at least one resources is required',
    ],
    'no resources': [
      rules('{resources: [], providers: [{identity: {}}]}'),
      'resources[0].resources: Required value: at least one resources[0].resources is required',
    ],
    'no providers': [
      rules('{resources: [secrets], providers: []}'),
      'resources[0].providers: Required value: at least one resources[0].providers is required',
    ],
    'an unknown field': [
      secrets('{identity: {}, other: {}}'),
      'strict decoding error: unknown field "resources[0].providers[0].other"',
    ],
    'two providers in one element': [
      secrets(`{identity: {}, aescbc: {${KEY}}}`),
      'resources[0].providers[0]: Invalid value: ["identity","aescbc"]: more than one provider specified in a single element, should split into different list elements',
    ],
    'an empty element': [
      secrets('{}'),
      'resources[0].providers[0]: Invalid value: null: provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity',
    ],
    'no keys': [
      secrets('{aescbc: {keys: []}}'),
      'resources[0].providers[0].aescbc.keys: Required value: at least one keys is required',
    ],
    'a key without name and secret': [
      secrets('{aesgcm: {keys: [{name: "", secret: ""}]}}'),
      '[resources[0].providers[0].aesgcm.keys[0].name: Required value: name is a mandatory field for a key, resources[0].providers[0].aesgcm.keys[0].secret: Required value: secret is a mandatory field for a key]',
    ],
    'a secret that is no base64': [
      secrets('{aescbc: {keys: [{name: a, secret: "top secret!"}]}}'),
      'resources[0].providers[0].aescbc.keys[0].secret: Invalid value: "REDACTED": secrets must be base64 encoded',
    ],
    'a short secret': [
      secrets('{secretbox: {keys: [{name: a, secret: c2VjcmV0IGlzIHNlY3VyZQ==}]}}'),
      'resources[0].providers[0].secretbox.keys[0].secret: Invalid value: "REDACTED": secret is not of the expected length, got 16, expected one of [32]',
    ],
    'the same resource twice': [
      rules('{resources: [secrets, secrets], providers: [{identity: {}}]}'),
      'resources[0].resources: Invalid value: ["secrets","secrets"]: the same resource cannot be specified multiple times',
    ],
    'resources that a wildcard has too': [
      rules('{resources: [secrets, "*."], providers: [{identity: {}}]}'),
      `resources[0].resources: Invalid value: ["secrets","*."]: using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked`,
    ],
    'capital letters': [
      rules('{resources: [Secrets], providers: [{identity: {}}]}'),
      'resources[0].resources[0]: Invalid value: "Secrets": resource name should not contain capital letters',
    ],
    'a bare star': [
      rules('{resources: ["*"], providers: [{identity: {}}]}'),
      `resources[0].resources[0]: Invalid value: "*": use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources`,
    ],
    'one resource of all groups': [
      rules('{resources: ["pods.*"], providers: [{identity: {}}]}'),
      'resources[0].resources[0]: Invalid value: "pods.*": encrypting the same resource across groups is not supported',
    ],
    'events by their new group': [
      rules('{resources: [events.events.k8s.io], providers: [{identity: {}}]}'),
      `resources[0].resources[0]: Invalid value: "events.events.k8s.io": '*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file`,
    ],
    'a key service without a socket': [
      kms('apiVersion: v2, name: one'),
      'resources[0].providers[0].kms.endpoint: Invalid value: "": endpoint is a mandatory field for a kms',
    ],
    'a key service on TCP': [
      kms('apiVersion: v2, name: one, endpoint: "tcp://127.0.0.1:1"'),
      'resources[0].providers[0].kms.endpoint: Invalid value: "tcp://127.0.0.1:1": unsupported scheme "tcp" for KMS provider, only unix is supported',
    ],
    'a colon in its name': [
      kms('apiVersion: v2, name: "a:b", endpoint: unix:///s'),
      `resources[0].providers[0].kms.name: Invalid value: "a:b": invalid KMS provider name a:b, must not contain ':'`,
    ],
    'no time for it': [
      kms('apiVersion: v2, name: one, endpoint: unix:///s, timeout: 0s'),
      'resources[0].providers[0].kms.timeout: Invalid value: "0s": timeout should be a positive value',
    ],
    'two of one name': [
      rules(
        '{resources: [secrets], providers: [{kms: {apiVersion: v2, name: one, endpoint: unix:///s}}]}',
        '{resources: [configmaps], providers: [{kms: {apiVersion: v2, name: one, endpoint: unix:///t}}]}',
      ),
      'resources[1].providers[0].kms.name: Invalid value: "one": duplicate KMS provider name one, names must be unique',
    ],
  };
  for (const [name, [text, message]] of Object.entries(wrong))
    it(`refuses ${name}`, () => assert.equal(wrongIn(text), message));

  it('never shows a secret', () => {
    const secret = 'bm90LWxvbmctZW5vdWdo';
    const text = secrets(`{aescbc: {keys: [{name: a, secret: ${secret}}]}}, {unknown: {}}`);
    assert.ok(!wrongIn(text).includes(secret));
    assert.ok(
      !wrongIn(secrets(`{aescbc: {keys: [{name: a, secret: ${secret}}]}}`)).includes(secret),
    );
  });
});
