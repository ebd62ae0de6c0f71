import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuthorizationOptions } from '#apiserver/authz/chain.ts';
import type { LiveChange } from '#base/live.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { parseFlags } from '../flags.ts';
import { authorizationOptions } from './authorization-options.ts';
import { ConfigFiles } from './config-files.ts';
import { API_SERVER } from './flags.ts';
import { configFolder, kubeconfig, userError } from './test-kit.ts';

const optionsOf = (args: readonly string[], files = new ConfigFiles()): AuthorizationOptions =>
  authorizationOptions(parseFlags(API_SERVER, args), files);

const config = (...authorizers: object[]): object => ({
  apiVersion: 'apiserver.config.k8s.io/v1',
  kind: 'AuthorizationConfiguration',
  authorizers,
});
const RBAC = { type: 'RBAC', name: 'rbac' };

describe('flags of authorization', () => {
  it('name Node and RBAC unless others are named, in order', () => {
    assert.deepEqual(optionsOf([]).authorizers.current, [{ type: 'Node', name: 'node' }, RBAC]);
    assert.deepEqual(optionsOf(['--authorization-mode=RBAC,AlwaysDeny']).authorizers.current, [
      RBAC,
      { type: 'AlwaysDeny', name: 'alwaysdeny' },
    ]);
  });

  it('name a webhook and policies by files', (t) => {
    const write = configFolder(t);
    const far = write('far', kubeconfig('https://far.example.com/decide/'));
    const { authorizers, policies } = optionsOf([
      '--authorization-mode=Webhook,ABAC',
      `--authorization-webhook-config-file=${far}`,
      '--authorization-webhook-version=v1',
      '--authorization-webhook-cache-unauthorized-ttl=0s',
      `--authorization-policy-file=${write('policies', '{"user":"jane"}')}`,
    ]);
    const [webhook] = authorizers.current;
    assert.equal(webhook?.name, 'default');
    assert.deepEqual(webhook?.webhook, {
      authorizedTtlNanos: 300e9,
      cacheAuthorizedRequests: true,
      unauthorizedTtlNanos: 0,
      cacheUnauthorizedRequests: false,
      timeoutNanos: 30e9,
      failurePolicy: 'NoOpinion',
      subjectAccessReviewVersion: 'v1',
      matchConditionSubjectAccessReviewVersion: '',
      matchConditions: [],
      connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: far },
    });
    const { backend, path, token } = webhook?.endpoint ?? {};
    assert.deepEqual(
      [backend?.host, backend?.port, path, token?.()],
      ['far.example.com', 443, '/decide', 'secret'],
    );
    assert.deepEqual(
      policies?.map(({ user }) => user),
      ['jane'],
    );
  });

  it('that make no sense are refused', (t) => {
    const write = configFolder(t);
    const refusal = (...args: string[]): string => userError(() => optionsOf(args));
    const table: readonly (readonly [args: string[], message: string])[] = [
      [['--authorization-mode='], 'at least one authorization-mode must be passed'],
      [['--authorization-mode=Magic'], 'authorization-mode "Magic" is not a valid mode'],
      [
        ['--authorization-mode=RBAC,RBAC'],
        'authorization-mode ["RBAC" "RBAC"] has mode specified more than once',
      ],
      [
        ['--authorization-mode=ABAC,Webhook'],
        "authorization-mode ABAC's authorization policy file not passed\nauthorization-mode Webhook's authorization config file not passed",
      ],
      [
        ['--authorization-policy-file=/a', '--authorization-webhook-config-file=/b'],
        'cannot specify --authorization-policy-file without mode ABAC\ncannot specify --authorization-webhook-config-file without mode Webhook',
      ],
      [
        [
          '--authorization-mode=Webhook',
          '--authorization-webhook-config-file=/b',
          '--authorization-webhook-version=v2',
        ],
        'unsupported webhook authorizer version "v2", supported versions are "v1", "v1beta1"',
      ],
      [
        ['--authorization-config=/a', '--authorization-webhook-version=v1'],
        '--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined',
      ],
      [
        [`--authorization-config=${write('abac', config({ type: 'ABAC', name: 'abac' }))}`],
        "authorization-mode ABAC's authorization policy file not passed",
      ],
      [
        [`--authorization-config=${write('none', config())}`],
        'authorizers: Required value: at least one authorization mode must be defined',
      ],
    ];
    for (const [args, message] of table) assert.equal(refusal(...args), message);
    const policies = write('policies', '{');
    assert.match(
      refusal('--authorization-mode=ABAC', `--authorization-policy-file=${policies}`),
      /^error reading policy file .*policies, line 1: \{: /,
    );
  });

  it('do not let the API server ask itself', (t) => {
    const write = configFolder(t);
    const webhook = {
      timeout: '1s',
      subjectAccessReviewVersion: 'v1',
      failurePolicy: 'Deny',
      connectionInfo: { type: 'InClusterConfig' },
    };
    const path = write('own', config({ type: 'Webhook', name: 'own', webhook }));
    assert.equal(
      userError(() => optionsOf([`--authorization-config=${path}`])),
      'authorizer "own": connectionInfo.type InClusterConfig is not allowed for kube-apiserver',
    );
  });
});

describe('the file of an AuthorizationConfiguration', () => {
  it('holds as it is written, unless it is bad', async (t) => {
    const write = configFolder(t);
    const allow = { type: 'AlwaysAllow', name: 'alwaysallow' };
    const path = write('config', config(RBAC));
    const files = new ConfigFiles();
    const { authorizers } = optionsOf([`--authorization-config=${path}`], files);
    const environment = new VirtualEnvironment();
    files.start(environment);
    t.after(() => files.stop());
    const changes: LiveChange<unknown>[] = [];
    authorizers.subscribe((change) => changes.push(change));
    const afterMinute = async (content: string | object): Promise<LiveChange<unknown>[]> => {
      write('config', content);
      changes.length = 0;
      await environment.advance(60_000);
      return [...changes];
    };
    const next = config(RBAC, allow);
    assert.deepEqual(await afterMinute(next), [
      { value: [RBAC, allow], source: JSON.stringify(next) },
    ]);
    // The same in other words.
    assert.deepEqual(await afterMinute(`# \n${JSON.stringify(next)}`), []);
    assert.deepEqual(await afterMinute(config(allow)), [
      { error: 'missing required types: [RBAC]' },
    ]);
    // It is told once.
    await environment.advance(60_000);
    assert.equal(changes.length, 1);
    assert.deepEqual(authorizers.current, [RBAC, allow]);
    assert.equal((await afterMinute(config(RBAC))).length, 1);
    assert.deepEqual(authorizers.current, [RBAC]);
  });
});
