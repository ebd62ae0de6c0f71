import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chosenKinds } from '../chosen-kinds.ts';
import { KINDS } from '../kinds.ts';
import { apiVersionOf } from '../meta/object.ts';
import { FeatureGates, parseFeatureGates } from './feature-gates.ts';
import { parseRuntimeConfig, RuntimeConfigError } from './runtime-config.ts';

function served(config: string, gates = ''): Set<string> {
  const kinds = chosenKinds(new FeatureGates(parseFeatureGates(gates)), parseRuntimeConfig(config));
  return new Set(kinds.map((kind) => `${apiVersionOf(kind)}/${kind.plural}`));
}

function refusal(config: string): string {
  try {
    served(config);
  } catch (error) {
    assert.ok(error instanceof RuntimeConfigError);
    return error.message;
  }
  return '';
}

describe('what a gate lets in', () => {
  const dropped = (gates: string, field = 'schedulingGroup'): string[] =>
    chosenKinds(new FeatureGates(parseFeatureGates(gates)))
      .filter(({ gatedFields = [] }) => gatedFields.some((path) => path.endsWith(field)))
      .map(({ kind }) => kind);

  test('is dropped from pods and from all that makes pods, while the gate is off', () => {
    assert.deepEqual(dropped('').toSorted(), [
      'CronJob',
      'DaemonSet',
      'Deployment',
      'Job',
      'Pod',
      'PodTemplate',
      'ReplicaSet',
      'ReplicationController',
      'StatefulSet',
    ]);
  });

  test('is kept where it is on', () => {
    assert.deepEqual(dropped('GenericWorkload=true'), []);
    const both = 'ClusterTrustBundle=true,ClusterTrustBundleProjection=true';
    assert.equal(dropped('ClusterTrustBundle=true', 'clusterTrustBundle').length, 9);
    assert.deepEqual(dropped(both, 'clusterTrustBundle'), []);
    assert.equal(dropped(both, 'podCertificate').length, 9);
    assert.deepEqual(dropped('PodCertificateRequest=true', 'podCertificate'), []);
  });
});

describe('what a server serves', () => {
  test('is what is on by default, when nothing is said', () => {
    assert.equal(served('').size, KINDS.length);
    assert.equal(served('').has('networking.k8s.io/v1beta1/ipaddresses'), false);
  });

  test('is more with a whole stage, a version, or one resource of it', () => {
    const beta = served('api/beta=true');
    assert.ok(beta.has('networking.k8s.io/v1beta1/ipaddresses'));
    assert.equal(beta.has('coordination.k8s.io/v1alpha2/leasecandidates'), false);
    const one = served('networking.k8s.io/v1beta1/ipaddresses');
    assert.ok(one.has('networking.k8s.io/v1beta1/ipaddresses'));
    assert.equal(one.has('networking.k8s.io/v1beta1/servicecidrs'), false);
    assert.ok(
      served('coordination.k8s.io/v1alpha2=1').has('coordination.k8s.io/v1alpha2/leasecandidates'),
    );
  });

  test('follows the narrower word, whichever comes first', () => {
    const all = served(
      'networking.k8s.io/v1beta1/servicecidrs=false,api/all=true,resource.k8s.io/v1beta1=false',
    );
    assert.ok(all.has('networking.k8s.io/v1beta1/ipaddresses'));
    assert.equal(all.has('networking.k8s.io/v1beta1/servicecidrs'), false);
    assert.equal(all.has('resource.k8s.io/v1beta1/deviceclasses'), false);
    assert.ok(all.has('resource.k8s.io/v1beta2/deviceclasses'));
    assert.equal(served('api/ga=false,apps/v1=true').has('batch/v1/jobs'), false);
    assert.ok(served('api/ga=false,apps/v1=true').has('apps/v1/deployments'));
    assert.equal(served('v1=false').has('v1/pods'), false);
  });

  test('holds what a gate guards only while the gate is on', () => {
    const name = 'certificates.k8s.io/v1beta1/clustertrustbundles';
    assert.equal(served('api/all=true').has(name), false);
    assert.equal(served('', 'ClusterTrustBundle=true').has(name), false);
    assert.ok(served('api/all=true', 'ClusterTrustBundle=true').has(name));
  });

  test('is refused with upstream’s words when it is wrong', () => {
    assert.equal(refusal('api/all=false'), 'invalid runtime-config with only api/all=false');
    assert.equal(refusal('api/beta=maybe'), 'invalid value api/beta=maybe');
    assert.equal(refusal('apps=true'), 'runtime-config invalid key apps');
    assert.equal(refusal('no.such/v1=true'), 'unknown api groups no.such/v1');
    assert.equal(refusal('apps/v9=true'), 'group version apps/v9 that has not been registered');
    assert.equal(
      refusal('apps/v1/Deployments=true'),
      'invalid key apps/v1/Deployments: group/version/resource and resource is always lowercase plural, not "Deployments"',
    );
    assert.equal(
      refusal('apps/v1=maybe'),
      'invalid value of apps/v1: maybe, err: strconv.ParseBool: parsing "maybe": invalid syntax',
    );
  });
});
