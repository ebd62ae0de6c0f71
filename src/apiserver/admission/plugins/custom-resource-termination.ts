/**
 * Nothing new of a definition that is being deleted: its objects are being counted down.
 *
 * Upstream: forbidCreateAdmission in apiextensions-apiserver/pkg/apiserver/customresource_handler.go.
 */
import { forbidden } from '#api/meta/status.ts';
import type { AdmissionPlugin } from '../admission.ts';

export const customResourceTermination: AdmissionPlugin = {
  name: 'CustomResourceTermination',
  admit({ operation, kind, name }) {
    if (operation !== 'CREATE' || kind.custom?.isTerminating !== true) return;
    throw forbidden(
      { group: kind.group, resource: kind.plural },
      name,
      'create not allowed while custom resource definition is terminating',
    );
  },
};
