import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, PodSpec } from '#api/gen/core-v1.ts';
import type { CheckedPod } from './check.ts';
import { CHECKS, detailsText, findingsOf, reasonsText } from './evaluate.ts';
import { type Level, parseLevel, parseStandardVersion } from './version.ts';

/** What each container of a restricted pod says. */
const SAFE: Container['securityContext'] = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};

const container = (name: string, more: Partial<Container> = {}): Container => ({
  name,
  image: 'i',
  ...more,
  securityContext: { ...SAFE, ...more.securityContext },
});

/** A restricted pod, but for what is said. */
function pod(spec: Partial<PodSpec> = {}, annotations: Record<string, string> = {}): CheckedPod {
  return { metadata: { annotations }, spec: { containers: [container('a')], ...spec } };
}

const says = (context: Container['securityContext'], names = ['a']): CheckedPod =>
  pod({ containers: names.map((name) => container(name, { securityContext: context ?? {} })) });

/** `baseline:v1.30` */
function look(standard: string, checked: CheckedPod): string {
  const [level = '', version = 'latest'] = standard.split(':');
  return detailsText(
    findingsOf(
      { level: parseLevel(level) as Level, version: parseStandardVersion(version) ?? 'latest' },
      checked,
    ),
  );
}

type Row = [standard: string, checked: CheckedPod, found: string];

function check(name: string, rows: readonly Row[]): void {
  describe(name, () => {
    for (const [standard, checked, found] of rows)
      it(`${standard} ${JSON.stringify(checked)}: ${found || 'nothing'}`, () =>
        assert.equal(look(standard, checked), found));
  });
}

describe('the checks', () => {
  it('are in the order of their names, those of baseline first', () => {
    for (const level of ['baseline', 'restricted']) {
      const ids = CHECKS.filter((each) => each.level === level).map(({ id }) => id);
      assert.deepEqual(ids, ids.toSorted(), level);
    }
    assert.equal(
      CHECKS.findLastIndex(({ level }) => level === 'baseline'),
      11,
    );
  });

  it('have versions in order, and stand for checks that there are', () => {
    const baseline = CHECKS.filter(({ level }) => level === 'baseline').map(({ id }) => id);
    for (const { id, level, versions } of CHECKS) {
      const minors = versions.map(({ from }) => from);
      assert.deepEqual(
        minors,
        [...new Set(minors)].toSorted((a, b) => a - b),
        id,
      );
      for (const { overrides = [] } of versions) {
        assert.deepEqual(
          overrides.filter((other) => !baseline.includes(other)),
          [],
          id,
        );
        assert.ok(overrides.length === 0 || level === 'restricted', id);
      }
    }
  });

  it('find nothing at privileged, and nothing in a restricted pod', () => {
    const bad = says({ privileged: true });
    assert.equal(look('privileged', bad), '');
    for (const standard of ['baseline', 'restricted', 'restricted:v1.0', 'restricted:v1.22'])
      assert.equal(look(standard, pod()), '', standard);
  });

  it('are named in a short form, too', () => {
    const bad = says({ privileged: true, runAsUser: 0 });
    const latest = { level: 'restricted', version: 'latest' } as const;
    assert.equal(reasonsText(findingsOf(latest, bad)), 'privileged, runAsUser=0');
    assert.equal(reasonsText(findingsOf({ ...latest, level: 'baseline' }, bad)), 'privileged');
  });

  it('look at containers of all three sorts', () => {
    const bad = { privileged: true };
    const of = (name: string) => container(name, { securityContext: bad });
    const checked = pod({
      containers: [of('c')],
      initContainers: [of('i')],
      ephemeralContainers: [of('e')],
    });
    assert.equal(
      look('baseline', checked),
      'privileged (containers "i", "c", "e" must not set securityContext.privileged=true)',
    );
  });
});

const named = (word: string): string => `container "a" must not ${word}`;

check('privileged containers', [
  [
    'baseline',
    says({ privileged: true }),
    `privileged (${named('set securityContext.privileged=true')})`,
  ],
  ['baseline', says({ privileged: false }), ''],
]);

check('host namespaces', [
  [
    'baseline',
    pod({ hostNetwork: true, hostPID: true, hostIPC: true }),
    'host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)',
  ],
  ['baseline:v1.0', pod({ hostPID: true }), 'host namespaces (hostPID=true)'],
  ['baseline', pod({ hostNetwork: false }), ''],
]);

