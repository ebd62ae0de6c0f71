/**
 * `__proto__`, `constructor` and the like as keys, through every parser and every merge: what is a
 * key stays a key, or is refused with a Status; no other object learns of it.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { jsonToCbor } from '#api/codec/cbor.ts';
import { encodeEnvelope, encodeProtobuf } from '#api/codec/protobuf.ts';
import { fromYaml, toYaml } from '#api/codec/yaml.ts';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { readAuthentication } from '#api/apiserver-config/authentication.ts';
import { readAuthorization } from '#api/apiserver-config/authorization.ts';
import type { Json } from '#api/meta/object.ts';
import { typeByName } from '#api/schema/schema.ts';
import { readEncryptionConfig } from '#apiserver/encryption/config.ts';
import { readBody } from '#base/http/message.ts';
import { run } from '#cel/test-kit.ts';
import { readProxyConfig } from '#cli/proxy/config.ts';
import { connectionOf } from '#client/kubeconfig.ts';
import { readKubeletConfig } from '#kubelet/config/read.ts';
import { readSchedulerConfig } from '#scheduler/config/read.ts';
import { readPolicy } from '#api/audit/read-policy.ts';
import { patch, WebhookServer } from '#kit/webhook-server.ts';

const KEYS = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'];
const MAPS = '/api/v1/namespaces/default/configmaps';
const ADMIN = { name: 'admin', groups: ['system:masters'] };
const TYPES = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** What every object has, before anything happens. */
const PROTOTYPES = [Object, Array, Function, String, Map].map((each) => each.prototype as object);
const own = (): string[][] =>
  PROTOTYPES.map((each) => Reflect.ownKeys(each).map((key) => String(key)));
const CLEAN = own();

/** The object of this JSON, whose keys are all its own: `__proto__` too. */
const parsed = (text: string): Json => JSON.parse(text) as Json;

let hooks: WebhookServer;
let names = 0;

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function send(
  request: string,
  body?: Uint8Array | string,
  type = 'application/json',
): Promise<Answer> {
  const [method = '', url = ''] = request.split(' ');
  const { api } = hooks;
  const response = await api.environment.resolve(
    api.server.handler({
      method,
      url,
      headers: { 'content-type': type, accept: 'application/json' },
      peer: { component: ADMIN },
      ...(body === undefined ? {} : { body: Buffer.from(body) }),
    }),
  );
  return { status: response.status, text: Buffer.from(await readBody(response.body)).toString() };
}

/** What a key of the ConfigMap has in the store: JSON again, read from the server. */
async function dataOf(name: string): Promise<Map<string, unknown>> {
  const { status, text } = await send(`GET ${MAPS}/${name}`);
  assert.equal(status, 200, text);
  const { data = {} } = JSON.parse(text) as { data?: object };
  return new Map(Object.entries(data));
}

const nextName = (): string => `map-${names++}`;

async function made(): Promise<string> {
  const name = nextName();
  const { status, text } = await send(
    `POST ${MAPS}`,
    `{"metadata":{"name":"${name}"},"data":{"a":"b"}}`,
  );
  assert.equal(status, 201, text);
  return name;
}

/** What upstream answers an apply with, by 500, where it does not know a field. */
const NOT_DECLARED = /field not declared in schema/;

