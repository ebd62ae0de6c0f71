/**
 * Reads a `WebhookAdmissionConfiguration`: the file with what the API server shows to webhooks.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook/config, v1.36.
 */
import { always, optional, STRING, TYPE_META } from '#api/component-config/fields.ts';
import { fieldPath, forbiddenField, invalidValue } from '#api/meta/field.ts';
import { configType, readStrictly, refuseErrors } from './fields.ts';

const CONFIGURATION = configType(
  'WebhookAdmission',
  ...TYPE_META,
  always('kubeConfigFile', STRING),
  optional('staticManifestsDir', STRING),
);

/** The path of the kubeconfig; empty where there is none. Throws ConfigError. */
export function readWebhookAdmission(text: string): { readonly kubeConfigFile: string } {
  const { kubeConfigFile = '', staticManifestsDir = '' } = readStrictly(text, {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'WebhookAdmissionConfiguration',
    type: CONFIGURATION,
    scheme: 'k8s.io/apiserver/pkg/admission/plugin/webhook/config/kubeconfig.go:33',
    others: ['apiserver.config.k8s.io/v1alpha1, WebhookAdmission'],
  }) as { kubeConfigFile?: string; staticManifestsDir?: string };
  if (kubeConfigFile !== '' && !kubeConfigFile.startsWith('/'))
    refuseErrors([
      invalidValue(fieldPath('kubeConfigFile'), kubeConfigFile, 'must be an absolute file path'),
    ]);
  if (staticManifestsDir !== '')
    refuseErrors([
      forbiddenField(
        fieldPath('staticManifestsDir'),
        'staticManifestsDir requires the ManifestBasedAdmissionControlConfig feature gate to be enabled',
      ),
    ]);
  return { kubeConfigFile };
}