check('hostPath volumes', [
  [
    'baseline',
    pod({ volumes: [{ name: 'v', hostPath: { path: '/' } }] }),
    'hostPath volumes (volume "v")',
  ],
  [
    'baseline',
    pod({
      volumes: [
        { name: 'v', hostPath: { path: '/' } },
        { name: 'w', hostPath: { path: '/' } },
      ],
    }),
    'hostPath volumes (volumes "v", "w")',
  ],
  [
    'restricted',
    pod({ volumes: [{ name: 'v', hostPath: { path: '/' } }] }),
    'restricted volume types (volume "v" uses restricted volume type "hostPath")',
  ],
  ['baseline', pod({ volumes: [{ name: 'v', nfs: { path: '/', server: 's' } }] }), ''],
]);

const ports = (...hostPorts: number[]): CheckedPod =>
  pod({
    containers: [
      container('a', { ports: hostPorts.map((hostPort) => ({ containerPort: 1, hostPort })) }),
    ],
  });
check('host ports', [
  ['baseline', ports(80), 'hostPort (container "a" uses hostPort 80)'],
  ['baseline', ports(80, 9, 80), 'hostPort (container "a" uses hostPorts 80, 9)'],
  [
    'baseline',
    pod({
      containers: ['a', 'b'].map((name) =>
        container(name, { ports: [{ containerPort: 1, hostPort: 5 }] }),
      ),
    }),
    'hostPort (containers "a", "b" use hostPort 5)',
  ],
  ['baseline', ports(0), ''],
]);

const host = (more: Partial<Container>): CheckedPod => pod({ containers: [container('a', more)] });
const PROBE_HOST = 'probe or lifecycle host (container "a" uses probe or lifecycle host "h")';
const [http, tcp] = [{ httpGet: { port: 1, host: 'h' } }, { tcpSocket: { port: 1, host: 'h' } }];
check('hosts of probes and hooks', [
  ...(['livenessProbe', 'readinessProbe', 'startupProbe'] as const).flatMap((probe): Row[] => [
    ['baseline', host({ [probe]: http }), PROBE_HOST],
    ['baseline:v1.34', host({ [probe]: tcp }), PROBE_HOST],
    ['baseline:v1.33', host({ [probe]: tcp }), ''],
  ]),
  ['baseline', host({ lifecycle: { preStop: http } }), PROBE_HOST],
  ['baseline', host({ lifecycle: { postStart: tcp } }), PROBE_HOST],
  ['baseline', host({ livenessProbe: { httpGet: { port: 1, host: '' } } }), ''],
  [
    'baseline',
    pod({
      containers: [
        container('b', { livenessProbe: http }),
        container('a', { livenessProbe: { httpGet: { port: 1, host: 'g' } } }),
      ],
    }),
    'probe or lifecycle host (containers "a", "b" use probe or lifecycle hosts "g", "h")',
  ],
]);

const CAPABILITIES = (names: string): string =>
  named(`include ${names} in securityContext.capabilities.add`);
const DROP = 'container "a" must set securityContext.capabilities.drop=["ALL"]';
check('capabilities', [
  [
    'baseline',
    says({ capabilities: { add: ['SYS_ADMIN', 'NET_RAW', 'CHOWN'] } }),
    `non-default capabilities (${CAPABILITIES('"NET_RAW", "SYS_ADMIN"')})`,
  ],
  ...[
    'AUDIT_WRITE',
    'CHOWN',
    'DAC_OVERRIDE',
    'FOWNER',
    'FSETID',
    'KILL',
    'MKNOD',
    'NET_BIND_SERVICE',
    'SETFCAP',
    'SETGID',
    'SETPCAP',
    'SETUID',
    'SYS_CHROOT',
  ].map((name): Row => ['baseline', says({ capabilities: { add: [name] } }), '']),
  ['restricted', says({ capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } }), ''],
  [
    'restricted',
    says({ capabilities: { drop: ['ALL'], add: ['CHOWN'] } }),
    `unrestricted capabilities (${CAPABILITIES('"CHOWN"')})`,
  ],
  [
    'restricted',
    says({ capabilities: { add: ['CHOWN'] } }),
    `unrestricted capabilities (${DROP}; ${CAPABILITIES('"CHOWN"')})`,
  ],
  [
    'restricted:v1.22',
    says({ capabilities: { drop: ['CHOWN'] } }),
    `unrestricted capabilities (${DROP})`,
  ],
  ['restricted:v1.21', says({ capabilities: { drop: ['CHOWN'] } }), ''],
  [
    'restricted:v1.21',
    says({ capabilities: { add: ['NET_RAW'] } }),
    `non-default capabilities (${CAPABILITIES('"NET_RAW"')})`,
  ],
]);

