/** Subresources: scale, binding, eviction, ephemeral containers, resize, approval, finalize, token. */
import type { AnyKind } from '#api/kind.ts';
import { KINDS, kindByResource } from '#api/kinds.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import { typeByName } from '#api/schema/schema.ts';
import { collectionUrl, kindLabel, objectUrl, resourceLabel } from './kind-urls.ts';
import type { Case, CaseRequest } from './model.ts';
import { nameOf, objectsOf } from './objects.ts';
import { withMeta, withVersion } from './update-cases.ts';
import { additionsOf, mutationsOf } from './values.ts';
import { placesOf, withValue } from './walk.ts';

export function subresourceCases(): Case[] {
  return [
    ...KINDS.filter((kind) => kind.scale !== undefined).flatMap(scaleCases),
    ...podCases(),
    ...viewCases('', 'namespaces', 'finalize'),
    ...viewCases('certificates.k8s.io', 'certificatesigningrequests', 'approval'),
    ...viewCases('', 'pods', 'resize'),
    ...tokenCases(),
  ];
}

function asker(kind: AnyKind, view: string) {
  return (what: string, request: CaseRequest): Case => ({
    id: `${resourceLabel(kind)}/${view}: ${what}`,
    kind: kindLabel(kind),
    requests: [request],
  });
}

function required(group: string, plural: string): AnyKind {
  const kind = kindByResource(group, 'v1', plural);
  if (kind === undefined) throw new Error(`Cannot find the kind of ${plural}`);
  return kind;
}

interface Posting {
  readonly kind: AnyKind;
  readonly view: string;
  readonly url: string;
  readonly body: JsonObject;
  readonly schema: string;
  readonly method?: 'PUT' | 'POST';
  /** Objects are named here. */
  readonly name?: string;
}

/** A body, and each of its fields changed in every way. */
function mutated({ kind, view, url, body, schema, method = 'POST', name = '' }: Posting): Case[] {
  const ask = asker(kind, view);
  const send = (what: string, next: Json): Case =>
    ask(`${method} ${name} ${what}`, { method, url: `${url}?dryRun=All`, body: next });
  const places = placesOf(body, typeByName(schema));
  return [
    send('as it is', body),
    send('without kind', { ...body, kind: '' }),
    send('of another kind', { ...body, kind: 'Other' }),
    send('of another name', withMeta(body, { name: 'another' })),
    send('of another namespace', withMeta(body, { namespace: 'another' })),
    send('of another uid', withMeta(body, { uid: 'another' })),
    send('of an old version', withMeta(body, { resourceVersion: '1' })),
    ...places.flatMap((place) =>
      (place.value === undefined
        ? additionsOf(String(place.path.at(-1)), place.type)
        : mutationsOf(place.type, place.value)
      ).map(({ label, value }) =>
        send(`${place.shape} ${label}`, withValue(body, place.path, value)),
      ),
    ),
  ];
}

function scaleCases(kind: AnyKind): Case[] {
  const url = `${objectUrl(kind, 'full')}/scale`;
  const metadata = { name: 'full', namespace: 'differential' };
  const body = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata, spec: { replicas: 5 } };
  const patch = (type: string, patched: Json): CaseRequest => ({
    method: 'PATCH',
    url: `${url}?dryRun=All&fieldManager=me`,
    headers: { 'content-type': type },
    body: patched,
  });
  const ask = asker(kind, 'scale');
  return [
    ...mutated({
      kind,
      view: 'scale',
      url,
      body,
      schema: 'io.k8s.api.autoscaling.v1.Scale',
      method: 'PUT',
    }),
    ask('merge patch', patch('application/merge-patch+json', { spec: { replicas: 4 } })),
    ask('merge patch below 0', patch('application/merge-patch+json', { spec: { replicas: -4 } })),
    ask(
      'strategic patch',
      patch('application/strategic-merge-patch+json', { spec: { replicas: 4 } }),
    ),
    ask(
      'json patch',
      patch('application/json-patch+json', [{ op: 'replace', path: '/spec/replicas', value: 4 }]),
    ),
    ask('apply', patch('application/apply-patch+yaml', body)),
    ask('put to the scale of nothing', {
      method: 'PUT',
      url: `${objectUrl(kind, 'not-there')}/scale?dryRun=All`,
      body,
    }),
  ];
}

