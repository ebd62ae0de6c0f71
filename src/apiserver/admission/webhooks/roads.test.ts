/** How webhooks are reached: by URL and by Service. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { TestApiServer } from '#kit/api-server.ts';
import { WebhookServer } from '#kit/webhook-server.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const HOOKS = '/api/v1/namespaces/hooks';

let hooks: WebhookServer;
let api: TestApiServer;

beforeEach(async () => {
  hooks = await WebhookServer.start();
  ({ api } = hooks);
});

const caBundle = Buffer.from('A CA').toString('base64');
const make = (name: string) => api.refusal(`POST ${MAPS}`, { metadata: { name } });

describe('a webhook behind a Service', () => {
  const clientConfig = {
    service: { namespace: 'hooks', name: 'web', path: '/one', port: 8443 },
    caBundle,
  };
  const at =
    '"a.example.com": failed to call webhook: Post "https://web.hooks.svc:8443/one?timeout=10s"';

  it('is reached at a ready endpoint, by the name of the Service and its authority', async () => {
    await hooks.hook('a', '/one', { clientConfig });
    await api.must('POST /api/v1/namespaces', { metadata: { name: 'hooks' } });
    assert.equal(
      await make('m'),
      `500 Internal error occurred: failed calling webhook ${at}: services "web" not found`,
    );
    await api.must(`POST ${HOOKS}/services`, {
      metadata: { name: 'web' },
      spec: { ports: [{ port: 8443, targetPort: 9443 }] },
    });
    assert.match(await make('m'), /no endpoints available for service "web"$/);
    await api.must('POST /apis/discovery.k8s.io/v1/namespaces/hooks/endpointslices', {
      metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.244.0.7'] }],
      ports: [{ name: '', port: 9443 }],
    });
    await api.must(`POST ${MAPS}`, { metadata: { name: 'm' } });
    const [{ backend, url }] = hooks.asked as [(typeof hooks.asked)[number]];
    assert.deepEqual(backend, {
      host: '10.244.0.7',
      port: 9443,
      tls: { serverName: 'web.hooks.svc', ca: 'A CA' },
    });
    assert.equal(url, '/one?timeout=10s');
  });
});

describe('a webhook at a URL', () => {
  it('is reached by its name', async () => {
    await hooks.configure('a', [
      {
        name: 'a.example.com',
        clientConfig: { url: 'https://hooks.example.com/one', caBundle },
        rules: [
          { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] },
        ],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        timeoutSeconds: 3,
      },
    ]);
    await api.must(`POST ${MAPS}`, { metadata: { name: 'm' } });
    const [{ backend: whole, url: asked }] = hooks.asked as [(typeof hooks.asked)[number]];
    const { allows: _, ...backend } = whole;
    assert.deepEqual(backend, {
      host: 'hooks.example.com',
      port: 443,
      tls: { serverName: 'hooks.example.com', ca: 'A CA' },
    });
    assert.equal(asked, '/one?timeout=3s');
  });

  for (const address of [
    '169.254.169.254',
    '127.0.0.1:9443',
    'localhost',
    '[::1]',
    '10.96.0.1',
    '[::ffff:169.254.169.254]',
  ])
    it(`is not reached at ${address}`, async () => {
      const url = `https://${address}/one`;
      await hooks.hook('a', '/one', { clientConfig: { url } });
      assert.match(await make('m'), /: address not allowed$/);
      assert.deepEqual(hooks.asked, []);
    });
});

describe('a webhook that would lock itself out', () => {
  const rules = [
    { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], scope: '*' },
  ];
  const service = { namespace: 'hooks', name: 'web' };
  const warned = async (name: string, over: object = {}): Promise<string> => {
    const body = {
      metadata: { name },
      webhooks: [
        {
          name: 'a.example.com',
          clientConfig: { service },
          rules,
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
          ...over,
        },
      ],
    };
    const plural = 'validatingwebhookconfigurations';
    const path = `/apis/admissionregistration.k8s.io/v1/${plural}?dryRun=All`;
    return (await api.call(`POST ${path}`, body)).headers['warning'] ?? '';
  };

  beforeEach(async () => {
    await api.must('POST /api/v1/namespaces', {
      metadata: { name: 'hooks', labels: { own: 'yes' } },
    });
    await api.must(`POST ${HOOKS}/services`, {
      metadata: { name: 'web' },
      spec: { ports: [{ port: 443 }], selector: { app: 'web' } },
    });
  });

  it('is told of to who registers it', async () => {
    assert.match(
      await warned('a'),
      /asked about its Pods, its Service, its EndpointSlices, its Namespace too, and failurePolicy Fail/,
    );
    const pods = [{ ...rules[0], resources: ['pods'] }];
    assert.match(await warned('a', { rules: pods }), /asked about its Pods too/);
    assert.match(
      await warned('a', { rules: pods, objectSelector: { matchLabels: { app: 'web' } } }),
      /asked about its Pods too/,
    );
  });

  it('is told of only for sure while its Service is not there', async () => {
    const clientConfig = { service: { namespace: 'hooks', name: 'none' } };
    const pods = [{ ...rules[0], resources: ['pods'] }];
    assert.match(await warned('a', { clientConfig, rules: pods }), /asked about its Pods too/);
    const objectSelector = {
      matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }],
    };
    assert.equal(await warned('a', { clientConfig, rules: pods, objectSelector }), '');
  });

  const safe: readonly (readonly [what: string, over: object])[] = [
    ['it lets requests pass when it fails', { failurePolicy: 'Ignore' }],
    ['it is not in the cluster', { clientConfig: { url: 'https://hooks.example.com/' } }],
    [
      'its namespace is left out',
      { namespaceSelector: { matchExpressions: [{ key: 'own', operator: 'DoesNotExist' }] } },
    ],
    [
      'its namespace is left out by name',
      {
        namespaceSelector: {
          matchExpressions: [
            { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['hooks'] },
          ],
        },
      },
    ],
    [
      'its pods are left out',
      {
        rules: [{ ...rules[0], resources: ['pods'] }],
        objectSelector: { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] },
      },
    ],
    ['it is asked about other things', { rules: [{ ...rules[0], resources: ['configmaps'] }] }],
    ['it is asked of deletions', { rules: [{ ...rules[0], operations: ['DELETE'] }] }],
    ['it has conditions', { matchConditions: [{ name: 'x', expression: 'true' }] }],
  ];
  for (const [what, over] of safe)
    it(`is none where ${what}`, async () => {
      assert.equal(await warned('a', over), '');
    });
});
