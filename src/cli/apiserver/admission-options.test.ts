import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { admissionInOrder } from '#apiserver/admission/order.ts';
import { OFF_BY_DEFAULT } from '#apiserver/admission/options.ts';
import { AdmissionBench } from '#kit/admission.ts';
import { parseFlags } from '../flags.ts';
import { UserError } from '../user-error.ts';
import { PLUGINS } from './admission-names.ts';
import { admissionOptions } from './admission-options.ts';
import { API_SERVER } from './flags.ts';

const folder = mkdtempSync(join(tmpdir(), 'cox-admission-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Its path. */
function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function options(args: readonly string[], config?: string) {
  const more =
    config === undefined ? [] : [`--admission-control-config-file=${file('config.yaml', config)}`];
  return admissionOptions(parseFlags(API_SERVER, [...args, ...more]));
}

function refusal(args: readonly string[], config?: string): string {
  try {
    options(args, config);
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    return error.message;
  }
  return '';
}

const HEAD = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n';

/** Inline, as `name` is configured. */
const inline = (name: string, lines: string): string =>
  `${HEAD}- name: ${name}\n  configuration:\n${lines.trimEnd().replaceAll(/^/gm, '    ')}\n`;

const POD_SECURITY =
  'apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\n';
const EVENTS = 'apiVersion: eventratelimit.admission.k8s.io/v1alpha1\nkind: Configuration\n';
const TOLERATIONS =
  'apiVersion: podtolerationrestriction.admission.k8s.io/v1alpha1\nkind: Configuration\n';
const QUOTA = 'apiVersion: apiserver.config.k8s.io/v1\nkind: ResourceQuotaConfiguration\n';

const WEBHOOKS = 'apiVersion: apiserver.config.k8s.io/v1\nkind: WebhookAdmissionConfiguration\n';

describe('names of admission plug-ins', () => {
  /** Ours, where upstream has it in storage. */
  const own = new Set(['CustomResourceTermination', 'PodCertificateSigning', 'RBACEscalation']);

  it('are those of the chain, and each that is off by default is one of them', () => {
    const names = admissionInOrder(new AdmissionBench().services).map(({ name }) => name);
    assert.deepEqual(names.filter((name) => !own.has(name)).toSorted(), [...PLUGINS].toSorted());
    assert.deepEqual(
      [...OFF_BY_DEFAULT].filter((name) => !PLUGINS.has(name)),
      [],
    );
  });

  it('switch plug-ins on and off', () => {
    const args = [
      '--enable-admission-plugins=AlwaysPullImages',
      '--disable-admission-plugins=PodSecurity',
    ];
    const { enabled, disabled, configuration } = options(args);
    assert.deepEqual(
      [enabled, disabled, configuration],
      [['AlwaysPullImages'], ['PodSecurity'], {}],
    );
  });

  it('that are unknown or in both lists are refused', () => {
    assert.equal(
      refusal(['--disable-admission-plugins=Foo']),
      'disable-admission-plugins plugin "Foo" is unknown',
    );
    assert.equal(refusal(['--enable-admission-plugins=ValidatingAdmissionPolicy']), '');
    assert.equal(
      refusal(['--enable-admission-plugins=Priority', '--disable-admission-plugins=Priority']),
      '[Priority] in enable-admission-plugins and disable-admission-plugins overlapped',
    );
  });
});

describe('--admission-control-config-file', () => {
  it('configures a plug-in inline, or by a file beside it', () => {
    const text = `${POD_SECURITY}defaults: {enforce: baseline, enforce-version: v1.30}\nexemptions: {usernames: [joe], namespaces: [kube-system], runtimeClasses: [kata]}\n`;
    const wanted = {
      podSecurity: {
        defaults: {
          enforce: { level: 'baseline', version: 30 },
          audit: { level: 'privileged', version: 'latest' },
          warn: { level: 'privileged', version: 'latest' },
        },
        exemptions: {
          usernames: new Set(['joe']),
          namespaces: new Set(['kube-system']),
          runtimeClasses: new Set(['kata']),
        },
      },
    };
    assert.deepEqual(options([], inline('PodSecurity', text)).configuration, wanted);
    mkdirSync(join(folder, 'more'), { recursive: true });
    file('more/pods.yaml', text);
    const beside = `${HEAD}- name: PodSecurity\n  path: more/pods.yaml\n`;
    assert.deepEqual(options([], beside).configuration, wanted);
    const absolute = `${HEAD}- name: PodSecurity\n  path: ${folder}/more/pods.yaml\n`;
    assert.deepEqual(options([], absolute).configuration, wanted);
  });

  it('is not looked at for a plug-in that is off', () => {
    const config = inline('PodSecurity', 'nonsense: true');
    assert.match(
      refusal([], config),
      /^couldn't init admission plugin "PodSecurity": Object 'Kind' is missing/,
    );
    assert.deepEqual(
      options(['--disable-admission-plugins=PodSecurity'], config).configuration,
      {},
    );
  });

  it('configures limited resources, event rates, tolerations and node selectors', () => {
    const quota = `${QUOTA}limitedResources:\n- resource: pods\n  matchContains: [cpu]\n  matchScopes:\n  - {scopeName: PriorityClass, operator: In, values: [high]}\n`;
    assert.deepEqual(options([], inline('ResourceQuota', quota)).configuration, {
      limitedResources: [
        {
          apiGroup: '',
          resource: 'pods',
          matchContains: ['cpu'],
          matchScopes: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }],
        },
      ],
    });
    const old = quota.replace(
      QUOTA,
      'apiVersion: resourcequota.admission.k8s.io/v1beta1\nkind: Configuration\n',
    );
    assert.equal(refusal([], inline('ResourceQuota', old)), '');
    const mixed = old.replace('kind: Configuration', 'kind: ResourceQuotaConfiguration');
    assert.match(
      refusal([], inline('ResourceQuota', mixed)),
      /no kind "ResourceQuotaConfiguration" is registered for version "resourcequota\.admission\.k8s\.io\/v1beta1"/,
    );
    const events = `${EVENTS}limits:\n- {type: Server, qps: 5, burst: 10, cacheSize: -1}\n- {type: User, qps: 1, burst: 2, cacheSize: 7}\n`;
    assert.deepEqual(
      options(['--enable-admission-plugins=EventRateLimit'], inline('EventRateLimit', events))
        .configuration,
      {
        eventLimits: [
          { type: 'Server', qps: 5, burst: 10, cacheSize: 4096 },
          { type: 'User', qps: 1, burst: 2, cacheSize: 7 },
        ],
      },
    );
    const tolerations = `${TOLERATIONS}default: [{key: a, operator: Exists}]\n`;
    const enabled = ['--enable-admission-plugins=PodTolerationRestriction,PodNodeSelector'];
    assert.deepEqual(
      options(enabled, inline('PodTolerationRestriction', tolerations)).configuration,
      { podTolerations: { default: [{ key: 'a', operator: 'Exists' }], whitelist: [] } },
    );
    const selectors = 'podNodeSelectorPluginConfig:\n  clusterDefaultNodeSelector: a=b\n';
    const wanted = { nodeSelectors: { clusterDefaultNodeSelector: 'a=b' } };
    assert.deepEqual(options(enabled, inline('PodNodeSelector', selectors)).configuration, wanted);
    // As the file was before there was an AdmissionConfiguration.
    assert.deepEqual(options(enabled, selectors).configuration, wanted);
  });

  it('says where the webhook of images is', () => {
    file('ca.pem', 'A CA\n');
    const kubeconfig = file(
      'images.kubeconfig',
      `apiVersion: v1\nkind: Config\nclusters:\n- name: it\n  cluster: {server: 'https://images.example.com:8443/review', certificate-authority: ca.pem}\nusers:\n- name: me\n  user: {token: secret}\ncontexts:\n- name: c\n  context: {cluster: it, user: me}\ncurrent-context: c\n`,
    );
    const enabled = ['--enable-admission-plugins=ImagePolicyWebhook'];
    const config = (more: string): string =>
      inline('ImagePolicyWebhook', `imagePolicy:\n  kubeConfigFile: ${kubeconfig}\n${more}`);
    assert.deepEqual(
      options(enabled, config('  allowTTL: 50\n  denyTTL: -1\n  defaultAllow: true\n'))
        .configuration,
      {
        imagePolicy: {
          allowTtlMs: 50_000,
          denyTtlMs: 0,
          retryBackoffMs: 500,
          defaultAllow: true,
          webhook: {
            host: 'images.example.com',
            port: 8443,
            path: '/review',
            tls: { serverName: 'images.example.com', ca: 'A CA\n' },
            token: 'secret',
          },
        },
      },
    );
    const head = 'couldn\'t init admission plugin "ImagePolicyWebhook": ';
    assert.equal(refusal(enabled), `${head}no config specified`);
    assert.equal(
      refusal(enabled, config('  allowTTL: 1\n')),
      `${head}valid value is between 1s and 30m0s, got 1s`,
    );
    assert.equal(
      refusal(enabled, config('  allowTTL: 1801\n')),
      `${head}valid value is between 1s and 30m0s, got 30m1s`,
    );
    assert.equal(
      refusal(enabled, config('  retryBackoff: -2\n')),
      `${head}valid value is between 1ns and 5m0s, got -2ms`,
    );
    assert.equal(
      refusal(enabled, config('  allowed: 1\n')),
      `${head}strict decoding error: unknown field "imagePolicy.allowed"`,
    );
    assert.equal(
      refusal(enabled, inline('ImagePolicyWebhook', 'imagePolicy: {}\n')),
      `${head}imagePolicy.kubeConfigFile: Required value`,
    );
  });
});

