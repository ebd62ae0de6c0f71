/**
 * What each test image holds: layers by name, and what a container of it runs. Upstream builds these
 * images from Alpine and distroless bases; here they are Debian's packages and the suite's programs.
 */
import type { RunConfig } from './archive.ts';

/** A layer of an image. */
export interface LayerRecipe {
  readonly packages?: readonly string[];
  /** Only what these layers, which lie below it in every image, do not hold. */
  readonly above?: string;
  /** Programs of the module, by their path in the image. */
  readonly programs?: Readonly<Record<string, string>>;
  /** Files of upstream's sources, below `test/images`, by their path in the image. */
  readonly sources?: Readonly<Record<string, string>>;
  /** Whole folders of upstream's sources whose files go to the root. */
  readonly sourceFolder?: string;
  readonly texts?: Readonly<Record<string, string>>;
  readonly links?: Readonly<Record<string, string>>;
  /** Folders and their permission bits. */
  readonly folders?: Readonly<Record<string, number>>;
  /** Permission bits of files. */
  readonly modes?: Readonly<Record<string, number>>;
  /** Names of busybox's applets that no program of the layer has become links to it; or all do. */
  readonly applets?: 'missing' | 'all';
  /** Only this file of the packages is kept. */
  readonly only?: Readonly<{ from: string; to: string }>;
}

interface ImageRecipe {
  readonly layers: readonly string[];
  readonly config: RunConfig;
}

/** Debian's own users, and the one that specs on an image's groups look for. */
const USER = 'user-defined-in-image';
const USERS = [
  'root:x:0:0:root:/root:/bin/sh',
  'daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin',
  'bin:x:2:2:bin:/bin:/usr/sbin/nologin',
  'www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin',
  'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin',
];
const GROUPS = [
  'root:x:0:',
  'daemon:x:1:',
  'bin:x:2:',
  'tty:x:5:',
  'www-data:x:33:',
  'nogroup:x:65534:',
];
const lines = (...all: readonly string[]): string => `${all.join('\n')}\n`;

const NGINX = lines(
  'pid /tmp/nginx.pid;',
  'error_log /dev/stderr notice;',
  'events {}',
  'http {',
  '  include mime.types;',
  '  access_log /dev/stdout;',
  '  server { listen 80; root /usr/share/nginx/html; }',
  '}',
);

const BASE_PACKAGES = (
  'base-files bash bind9-dnsutils busybox coreutils curl dash findutils grep gzip hostname iproute2 ' +
  'iputils-ping libc-bin mawk netcat-openbsd procps sed tar util-linux wget'
).split(' ');