const WINDOWS: CheckedPod = {
  spec: {
    os: { name: 'windows' },
    containers: [{ name: 'a', image: 'i', securityContext: { runAsNonRoot: true } }],
  },
};
const UNSET = {
  escalation:
    'allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false)',
  capabilities: `unrestricted capabilities (${DROP})`,
  seccomp:
    'seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
};
check('pods for Windows', [
  ['restricted', WINDOWS, ''],
  ['restricted:v1.25', WINDOWS, ''],
  ['restricted:v1.24', WINDOWS, `${UNSET.escalation}, ${UNSET.capabilities}, ${UNSET.seccomp}`],
  [
    'restricted',
    { spec: { ...WINDOWS.spec, os: { name: 'linux' } } },
    `${UNSET.escalation}, ${UNSET.capabilities}, ${UNSET.seccomp}`,
  ],
]);

const HOST_PROCESS = 'must not set securityContext.windowsOptions.hostProcess=true)';
check('processes of the host on Windows', [
  [
    'baseline',
    pod({ securityContext: { windowsOptions: { hostProcess: true } } }),
    `hostProcess (pod ${HOST_PROCESS}`,
  ],
  [
    'baseline',
    says({ windowsOptions: { hostProcess: true } }),
    `hostProcess (container "a" ${HOST_PROCESS}`,
  ],
  [
    'baseline',
    pod({
      securityContext: { windowsOptions: { hostProcess: true } },
      containers: [container('a', { securityContext: { windowsOptions: { hostProcess: true } } })],
    }),
    `hostProcess (pod and container "a" ${HOST_PROCESS}`,
  ],
  ['baseline', says({ windowsOptions: { hostProcess: false } }), ''],
]);

check('privilege escalation', [
  [
    'restricted',
    says({ allowPrivilegeEscalation: true }, ['a', 'b']),
    'allowPrivilegeEscalation != false (containers "a", "b" must set securityContext.allowPrivilegeEscalation=false)',
  ],
  ['restricted:v1.8', says({ allowPrivilegeEscalation: true }), UNSET.escalation],
  ['restricted:v1.7', says({ allowPrivilegeEscalation: true }), ''],
  ['baseline', says({ allowPrivilegeEscalation: true }), ''],
]);

const APPARMOR = 'container.apparmor.security.beta.kubernetes.io/a';
check('AppArmor', [
  [
    'baseline',
    says({ appArmorProfile: { type: 'Unconfined' } }),
    'forbidden AppArmor profile (container "a" must not set AppArmor profile type to "Unconfined")',
  ],
  [
    'baseline',
    pod({ securityContext: { appArmorProfile: { type: 'Unconfined' } } }),
    'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")',
  ],
  ['baseline', says({ appArmorProfile: { type: 'Localhost', localhostProfile: 'x' } }), ''],
  ['baseline', says({ appArmorProfile: { type: 'RuntimeDefault' } }), ''],
  [
    'baseline',
    pod({}, { [APPARMOR]: 'unconfined' }),
    `forbidden AppArmor profile (annotation must not set AppArmor profile type to "${APPARMOR}="unconfined"")`,
  ],
  [
    'baseline:v1.0',
    pod(
      { securityContext: { appArmorProfile: { type: 'Unconfined' } } },
      { [APPARMOR]: 'x', [`${APPARMOR}b`]: 'y' },
    ),
    `forbidden AppArmor profiles (pod and annotations must not set AppArmor profile type to "Unconfined", "${APPARMOR}="x"", "${APPARMOR}b="y"")`,
  ],
  ...['', 'runtime/default', 'localhost/x'].map(
    (value): Row => ['baseline', pod({}, { [APPARMOR]: value }), ''],
  ),
]);

const SELINUX = 'set forbidden securityContext.seLinuxOptions:';
check('SELinux', [
  ...['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t'].map(
    (type): Row => ['baseline', says({ seLinuxOptions: { type } }), ''],
  ),
  ['baseline:v1.31', says({ seLinuxOptions: { type: 'container_engine_t' } }), ''],
  [
    'baseline:v1.30',
    says({ seLinuxOptions: { type: 'container_engine_t' } }),
    `seLinuxOptions (container "a" ${SELINUX} type "container_engine_t")`,
  ],
  ['baseline', says({ seLinuxOptions: { level: 's0' } }), ''],
  [
    'baseline',
    says({ seLinuxOptions: { user: 'u' } }),
    `seLinuxOptions (container "a" ${SELINUX} user may not be set)`,
  ],
  [
    'baseline',
    pod({
      securityContext: { seLinuxOptions: { type: 'y', role: 'r' } },
      containers: [
        container('a', { securityContext: { seLinuxOptions: { type: 'x', user: 'u' } } }),
      ],
    }),
    `seLinuxOptions (pod and container "a" ${SELINUX} types "x", "y"; user may not be set; role may not be set)`,
  ],
]);

