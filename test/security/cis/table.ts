/**
 * The CIS Kubernetes Benchmark v1.11 (v1.10 has the same checks but 1.2.30): each check's number and
 * kind are the benchmark's, the titles are our own words. What applies is held by `checks.ts`;
 * `document.ts` makes docs/cis.md of it.
 */

export interface Entry {
  /** Of the benchmark. */
  readonly id: string;
  readonly title: string;
  /** The benchmark has a command for it; else somebody has to judge. */
  readonly isAutomated: boolean;
  /** There is such a thing here. */
  readonly applies: boolean;
  /** How it is met, or why it does not apply. */
  readonly how: string;
}

export interface Section {
  readonly title: string;
  readonly entries: readonly Entry[];
}

type Row = readonly [id: string, title: string, how: string];

const rows =
  (isAutomated: boolean, applies: boolean) =>
  (...given: Row[]): Entry[] =>
    given.map(([id, title, how]) => ({ id, title, how, isAutomated, applies }));
const automated = rows(true, true);
const manual = rows(false, true);
const absent = rows(true, false);
const absentManual = rows(false, false);

const NO_ETCD = 'There is no etcd: the API server keeps its objects in SQLite, in its own process.';
const PRIVATE = '0600 in a directory of mode 0700.';
const OWNER = 'Belongs to whoever runs `cox up`, root where there are real nodes.';

const FILES = [
  ...automated(
    ['1.1.1', 'Manifest of the API server is 0600', 'With `--self-hosted`; else there is none.'],
    ['1.1.2', 'Manifest of the API server belongs to root', OWNER],
    ['1.1.3', 'Manifest of the controller manager is 0600', 'As 1.1.1.'],
    ['1.1.4', 'Manifest of the controller manager belongs to root', OWNER],
    ['1.1.5', 'Manifest of the scheduler is 0600', 'As 1.1.1.'],
    ['1.1.6', 'Manifest of the scheduler belongs to root', OWNER],
  ),
  ...absent(
    ['1.1.7', 'Manifest of etcd is 0600', NO_ETCD],
    ['1.1.8', 'Manifest of etcd belongs to root', NO_ETCD],
  ),
  ...manual(
    ['1.1.9', 'Configuration of the network plug-in is 0600', 'Below `DIR`, which is 0700.'],
    ['1.1.10', 'Configuration of the network plug-in belongs to root', OWNER],
  ),
  ...automated(['1.1.11', 'Directory of the store is 0700', '`DIR/store`; its files are 0600.']),
  ...absent(['1.1.12', 'Directory of the store belongs to etcd', NO_ETCD]),
  ...automated(
    ['1.1.13', 'Kubeconfig of the administrator is 0600', '`DIR/admin.kubeconfig`.'],
    ['1.1.14', 'Kubeconfig of the administrator belongs to root', OWNER],
    [
      '1.1.15',
      'Kubeconfig of the scheduler is 0600',
      '`DIR/pki/scheduler.conf`, with `--self-hosted`.',
    ],
    ['1.1.16', 'Kubeconfig of the scheduler belongs to root', OWNER],
    [
      '1.1.17',
      'Kubeconfig of the controller manager is 0600',
      '`DIR/pki/controller-manager.conf`.',
    ],
    ['1.1.18', 'Kubeconfig of the controller manager belongs to root', OWNER],
    ['1.1.19', 'Certificates and keys belong to root', OWNER],
  ),
  ...manual(
    ['1.1.20', 'Certificates are 0644 or less', PRIVATE],
    ['1.1.21', 'Keys are 0600', PRIVATE],
  ),
];

