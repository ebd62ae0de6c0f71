import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import type { ProcessOptions } from '#base/doors.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { ExecCredentialProvider, providerMetrics } from './credential-provider.ts';
import {
  type CredentialProvider,
  mergeProviders,
  readCredentialProviders,
  type TokenAttributes,
  validateProviders,
} from './credential-provider-config.ts';

const V1 = 'credentialprovider.kubelet.k8s.io/v1';
const PROVIDER: CredentialProvider = {
  name: 'ecr',
  matchImages: ['*.example'],
  defaultCacheDuration: '10m0s',
  apiVersion: V1,
};
const POD: Pod = {
  metadata: { name: 'p', namespace: 'ns', uid: 'u1' },
  spec: { serviceAccountName: 'sa', containers: [] },
};
const ATTRIBUTES: TokenAttributes = {
  serviceAccountTokenAudience: 'registry',
  cacheType: 'ServiceAccount',
  requireServiceAccount: true,
  requiredServiceAccountAnnotationKeys: ['example.com/role'],
  optionalServiceAccountAnnotationKeys: ['example.com/more'],
};

/** A provider whose program answers what the test says. */
class World {
  readonly environment = new VirtualEnvironment();
  readonly registry = new MetricRegistry();
  readonly runs: { path: string; args: readonly string[]; options: ProcessOptions }[] = [];
  answer: object = {
    cacheKeyType: 'Image',
    auth: { 'r.example': { username: 'u', password: 'p' } },
  };
  /** What the program prints, where that is not an answer. */
  output: string | undefined;
  exitCode = 0;
  annotations: Record<string, string> = { 'example.com/role': 'puller', other: 'x' };
  accountUid = 'a1';
  token = 't1';
  readonly audiences: string[] = [];
  readonly provider: ExecCredentialProvider;

  constructor(over: Partial<CredentialProvider> = {}) {
    this.provider = new ExecCredentialProvider({
      environment: this.environment,
      provider: { ...PROVIDER, ...over },
      path: '/bin/ecr',
      metrics: providerMetrics(this.registry),
      accounts: {
        account: (namespace, name) => {
          if (name === 'gone') return Promise.reject(new Error('not found'));
          const { accountUid: uid, annotations } = this;
          return Promise.resolve({ metadata: { namespace, name, uid, annotations } });
        },
        token: (pod, audience) => {
          this.audiences.push(`${pod.metadata?.name} ${audience}`);
          return Promise.resolve(this.token);
        },
      },
      processes: {
        run: (path, args, options = {}) => {
          this.runs.push({ path, args, options });
          const answer = { apiVersion: V1, kind: 'CredentialProviderResponse', ...this.answer };
          return Promise.resolve({
            exitCode: this.exitCode,
            stdout: Buffer.from(this.output ?? JSON.stringify(answer)),
            stderr: Buffer.from('its own words'),
          });
        },
      },
    });
  }

  async keys(image = 'r.example/app', pod = POD): Promise<string> {
    return [...(await this.provider.credentials(image, pod)).config.keys()].join();
  }

  question(): unknown {
    return JSON.parse(String(this.runs.at(-1)?.options.input));
  }
}

