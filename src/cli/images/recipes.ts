/**
 * The images that are built on this machine, as data: from Debian packages and files of this
 * repository, so that a cluster needs no registry.
 */
import { SANDBOX_IMAGE } from '../node-layout.ts';

export interface Recipe {
  /** Directory and cache key; raised together with `revision` when the recipe changes. */
  readonly name: string;
  readonly revision: number;
  /** Names under which the image is known, each with additions to the environment. */
  readonly images: readonly {
    readonly reference: string;
    readonly environment?: readonly string[];
  }[];
  /** Debian packages whose files the image has, with those they depend on. */
  readonly packages: readonly string[];
  /** Packages that others depend on for what the image does not do (without the suffix `t64`). */
  readonly without: readonly string[];
  /** Paths below these are left out. */
  readonly prune: readonly RegExp[];
  /** Files of the repository: path in the image to path in the repository. */
  readonly files: Readonly<Record<string, string>>;
  /** Commands run inside the image when it is put together: to prepare and to prove it. */
  readonly prepare: readonly (readonly string[])[];
  readonly entrypoint: readonly string[];
  readonly environment: readonly string[];
  /** uid:gid */
  readonly user?: string;
  readonly workingDirectory?: string;
}

export const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What no container reads. */
export const DOCUMENTATION =
  /^usr\/share\/(doc|doc-base|man|info|locale|lintian|bug|bash-completion|pixmaps|applications|binfmts)(\/|$)/;
export const HOUSEKEEPING =
  /^(etc\/(init\.d|default|logrotate\.d|cron|systemd|ld\.so\.conf)|lib\/systemd|usr\/lib\/systemd|usr\/lib\/[^/]+\/(gconv|audit)\/|var\/)/;

/** A shell and small tools for `kubectl exec` and `kubectl cp`: links to one program. */
const SHELL: Recipe['prepare'] = [
  ['/bin/busybox', 'mkdir', '-p', '/usr/local/bin'],
  ['/bin/busybox', '--install', '-s', '/usr/local/bin'],
];

/** The sandbox of every pod: one process that does nothing but reap. */
export const PAUSE: Recipe = {
  name: 'pause',
  revision: 1,
  images: [{ reference: SANDBOX_IMAGE }],
  packages: ['catatonit'],
  without: [],
  prune: [DOCUMENTATION],
  files: {},
  prepare: [['/usr/bin/catatonit', '--version']],
  entrypoint: ['/usr/bin/catatonit', '-P'],
  environment: [PATH],
  user: '65535:65535',
};

const REDIS: Recipe = {
  name: 'redis',
  revision: 2,
  images: [{ reference: 'coxswain.local/redis:1' }],
  packages: ['redis-server', 'redis-tools', 'busybox'],
  without: [],
  prune: [DOCUMENTATION, HOUSEKEEPING],
  files: {},
  prepare: [['/usr/bin/redis-server', '--version'], ...SHELL],
  entrypoint: ['/usr/bin/redis-server'],
  environment: [PATH],
  workingDirectory: '/data',
};

const GUESTBOOK: Recipe = {
  name: 'guestbook',
  revision: 2,
  images: [
    { reference: 'coxswain.local/guestbook:1', environment: ['GUESTBOOK_VERSION=1'] },
    { reference: 'coxswain.local/guestbook:2', environment: ['GUESTBOOK_VERSION=2'] },
  ],
  packages: ['python3-minimal', 'libpython3-stdlib', 'busybox'],
  // Databases, terminals and RPC: modules that the application does not load.
  without: [
    'libdb5.3',
    'libncursesw6',
    'libnsl2',
    'libreadline8',
    'libsqlite3-0',
    'libtinfo6',
    'libtirpc3',
    'libuuid1',
  ],
  prune: [
    DOCUMENTATION,
    HOUSEKEEPING,
    /^usr\/lib\/python3[^/]*\/(test|idlelib|lib2to3|distutils|ensurepip|tkinter|turtledemo|pydoc_data|unittest|config-[^/]*)\//,
    /^usr\/share\/python3\//,
  ],
  files: { 'app/guestbook.py': 'examples/guestbook/app/guestbook.py' },
  prepare: [
    // Compiled once here instead of at each start of a container.
    [
      '/usr/bin/python3',
      '-m',
      'compileall',
      '-q',
      '--invalidation-mode',
      'unchecked-hash',
      '/usr/lib/python3',
      '/usr/lib/python3.11',
      '/usr/lib/python3.12',
      '/usr/lib/python3.13',
      '/app',
    ],
    ['/usr/bin/python3', '-c', 'import html, json, http.server, urllib.parse'],
    ...SHELL,
  ],
  entrypoint: ['/usr/bin/python3', '/app/guestbook.py'],
  environment: [PATH, 'PYTHONDONTWRITEBYTECODE=1', 'PYTHONUNBUFFERED=1'],
  user: '65534:65534',
  workingDirectory: '/app',
};

/** Images by the name of the example that needs them, beside the sandbox image. */
export const EXAMPLE_RECIPES: Readonly<Record<string, readonly Recipe[]>> = {
  guestbook: [REDIS, GUESTBOOK],
};