export const LAYERS: Readonly<Record<string, LayerRecipe>> = {
  base: {
    packages: BASE_PACKAGES,
    folders: { tmp: 0o1777, root: 0o755, home: 0o755, uploads: 0o755 },
    texts: {
      'etc/passwd': lines(...USERS),
      'etc/group': lines(...GROUPS),
      'etc/nsswitch.conf': lines('hosts: files dns', 'passwd: files', 'group: files'),
    },
    links: {
      'usr/bin/nc': 'nc.openbsd',
      'usr/bin/awk': 'mawk',
      // Hands variables on whose names no shell could set (`data-1`); dash and busybox drop them.
      'usr/bin/sh': 'bash',
    },
    applets: 'missing',
  },
  agnhost: {
    programs: { agnhost: 'agnhost' },
    links: { 'agnhost-2': 'agnhost' },
    sources: {
      'localhost.crt': 'agnhost/porter/localhost.crt',
      'localhost.key': 'agnhost/porter/localhost.key',
    },
    folders: { uploads: 0o755, [`home/${USER}`]: 0o755 },
    texts: {
      'etc/passwd': lines(...USERS, `${USER}:x:1000:1000::/home/${USER}:/bin/sh`),
      'etc/group': lines(...GROUPS, `${USER}:x:1000:`, `group-defined-in-image:x:50000:${USER}`),
    },
  },
  // A spec on image volumes looks for this name.
  kitten: {
    sourceFolder: 'kitten/html',
    texts: { 'etc/os-release': 'NAME="Alpine Linux"\nID=alpine\n' },
  },
  nautilus: {
    sourceFolder: 'nautilus/html',
    texts: { 'etc/os-release': 'NAME="Alpine Linux"\nID=alpine\n' },
  },
  busybox: {
    // The linked one: the static one cannot look up names without a C library beside it.
    packages: ['busybox', 'bash'],
    folders: { tmp: 0o1777, home: 0o755, root: 0o755, etc: 0o755, 'var/www': 0o755 },
    texts: {
      'etc/passwd': lines(USERS[0] ?? '', 'nobody:x:65534:65534:nobody:/home:/bin/false'),
      'etc/group': lines('root:x:0:', 'nobody:x:65534:'),
    },
    // By name `sh` is bash, which hands on every variable (see above); by path it is busybox's own,
    // whose words one spec looks for.
    links: { 'usr/local/bin/sh': '../../bin/bash', 'usr/bin/sh': 'busybox' },
    applets: 'all',
  },
  nonewprivs: {
    programs: { 'usr/local/bin/nnp': 'nonewprivs' },
    modes: { 'usr/local/bin/nnp': 0o6755 },
  },
  'regression-issue-74839': { programs: { 'regression-issue-74839': 'regression-issue-74839' } },
  'sample-apiserver': { programs: { 'sample-apiserver': 'sample-apiserver' } },
  etcd: {
    above: 'base',
    packages: ['etcd-server'],
    links: { 'usr/local/bin/etcd': '../../bin/etcd' },
  },
  'resource-consumer': {
    above: 'base',
    packages: ['stress'],
    programs: { consumer: 'resource-consumer', 'consume-cpu/consume-cpu': 'consume-cpu' },
  },
  nginx: {
    above: 'base',
    packages: ['nginx'],
    // It runs as any user.
    folders: { 'var/cache/nginx': 0o777, 'var/lib/nginx': 0o777, 'var/log/nginx': 0o777 },
    texts: {
      'etc/nginx/nginx.conf': NGINX,
      'usr/share/nginx/html/index.html': '<!DOCTYPE html>\n<title>nginx</title>\n<h1>nginx</h1>\n',
    },
    links: { 'var/log/nginx/access.log': '/dev/stdout', 'var/log/nginx/error.log': '/dev/stderr' },
  },
  pause: { packages: ['catatonit'], only: { from: 'usr/bin/catatonit', to: 'pause' } },
};

const AGNHOST: RunConfig = { Entrypoint: ['/agnhost'], Cmd: ['pause'] };
const WEB_SERVER: RunConfig = { Entrypoint: ['/agnhost'], Cmd: ['test-webserver'] };
const SHELL: RunConfig = { Cmd: ['bash'] };
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** By repository, without its registry and tag: those that conformance specs use. */
export const IMAGES: Readonly<Record<string, ImageRecipe>> = {
  'e2e-test-images/agnhost': { layers: ['base', 'agnhost'], config: AGNHOST },
  'e2e-test-images/kitten': { layers: ['base', 'agnhost', 'kitten'], config: WEB_SERVER },
  'e2e-test-images/nautilus': { layers: ['base', 'agnhost', 'nautilus'], config: WEB_SERVER },
  'e2e-test-images/glibc-dns-testing': { layers: ['base'], config: SHELL },
  'e2e-test-images/ipc-utils': { layers: ['base'], config: SHELL },
  'e2e-test-images/nonroot': { layers: ['base'], config: { ...SHELL, User: '1234' } },
  'e2e-test-images/busybox': { layers: ['busybox'], config: { Cmd: ['sh'], Env: [PATH] } },
  'e2e-test-images/nonewprivs': { layers: ['base', 'nonewprivs'], config: { Cmd: ['nnp'] } },
  'e2e-test-images/regression-issue-74839': {
    layers: ['base', 'regression-issue-74839'],
    config: { Entrypoint: ['/regression-issue-74839'] },
  },
  'e2e-test-images/sample-apiserver': {
    layers: ['base', 'sample-apiserver'],
    config: { Entrypoint: ['/sample-apiserver'] },
  },
  'e2e-test-images/resource-consumer': {
    layers: ['base', 'resource-consumer'],
    config: { Entrypoint: ['/consumer'] },
  },
  'e2e-test-images/nginx': {
    layers: ['base', 'nginx'],
    config: {
      Cmd: ['nginx', '-g', 'daemon off;'],
      ExposedPorts: { '80/tcp': {} },
      StopSignal: 'SIGQUIT',
    },
  },
  etcd: { layers: ['base', 'etcd'], config: { Cmd: ['etcd'] } },
  // catatonit can sleep and reap, which is all that a pod's first container does.
  pause: { layers: ['pause'], config: { Entrypoint: ['/pause', '-P'], User: '65535:65535' } },
};