describe('a credential provider', () => {
  it('is asked for images that are its own, on standard input', async () => {
    const world = new World({ args: ['get', '-v'], env: [{ name: 'REGION', value: 'eu' }] });
    assert.equal(await world.keys('other.invalid/app'), '');
    assert.equal(world.runs.length, 0);
    const found = await world.provider.credentials('r.example/app', POD);
    assert.equal(found.source, undefined);
    assert.deepEqual([...found.config], [['r.example', { username: 'u', password: 'p' }]]);
    const [{ path, args, options } = { path: '', args: [], options: {} }] = world.runs;
    assert.deepEqual(
      [path, args, options.environment],
      ['/bin/ecr', ['get', '-v'], { REGION: 'eu' }],
    );
    assert.equal(options.timeoutMs, 60_000);
    assert.deepEqual(world.question(), {
      kind: 'CredentialProviderRequest',
      apiVersion: V1,
      image: 'r.example/app',
    });
  });

  it('is asked once by many at a time', async () => {
    const world = new World({ defaultCacheDuration: '0s' });
    const all = await Promise.all([world.keys(), world.keys(), world.keys('r.example/other')]);
    assert.deepEqual(all, ['r.example', 'r.example', 'r.example']);
    assert.equal(world.runs.length, 2);
    await world.keys();
    assert.equal(world.runs.length, 3);
  });

  const caches: readonly [object, over: Partial<CredentialProvider>, runs: readonly number[]][] = [
    // After: the same image, another of the registry, another registry, and nine and eleven minutes.
    [{ cacheKeyType: 'Image' }, {}, [1, 2, 3, 3, 4]],
    [{ cacheKeyType: 'Registry' }, {}, [1, 1, 2, 2, 3]],
    [{ cacheKeyType: 'Global' }, {}, [1, 1, 1, 1, 2]],
    [{ cacheKeyType: 'Global', cacheDuration: '1m0s' }, {}, [1, 1, 1, 2, 3]],
    [{ cacheKeyType: 'Global', cacheDuration: '0s' }, {}, [2, 3, 4, 5, 6]],
    [{ cacheKeyType: 'Global' }, { defaultCacheDuration: '0s' }, [2, 3, 4, 5, 6]],
    [
      { cacheKeyType: 'Global', cacheDuration: '1h0m0s' },
      { defaultCacheDuration: '0s' },
      [1, 1, 1, 1, 1],
    ],
  ];
  for (const [answer, over, runs] of caches)
    it(`is remembered: ${JSON.stringify({ ...answer, ...over })}`, async () => {
      const world = new World(over);
      world.answer = { ...world.answer, ...answer };
      const counts: number[] = [];
      const ask = async (image: string): Promise<void> => {
        await world.keys(image);
        counts.push(world.runs.length);
      };
      await world.keys();
      await ask('r.example/app');
      await ask('r.example/two');
      await ask('s.example/app');
      await world.environment.advance(9 * 60_000);
      await ask('r.example/app');
      await world.environment.advance(2 * 60_000);
      await ask('r.example/app');
      assert.deepEqual(counts, runs);
    });

  it('remembers a thousand answers', async () => {
    const world = new World();
    for (let at = 0; at <= 1000; at++) await world.keys(`r.example/${at}`);
    await world.keys('r.example/1');
    assert.equal(world.runs.length, 1001);
    await world.keys('r.example/0');
    assert.equal(world.runs.length, 1002);
  });

  it('that fails gives nothing, is counted, and shows no secrets', async () => {
    const rows: readonly [(world: World) => void, RegExp][] = [
      [(world) => (world.exitCode = 1), /its own words/],
      [(world) => (world.output = 'secret'), /error decoding credential provider plugin response/],
      [
        (world) => (world.answer = { cacheKeyType: 'Image', auth: { r: 'secret' } }),
        /error decoding/,
      ],
      [(world) => (world.answer = { cacheKeyType: 'Image', secret: 1 }), /error decoding/],
      [
        (world) => (world.answer = { apiVersion: 'v9' }),
        /did not match expected apiVersion:credentialprovider.kubelet.k8s.io\/v1, actual apiVersion:v9/,
      ],
      [(world) => (world.answer = { cacheKeyType: 'All' }), /valid cacheKeyType: .*All/],
    ];
    for (const [breakIt, message] of rows) {
      const world = new World();
      breakIt(world);
      assert.equal(await world.keys(), '');
      const [line] = world.environment.lines('error');
      assert.match(JSON.stringify(line), message);
      assert.doesNotMatch(JSON.stringify(line), /secret/);
      const text = world.registry.text();
      assert.match(text, /_plugin_errors_total\{plugin_name="ecr"\} 1/);
      assert.match(text, /_plugin_duration_count\{plugin_name="ecr"\} 1/);
    }
  });

  it('may say that it knows nothing', async () => {
    const world = new World();
    world.answer = { cacheKeyType: 'Image', auth: null };
    assert.equal(await world.keys(), '');
    assert.deepEqual(world.environment.lines('error'), []);
  });
});

