/**
 * NamespaceAutoProvision: what is made in a namespace that is not there makes the namespace.
 * NamespaceExists: nothing is written in one that is not there.
 *
 * Source: upstream plugin/pkg/admission/namespace/{autoprovision,exists}.
 */
import { messageOf } from '#base/error.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import { ownNamespace } from '../own-namespace.ts';
import { refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, NAMESPACES } from '../targets.ts';

export function namespaceAutoProvision({ reader, client }: AdmissionServices): AdmissionPlugin {
  return {
    name: 'NamespaceAutoProvision',
    async admit(attributes) {
      const { operation, namespace: name, dryRun } = attributes;
      if (operation !== 'CREATE' || dryRun || !isInNamespace(attributes)) return;
      if (reader.get(NAMESPACES, '', name) !== undefined) return;
      const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
      try {
        await client.create({ ...NAMESPACES, version: 'v1' }, namespace);
      } catch (error) {
        throw refusal(attributes, messageOf(error));
      }
    },
  };
}

export function namespaceExists({ reader }: AdmissionServices): AdmissionPlugin {
  return {
    name: 'NamespaceExists',
    async validate(attributes) {
      if (attributes.operation === 'CONNECT' || !isInNamespace(attributes)) return;
      await ownNamespace(reader, attributes);
    },
  };
}

function isInNamespace(attributes: Attributes): boolean {
  return attributes.namespace !== '' && !isFor(attributes, NAMESPACES);
}
