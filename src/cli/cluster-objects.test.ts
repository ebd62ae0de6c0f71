/** What a machine that joins may read and ask for, by the objects that the cluster publishes. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { CERTIFICATE_SIGNING_REQUEST } from '#api/certificates/certificate-signing-request.ts';
import { fromYaml, toYaml } from '#api/codec/yaml.ts';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { ENDPOINTS } from '#api/core/endpoints.ts';
import { SERVICE } from '#api/core/service.ts';
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { NODE } from '#api/core/node.ts';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.ts';
import type { JsonObject } from '#api/meta/object.ts';
import { isNotFound, isStatus } from '#api/meta/status.ts';
import { SECRET } from '#api/core/secret.ts';
import { POD } from '#api/core/pod.ts';
import { nodeIdentity, serviceAccountIdentity } from '#client/in-process.ts';
import type { Client } from '#client/client.ts';
import { certificateRequest } from '#kit/certificate-request.ts';
import { JOIN_TOKEN, joinTokenSecret, JoinWorld } from '#kit/join-world.ts';

const isForbidden = (error: unknown): boolean => isStatus(error, 'Forbidden');

describe('the objects that machines join by', () => {
  let world: JoinWorld;
  before(async () => {
    world = await JoinWorld.start();
  });
  after(() => world.stop());

  const read = async (client: Client, name: string, namespace = 'kube-system') =>
    (await world.run(client.get(CONFIG_MAP, name, namespace))).data ?? {};

  it('tell anybody where the cluster is, signed with the token', async () => {
    const data = await read(world.withToken(), 'cluster-info', 'kube-public');
    assert.deepEqual(Object.keys(data).toSorted(), ['jws-kubeconfig-abcdef', 'kubeconfig']);
    const encoded = Buffer.from(world.authority.certificate).toString('base64');
    assert.deepEqual(fromYaml(data['kubeconfig'] ?? ''), {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: '',
          cluster: { server: 'https://192.0.2.10:6443', 'certificate-authority-data': encoded },
        },
      ],
      contexts: null,
      'current-context': '',
      preferences: {},
      users: null,
    });
  });

  it('tell anybody nothing else', async () => {
    const anybody = world.withToken();
    for (const name of ['kubeadm-config', 'kubelet-config'])
      await assert.rejects(read(anybody, name), isForbidden);
    await assert.rejects(
      world.run(anybody.list(CONFIG_MAP, { namespace: 'kube-public' })),
      isForbidden,
    );
  });

  it('tell tokens and nodes the ranges of the cluster and the settings of kubelets', async () => {
    for (const client of [world.withToken(JOIN_TOKEN), world.as(nodeIdentity('n'))]) {
      const cluster = await read(client, 'kubeadm-config');
      assert.deepEqual(fromYaml(cluster['ClusterConfiguration'] ?? ''), {
        apiVersion: 'kubeadm.k8s.io/v1beta4',
        kind: 'ClusterConfiguration',
        certificatesDir: '/pki',
        clusterName: 'coxswain',
        controlPlaneEndpoint: '192.0.2.10:6443',
        encryptionAlgorithm: 'ECDSA-P256',
        kubernetesVersion: 'v1.36.0',
        networking: {
          dnsDomain: 'cluster.local',
          podSubnet: '10.244.0.0/16',
          serviceSubnet: '10.96.0.0/16',
        },
      });
      const kubelet = fromYaml((await read(client, 'kubelet-config'))['kubelet'] ?? '');
      assert.deepEqual(kubelet, {
        apiVersion: 'kubelet.config.k8s.io/v1beta1',
        kind: 'KubeletConfiguration',
        authentication: { anonymous: { enabled: false }, webhook: { enabled: true } },
        authorization: { mode: 'Webhook' },
        cgroupDriver: 'cgroupfs',
        clusterDNS: ['10.96.0.10'],
        clusterDomain: 'cluster.local',
        evictionHard: {
          'memory.available': '100Mi',
          'nodefs.available': '1Gi',
          'nodefs.inodesFree': '5%',
          'imagefs.available': '1Gi',
          'imagefs.inodesFree': '5%',
        },
        failCgroupV1: false,
        failSwapOn: false,
        oomScoreAdj: 0,
        serializeImagePulls: false,
        registryPullQPS: 0,
        kubeAPIQPS: 1000,
        kubeAPIBurst: 2000,
        rotateCertificates: true,
        serverTLSBootstrap: true,
      });
    }
  });

  it('keep the settings of kubelets that somebody changed', async () => {
    const target = { name: 'kubelet-config', namespace: 'kube-system' };
    const before = fromYaml((await read(world.admin, target.name))['kubelet'] ?? '') as JsonObject;
    const changed = { data: { kubelet: toYaml({ ...before, maxPods: 20, oomScoreAdj: -5 }) } };
    await world.run(world.admin.patch(CONFIG_MAP, target, 'merge', changed));
    await world.run(world.publish());
    const after = fromYaml((await read(world.admin, target.name))['kubelet'] ?? '');
    assert.deepEqual(after, { ...before, maxPods: 20, oomScoreAdj: -5 });
  });

  it('let a token see whether a name is taken, and nothing of Secrets', async () => {
    await world.run(world.admin.create(NODE, { metadata: { name: 'taken' } }));
    const token = world.withToken(JOIN_TOKEN);
    assert.equal((await world.run(token.get(NODE, 'taken'))).metadata?.name, 'taken');
    await assert.rejects(world.run(token.list(NODE)), isForbidden);
    await assert.rejects(world.run(token.list(SECRET, { namespace: 'kube-system' })), isForbidden);
  });

  it('let a node do the work of its proxy, network policies and DNS', async () => {
    const node = world.as(nodeIdentity('n'));
    for (const path of [
      '/api/v1/services',
      '/api/v1/nodes',
      '/api/v1/pods',
      '/api/v1/namespaces',
      '/apis/discovery.k8s.io/v1/endpointslices',
      '/apis/networking.k8s.io/v1/networkpolicies',
      '/apis/networking.k8s.io/v1/servicecidrs',
      '/api/v1/namespaces/kube-system/configmaps?fieldSelector=metadata.name%3Dcluster-dns',
    ])
      await world.run(node.raw('GET', path));
    await assert.rejects(world.run(node.list(SECRET)), isForbidden);
    const stranger = world.as({ name: 'stranger', groups: [] });
    await assert.rejects(world.run(stranger.list(POD)), isForbidden);
  });

  const ask = async (
    client: Client,
    name: string,
    subject = 'system:node:joined',
  ): Promise<CertificateSigningRequest> => {
    const pem = certificateRequest({ commonName: subject, organizations: ['system:nodes'] });
    await world.run(
      client.create(CERTIFICATE_SIGNING_REQUEST, {
        metadata: { name },
        spec: {
          request: Buffer.from(pem).toString('base64'),
          signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
          usages: ['digital signature', 'client auth'],
        },
      }),
    );
    await world.environment.advance(5_000);
    return world.run(world.admin.get(CERTIFICATE_SIGNING_REQUEST, name));
  };
  const approvalOf = ({ status }: CertificateSigningRequest) =>
    status?.conditions?.find(({ type }) => type === 'Approved')?.message;

  it('have the certificate of a node approved and made for who shows the token', async () => {
    const csr = await ask(world.withToken(JOIN_TOKEN), 'first');
    assert.equal(
      approvalOf(csr),
      'Auto approving kubelet client certificate after SubjectAccessReview.',
    );
    const pem = Buffer.from(csr.status?.certificate ?? '', 'base64');
    const certificate = new X509Certificate(pem);
    assert.equal(certificate.subject, 'O=system:nodes\nCN=system:node:joined');
    assert.ok(certificate.verify(new X509Certificate(world.authority.certificate).publicKey));
  });

  it('have the next one approved for the node itself, and not for another', async () => {
    const own = await ask(world.as(nodeIdentity('joined')), 'next');
    assert.equal(
      approvalOf(own),
      'Auto approving self kubelet client certificate after SubjectAccessReview.',
    );
    const another = ask(world.as(nodeIdentity('joined')), 'foreign', 'system:node:other');
    await assert.rejects(another, isForbidden);
  });

  it('approve nothing for a token that is not for nodes', async () => {
    const secret = joinTokenSecret({
      'token-id': 'ghijkl',
      'auth-extra-groups': 'system:bootstrappers:others',
    });
    await world.run(
      world.admin.create(SECRET, {
        ...secret,
        metadata: { ...secret.metadata, name: 'bootstrap-token-ghijkl' },
      }),
    );
    await world.environment.advance(100);
    await assert.rejects(ask(world.withToken('ghijkl.0123456789abcdef'), 'others'), isForbidden);
  });

  it('stay as they are when they are published again, with their signatures', async () => {
    const before = await world.run(world.admin.get(CONFIG_MAP, 'cluster-info', 'kube-public'));
    await world.run(world.publish());
    const now = await world.run(world.admin.get(CONFIG_MAP, 'cluster-info', 'kube-public'));
    assert.deepEqual(now, before);
    assert.ok(now.data?.['jws-kubeconfig-abcdef']);
  });
});

describe('the cluster DNS', () => {
  const KUBE_DNS = { name: 'kube-dns', namespace: 'kube-system' };
  const image = { reference: 'coxswain.local/coxswain:1', key: 'abc' };

  it('is pods behind the Service where that was chosen, and nodes again without a trace', async () => {
    const world = await JoinWorld.start();
    const slices = async (): Promise<string[]> => {
      const { items } = await world.run(
        world.admin.list(ENDPOINT_SLICE, { namespace: 'kube-system' }),
      );
      return items.map(({ metadata }) => metadata?.name ?? '');
    };
    const selector = async () =>
      (await world.run(world.admin.get(SERVICE, KUBE_DNS.name, KUBE_DNS.namespace))).spec?.selector;
    const deployment = () => world.run(world.admin.get(DEPLOYMENT, 'coredns', KUBE_DNS.namespace));
    assert.deepEqual(await slices(), ['kube-dns']);
    assert.equal(await selector(), undefined);

    await world.run(world.publish({ dnsImage: image }));
    await world.environment.advance(5_000);
    assert.deepEqual(await selector(), { 'k8s-app': 'kube-dns' });
    assert.ok(!(await slices()).includes('kube-dns'));
    const { spec } = await deployment();
    assert.equal(spec?.replicas, 2);
    const [container] = spec?.template.spec?.containers ?? [];
    assert.equal(container?.image, image.reference);
    assert.deepEqual(container?.args, [
      'dns',
      '--cluster-dns=10.96.0.10',
      '--cluster-domain=cluster.local',
      '--own-ranges=10.244.0.0/16,10.96.0.0/16',
    ]);
    const pods = await world.run(world.admin.list(POD, { namespace: 'kube-system' }));
    assert.equal(pods.items.length, 2, 'admission lets them in');
    const account = world.as(serviceAccountIdentity('kube-system', 'coredns'));
    for (const path of [
      '/api/v1/services',
      '/apis/discovery.k8s.io/v1/endpointslices',
      '/api/v1/namespaces/kube-system/configmaps?fieldSelector=metadata.name%3Dcluster-dns',
    ])
      await world.run(account.raw('GET', path));
    await assert.rejects(world.run(account.list(SECRET)), isForbidden);
    await assert.rejects(
      world.run(account.list(CONFIG_MAP, { namespace: 'kube-system' })),
      isForbidden,
    );

    await world.run(world.publish());
    await world.environment.advance(60_000);
    assert.equal(await selector(), undefined);
    assert.deepEqual(await slices(), ['kube-dns']);
    await assert.rejects(deployment(), isNotFound);
    const endpoints = world.admin.get(ENDPOINTS, KUBE_DNS.name, KUBE_DNS.namespace);
    await assert.rejects(world.run(endpoints), isNotFound);
    await world.stop();
  });

  const both = [
    ['10.244.0.0/16,fd00:10:244::/48', '10.96.0.0/16,fd00:10:96::/112', 'IPv4', '10.96.0.10'],
    ['fd00:10:244::/48,10.244.0.0/16', 'fd00:10:96::/112,10.96.0.0/16', 'IPv6', 'fd00:10:96::a'],
  ] as const;
  for (const [podCidr, serviceClusterIpRange, family, address] of both)
    it(`has an address of ${family} alone in a cluster with both, ${family} first`, async () => {
      const world = await JoinWorld.start({ ranges: { podCidr, serviceClusterIpRange } });
      await world.run(world.publish({ dnsImage: image }));
      const service = await world.run(world.admin.get(SERVICE, KUBE_DNS.name, KUBE_DNS.namespace));
      const { clusterIPs, ipFamilies, ipFamilyPolicy } = service.spec ?? {};
      assert.deepEqual(
        [clusterIPs, ipFamilies, ipFamilyPolicy],
        [[address], [family], 'SingleStack'],
      );
      const deployment = world.admin.get(DEPLOYMENT, 'coredns', KUBE_DNS.namespace);
      const [container] = (await world.run(deployment)).spec?.template.spec?.containers ?? [];
      assert.deepEqual(container?.args, [
        'dns',
        `--cluster-dns=${address}`,
        '--cluster-domain=cluster.local',
        `--own-ranges=${podCidr},${serviceClusterIpRange}`,
        '--bind-address=::',
      ]);
      await world.stop();
    });

  it('leaves a Deployment of that name alone that is not ours', async () => {
    const world = await JoinWorld.start();
    const labels = { app: 'x' };
    const template = {
      metadata: { labels },
      spec: { containers: [{ name: 'main', image: 'coredns' }] },
    };
    await world.run(
      world.admin.create(DEPLOYMENT, {
        metadata: { name: 'coredns', namespace: 'kube-system' },
        spec: { selector: { matchLabels: labels }, template },
      }),
    );
    await world.run(world.publish());
    await world.run(world.admin.get(DEPLOYMENT, 'coredns', 'kube-system'));
    await world.stop();
  });
});
