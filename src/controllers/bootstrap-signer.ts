/**
 * Bootstrap signer: signs the ConfigMap kube-public/cluster-info with each bootstrap token, so that
 * who knows a token can trust what anybody may read.
 *
 * Upstream: pkg/controller/bootstrap/bootstrapsigner.go, v1.36.
 */
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { SECRET } from '#api/core/secret.ts';
import { isConflict, isNotFound } from '#api/meta/status.ts';
import { detachedSignature } from '#base/jwt.ts';
import { type Controller, defineKeyController } from '#reconcile/controller.ts';
import { BOOTSTRAP_TOKENS, signingToken } from '#api/core/bootstrap-token.ts';
import { sameMap } from './shared/maps.ts';

const NAMESPACE = 'kube-public';
const NAME = 'cluster-info';
const KEY = `${NAMESPACE}/${NAME}`;
const SIGNATURE = 'jws-kubeconfig-';

export const bootstrapSigner: Controller = defineKeyController({
  name: 'bootstrap-signer',
  queue: 'bootstrap_signer_queue',
  create: (setup) => {
    const wakes = (): string[] => [KEY];
    const only = { namespace: NAMESPACE, fieldSelector: `metadata.name=${NAME}` };
    const configMaps = setup.watch(CONFIG_MAP, wakes, only);
    const secrets = setup.watch(SECRET, wakes, BOOTSTRAP_TOKENS);
    return async (_, { client }) => {
      const info = configMaps.get(KEY);
      const content = info?.data?.['kubeconfig'];
      if (info === undefined || content === undefined) return;
      const data = Object.fromEntries(
        Object.entries(info.data ?? {}).filter(([name]) => !name.startsWith(SIGNATURE)),
      );
      const nowMs = setup.environment.clock.now();
      for (const each of secrets.list()) {
        const token = signingToken(each, nowMs);
        if (token === undefined) continue;
        const key = { keyId: token.id, secret: token.secret };
        data[SIGNATURE + token.id] = detachedSignature(content, key);
      }
      if (sameMap(data, info.data)) return;
      try {
        await client.update(CONFIG_MAP, { ...info, data });
      } catch (error) {
        if (!isConflict(error) && !isNotFound(error)) throw error;
      }
    };
  },
});
