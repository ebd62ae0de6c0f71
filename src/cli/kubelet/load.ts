/**
 * The configuration of `cox kubelet`: flags before drop-ins before the file before defaults.
 *
 * Source: upstream v1.36 cmd/kubelet/app/server.go (NewKubeletCommand, mergeKubeletConfigurations);
 * KEP-3983.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ConfigError } from '#api/component-config/error.ts';
import { FeatureGateError, FeatureGates } from '#api/features/feature-gates.ts';
import { findCgroupHierarchy } from '#kubelet/cgroups/cgroup-manager.ts';
import { withDefaultEviction } from '#kubelet/config/defaults.ts';
import { type DropIn, readKubeletConfig, withDropIns } from '#kubelet/config/read.ts';
import type { KubeletConfiguration } from '#kubelet/config/types.ts';
import { aggregate, validateKubeletConfiguration } from '#kubelet/config/validate.ts';
import { readFile } from '../flags.ts';
import { messageOf, UserError } from '../user-error.ts';
import { withFlags } from './config-flags.ts';
import { type Flags, WITHOUT_FILE } from './flags.ts';

/** `cgroupVersion`: of the machine. Throws UserError. */
export function loadConfig(
  flags: Flags,
  cgroupVersion: 1 | 2 | undefined = machineCgroups(),
): KubeletConfiguration {
  return checkedConfig(withDefaultEviction(withFlags(fromFiles(flags), flags)), cgroupVersion);
}

/** The same, where it can be used on a machine with these cgroups. Throws UserError. */
export function checkedConfig(
  config: KubeletConfiguration,
  cgroupVersion: 1 | 2 | undefined = machineCgroups(),
): KubeletConfiguration {
  try {
    const asked = new Map(Object.entries(config.featureGates ?? {}));
    const gates = new FeatureGates(asked, 'kubelet');
    const problems = validateKubeletConfiguration(config, { gates, cgroupVersion });
    if (problems.length === 0) return config;
    throw new UserError(`failed to validate kubelet configuration, error: ${aggregate(problems)}`);
  } catch (error) {
    if (error instanceof FeatureGateError)
      throw new UserError(`failed to set feature gates: ${error.message}`);
    throw error;
  }
}

function fromFiles(flags: Flags): KubeletConfiguration {
  const path = flags.text('config');
  const folder = flags.text('config-dir');
  const base = path === '' ? WITHOUT_FILE : fromFile(path);
  if (folder === '') return base;
  try {
    return withDropIns(base, dropInsOf(folder));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new UserError(`failed to merge kubelet configs: ${error.message}`);
  }
}

function fromFile(path: string): KubeletConfiguration {
  const text = readFile(path);
  if (text === '') throw new UserError(`kubelet config file "${path}" was empty`);
  try {
    return readKubeletConfig(text, dirname(resolve(path)));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new UserError(
      `failed to load kubelet config file, path: ${path}, error: ${error.message}`,
    );
  }
}

/** With those of the folders in it, in order of their names. Throws UserError. */
export function dropInsOf(folder: string): DropIn[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((entry) => {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) return dropInsOf(path);
        return entry.name.endsWith('.conf') ? [{ path, text: readFile(path) }] : [];
      });
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`Cannot read ${folder}: ${messageOf(error)}`);
  }
}

function machineCgroups(): 1 | 2 | undefined {
  return findCgroupHierarchy(readFileSync('/proc/self/mounts', 'utf8'))?.version;
}
