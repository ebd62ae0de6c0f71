/**
 * Reads the configuration of PodNodeSelector.
 *
 * Source: upstream plugin/pkg/admission/podnodeselector/admission.go, v1.36.
 */
import { map, optional, STRING } from '#api/component-config/fields.ts';
import { configType } from './fields.ts';
import { readUnversioned } from './unversioned.ts';

const CONFIGURATION = configType(
  'pluginConfig',
  optional('podNodeSelectorPluginConfig', map(STRING)),
);

/** Label selectors by namespace. Throws ConfigError. */
export function readNodeSelectors(text: string): Readonly<Record<string, string>> {
  const { podNodeSelectorPluginConfig = {} } = readUnversioned(text, CONFIGURATION) as {
    podNodeSelectorPluginConfig?: Record<string, string>;
  };
  return podNodeSelectorPluginConfig;
}
