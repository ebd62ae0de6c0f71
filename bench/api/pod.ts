/** The pods of the API bench: about as large as those of a real Deployment, 2 KB as sent, 3 to 4 as stored. */
import type { Pod, Probe } from '#api/gen/core-v1.ts';
import { encodeEnvelope, encodeProtobuf } from '#api/codec/protobuf.ts';
import { typeByName } from '#api/schema/schema.ts';

export const NAMESPACE = 'bench';
export const PODS_PATH = `/api/v1/namespaces/${NAMESPACE}/pods`;
/** Each name has the same length, so that one body serves for all. */
const NUMBER_DIGITS = 7;
const PLACEHOLDER = 'N'.repeat(NUMBER_DIGITS);

export type Encoding = 'json' | 'protobuf';

export const MEDIA: Readonly<Record<Encoding, string>> = {
  json: 'application/json',
  protobuf: 'application/vnd.kubernetes.protobuf',
};

function nameWith(digits: string): string {
  return `web-7d4b9c6f5d-${digits}`;
}

/** `number` in the digits that every number of a bench has. */
function numberText(number: number): string {
  return String(number).padStart(NUMBER_DIGITS, '0');
}

/** Bytes in which a number stands in one place or several. */
export class Template {
  readonly #bytes: Buffer;
  readonly #places: readonly number[];

  /** `bytes`: with the placeholder wherever a number is to stand. */
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes);
    const places: number[] = [];
    for (let at = this.#bytes.indexOf(PLACEHOLDER); at >= 0; ) {
      places.push(at);
      at = this.#bytes.indexOf(PLACEHOLDER, at + NUMBER_DIGITS);
    }
    this.#places = places;
  }

  /** `numbers`: one for each place; the last one serves for the rest. */
  with(...numbers: readonly number[]): Buffer {
    const bytes = Buffer.from(this.#bytes);
    for (const [index, at] of this.#places.entries())
      bytes.write(numberText(numbers[Math.min(index, numbers.length - 1)] ?? 0), at, 'latin1');
    return bytes;
  }
}

interface RequestShape {
  readonly method: string;
  /** The placeholder stands for the number. */
  readonly path: string;
  readonly accept: string;
  readonly contentType?: string;
  readonly body?: Uint8Array;
}

/** A whole HTTP/1.1 request. */
export function requestTemplate({
  method,
  path,
  accept,
  contentType,
  body,
}: RequestShape): Template {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'Host: localhost',
    'User-Agent: bench/1.0',
    `Accept: ${accept}`,
    ...(contentType === undefined ? [] : [`Content-Type: ${contentType}`]),
    ...(body === undefined ? [] : [`Content-Length: ${body.length}`]),
  ];
  return new Template(
    Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body ?? Buffer.alloc(0)]),
  );
}

export function createTemplate(encoding: Encoding): Template {
  return requestTemplate({
    method: 'POST',
    path: `${PODS_PATH}?fieldManager=kube-controller-manager`,
    accept: MEDIA[encoding],
    contentType: MEDIA[encoding],
    body: bodyOf(podWith(PLACEHOLDER), encoding),
  });
}

export function getTemplate(encoding: Encoding): Template {
  return requestTemplate({
    method: 'GET',
    path: `${PODS_PATH}/${nameWith(PLACEHOLDER)}`,
    accept: MEDIA[encoding],
  });
}

/** What a kubelet sends when a pod runs. The second number makes each patch differ from the last. */
export function statusPatchTemplate(encoding: Encoding): Template {
  return requestTemplate({
    method: 'PATCH',
    path: `${PODS_PATH}/${nameWith(PLACEHOLDER)}/status?fieldManager=kubelet`,
    accept: MEDIA[encoding],
    contentType: 'application/strategic-merge-patch+json',
    body: Buffer.from(JSON.stringify({ status: statusWith(PLACEHOLDER) })),
  });
}

/** What a controller sends that marks a pod. */
export function mergePatchTemplate(encoding: Encoding): Template {
  return requestTemplate({
    method: 'PATCH',
    path: `${PODS_PATH}/${nameWith(PLACEHOLDER)}?fieldManager=marker`,
    accept: MEDIA[encoding],
    contentType: 'application/merge-patch+json',
    body: Buffer.from(
      JSON.stringify({ metadata: { annotations: { 'example.com/seen': PLACEHOLDER } } }),
    ),
  });
}

function bodyOf(pod: Pod, encoding: Encoding): Uint8Array {
  if (encoding === 'json') return Buffer.from(JSON.stringify(pod));
  return encodeEnvelope('v1', 'Pod', encodeProtobuf(typeByName('io.k8s.api.core.v1.Pod'), pod));
}

const START = '2026-01-05T08:15:30Z';
const IMAGE = 'registry.example.com/shop/web:v2.14.3';
const SIDECAR_IMAGE = 'registry.example.com/mesh/proxy:1.27.0';

function podWith(digits: string): Pod {
  const labels = { app: 'web', 'pod-template-hash': '7d4b9c6f5d' };
  const probe: Probe = {
    httpGet: { path: '/healthz', port: 8080, scheme: 'HTTP' },
    periodSeconds: 10,
    timeoutSeconds: 2,
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: nameWith(digits),
      generateName: 'web-7d4b9c6f5d-',
      namespace: NAMESPACE,
      labels,
      annotations: {
        'example.com/config-hash':
          'b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c',
      },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: 'web-7d4b9c6f5d',
          uid: '0b1e6f1c-3c1f-4f57-9a57-0d4f2f8f7a11',
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      schedulerName: 'none',
      serviceAccountName: 'default',
      terminationGracePeriodSeconds: 30,
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'web', effect: 'NoSchedule' }],
      containers: [
        {
          name: 'web',
          image: IMAGE,
          args: ['--port=8080', '--log-format=json', '--cache=/var/cache/web'],
          ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
          env: [
            { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'DATABASE_HOST', value: 'db.shop.svc.cluster.local' },
            {
              name: 'DATABASE_PASSWORD',
              valueFrom: { secretKeyRef: { name: 'db', key: 'password' } },
            },
          ],
          resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
          readinessProbe: probe,
          volumeMounts: [
            { name: 'cache', mountPath: '/var/cache/web' },
            { name: 'config', mountPath: '/etc/web', readOnly: true },
          ],
          securityContext: { runAsNonRoot: true, allowPrivilegeEscalation: false },
        },
        {
          name: 'proxy',
          image: SIDECAR_IMAGE,
          ports: [{ name: 'admin', containerPort: 15000, protocol: 'TCP' }],
          resources: { requests: { cpu: '50m', memory: '64Mi' } },
        },
      ],
      volumes: [
        { name: 'cache', emptyDir: {} },
        { name: 'config', configMap: { name: 'web' } },
      ],
    },
  };
}

function statusWith(digits: string): Pod['status'] {
  const conditions = ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
    type,
    status: 'True',
    lastTransitionTime: START,
  }));
  return {
    phase: 'Running',
    message: digits,
    conditions,
    hostIP: '10.0.0.17',
    podIP: '10.244.3.21',
    podIPs: [{ ip: '10.244.3.21' }],
    startTime: START,
    containerStatuses: [
      { name: 'web', image: IMAGE },
      { name: 'proxy', image: SIDECAR_IMAGE },
    ].map(({ name, image }) => ({
      name,
      image,
      imageID: `${image}@sha256:b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c`,
      containerID: 'containerd://7d865e959b2466918c9863afca942d0fb89d7c9ac0c99bafc3749504ded97730',
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: START } },
    })),
  };
}