const API_SERVER = [
  ...manual([
    '1.2.1',
    'No anonymous requests',
    'Who shows no identity may read health, `/version` and `kube-public/cluster-info`, which `cox join` needs; `--apiserver-arg anonymous-auth=false`, or an AuthenticationConfiguration with paths, shuts it off.',
  ]),
  ...automated([
    '1.2.2',
    'No file of static tokens',
    'None unless `token-auth-file` is asked for.',
  ]),
  ...manual([
    '1.2.3',
    'Plug-in DenyServiceExternalIPs',
    'Off, as upstream has it: `--apiserver-arg enable-admission-plugins=DenyServiceExternalIPs`.',
  ]),
  ...automated(
    [
      '1.2.4',
      'A client certificate towards kubelets',
      '`apiserver-kubelet-client.crt`, of the cluster’s authority.',
    ],
    ['1.2.5', 'Kubelets are known by an authority', 'By `ca.crt`; there is no road without it.'],
    ['1.2.6', 'Not everything is allowed', 'A user without rights is refused.'],
    [
      '1.2.7',
      'The Node authorizer is on',
      'A node reads a Secret only when one of its pods names it.',
    ],
    ['1.2.8', 'RBAC is on', 'A binding lets a user in.'],
  ),
  ...manual([
    '1.2.9',
    'Plug-in EventRateLimit',
    'Off, as upstream has it: `--apiserver-arg admission-control-config-file=…`.',
  ]),
  ...automated(['1.2.10', 'Plug-in AlwaysAdmit is off', 'What other plug-ins refuse is refused.']),
  ...manual([
    '1.2.11',
    'Plug-in AlwaysPullImages',
    'Off, as upstream has it; a pod gets an image that is there only with credentials that could pull it.',
  ]),
  ...automated(
    [
      '1.2.12',
      'Plug-in ServiceAccount is on',
      'A pod gets its namespace’s account and a bound token.',
    ],
    [
      '1.2.13',
      'Plug-in NamespaceLifecycle is on',
      'Nothing is made in a namespace that is not there; `default` stays.',
    ],
    ['1.2.14', 'Plug-in NodeRestriction is on', 'A node may not write another’s Node.'],
    ['1.2.15', 'No profiling', 'There is no `/debug/pprof`, whoever asks.'],
    [
      '1.2.16',
      'There is an audit log',
      '`DIR/logs/audit/audit.log`, 0600, unless `--apiserver-arg audit-…` says otherwise.',
    ],
    ['1.2.17', 'Audit logs stay 30 days', '30.'],
    ['1.2.18', '10 old audit logs stay', '10.'],
    ['1.2.19', 'An audit log has 100 megabytes', '100.'],
  ),
  ...manual(['1.2.20', 'Limit on the time of a request', 'A minute, upstream’s default.']),
  ...automated(
    ['1.2.21', 'Tokens end with what they are bound to', 'Looked at with each request.'],
    ['1.2.22', 'A key of its own for service-account tokens', '`sa.key`, made with the cluster.'],
  ),
  ...absent(['1.2.23', 'A client certificate towards etcd', NO_ETCD]),
  ...automated(
    ['1.2.24', 'The server has a certificate', '`apiserver.crt`; there is no port without TLS.'],
    [
      '1.2.25',
      'Clients are known by an authority',
      'By `ca.crt`; a certificate of another one makes nobody of it.',
    ],
  ),
  ...absent(['1.2.26', 'etcd is known by an authority', NO_ETCD]),
  ...manual(
    [
      '1.2.27',
      'Secrets are encrypted in the store',
      '`--apiserver-arg encryption-provider-config=…`.',
    ],
    ['1.2.28', 'Encrypted by KMS, aescbc or secretbox', 'All of these are there, and aesgcm.'],
    [
      '1.2.29',
      'Strong ciphers alone',
      'TLS 1.2 or later, Node’s list: forward secrecy, no CBC with SHA-1 preferred, no RC4, no 3DES.',
    ],
  ),
  ...automated([
    '1.2.30',
    'Tokens of pods do not live for a year',
    'An hour and seven seconds, as the pod asks.',
  ]),
];

const CONTROLLER_MANAGER = [
  ...manual(['1.3.1', 'Limit on ended pods', '12,500, upstream’s default.']),
  ...automated(
    ['1.3.2', 'No profiling', 'There is no such page.'],
    ['1.3.3', 'Each controller has an identity of its own', 'Service accounts of `kube-system`.'],
    ['1.3.4', 'A key that signs tokens in Secrets', '`sa.key`.'],
    ['1.3.5', 'Pods get the authority of the cluster', '`kube-root-ca.crt` in each namespace.'],
    [
      '1.3.6',
      'Certificates of kubelets’ servers are signed',
      'The signer `kubernetes.io/kubelet-serving` is on; no gate shuts it off.',
    ],
    [
      '1.3.7',
      'Listens on loopback alone',
      'In a pod on 127.0.0.1; in the control-plane process it listens nowhere.',
    ],
  ),
];

const SCHEDULER = automated(
  ['1.4.1', 'No profiling', 'There is no such page.'],
  ['1.4.2', 'Listens on loopback alone', 'As 1.3.7.'],
);