describe('a credential provider with tokens', () => {
  it('gets one of the pod’s account, and the annotations it asks for', async () => {
    const world = new World({ tokenAttributes: ATTRIBUTES });
    world.annotations['example.com/more'] = 'm';
    const { config, source } = await world.provider.credentials('r.example/app', POD);
    assert.deepEqual([...config.keys()], ['r.example']);
    assert.deepEqual(source, {
      serviceAccount: { uid: world.accountUid, namespace: 'ns', name: 'sa' },
    });
    assert.deepEqual(world.audiences, ['p registry']);
    assert.deepEqual(world.question(), {
      kind: 'CredentialProviderRequest',
      apiVersion: V1,
      image: 'r.example/app',
      serviceAccountToken: 't1',
      serviceAccountAnnotations: { 'example.com/more': 'm', 'example.com/role': 'puller' },
    });
  });

  it('is not asked without the account or an annotation that it needs', async () => {
    const world = new World({ tokenAttributes: ATTRIBUTES });
    const podOf = (serviceAccountName: string): Pod => ({
      ...POD,
      spec: { serviceAccountName, containers: [] },
    });
    assert.equal(await world.keys('r.example/app', podOf('')), '');
    assert.equal(await world.keys('r.example/app', podOf('gone')), '');
    world.annotations = {};
    assert.equal(await world.keys(), '');
    assert.equal(world.runs.length, 0);
    const lax = new World({
      tokenAttributes: { ...ATTRIBUTES, requireServiceAccount: false },
    });
    assert.equal(await lax.keys('r.example/app', podOf('')), 'r.example');
    assert.deepEqual(Object.keys(lax.question() as object), ['kind', 'apiVersion', 'image']);
  });

  it('has answers for one account each, or for one token', async () => {
    const asked = async (cacheType: string, change: (world: World) => void): Promise<number> => {
      const world = new World({ tokenAttributes: { ...ATTRIBUTES, cacheType } });
      await world.keys();
      change(world);
      await world.keys();
      return world.runs.length;
    };
    const newToken = (world: World): void => {
      world.token = 't2';
    };
    const newAccount = (world: World): void => {
      world.accountUid = 'a2';
    };
    const newAnnotation = (world: World): void => {
      world.annotations['example.com/role'] = 'other';
    };
    const unasked = (world: World): void => {
      world.annotations['other'] = 'y';
    };
    assert.deepEqual(
      await Promise.all([
        asked('ServiceAccount', newToken),
        asked('Token', newToken),
        asked('ServiceAccount', newAccount),
        asked('ServiceAccount', newAnnotation),
        asked('ServiceAccount', unasked),
      ]),
      [1, 2, 2, 2, 1],
    );
  });
});