describe('what webhooks are shown', () => {
  it('is said for each of the plug-ins', () => {
    const config = (token: string): string => {
      const user = { name: '*', user: { token } };
      const path = file(`${token}.kubeconfig`, JSON.stringify({ users: [user] }));
      return `${WEBHOOKS}kubeConfigFile: ${path}\n`.replaceAll(/^(?=.)/gm, '    ');
    };
    const both = `${HEAD}- name: MutatingAdmissionWebhook\n  configuration:\n${config('m')}- name: ValidatingAdmissionWebhook\n  configuration:\n${config('v')}`;
    const { mutatingWebhookUsers: mutating, validatingWebhookUsers: validating } =
      options([], both).configuration ?? {};
    assert.deepEqual(
      [mutating, validating].map((users) => users?.byName.get('*')?.().headers),
      [{ authorization: 'Bearer m' }, { authorization: 'Bearer v' }],
    );
    const none = options([], inline('MutatingAdmissionWebhook', `${WEBHOOKS}kubeConfigFile: ''\n`));
    assert.deepEqual(none.configuration, { mutatingWebhookUsers: { byName: new Map() } });
  });
});

describe('what is wrong in a configuration of admission', () => {
  const rows: [what: string, config: string | undefined, said: RegExp][] = [
    [
      'a plug-in twice',
      `${HEAD}- name: PodSecurity\n- name: PodSecurity\n`,
      /plug-in "PodSecurity" is configured more than once$/,
    ],
    [
      'an unknown field',
      `${HEAD}- name: PodSecurity\n  file: x\n`,
      /strict decoding error: unknown field "plugins\[0\]\.file"$/,
    ],
    [
      'another kind',
      'apiVersion: v1\nkind: Pod\n',
      /no kind "Pod" is registered for version "v1" in scheme /,
    ],
    [
      'a missing file',
      `${HEAD}- name: PodSecurity\n  path: none\n`,
      /plugin "PodSecurity": Cannot read .*\/none: /,
    ],
    [
      'no limits of events',
      undefined,
      /"EventRateLimit": limits: Invalid value: null: must not be empty$/,
    ],
    [
      'limits of events',
      inline('EventRateLimit', `${EVENTS}limits: [{type: Pod, qps: 0, burst: 0, cacheSize: -1}]\n`),
      /"EventRateLimit": \[limits\[0\]\.type: Unsupported value: "Pod": supported values: "Namespace", "Server", "SourceAndObject", "User", limits\[0\]\.burst: Invalid value: 0: must be positive, limits\[0\]\.qps: Invalid value: 0: must be positive, limits\[0\]\.cacheSize: Invalid value: -1: must not be negative\]$/,
    ],
    [
      'a field of the old form in the new one',
      'apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nimagePolicy: {}\n',
      /unknown field "imagePolicy"$/,
    ],
    [
      'a relative path of what webhooks are shown',
      inline('MutatingAdmissionWebhook', `${WEBHOOKS}kubeConfigFile: x\n`),
      /"MutatingAdmissionWebhook": kubeConfigFile: Invalid value: "x": must be an absolute file path$/,
    ],
    [
      'webhooks in files',
      inline('ValidatingAdmissionWebhook', `${WEBHOOKS}staticManifestsDir: /x\n`),
      /"ValidatingAdmissionWebhook": staticManifestsDir: Forbidden: staticManifestsDir requires the ManifestBasedAdmissionControlConfig feature gate to be enabled$/,
    ],
    [
      'no kubeconfig for webhooks',
      inline('ValidatingAdmissionWebhook', `${WEBHOOKS}kubeConfigFile: /nowhere/x\n`),
      /"ValidatingAdmissionWebhook": Cannot use kubeconfig \/nowhere\/x: Cannot read \/nowhere\/x: ENOENT/,
    ],
    [
      'levels, versions and exemptions',
      inline(
        'PodSecurity',
        `${POD_SECURITY}defaults: {warn: strict, audit-version: '1.2'}\nexemptions: {namespaces: [A, b, b], runtimeClasses: ['-'], usernames: ['', joe, joe]}\n`,
      ),
      /"PodSecurity": \[defaults\.warn: Invalid value: "strict": must be one of privileged, baseline, restricted, defaults\.audit-version: Invalid value: "1\.2": must be "latest" or "v1\.x", exemptions\.namespaces\[0\]: Invalid value: "A": .*, exemptions\.namespaces\[2\]: Duplicate value: "b", exemptions\.runtimeClasses\[0\]: Invalid value: "-": .*, exemptions\.usernames\[0\]: Invalid value: "": username must not be empty, exemptions\.usernames\[2\]: Duplicate value: "joe"\]$/,
    ],
    [
      'a limited resource without its name',
      inline('ResourceQuota', `${QUOTA}limitedResources: [{matchContains: [x]}]\n`),
      /"ResourceQuota": limitedResources\[0\]\.resource: Required value$/,
    ],
    [
      'tolerations',
      inline('PodTolerationRestriction', `${TOLERATIONS}whitelist: [{operator: Equal}]\n`),
      /"PodTolerationRestriction": invalid config: \[podtolerationrestriction\.whitelist\[0\]\.operator: Invalid value: "Equal"/,
    ],
  ];
  for (const [what, config, said] of rows)
    it(`is told: ${what}`, () => {
      const plugin = /"(EventRateLimit|PodTolerationRestriction)"/.exec(said.source)?.[1];
      const args = plugin === undefined ? [] : [`--enable-admission-plugins=${plugin}`];
      assert.match(refusal(args, config), said);
    });
});
