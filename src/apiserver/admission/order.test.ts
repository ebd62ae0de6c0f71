import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AdmissionBench } from '#kit/admission.ts';
import { isSwitchedOn, OFF_BY_DEFAULT } from './options.ts';
import { admissionInOrder } from './order.ts';

/** Of pkg/kubeapiserver/options/plugins.go, v1.36; `-`: off unless it is asked for. */
const UPSTREAM = `
  -AlwaysAdmit -NamespaceAutoProvision NamespaceLifecycle -NamespaceExists
  -LimitPodHardAntiAffinityTopology LimitRanger ServiceAccount NodeRestriction TaintNodesByCondition
  -AlwaysPullImages -ImagePolicyWebhook PodSecurity -PodNodeSelector Priority
  DefaultTolerationSeconds -PodTolerationRestriction -EventRateLimit -ExtendedResourceToleration
  DefaultStorageClass StorageObjectInUseProtection PodGroupProtection
  -OwnerReferencesPermissionEnforcement PersistentVolumeClaimResize RuntimeClass CertificateApproval
  CertificateSigning ClusterTrustBundleAttest CertificateSubjectRestriction DefaultIngressClass
  -DenyServiceExternalIPs PodTopologyLabels PodGroupWorkloadExists NodeDeclaredFeatureValidator
  PodResizeValidator MutatingAdmissionPolicy MutatingAdmissionWebhook ValidatingAdmissionPolicy
  ValidatingAdmissionWebhook ResourceQuota -AlwaysDeny`
  .trim()
  .split(/\s+/);

describe('the admission plug-ins', () => {
  const names = UPSTREAM.map((name) => name.replace('-', ''));

  it('run in the order of upstream, those that are there', () => {
    const ours = admissionInOrder(new AdmissionBench().services)
      .map(({ name }) => name)
      .filter((name) => names.includes(name));
    assert.deepEqual(
      ours,
      names.filter((name) => ours.includes(name)),
    );
    assert.ok(ours.length > 30, String(ours.length));
  });

  it('are off by default where upstream’s are', () => {
    const off = UPSTREAM.filter((name) => name.startsWith('-')).map((name) => name.slice(1));
    assert.deepEqual([...OFF_BY_DEFAULT].toSorted(), off.toSorted());
  });

  it('are switched by name, and off wins', () => {
    assert.equal(isSwitchedOn('AlwaysDeny'), false);
    assert.equal(isSwitchedOn('AlwaysDeny', { enabled: ['AlwaysDeny'] }), true);
    assert.equal(isSwitchedOn('PodSecurity'), true);
    assert.equal(isSwitchedOn('PodSecurity', { disabled: ['PodSecurity'] }), false);
    const both = { enabled: ['PodSecurity'], disabled: ['PodSecurity'] };
    assert.equal(isSwitchedOn('PodSecurity', both), false);
  });
});
