/**
 * --enable-admission-plugins, --disable-admission-plugins and --admission-control-config-file: which
 * plug-ins run, and what they are configured with.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/admission/{config,plugins}.go, v1.36.
 */
import { dirname, join } from 'node:path';
import {
  checkEachOnce,
  type PluginEntry,
  readAdmissionConfiguration,
} from '#apiserver/admission/configuration/admission-configuration.ts';
import { checkedLimits } from '#apiserver/admission/configuration/event-rate-limit.ts';
import {
  type ImagePolicyOptions,
  readImagePolicy,
} from '#apiserver/admission/configuration/image-policy.ts';
import { readPluginConfiguration } from '#apiserver/admission/configuration/plugins.ts';
import { readWebhookAdmission } from '#apiserver/admission/configuration/webhook-admission.ts';
import {
  type AdmissionOptions,
  isSwitchedOn,
  type PluginConfigurations,
} from '#apiserver/admission/options.ts';
import type { WebhookUsers } from '#apiserver/webhooks/credentials.ts';
import { fromYaml } from '#api/codec/yaml.ts';
import { connectionOf } from '#client/kubeconfig.ts';
import { readFile } from '../flags.ts';
import { messageOf, UserError } from '../user-error.ts';
import { checkPluginNames } from './admission-names.ts';
import type { Flags } from './flags.ts';
import { webhookUsers } from './webhook-users.ts';

/** Which of the configurations is that of a plug-in. */
const WEBHOOKS = {
  MutatingAdmissionWebhook: 'mutatingWebhookUsers',
  ValidatingAdmissionWebhook: 'validatingWebhookUsers',
} as const;

/** Throws UserError that names the flag, the plug-in or the file. */
export function admissionOptions(flags: Flags): AdmissionOptions {
  const enabled = flags.list('enable-admission-plugins');
  const disabled = flags.list('disable-admission-plugins');
  checkPluginNames(enabled, disabled);
  const path = flags.text('admission-control-config-file');
  const entries = path === '' ? [] : entriesOf(path);
  const isOn = (name: string): boolean => isSwitchedOn(name, { enabled, disabled });
  const configuration: PluginConfigurations = Object.assign(
    {},
    ...entries
      .filter(({ name }) => isOn(name))
      .map((entry) => initialised(entry.name, () => configurationOf(entry, path))),
  );
  if (isOn('EventRateLimit') && configuration.eventLimits === undefined)
    initialised('EventRateLimit', () => checkedLimits([]));
  if (isOn('ImagePolicyWebhook') && configuration.imagePolicy === undefined)
    throw new UserError(
      'couldn\'t init admission plugin "ImagePolicyWebhook": no config specified',
    );
  return { enabled, disabled, configuration };
}

function entriesOf(path: string): readonly PluginEntry[] {
  const text = readFile(path);
  try {
    const entries = readAdmissionConfiguration(text);
    checkEachOnce(entries);
    return entries;
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${messageOf(error)}`);
  }
}

function initialised<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new UserError(
      `couldn't init admission plugin ${JSON.stringify(name)}: ${messageOf(error)}`,
    );
  }
}

/** `file`: the one that names the plug-in; other paths are beside it. */
function configurationOf(entry: PluginEntry, file: string): PluginConfigurations {
  const { name, path, configuration } = entry;
  if (configuration === undefined && path === '') return {};
  const at = path.startsWith('/') ? path : join(dirname(file), path);
  const text = configuration === undefined ? readFile(at) : JSON.stringify(configuration);
  if (name === 'ImagePolicyWebhook') return { imagePolicy: imagePolicyOf(text) };
  if (isWebhooks(name)) return { [WEBHOOKS[name]]: usersFor(text) };
  return readPluginConfiguration(name, text);
}

function isWebhooks(name: string): name is keyof typeof WEBHOOKS {
  return Object.hasOwn(WEBHOOKS, name);
}

/** Which webhooks there are, the cluster says; whom they see, this file. */
function usersFor(text: string): WebhookUsers {
  const { kubeConfigFile } = readWebhookAdmission(text);
  return kubeConfigFile === '' ? { byName: new Map() } : webhookUsers(kubeConfigFile);
}

function imagePolicyOf(text: string): ImagePolicyOptions {
  const { kubeConfigFile, ...policy } = readImagePolicy(text);
  const connection = connectionOf(fromYaml(readFile(kubeConfigFile)));
  const { host, port, basePath, serverName, insecureSkipVerify, tokenFile } = connection;
  const beside = (path: string): string =>
    readFile(path.startsWith('/') ? path : join(dirname(kubeConfigFile), path));
  const given = (name: 'ca' | 'cert' | 'key'): Partial<Record<typeof name, string>> => {
    const path = connection[`${name}File`];
    const pem = connection[name] ?? (path === undefined ? undefined : beside(path));
    return pem === undefined ? {} : { [name]: pem };
  };
  const tls = {
    serverName: serverName ?? host,
    ...(insecureSkipVerify ? { insecureSkipVerify } : {}),
    ...given('ca'),
    ...given('cert'),
    ...given('key'),
  };
  const token =
    connection.token ?? (tokenFile === undefined ? undefined : beside(tokenFile).trim());
  return {
    ...policy,
    webhook: {
      host,
      port,
      path: basePath === '' ? '/' : basePath,
      ...(connection.tls ? { tls } : {}),
      ...(token === undefined ? {} : { token }),
    },
  };
}
