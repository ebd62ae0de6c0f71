/**
 * Reads a `WebhookAdmissionConfiguration`: the file with what the API server shows to webhooks.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook/config, v1.36.
 */
import { ConfigError } from '#api/component-config/error.ts';
import { always, STRING, TYPE_META } from '#api/component-config/fields.ts';
import { configType, readStrictly } from './fields.ts';

const CONFIGURATION = configType(
  'WebhookAdmission',
  ...TYPE_META,
  always('kubeConfigFile', STRING),
);

/** The path of the kubeconfig. Throws ConfigError. */
export function readWebhookAdmission(text: string): { readonly kubeConfigFile: string } {
  const { kubeConfigFile = '' } = readStrictly(text, {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'WebhookAdmissionConfiguration',
    type: CONFIGURATION,
    scheme: 'k8s.io/apiserver/pkg/admission/plugin/webhook/config/kubeconfig.go:33',
    others: ['apiserver.config.k8s.io/v1alpha1, WebhookAdmission'],
  }) as { kubeConfigFile?: string };
  if (!kubeConfigFile.startsWith('/'))
    throw new ConfigError(
      `kubeConfigFile must be an absolute path, got ${JSON.stringify(kubeConfigFile)}`,
    );
  return { kubeConfigFile };
}