/** No answer is an accident: an error is a Status that says what is wrong, or the page that is not. */
function isHandled({ status, text }: Answer): void {
  assert.ok(status < 500 || NOT_DECLARED.test(text), `${status} ${text}`);
  if (status >= 400) assert.match(text, /^\{"kind":"Status"|^404 page not found/);
}

before(async () => {
  const gates = new FeatureGates(parseFeatureGates('CBORServingAndStorage=true'));
  hooks = await WebhookServer.start({ featureGates: gates });
});
after(() => hooks.api.environment.resolve(hooks.api.server.stop()));
afterEach(() => {
  assert.deepEqual(own(), CLEAN);
  assert.equal(Reflect.get({}, 'polluted'), undefined);
});

describe('a key of a map', () => {
  /** One object in each form that a body may have. */
  const forms: Readonly<Record<string, (map: Json) => readonly [Uint8Array | string, string]>> = {
    JSON: (map) => [JSON.stringify(map), 'application/json'],
    YAML: (map) => [toYaml(map), 'application/yaml'],
    CBOR: (map) => [jsonToCbor(map), 'application/cbor'],
    protobuf: (map) => [
      encodeEnvelope(
        'v1',
        'ConfigMap',
        encodeProtobuf(typeByName('io.k8s.api.core.v1.ConfigMap'), map as object),
      ),
      'application/vnd.kubernetes.protobuf',
    ],
  };

  for (const [form, encode] of Object.entries(forms))
    for (const key of KEYS)
      it(`${key} in ${form} is kept as it is`, async () => {
        const name = nextName();
        const map = parsed(
          `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"${name}"},"data":{"a":"b","${key}":"polluted"}}`,
        );
        const answer = await send(`POST ${MAPS}`, ...encode(map));
        assert.equal(answer.status, 201, answer.text);
        const data = await dataOf(name);
        assert.deepEqual([data.size, data.get('a'), data.get(key)], [2, 'b', 'polluted']);
      });

  for (const key of KEYS) {
    const patches: readonly (readonly [how: keyof typeof TYPES, body: (name: string) => string])[] =
      [
        ['merge', () => `{"data":{"${key}":"polluted"}}`],
        ['strategic', () => `{"data":{"${key}":"polluted"}}`],
        ['json', () => `[{"op":"add","path":"/data/${key}","value":"polluted"}]`],
        [
          'apply',
          (name) =>
            `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"${name}"},"data":{"${key}":"polluted"}}`,
        ],
      ];
    for (const [how, body] of patches)
      it(`${key} by ${how} patch is kept, and taken away again`, async () => {
        const name = await made();
        const url = `PATCH ${MAPS}/${name}?fieldManager=test`;
        const added = await send(url, body(name), TYPES[how]);
        assert.equal(added.status, 200, added.text);
        assert.equal((await dataOf(name)).get(key), 'polluted');
        const { text } = await send(`GET ${MAPS}/${name}`);
        // Whose it is stands in the managed fields, under the same key.
        assert.match(text, new RegExp(`"f:${key}":{}`));
        const removed = await send(url, `{"data":{"${key}":null}}`, TYPES.merge);
        assert.equal(removed.status, 200, removed.text);
        assert.deepEqual(await dataOf(name), new Map([['a', 'b']]));
      });
  }
});

describe('a field that no kind has', () => {
  for (const key of KEYS) {
    const nested = `{"polluted":"yes","constructor":{"prototype":{"polluted":"yes"}}}`;
    const bodies: Readonly<Record<string, readonly [keyof typeof TYPES, string]>> = {
      'merge patch': ['merge', `{"${key}":${nested},"metadata":{"${key}":${nested}}}`],
      'strategic merge patch': [
        'strategic',
        `{"${key}":${nested},"metadata":{"${key}":${nested}}}`,
      ],
      'JSON patch': ['json', `[{"op":"add","path":"/${key}/polluted","value":"yes"}]`],
      'JSON patch, deeper': [
        'json',
        `[{"op":"add","path":"/metadata/${key}/prototype","value":{}}]`,
      ],
      'JSON patch that copies': ['json', `[{"op":"copy","from":"/metadata","path":"/${key}"}]`],
      'JSON patch that moves from it': [
        'json',
        `[{"op":"move","from":"/${key}/toString","path":"/data/x"}]`,
      ],
      'JSON patch that tests it': ['json', `[{"op":"test","path":"/${key}","value":null}]`],
      apply: ['apply', `{"apiVersion":"v1","kind":"ConfigMap","${key}":${nested}}`],
    };
    for (const [how, [type, body]] of Object.entries(bodies))
      it(`${key} by ${how} is refused, or left out`, async () => {
        const name = await made();
        isHandled(await send(`PATCH ${MAPS}/${name}?fieldManager=test`, body, TYPES[type]));
        const { text } = await send(`GET ${MAPS}/${name}`);
        assert.doesNotMatch(text, /polluted/);
        assert.deepEqual((await dataOf(name)).get('a'), 'b');
      });

    it(`${key} in a new object is refused where fields are validated, and else left out`, async () => {
      const body = (name: string): string => `{"metadata":{"name":"${name}"},"${key}":${nested}}`;
      const strict = await send(`POST ${MAPS}?fieldValidation=Strict`, body(nextName()));
      assert.equal(strict.status, 400, strict.text);
      const name = nextName();
      assert.equal((await send(`POST ${MAPS}`, body(name))).status, 201);
      assert.doesNotMatch((await send(`GET ${MAPS}/${name}`)).text, /polluted/);
    });

    it(`${key} as label, annotation, in queries and in selectors is data, or refused`, async () => {
      for (const where of ['labels', 'annotations'])
        isHandled(
          await send(
            `POST ${MAPS}`,
            `{"metadata":{"name":"${nextName()}","${where}":{"${key}":"polluted"}}}`,
          ),
        );
      for (const query of [
        `${key}=polluted`,
        `labelSelector=${key}=polluted`,
        `labelSelector=${key}`,
        `fieldSelector=${key}=polluted`,
        `fieldSelector=metadata.${key}=polluted`,
        `${key}[polluted]=yes`,
      ])
        isHandled(await send(`GET ${MAPS}?${query}`));
      isHandled(await send(`GET ${MAPS}/${key}`));
      isHandled(await send(`GET /apis/${key}/v1/${key}`));
      isHandled(await send(`GET /api/v1/${key}`));
    });
  }

  it('in managed fields that a client makes up is refused, or data', async () => {
    for (const key of KEYS) {
      const fields = `[{"manager":"m","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:${key}":{"f:polluted":{}},"${key}":{}}}]`;
      const name = nextName();
      isHandled(
        await send(`POST ${MAPS}`, `{"metadata":{"name":"${name}","managedFields":${fields}}}`),
      );
      isHandled(
        await send(
          `PATCH ${MAPS}/${name}?fieldManager=m&force=true`,
          `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"${name}"},"data":{"x":"y"}}`,
          TYPES.apply,
        ),
      );
    }
  });
});

describe('a custom resource', () => {
  const GROUP = 'stable.example.com';
  const TONICS = `/apis/${GROUP}/v1/namespaces/default/tonics`;

  before(async () => {
    const properties = KEYS.map(
      (key) =>
        `"${key}":{"type":"object","properties":{"${key}":{"type":"string","default":"mine"}}}`,
    );
    const schema = `{"type":"object","properties":{
      "spec":{"type":"object","properties":{${properties.join(',')}}},
      "free":{"type":"object","x-kubernetes-preserve-unknown-fields":true},
      "map":{"type":"object","additionalProperties":{"type":"string"}},
      "ruled":{"type":"object","additionalProperties":{"type":"string"},
        "x-kubernetes-validations":[{"rule":"!('constructor' in self) || self['constructor'] == 'data'"}]}}}`;
    const made = await send(
      'POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      `{"metadata":{"name":"tonics.${GROUP}"},"spec":{"group":"${GROUP}","scope":"Namespaced",
        "names":{"plural":"tonics","kind":"Tonic"},
        "versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":${schema}}}]}}`,
    );
    assert.equal(made.status, 201, made.text);
    await hooks.api.environment.advance(1_000);
  });

  for (const key of KEYS)
    it(`keeps ${key} where its schema has it, prunes it where not, and fills in defaults`, async () => {
      const name = nextName();
      const body = `{"apiVersion":"${GROUP}/v1","kind":"Tonic","metadata":{"name":"${name}"},
        "${key}":{"polluted":"yes"},"spec":{"${key}":{"polluted":"yes"},"other":{"${key}":1}},
        "free":{"${key}":{"kept":"yes"}},"map":{"${key}":"kept"}}`;
      const answer = await send(`POST ${TONICS}`, body);
      assert.equal(answer.status, 201, answer.text);
      const object = JSON.parse((await send(`GET ${TONICS}/${name}`)).text) as Record<
        string,
        object
      >;
      const entries = (value: object | undefined) => Object.entries(value ?? {});
      assert.deepEqual(
        entries(object['free']).map(([found, value]) => [found, JSON.stringify(value)]),
        [[key, '{"kept":"yes"}']],
      );
      assert.deepEqual(entries(object['map']), [[key, 'kept']]);
      assert.deepEqual(
        entries(object['spec']).map(([found, value]) => [found, JSON.stringify(value)]),
        [[key, `{"${key}":"mine"}`]],
      );
      assert.ok(!Object.hasOwn(object, key));
    });

  it('is seen by rules as it is: no key is there that nobody wrote', async () => {
    const post = (ruled: string) =>
      send(
        `POST ${TONICS}`,
        `{"apiVersion":"${GROUP}/v1","kind":"Tonic","metadata":{"name":"${nextName()}"},"ruled":${ruled}}`,
      );
    assert.equal((await post('{}')).status, 201);
    assert.equal((await post('{"constructor":"data"}')).status, 201);
    assert.equal((await post('{"constructor":"other"}')).status, 422);
  });
});

describe('an admission webhook', () => {
  for (const key of KEYS)
    it(`that patches ${key} changes the object at most`, async () => {
      const operation = { op: 'add', path: `/data/${key}`, value: 'by-hook' };
      hooks.respond(`/${key}`, () => ({
        ...patch(operation),
        auditAnnotations: parsed(`{"${key}":"polluted"}`),
        warnings: [key],
      }));
      const namespace = `hooked-${key.replaceAll('_', '')}`.toLowerCase();
      await hooks.api.must('POST /api/v1/namespaces', {
        metadata: { name: namespace, labels: { hooked: namespace } },
      });
      await hooks.hook(namespace, `/${key}`, {
        mutating: true,
        namespaceSelector: { matchLabels: { hooked: namespace } },
      });
      const answer = await send(
        `POST /api/v1/namespaces/${namespace}/configmaps`,
        `{"metadata":{"name":"x"},"data":{"a":"b"}}`,
      );
      assert.equal(answer.status, 201, answer.text);
      assert.match(answer.text, new RegExp(`"${key}":"by-hook"`));
      const worse = { op: 'add', path: `/${key}/polluted`, value: 'yes' };
      hooks.respond(`/${key}`, () => patch(worse));
      const other = await send(
        `POST /api/v1/namespaces/${namespace}/configmaps`,
        `{"metadata":{"name":"y"}}`,
      );
      assert.doesNotMatch(other.text, /"polluted":"yes"/);
    });
});

describe('CEL', () => {
  it('has no keys in maps but those that were written', () => {
    for (const key of KEYS) {
      assert.equal(run(`'${key}' in {}`), false, key);
      assert.equal(run(`'${key}' in {'a': 1}`), false, key);
      assert.equal(run(`{'${key}': 7}['${key}'] == 7`), true, key);
    }
  });
});

describe('a file of configuration', () => {
  const readers: Readonly<
    Record<string, readonly [head: string, read: (text: string) => unknown]>
  > = {
    kubeconfig: ['{"apiVersion":"v1","kind":"Config"', (text) => connectionOf(fromYaml(text))],
    EncryptionConfiguration: [
      '{"apiVersion":"apiserver.config.k8s.io/v1","kind":"EncryptionConfiguration"',
      readEncryptionConfig,
    ],
    AuthenticationConfiguration: [
      '{"apiVersion":"apiserver.config.k8s.io/v1","kind":"AuthenticationConfiguration"',
      (text) => readAuthentication(text, { ownIssuers: [] }),
    ],
    AuthorizationConfiguration: [
      '{"apiVersion":"apiserver.config.k8s.io/v1","kind":"AuthorizationConfiguration"',
      (text) => readAuthorization(text, { fileFault: () => undefined }),
    ],
    Policy: [
      '{"apiVersion":"audit.k8s.io/v1","kind":"Policy","rules":[{"level":"None"}]',
      readPolicy,
    ],
    KubeProxyConfiguration: [
      '{"apiVersion":"kubeproxy.config.k8s.io/v1alpha1","kind":"KubeProxyConfiguration"',
      (text) => readProxyConfig(text, []),
    ],
    KubeletConfiguration: [
      '{"apiVersion":"kubelet.config.k8s.io/v1beta1","kind":"KubeletConfiguration"',
      (text) => readKubeletConfig(text, '/'),
    ],
    KubeSchedulerConfiguration: [
      '{"apiVersion":"kubescheduler.config.k8s.io/v1","kind":"KubeSchedulerConfiguration"',
      (text) => readSchedulerConfig(text),
    ],
  };
  for (const [kind, [head, read]] of Object.entries(readers))
    it(`${kind} with such keys is read, or refused, and nothing else happens`, () => {
      for (const key of KEYS)
        for (const rest of [
          `,"${key}":{"polluted":"yes"}}`,
          `,"${key}":{"prototype":{"polluted":"yes"}},"featureGates":{"${key}":true}}`,
          `,"clientConnection":{"${key}":{"polluted":"yes"}},"clusters":[{"name":"${key}","cluster":{"${key}":{}}}]}`,
        ])
          for (const text of [head + rest, toYaml(parsed(head + rest))])
            try {
              assert.equal(Reflect.get(Object(read(text)), 'polluted'), undefined);
            } catch (error) {
              // A mistake of ours would be a TypeError.
              assert.ok(error instanceof Error && !(error instanceof TypeError), String(error));
            }
    });

  it('in YAML keeps such keys as keys, by merge and anchor too', () => {
    for (const key of KEYS) {
      const value = fromYaml(`base: &b {${key}: {polluted: "yes"}}\nother: *b\n`) as Record<
        string,
        object
      >;
      assert.deepEqual(Object.keys(value['other'] ?? {}), [key]);
      assert.equal(
        Reflect.get(Object.create(value['other'] ?? null) as object, 'polluted'),
        undefined,
      );
    }
  });
});