function podCases(): Case[] {
  const pods = required('', 'pods');
  const pod = (name: string, view: string): string => `${objectUrl(pods, name)}/${view}`;
  const binding = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: 'minimal' },
    target: { kind: 'Node', name: 'node-1' },
  };
  const eviction = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name: 'minimal', namespace: 'differential' },
    deleteOptions: { gracePeriodSeconds: 5, propagationPolicy: 'Background' },
  };
  const schema = {
    binding: 'io.k8s.api.core.v1.Binding',
    eviction: 'io.k8s.api.policy.v1.Eviction',
  };
  return [
    ...['minimal', 'plain', 'full', 'not-there'].flatMap((name) =>
      mutated({
        kind: pods,
        view: 'binding',
        url: pod(name, 'binding'),
        body: withMeta(binding, { name }),
        schema: schema.binding,
        name,
      }).slice(0, name === 'minimal' ? Infinity : 3),
    ),
    ...['minimal', 'plain', 'not-there'].flatMap((name) =>
      mutated({
        kind: pods,
        view: 'eviction',
        url: pod(name, 'eviction'),
        body: withMeta(eviction, { name }),
        schema: schema.eviction,
        name,
      }).slice(0, name === 'minimal' ? Infinity : 3),
    ),
    ...ephemeralContainerCases(pods),
  ];
}

function ephemeralContainerCases(pods: AnyKind): Case[] {
  const [, , , , plain] = objectsOf(pods);
  if (plain === undefined) return [];
  const spec = plain['spec'] as JsonObject;
  const container = {
    name: 'debug',
    image: 'a',
    command: ['sh'],
    targetContainerName: 'app',
    env: [{ name: 'A', value: 'b' }],
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'Always',
    stdin: true,
    tty: true,
  };
  const body = withVersion({ ...plain, spec: { ...spec, ephemeralContainers: [container] } });
  const url = `${objectUrl(pods, nameOf(plain))}/ephemeralcontainers`;
  const ask = asker(pods, 'ephemeralcontainers');
  const places = placesOf(body, typeByName(pods.schema)).filter(({ shape }) =>
    shape.startsWith('spec.ephemeralContainers'),
  );
  const put = (what: string, next: Json): Case =>
    ask(what, { method: 'PUT', url: `${url}?dryRun=All`, body: next });
  return [
    put('one', body),
    put('none', withVersion(plain)),
    put('and another spec', withVersion({ ...plain, spec: { ...spec, nodeName: 'other' } })),
    ...places.flatMap((place) =>
      (place.value === undefined
        ? additionsOf(String(place.path.findLast((step) => typeof step === 'string')), place.type)
        : mutationsOf(place.type, place.value)
      ).map(({ label, value }) =>
        put(`${place.shape} ${label}`, withValue(body, place.path, value)),
      ),
    ),
  ];
}

/** PUTs of the whole object to a view of it, each of its fields changed. */
function viewCases(group: string, plural: string, view: string): Case[] {
  const kind = required(group, plural);
  return objectsOf(kind).flatMap((object) => {
    const name = nameOf(object);
    return mutated({
      kind,
      view,
      url: `${objectUrl(kind, name)}/${view}`,
      body: withVersion(object),
      schema: kind.schema,
      method: 'PUT',
      name,
    });
  });
}

function tokenCases(): Case[] {
  const kind = required('', 'serviceaccounts');
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: { name: 'full', namespace: 'differential' },
    spec: {
      audiences: ['a'],
      expirationSeconds: 3600,
      boundObjectRef: { kind: 'Secret', apiVersion: 'v1', name: 'minimal' },
    },
  };
  const schema = 'io.k8s.api.authentication.v1.TokenRequest';
  return mutated({ kind, view: 'token', url: `${collectionUrl(kind)}/full/token`, body, schema });
}
