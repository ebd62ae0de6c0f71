/**
 * `node server-process.ts DIRECTORY`: our control plane as the product composes it, on its durable
 * store and its TLS socket, without controllers.
 */
import { createControlPlane } from '#cli/control-plane.ts';
import { serveCluster } from '../server-process.ts';
import { DISABLED_ADMISSION } from './subject.ts';

const [directory = ''] = process.argv.slice(2);
await serveCluster(directory, (options, { config, pki }) =>
  createControlPlane({
    ...options,
    rootCa: pki.authority.certificate,
    podCidr: config.podCidr,
    controllers: [],
    admission: { disabled: DISABLED_ADMISSION },
  }),
);
