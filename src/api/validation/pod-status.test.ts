/** Writes to parts of pods: status, ephemeral containers, sizes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import { POD } from '../core/pod.ts';
import { changed, CONTEXT, created } from '../kind-test-kit.ts';

const WEB: Pod = {
  metadata: { name: 'web', namespace: 'd' },
  spec: { containers: [{ name: 'main', image: 'web', resources: { requests: { cpu: '1' } } }] },
};
const stored = created(POD, WEB);

/** What a write by the view `name` stores, and what is wrong with it. */
function through(name: string, next: Pod, old = stored): { pod: Pod; errors: string[] } {
  const view = POD.views?.find((each) => each.name === name);
  assert.ok(view);
  const pod = structuredClone(next);
  view.keep(pod, old, CONTEXT);
  return { pod, errors: (view.validate?.(pod, old) ?? []).map((error) => error.text()) };
}

const specOf = ({ spec }: Pod): PodSpec => {
  assert.ok(spec);
  return spec;
};

describe('the view ephemeralcontainers', () => {
  const debug = {
    name: 'debug',
    image: 'tools',
    imagePullPolicy: 'Always' as const,
    terminationMessagePolicy: 'File' as const,
  };
  it('adds containers and changes nothing else', () => {
    const next = changed(
      changed(stored, 'spec.ephemeralContainers', [debug]),
      'spec.containers[0].image',
      'other',
    );
    const { pod, errors } = through('ephemeralcontainers', next);
    assert.deepEqual(errors, []);
    assert.equal(specOf(pod).containers[0]?.image, 'web');
    assert.equal(specOf(pod).ephemeralContainers?.[0]?.name, 'debug');
  });
  it('takes none away', () => {
    const old = changed(stored, 'spec.ephemeralContainers', [debug]);
    const { errors } = through('ephemeralcontainers', stored, old);
    assert.match(
      errors[0] ?? '',
      /^spec\.ephemeralContainers: Forbidden: existing ephemeral containers/,
    );
  });
});

describe('the view resize', () => {
  it('changes sizes and nothing else', () => {
    const next = changed(
      changed(stored, 'spec.containers[0].resources.requests.cpu', '2'),
      'spec.containers[0].image',
      'other',
    );
    const { pod, errors } = through('resize', next);
    assert.deepEqual(errors, []);
    assert.equal(specOf(pod).containers[0]?.image, 'web');
    assert.equal(specOf(pod).containers[0]?.resources?.requests?.['cpu'], '2');
  });
  it('keeps the class of service', () => {
    const both = { cpu: '2', memory: '1Gi' };
    const next = changed(stored, 'spec.containers[0].resources', { requests: both, limits: both });
    assert.deepEqual(through('resize', next).errors, [
      'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
    ]);
  });
});

describe('a status of a pod', () => {
  const ended = {
    name: 'main',
    ready: false,
    restartCount: 0,
    image: '',
    imageID: '',
    state: { terminated: { exitCode: 0 } },
  };
  const errorsOf = (next: Pod, old: Pod): string[] =>
    (POD.validateStatus?.(next, old, CONTEXT) ?? []).map((error) => error.text());

  it('does not bring back containers that ended for good', () => {
    const once = changed(stored, 'spec.restartPolicy', 'Never');
    const old = changed(once, 'status.containerStatuses', [ended]);
    const next = changed(old, 'status.containerStatuses[0].state', { running: {} });
    assert.deepEqual(errorsOf(next, old), [
      'status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state',
    ]);
    assert.deepEqual(
      errorsOf(
        changed(next, 'spec.restartPolicy', 'Always'),
        changed(old, 'spec.restartPolicy', 'Always'),
      ),
      [],
    );
  });

  it('has addresses of both families at most', () => {
    const next = changed(stored, 'status.podIPs', [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }]);
    assert.match(
      errorsOf(next, stored)[0] ?? '',
      /may specify no more than one IP for each IP family$/,
    );
  });

  it('keeps the class of service', () => {
    const next = changed(stored, 'status.qosClass', 'BestEffort');
    assert.deepEqual(errorsOf(next, stored), [
      'status.qosClass: Invalid value: "BestEffort": field is immutable',
    ]);
  });
});