describe('CredentialProviderConfig', () => {
  const text = (version: string, provider: string): string =>
    `apiVersion: kubelet.config.k8s.io/${version}\nkind: CredentialProviderConfig\nproviders:\n- ${provider}\n`;

  it('is read in each of its versions, strictly', () => {
    for (const version of ['v1', 'v1beta1', 'v1alpha1']) {
      const [provider] = readCredentialProviders(
        text(version, `{name: a, matchImages: [x], defaultCacheDuration: 1m, apiVersion: ${V1}}`),
      );
      assert.deepEqual(provider?.name, 'a');
      assert.deepEqual(validateProviders([provider]), []);
    }
    const rows: readonly [string, RegExp][] = [
      [text('v1', '{name: a, matchImage: x}'), /unknown field "providers\[0\].matchImage"/],
      [text('v2', '{name: a}'), /is registered for version "kubelet.config.k8s.io\/v2"/],
      ['kind: Pod\napiVersion: v1', /no kind "Pod" is registered/],
      ['a: [', /yaml|line/i],
    ];
    for (const [wrong, message] of rows)
      assert.throws(() => readCredentialProviders(wrong), message);
  });

  it('has each name once', () => {
    assert.equal(mergeProviders([[PROVIDER], [{ ...PROVIDER, name: 'b' }]]).length, 2);
    assert.throws(() => mergeProviders([[PROVIDER], [PROVIDER]]), {
      message: 'duplicate provider name "ecr" found in configuration file(s)',
    });
  });

  const problems = (over: Partial<CredentialProvider>): string[] =>
    validateProviders([{ ...PROVIDER, ...over }]).map((error) => error.text());
  const { requireServiceAccount: _, ...withoutNeed } = ATTRIBUTES;
  const rows: readonly [Partial<CredentialProvider>, string[]][] = [
    [{}, []],
    [
      { name: 'a/b c' },
      [
        `providers.name: Invalid value: "a/b c": provider name cannot contain '/'`,
        `providers.name: Invalid value: "a/b c": provider name cannot contain spaces`,
      ],
    ],
    [{ name: '.' }, [`providers.name: Invalid value: ".": provider name cannot be '.'`]],
    [{ name: '..' }, [`providers.name: Invalid value: "..": provider name cannot be '..'`]],
    [{ apiVersion: '' }, ['providers.apiVersion: Required value']],
    [
      { apiVersion: 'v1' },
      [
        `providers.apiVersion: Unsupported value: "v1": supported values: "${V1}", "${V1}alpha1", "${V1}beta1"`,
      ],
    ],
    [
      { matchImages: [] },
      ['providers.matchImages: Required value: at least 1 item in matchImages is required'],
    ],
    [
      { matchImages: ['%x'] },
      [
        'providers.matchImages: Invalid value: "%x": match image is invalid: parse "https://%x": invalid URL',
      ],
    ],
    [
      { defaultCacheDuration: '-1s' },
      [
        'providers.defaultCacheDuration: Invalid value: "-1s": defaultCacheDuration must be greater than or equal to 0',
      ],
    ],
    [{ tokenAttributes: ATTRIBUTES }, []],
    [
      { tokenAttributes: withoutNeed },
      ['providers.tokenAttributes.requireServiceAccount: Required value'],
    ],
    [
      { tokenAttributes: { ...ATTRIBUTES, serviceAccountTokenAudience: '' } },
      ['providers.tokenAttributes.serviceAccountTokenAudience: Required value'],
    ],
    [
      { tokenAttributes: ATTRIBUTES, apiVersion: `${V1}beta1` },
      [
        `providers.tokenAttributes: Forbidden: tokenAttributes is only supported for ${V1} API version`,
      ],
    ],
    [
      { tokenAttributes: { ...ATTRIBUTES, requireServiceAccount: false } },
      [
        'providers.tokenAttributes.requiredServiceAccountAnnotationKeys: Forbidden: requireServiceAccount cannot be false when requiredServiceAccountAnnotationKeys is set',
      ],
    ],
    [
      {
        tokenAttributes: {
          ...ATTRIBUTES,
          optionalServiceAccountAnnotationKeys: ['example.com/role'],
        },
      },
      [
        'providers.tokenAttributes: Invalid value: ["example.com/role"]: annotation keys cannot be both required and optional',
      ],
    ],
    [
      { tokenAttributes: { ...ATTRIBUTES, optionalServiceAccountAnnotationKeys: ['A', 'A'] } },
      ['providers.tokenAttributes.optionalServiceAccountAnnotationKeys: Duplicate value: "A"'],
    ],
    [
      { tokenAttributes: { ...ATTRIBUTES, cacheType: '' } },
      [
        'providers.tokenAttributes.cacheType: Required value: cacheType is required to be set when tokenAttributes is specified. Supported values are: ServiceAccount, Token',
      ],
    ],
    [
      { tokenAttributes: { ...ATTRIBUTES, cacheType: 'Pod' } },
      [
        'providers.tokenAttributes.cacheType: Unsupported value: "Pod": supported values: "ServiceAccount", "Token"',
      ],
    ],
  ];
  for (const [over, wanted] of rows)
    it(`is checked: ${JSON.stringify(over)}`, () => assert.deepEqual(problems(over), wanted));

  it('needs a provider, and each of them how long answers hold', () => {
    const { defaultCacheDuration: _duration, ...without } = PROVIDER;
    assert.deepEqual(
      [...validateProviders([]), ...validateProviders([without])].map((error) => error.text()),
      [
        'providers: Required value: at least 1 item in plugins is required',
        'providers.defaultCacheDuration: Required value',
      ],
    );
  });
});
