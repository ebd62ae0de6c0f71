/**
 * The architecture, as data. `test/tidy/layers.test.ts` fails when an import disagrees with it.
 *
 * Not on the list means not allowed. A component imports `client api base`, never a sibling:
 * components talk through the API server only, and only the API server opens the store.
 */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  /** Things that know nothing of Kubernetes. */
  base: [],
  /** The expression language of validation rules, admission policies and match conditions. */
  cel: ['base'],
  /** The one place for types, schemas, defaults, validation, conversion; pure, no I/O. */
  api: ['cel', 'base'],
  /** The only road to the API server. */
  client: ['api', 'base'],
  /** Watch events in, level-triggered calls out. */
  reconcile: ['client', 'api', 'base'],
  /** Keys, revisions, bytes; knows no kinds. */
  store: ['base'],
  apiserver: ['store', 'api', 'cel', 'base'],
  /** One of them checks the types of the expressions of policies. */
  controllers: ['reconcile', 'client', 'api', 'cel', 'base'],
  /** Devices are selected by expressions. */
  scheduler: ['client', 'api', 'cel', 'base'],
  /** Explanations: reads what anybody may read, and says in words why it is so. */
  why: ['scheduler', 'client', 'api', 'cel', 'base'],
  kubelet: ['client', 'api', 'base'],
  proxy: ['client', 'api', 'base'],
  'network-policy': ['client', 'api', 'base'],
  /** Routes from node to node. */
  'pod-network': ['client', 'api', 'base'],
  dns: ['client', 'api', 'base'],
  /** Addresses of Services of type LoadBalancer: who gets which, and which node answers for it. */
  'load-balancer': ['reconcile', 'client', 'api', 'base'],
  /** What a change would do: it runs the cluster's components on a fork, in virtual time. */
  plan: [
    'cel',
    'apiserver',
    'store',
    'controllers',
    'scheduler',
    'why',
    'kubelet',
    'reconcile',
    'client',
    'api',
    'base',
  ],
  /** The real doors: clocks, sockets, processes, files. Composed in by `cli` and `bin`. */
  edge: ['base'],
  /** Composition: what runs in which process, and the bootstrap of a cluster. */
  cli: [
    'cel',
    'edge',
    'apiserver',
    'store',
    'controllers',
    'scheduler',
    'why',
    'plan',
    'kubelet',
    'proxy',
    'network-policy',
    'pod-network',
    'load-balancer',
    'dns',
    'reconcile',
    'client',
    'api',
    'base',
  ],
};

/** Folders whose files are peers: each may be deleted without touching another. */
export const PEERS: readonly string[] = [
  'src/controllers',
  'src/scheduler/plugins',
  'src/apiserver/admission/plugins',
];

/**
 * Where the real world may be touched (`design.md` names it "the edge"): clocks, timers, random
 * numbers, sockets, files, processes, threads. Everywhere else they come in by `base/env.ts`.
 */
export const EDGE: readonly string[] = ['src/edge/', 'src/store/sqlite/', 'src/cli/'];