const MASKED = 'must not set securityContext.procMount to "Unmasked")';
const unmasked = (hostUsers?: boolean): CheckedPod => ({
  spec: {
    ...says({ procMount: 'Unmasked' }).spec,
    ...(hostUsers === undefined ? {} : { hostUsers }),
  },
});
check('the mount of /proc', [
  ['baseline', unmasked(), `procMount (container "a" ${MASKED}`],
  ['baseline', unmasked(true), `procMount (container "a" ${MASKED}`],
  ['baseline', unmasked(false), ''],
  ['baseline:v1.35', unmasked(false), ''],
  ['baseline:v1.34', unmasked(false), `procMount (container "a" ${MASKED}`],
  ['restricted', unmasked(false), `procMount (container "a" ${MASKED}`],
  ['restricted', unmasked(), `procMount (container "a" ${MASKED}`],
  ['restricted:v1.34', unmasked(), `procMount (container "a" ${MASKED}`],
  ['baseline', says({ procMount: 'Default' }), ''],
]);

const SECCOMP = 'seccomp.security.alpha.kubernetes.io/pod';
const OF_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/a';
const unconfined = says({ seccompProfile: { type: 'Unconfined' } });
const bare: CheckedPod = {
  spec: {
    containers: [
      { name: 'a', image: 'i', securityContext: { ...SAFE, seccompProfile: undefined } as never },
    ],
  },
};
const SET = 'must not set securityContext.seccompProfile.type to "Unconfined")';
check('seccomp', [
  ['baseline', unconfined, `seccompProfile (container "a" ${SET}`],
  ['baseline:v1.19', unconfined, `seccompProfile (container "a" ${SET}`],
  ['baseline:v1.18', unconfined, ''],
  ['baseline', bare, ''],
  ['restricted', unconfined, `seccompProfile (container "a" ${SET}`],
  ['restricted', bare, UNSET.seccomp],
  ['restricted:v1.18', bare, ''],
  [
    'restricted',
    { spec: { ...bare.spec, securityContext: { seccompProfile: { type: 'Localhost' } } } },
    '',
  ],
  [
    'restricted',
    { spec: { ...bare.spec, securityContext: { seccompProfile: { type: 'Unconfined' } } } },
    `seccompProfile (pod ${SET}`,
  ],
  [
    'baseline:v1.18',
    pod({}, { [SECCOMP]: 'unconfined', [OF_CONTAINER]: 'x' }),
    `seccompProfile (forbidden annotations ${OF_CONTAINER}="x", ${SECCOMP}="unconfined")`,
  ],
  [
    'restricted:v1.18',
    pod({}, { [SECCOMP]: 'unconfined' }),
    `seccompProfile (forbidden annotation ${SECCOMP}="unconfined")`,
  ],
  ...['runtime/default', 'docker/default', 'localhost/x'].map(
    (value): Row => ['baseline:v1.18', pod({}, { [SECCOMP]: value }), ''],
  ),
  ['baseline:v1.19', pod({}, { [SECCOMP]: 'unconfined' }), ''],
]);

const sysctl = (...names: string[]): CheckedPod =>
  pod({ securityContext: { sysctls: names.map((name) => ({ name, value: '1' })) } });
const SYSCTLS: readonly [since: number, name: string][] = [
  [0, 'kernel.shm_rmid_forced'],
  [0, 'net.ipv4.ip_local_port_range'],
  [0, 'net.ipv4.tcp_syncookies'],
  [0, 'net.ipv4.ping_group_range'],
  [0, 'net.ipv4.ip_unprivileged_port_start'],
  [27, 'net.ipv4.ip_local_reserved_ports'],
  [29, 'net.ipv4.tcp_keepalive_time'],
  [29, 'net.ipv4.tcp_fin_timeout'],
  [29, 'net.ipv4.tcp_keepalive_intvl'],
  [29, 'net.ipv4.tcp_keepalive_probes'],
  [32, 'net.ipv4.tcp_rmem'],
  [32, 'net.ipv4.tcp_wmem'],
];
check('sysctls', [
  ['baseline', sysctl('kernel.msgmax', 'a'), 'forbidden sysctls (kernel.msgmax, a)'],
  ['baseline', sysctl(...SYSCTLS.map(([, name]) => name)), ''],
  ...SYSCTLS.filter(([since]) => since > 0).flatMap(([since, name]): Row[] => [
    [`baseline:v1.${since}`, sysctl(name), ''],
    [`baseline:v1.${since - 1}`, sysctl(name), `forbidden sysctls (${name})`],
  ]),
]);

