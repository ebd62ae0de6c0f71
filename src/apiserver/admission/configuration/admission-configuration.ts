/**
 * Reads an `AdmissionConfiguration`: which plug-in is configured with what, inline or in a file of
 * its own.
 *
 * Source: API reference, kube-apiserver Configuration v1; upstream
 * staging/src/k8s.io/apiserver/pkg/admission/config.go, v1.36.
 */
import { ConfigError } from '#api/component-config/error.ts';
import {
  always,
  list,
  object,
  optional,
  scalar,
  STRING,
  TYPE_META,
} from '#api/component-config/fields.ts';
import { fromYaml } from '#api/codec/yaml.ts';
import { isJsonObject } from '#api/meta/json.ts';
import type { JsonObject } from '#api/meta/object.ts';
import { configType, readStrictly } from './fields.ts';

const PLUGIN = configType(
  'AdmissionPluginConfiguration',
  always('name', STRING),
  always('path', STRING),
  optional('configuration', scalar('rawExtension')),
);
const CONFIGURATION = configType(
  'AdmissionConfiguration',
  ...TYPE_META,
  always('plugins', list(object(PLUGIN), '[]v1.AdmissionPluginConfiguration')),
);

/** Where the configuration of a plug-in is. */
export interface PluginEntry {
  readonly name: string;
  /** Another file, beside the one that this comes from unless it begins with a slash. */
  readonly path: string;
  /** It is this, whatever `path` says. */
  readonly configuration?: JsonObject;
}

/** The configurations that once stood alone in the file, by the field that tells them. */
const LEGACY: Readonly<Record<string, string>> = {
  imagePolicy: 'ImagePolicyWebhook',
  podNodeSelectorPluginConfig: 'PodNodeSelector',
};

/** In the order of the file. Throws ConfigError. */
export function readAdmissionConfiguration(text: string): readonly PluginEntry[] {
  const legacy = legacyEntries(text);
  if (legacy.length > 0) return legacy;
  const { plugins = [] } = readStrictly(text, {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AdmissionConfiguration',
    type: CONFIGURATION,
    scheme: 'k8s.io/apiserver/pkg/apis/apiserver/scheme.go:36',
    others: ['apiserver.k8s.io/v1alpha1'],
  }) as { plugins?: Partial<PluginEntry>[] };
  return plugins.map(({ name = '', path = '', configuration }) => ({
    name,
    path,
    ...(configuration === undefined ? {} : { configuration }),
  }));
}

function legacyEntries(text: string): PluginEntry[] {
  let value: unknown;
  try {
    value = fromYaml(text);
  } catch {
    // The strict reader says what is wrong with it.
    return [];
  }
  if (!isJsonObject(value as JsonObject)) return [];
  const fields = value as JsonObject;
  if (fields['kind'] !== undefined || fields['apiVersion'] !== undefined) return [];
  return Object.entries(LEGACY)
    .filter(([field]) => fields[field] !== undefined)
    .map(([field, name]) => ({
      name,
      path: '',
      configuration: { [field]: fields[field] ?? null },
    }));
}

/** Each plug-in is configured once. Throws ConfigError. */
export function checkEachOnce(entries: readonly PluginEntry[]): void {
  const names = entries.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new ConfigError(`plug-in ${JSON.stringify(twice)} is configured more than once`);
}
