/**
 * Reads the two configurations that have no kind: of ImagePolicyWebhook and of PodNodeSelector.
 *
 * Source: upstream plugin/pkg/admission/podnodeselector/admission.go and
 * plugin/pkg/admission/imagepolicy/config.go, v1.36. Fields that are unknown are refused, where
 * upstream passes over them.
 */
import { ConfigError } from '#api/component-config/error.ts';
import { decodedConfig, STRICT } from '#api/component-config/read.ts';
import { fromYaml } from '#api/codec/yaml.ts';
import { isJsonObject } from '#api/meta/json.ts';
import { messageOf } from '#base/error.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import type { TypeSchema } from '#api/schema/types.ts';

/** The text as `type`. Throws ConfigError. */
export function readUnversioned(text: string, type: TypeSchema): JsonObject {
  const found: string[] = [];
  let value: Json;
  try {
    value = fromYaml(text, found);
  } catch (error) {
    throw new ConfigError(messageOf(error), { cause: error });
  }
  if (!isJsonObject(value)) throw new ConfigError('the configuration is no object');
  const { object, problems } = decodedConfig(value, type);
  const all = [...found, ...problems];
  if (all.length > 0) throw new ConfigError(`${STRICT}${all.join(', ')}`);
  return object;
}