const volume = (type: string): CheckedPod => pod({ volumes: [{ name: 'v', [type]: {} }] });
check('types of volumes', [
  ...[
    'configMap',
    'csi',
    'downwardAPI',
    'emptyDir',
    'ephemeral',
    'image',
    'persistentVolumeClaim',
    'projected',
    'secret',
  ].map((type): Row => ['restricted', volume(type), '']),
  ...[
    'gcePersistentDisk',
    'awsElasticBlockStore',
    'gitRepo',
    'nfs',
    'iscsi',
    'glusterfs',
    'rbd',
    'flexVolume',
    'cinder',
    'cephfs',
    'flocker',
    'fc',
    'azureFile',
    'vsphereVolume',
    'quobyte',
    'azureDisk',
    'photonPersistentDisk',
    'portworxVolume',
    'scaleIO',
    'storageos',
  ].map(
    (type): Row => [
      'restricted:v1.0',
      volume(type),
      `restricted volume types (volume "v" uses restricted volume type "${type}")`,
    ],
  ),
  [
    'restricted',
    pod({ volumes: [{ name: 'v' }] }),
    'restricted volume types (volume "v" uses restricted volume type "unknown")',
  ],
  [
    'restricted',
    pod({
      volumes: [
        { name: 'v', nfs: { path: '/', server: 's' } },
        { name: 'w', hostPath: { path: '/' } },
      ],
    }),
    'restricted volume types (volumes "v", "w" use restricted volume types "hostPath", "nfs")',
  ],
]);

const root = (
  podSays: boolean | undefined,
  ...containers: (boolean | undefined)[]
): CheckedPod => ({
  spec: {
    ...(podSays === undefined ? {} : { securityContext: { runAsNonRoot: podSays } }),
    containers: containers.map((runAsNonRoot, i) => ({
      name: 'abc'[i] ?? '',
      image: 'i',
      securityContext: { ...SAFE, runAsNonRoot } as NonNullable<Container['securityContext']>,
    })),
  },
});
const NON_ROOT = (who: string): string =>
  `runAsNonRoot != true (${who} securityContext.runAsNonRoot=`;
check('running as non-root', [
  [
    'restricted',
    root(undefined, undefined, true, undefined),
    `${NON_ROOT('pod or containers "a", "c" must set')}true)`,
  ],
  [
    'restricted',
    root(undefined, undefined, false),
    `${NON_ROOT('container "b" must not set')}false)`,
  ],
  ['restricted', root(false, true), `${NON_ROOT('pod must not set')}false)`],
  [
    'restricted:v1.0',
    root(false, false),
    `${NON_ROOT('pod and container "a" must not set')}false)`,
  ],
  ['restricted', root(true, undefined, undefined), ''],
  ['restricted', root(undefined, true), ''],
  ['baseline', root(false, false), ''],
  ['restricted', { spec: { ...root(false, false).spec, hostUsers: false } }, ''],
  [
    'restricted:v1.34',
    { spec: { ...root(false, true).spec, hostUsers: false } },
    `${NON_ROOT('pod must not set')}false)`,
  ],
]);

check('running as user 0', [
  ['restricted', says({ runAsUser: 0 }), 'runAsUser=0 (container "a" must not set runAsUser=0)'],
  [
    'restricted:v1.23',
    pod({ securityContext: { runAsUser: 0 } }),
    'runAsUser=0 (pod must not set runAsUser=0)',
  ],
  ['restricted:v1.22', pod({ securityContext: { runAsUser: 0 } }), ''],
  ['restricted', says({ runAsUser: 1 }), ''],
  ['restricted', pod({ hostUsers: false, securityContext: { runAsUser: 0 } }), ''],
  [
    'restricted:v1.34',
    pod({ hostUsers: false, securityContext: { runAsUser: 0 } }),
    'runAsUser=0 (pod must not set runAsUser=0)',
  ],
]);
