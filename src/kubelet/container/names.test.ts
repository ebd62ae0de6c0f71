import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import { withDefaultTag } from '../images/image-name.ts';
import { parseResolvConf, podDns } from './dns.ts';
import { kernelHostname, podHostname } from './hostname.ts';
import { hostsFile } from './hosts-file.ts';
import { checkNonRoot, linuxSecurityContext } from './security-context.ts';

function podOf(spec: Partial<PodSpec>): Pod {
  return { metadata: { name: 'p', namespace: 'n', uid: 'u' }, spec: { containers: [], ...spec } };
}

describe('podDns', () => {
  const host = parseResolvConf(
    '# x\nnameserver 192.0.2.53\nsearch corp.example lab.example.\noptions rotate\n',
  );
  const settings = { clusterDns: ['10.96.0.10'], clusterDomain: 'cluster.local', host };

  it('sends cluster pods to the cluster DNS', () => {
    assert.deepEqual(podDns(podOf({}), settings), {
      servers: ['10.96.0.10'],
      searches: [
        'n.svc.cluster.local',
        'svc.cluster.local',
        'cluster.local',
        'corp.example',
        'lab.example',
      ],
      options: ['ndots:5'],
    });
  });
  it('gives pods on the host network the node settings, unless they ask', () => {
    assert.deepEqual(podDns(podOf({ hostNetwork: true }), settings), host);
    const asked = podOf({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' });
    assert.deepEqual(podDns(asked, settings).servers, ['10.96.0.10']);
  });
  it('adds what the pod adds, options over the defaults, at most three servers', () => {
    const pod = podOf({
      dnsPolicy: 'None',
      dnsConfig: {
        nameservers: ['1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4'],
        options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
      },
    });
    assert.deepEqual(podDns(pod, settings), {
      servers: ['1.1.1.1', '2.2.2.2', '3.3.3.3'],
      searches: [],
      options: ['ndots:2', 'edns0'],
    });
  });
});

describe('podHostname', () => {
  it('is the name, or what the spec says, with the domain of the subdomain', () => {
    assert.deepEqual(podHostname(podOf({}), 'c.l'), { hostname: 'p', domain: '' });
    const named = podHostname(podOf({ hostname: 'h', subdomain: 's' }), 'c.l');
    assert.deepEqual(named, { hostname: 'h', domain: 's.n.svc.c.l' });
    assert.equal(kernelHostname(named, podOf({ setHostnameAsFQDN: true })), 'h.s.n.svc.c.l');
  });
  it('is cut to 63 characters that end in none of "-."', () => {
    const pod: Pod = { metadata: { name: `${'a'.repeat(62)}-b` }, spec: { containers: [] } };
    assert.equal(podHostname(pod, 'c').hostname, 'a'.repeat(62));
  });
});

describe('hostsFile', () => {
  it('names the pod and its aliases', () => {
    const text = hostsFile({
      ips: ['10.0.0.1'],
      hostname: 'h',
      domain: 's.n.svc.c',
      aliases: [{ ip: '192.0.2.1', hostnames: ['x', 'y'] }],
    });
    assert.ok(text.startsWith('# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n'));
    assert.ok(
      text.endsWith(
        '10.0.0.1\th.s.n.svc.c\th\n\n# Entries added by HostAliases.\n192.0.2.1\tx\ty\n',
      ),
    );
  });
});

describe('withDefaultTag', () => {
  it('adds latest where there is neither tag nor digest', () => {
    assert.equal(withDefaultTag('busybox'), 'busybox:latest');
    assert.equal(withDefaultTag('localhost:5000/a/b'), 'localhost:5000/a/b:latest');
    assert.equal(withDefaultTag('a:1'), 'a:1');
    const digest = `a@sha256:${'0'.repeat(64)}`;
    assert.equal(withDefaultTag(digest), digest);
  });
  it('refuses what is no name', () => {
    assert.throws(
      () => withDefaultTag('Busybox'),
      /couldn't parse image name "Busybox": invalid reference format: repository name must be lowercase/,
    );
    assert.throws(() => withDefaultTag('a b'), /invalid reference format/);
  });
});

describe('security context', () => {
  const main = { name: 'main' };
  it('refuses to run as root against the word of the pod', () => {
    const pod = podOf({ securityContext: { runAsNonRoot: true } });
    const where = '(pod: "p_n(u)", container: main)';
    assert.throws(() => checkNonRoot(pod, main, { uid: 0, username: '' }), {
      message: `container has runAsNonRoot and image will run as root ${where}`,
    });
    assert.throws(() => checkNonRoot(pod, main, { username: 'www' }), {
      message: `container has runAsNonRoot and image has non-numeric user (www), cannot verify user is non-root ${where}`,
    });
    const zero = { ...main, securityContext: { runAsUser: 0 } };
    assert.throws(() => checkNonRoot(pod, zero, { uid: 1, username: '' }), {
      message: `container's runAsUser breaks non-root policy ${where}`,
    });
    checkNonRoot(pod, { ...main, securityContext: { runAsUser: 5 } }, { uid: 0, username: '' });
  });
  it('puts the settings of the container over those of the pod', () => {
    const pod = podOf({
      securityContext: {
        runAsUser: 1,
        runAsGroup: 2,
        fsGroup: 3,
        supplementalGroups: [4],
        seccompProfile: { type: 'RuntimeDefault' },
      },
      shareProcessNamespace: true,
    });
    const container = {
      ...main,
      securityContext: {
        runAsUser: 9,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
      },
    };
    const context = linuxSecurityContext({
      pod,
      container,
      user: { uid: 0, username: '' },
      seccompDirectory: '/s',
      seccompDefault: false,
    });
    assert.deepEqual([context.runAsUser, context.runAsGroup], [{ value: 9 }, { value: 2 }]);
    assert.deepEqual(context.supplementalGroups, [3, 4]);
    assert.deepEqual(
      [context.noNewPrivs, context.seccomp, context.namespaceOptions?.pid],
      [true, { profileType: 0 }, 0],
    );
    assert.deepEqual(context.capabilities, { addCapabilities: [], dropCapabilities: ['ALL'] });
  });
});

describe('seccompDefault', () => {
  it('gives containers that name no profile the runtime’s', () => {
    const profile = (seccompDefault: boolean) =>
      linuxSecurityContext({
        pod: {},
        container: { name: 'main' },
        user: { uid: 0, username: '' },
        seccompDirectory: '/s',
        seccompDefault,
      }).seccomp;
    assert.deepEqual([profile(true), profile(false)], [{ profileType: 0 }, { profileType: 1 }]);
  });
});