const ETCD = [
  ...absent(
    ['2.1', 'A certificate of the server', NO_ETCD],
    ['2.2', 'Clients show certificates', NO_ETCD],
    ['2.3', 'No self-signed certificates', NO_ETCD],
    ['2.4', 'Certificates between members', NO_ETCD],
    ['2.5', 'Members show certificates', NO_ETCD],
    ['2.6', 'No self-signed certificates between members', NO_ETCD],
  ),
  ...absentManual(['2.7', 'An authority of its own', NO_ETCD]),
];

const CONFIGURATION = manual(
  [
    '3.1.1',
    'Users have no client certificates',
    'OpenID Connect and webhooks are there; the administrator’s kubeconfig is one.',
  ],
  ['3.1.2', 'Users have no service-account tokens', 'The same.'],
  [
    '3.1.3',
    'Users have no bootstrap tokens',
    'They end after a day, and open nothing but joining.',
  ],
  ['3.2.1', 'There is an audit policy', 'Of `cox up`, unless another one is given.'],
  [
    '3.2.2',
    'The audit policy has what matters',
    'Secrets, tokens and roads into pods, read or written, and all other writes, without contents.',
  ],
);

const NODE_FILES = [
  ...absent(
    [
      '4.1.1',
      'Unit file of the kubelet is 0600',
      '`cox up` and `cox join` install no unit: they start the node’s process themselves.',
    ],
    ['4.1.2', 'Unit file of the kubelet belongs to root', 'The same.'],
  ),
  ...absentManual(
    [
      '4.1.3',
      'Kubeconfig of the proxy is 0600',
      'It has none: its certificate lies in `DIR/node`, 0600.',
    ],
    ['4.1.4', 'Kubeconfig of the proxy belongs to root', 'The same.'],
  ),
  ...automated(
    [
      '4.1.5',
      'Credentials of the kubelet are 0600',
      '`DIR/node`: certificates and keys in place of a kubeconfig.',
    ],
    ['4.1.6', 'Credentials of the kubelet belong to root', OWNER],
  ),
  ...manual(
    ['4.1.7', 'The authority of clients is 0644 or less', '`DIR/node/ca.crt`, 0600.'],
    ['4.1.8', 'The authority of clients belongs to root', OWNER],
  ),
  ...automated(
    ['4.1.9', 'Configuration of the kubelet is 0600', '`DIR/node/config.json`.'],
    ['4.1.10', 'Configuration of the kubelet belongs to root', OWNER],
  ),
];

const KUBELET = [
  ...automated(
    [
      '4.2.1',
      'No anonymous requests',
      'Of each kubelet, whatever `kubelet-config` says of the rest.',
    ],
    ['4.2.2', 'Not everything is allowed', 'The API server is asked.'],
    [
      '4.2.3',
      'Clients are known by an authority',
      'The cluster’s, from `DIR/node/ca.crt`, not from the configuration.',
    ],
  ),
  ...manual(
    ['4.2.4', 'No read-only port', '0.'],
    [
      '4.2.5',
      'Quiet streams end',
      'The setting has no counterpart: streams end with their connection.',
    ],
  ),
  ...absent([
    '4.2.6',
    'The kubelet makes chains of iptables',
    'It makes none: packets go by nftables, which the proxy and the network policies keep.',
  ]),
  ...manual(
    [
      '4.2.7',
      'The name of the node is the machine’s',
      'The first node’s is, unless `cox join --node-name` says otherwise.',
    ],
    ['4.2.8', 'Enough events are written', 'Upstream’s default.'],
    ['4.2.9', 'The server has a certificate', 'Of the cluster’s authority.'],
  ),
  ...automated([
    '4.2.10',
    'Client certificates are renewed',
    'By the kubelet on a machine that joined; on the machine of `cox up` with each start and by `cox certs rotate`.',
  ]),
  ...manual(
    ['4.2.11', 'Server certificates are renewed', 'The same.'],
    ['4.2.12', 'Strong ciphers alone', 'As 1.2.29; `tlsCipherSuites` narrows them.'],
    [
      '4.2.13',
      'Limit on processes of a pod',
      '`podPidsLimit` in `kubelet-config`; none by default, as upstream has it.',
    ],
    [
      '4.2.14',
      'Seccomp by default',
      '`seccompDefault` in `kubelet-config`; off by default, as upstream has it.',
    ],
    [
      '4.2.15',
      'The unit lets few addresses in',
      'There is no unit; the machine’s firewall is its owner’s.',
    ],
  ),
];

const PROXY = automated([
  '4.3.1',
  'Metrics are on loopback alone',
  '127.0.0.1:10249, or [::1]:10249.',
]);

