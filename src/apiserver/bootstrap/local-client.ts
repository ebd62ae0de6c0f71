/** Requests to the server's own handler, with the same admission and validation as anyone's. */
import { type Handler, readBody } from '#base/http/message.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { Status } from '#api/meta/status.ts';
import type { Target } from '../admission/targets.ts';
import { MASTERS_GROUP } from '../context.ts';

/** Who the server is to itself. */
export const SERVER_IDENTITY = { name: 'system:apiserver', groups: [MASTERS_GROUP] };

export interface VersionedTarget extends Target {
  readonly version: string;
}

export class LocalClient {
  readonly #handler: Handler;
  constructor(handler: Handler) {
    this.#handler = handler;
  }

  /** Answers false when there is one of that name already. */
  async create(target: VersionedTarget, object: KubeObject): Promise<boolean> {
    const code = await this.#send('POST', pathOf(target, object), object, [409]);
    return code !== 409;
  }

  /** Answers false when it is gone, or not at the version that `object` names. */
  async replace(target: VersionedTarget, object: KubeObject, subresource = ''): Promise<boolean> {
    const path = `${pathOf(target, object)}/${object.metadata?.name ?? ''}${subresource === '' ? '' : `/${subresource}`}`;
    const code = await this.#send('PUT', path, object, [404, 409]);
    return code === 200 || code === 201;
  }

  /** Applies, by force; what is gone by then stays so. */
  async apply(
    target: VersionedTarget,
    object: KubeObject,
    { manager, subresource }: { readonly manager: string; readonly subresource: string },
  ): Promise<void> {
    const path = `${pathOf(target, object)}/${object.metadata?.name ?? ''}/${subresource}`;
    const url = `${path}?fieldManager=${manager}&force=true`;
    await this.#send('PATCH', url, object, [404], 'application/apply-patch+yaml');
  }

  async remove(target: VersionedTarget, object: KubeObject): Promise<void> {
    await this.#send(
      'DELETE',
      `${pathOf(target, object)}/${object.metadata?.name ?? ''}`,
      undefined,
      [404],
    );
  }

  async #send(
    method: string,
    url: string,
    body: KubeObject | undefined,
    tolerated: readonly number[],
    contentType = 'application/json',
  ): Promise<number> {
    const response = await this.#handler({
      method,
      url,
      headers: {
        'content-type': contentType,
        accept: 'application/json',
        'user-agent': 'kube-apiserver',
      },
      ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
      peer: { component: SERVER_IDENTITY },
    });
    if (response.status < 300 || tolerated.includes(response.status)) return response.status;
    const text = Buffer.from(await readBody(response.body)).toString();
    throw new Error(`Cannot ${method} ${url}: ${messageOf(text)}`);
  }
}

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as Partial<Status>).message ?? text;
  } catch {
    return text;
  }
}

function pathOf({ group, version, plural }: VersionedTarget, { metadata }: KubeObject): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const namespace = metadata?.namespace;
  return namespace === undefined
    ? `${root}/${plural}`
    : `${root}/namespaces/${namespace}/${plural}`;
}
