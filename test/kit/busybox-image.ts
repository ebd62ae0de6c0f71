/** The image of the tests' own pods: busybox with its applets. */
import type { Recipe } from '#cli/images/recipes.ts';

export const BUSYBOX = 'coxswain.test/busybox:1';

/** Built as the product's images are. */
export const BUSYBOX_RECIPE: Recipe = {
  name: 'test-busybox',
  revision: 3,
  images: [{ reference: BUSYBOX }],
  // The second has getent(1): names as glibc finds them.
  packages: ['busybox', 'libc-bin'],
  without: [],
  prune: [/^usr\/share\//],
  files: {},
  prepare: [
    ['/bin/busybox', 'mkdir', '-p', '/usr/local/bin'],
    ['/bin/busybox', '--install', '-s', '/usr/local/bin'],
    ['/bin/busybox', 'ln', '-s', 'busybox', '/bin/sh'],
  ],
  entrypoint: ['/bin/busybox', 'sh'],
  environment: ['PATH=/usr/local/bin:/usr/bin:/bin'],
};