const RBAC = manual(
  ['5.1.1', 'cluster-admin where it is needed', 'Bound to `system:masters` alone.'],
  [
    '5.1.2',
    'Few may read Secrets',
    '`cox rbac who-can` says who; users without a binding may not.',
  ],
  [
    '5.1.3',
    'Few wildcards',
    'Roles as upstream has them, compared with its own; `cox rbac least` writes small ones.',
  ],
  ['5.1.4', 'Few may create pods', 'Users without a binding may not.'],
  ['5.1.5', 'Default service accounts are not used', 'They have no rights.'],
  [
    '5.1.6',
    'Tokens are mounted where they are needed',
    'As pods and accounts say, as upstream has it.',
  ],
  ['5.1.7', 'system:masters is not used', 'By the kubeconfig of `cox up` alone.'],
  ['5.1.8', 'Few may bind, impersonate, escalate', 'As upstream’s roles have it.'],
  ['5.1.9', 'Few may create volumes', 'As upstream’s roles have it.'],
  ['5.1.10', 'Few may use nodes/proxy', 'As upstream’s roles have it.'],
  ['5.1.11', 'Few may approve certificates', 'As upstream’s roles have it.'],
  ['5.1.12', 'Few may configure webhooks', 'As upstream’s roles have it.'],
  ['5.1.13', 'Few may make tokens', 'As upstream’s roles have it.'],
);

const WORKLOADS = 'Pod security levels, by labels of the namespace; which, is the owner’s to say.';

const POLICIES = [
  ...manual(
    [
      '5.2.1',
      'A control of what pods may be',
      'PodSecurity is on; policies and webhooks are there.',
    ],
    ['5.2.2', 'Few privileged containers', WORKLOADS],
    ['5.2.3', 'Few pods share the host’s processes', WORKLOADS],
    ['5.2.4', 'Few pods share the host’s IPC', WORKLOADS],
    ['5.2.5', 'Few pods share the host’s network', WORKLOADS],
    ['5.2.6', 'Few containers may gain privileges', WORKLOADS],
    ['5.2.7', 'Few containers run as root', WORKLOADS],
    ['5.2.8', 'Few containers have NET_RAW', WORKLOADS],
    ['5.2.9', 'Few containers have capabilities added', WORKLOADS],
    ['5.2.10', 'Few containers have capabilities', WORKLOADS],
  ),
  ...absentManual(['5.2.11', 'Few HostProcess containers', 'Nodes are Linux.']),
  ...manual(
    ['5.2.12', 'Few host paths', WORKLOADS],
    ['5.2.13', 'Few host ports', WORKLOADS],
    ['5.3.1', 'Network policies are kept', 'By each node, with nftables.'],
    ['5.3.2', 'Each namespace has network policies', 'The owner’s to write.'],
    ['5.4.1', 'Secrets as files', 'The owner’s to write.'],
    ['5.4.2', 'Secrets that lie elsewhere', 'Drivers of volumes and KMS plug-ins work.'],
    ['5.5.1', 'Where images come from', 'ImagePolicyWebhook is there, off as upstream has it.'],
    ['5.6.1', 'Namespaces as borders', 'The owner’s to draw.'],
    [
      '5.6.2',
      'Seccomp RuntimeDefault in pods',
      'The control plane’s own pods have it; 4.2.14 for the rest.',
    ],
    ['5.6.3', 'Security contexts in pods', WORKLOADS],
    [
      '5.6.4',
      'The namespace default is empty',
      'But for the Service of the API server, as upstream has it.',
    ],
  ),
];

export const SECTIONS: readonly Section[] = [
  { title: '1.1 Files of the control plane', entries: FILES },
  { title: '1.2 API server', entries: API_SERVER },
  { title: '1.3 Controller manager', entries: CONTROLLER_MANAGER },
  { title: '1.4 Scheduler', entries: SCHEDULER },
  { title: '2 etcd', entries: ETCD },
  { title: '3 Configuration of the control plane', entries: CONFIGURATION },
  { title: '4.1 Files of nodes', entries: NODE_FILES },
  { title: '4.2 Kubelet', entries: KUBELET },
  { title: '4.3 Proxy', entries: PROXY },
  { title: '5.1 RBAC and service accounts', entries: RBAC },
  { title: '5.2 to 5.6 Policies', entries: POLICIES },
];

export const ENTRIES: readonly Entry[] = SECTIONS.flatMap(({ entries }) => entries);
