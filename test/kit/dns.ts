/** Cluster DNS in tests: a view of given objects, other servers on a network that is played, and texts of records. */
import assert from 'node:assert/strict';
import type { DatagramSocket, Network } from '#base/doors.ts';
import type { Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import type { ClusterView } from '#dns/answer.ts';
import { encodeResponse } from '#dns/encode.ts';
import { canonicalAddress } from '#dns/names.ts';
import { decodeQuery, type DnsRecord, type Query, RCODE, TYPE } from '#dns/wire.ts';

/** A view of these objects; the namespaces are theirs. */
export function clusterView(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
): ClusterView {
  const serviceOf = (slice: EndpointSlice): string | undefined =>
    slice.metadata?.labels?.['kubernetes.io/service-name'];
  const isAt = (address: string) => (other: string) => canonicalAddress(other) === address;
  return {
    service: (namespace, name) =>
      services.find(({ metadata }) => metadata?.name === name && metadata.namespace === namespace),
    slices: (namespace, name) =>
      slices.filter(
        (slice) => serviceOf(slice) === name && slice.metadata?.namespace === namespace,
      ),
    hasNamespace: (name) => services.some(({ metadata }) => metadata?.namespace === name),
    servicesAt: (address) =>
      services.filter(({ spec }) => spec?.clusterIPs?.some(isAt(address)) === true),
    slicesAt: (address) =>
      slices.filter(({ endpoints }) =>
        endpoints.some(({ addresses }) => addresses.some(isAt(address))),
      ),
  };
}

/** One line a record. */
export function recordText({ name, ttlSeconds, data }: DnsRecord): string {
  const head = `${name} ${ttlSeconds}`;
  switch (data.type) {
    case TYPE.A:
      return `${head} A ${data.address.join('.')}`;
    case TYPE.AAAA:
      return `${head} AAAA ${Buffer.from(data.address).toString('hex')}`;
    case TYPE.SRV:
      return `${head} SRV ${data.priority} ${data.weight} ${data.port} ${data.target}`;
    case TYPE.TXT:
      return `${head} TXT ${data.text}`;
    case TYPE.SOA:
      return `${head} SOA ${data.primary} ${data.mailbox} ${data.serial} ${data.refresh} ${data.retry} ${data.expire} ${data.negativeTtl}`;
    default:
      return `${head} ${Object.entries(TYPE).find(([, type]) => type === data.type)?.[0]} ${data.target}`;
  }
}

/** The query that `message` is; fails when it is none. */
export function queryOf(message: Uint8Array): Query {
  const query = decodeQuery(message);
  assert.ok(query !== undefined && 'question' in query, 'not a query');
  return query;
}

export interface Said {
  readonly rcode?: number;
  readonly answers?: readonly DnsRecord[];
  readonly authority?: readonly DnsRecord[];
  readonly bytesMax?: number;
}

/** What another server says to `message`. */
export function said(message: Uint8Array, { bytesMax = 65_535, ...rest }: Said): Buffer {
  const nothing = { rcode: RCODE.noError, authoritative: false, answers: [], authority: [] };
  const response = { ...nothing, additional: [], ...rest };
  return Buffer.from(encodeResponse(queryOf(message), response, bytesMax));
}

export function addressRecord(name: string, last: number, ttlSeconds = 20): DnsRecord {
  return { name, ttlSeconds, data: { type: TYPE.A, address: Uint8Array.of(192, 0, 2, last) } };
}

export function soaRecord(name: string, ttlSeconds: number, negativeTtl = ttlSeconds): DnsRecord {
  const numbers = { serial: 1, refresh: 2, retry: 3, expire: 4, negativeTtl };
  const data = {
    type: TYPE.SOA,
    primary: `ns.${name}`,
    mailbox: `root.${name}`,
    ...numbers,
  } as const;
  return { name, ttlSeconds, data };
}

/** Plays every other server: told what came to which address, and how to reply. */
export type Respond = (
  message: Uint8Array,
  address: string,
  reply: (bytes: Uint8Array, from?: string, fromPort?: number) => void,
) => void;

/** A network without TCP, unless `dial` is given. */
export function dnsNetwork(respond: Respond, dial?: Network['dial']): Network {
  return {
    dial: dial ?? (() => Promise.reject(new Error('Cannot connect: refused by the test'))),
    listenTcp: () => assert.fail('not used here'),
    bindUdp: (_options, onMessage): Promise<DatagramSocket> => {
      let isOpen = true;
      return Promise.resolve({
        port: 1,
        close: () => {
          isOpen = false;
        },
        send: (message, port, address) =>
          respond(message, address, (bytes, from = address, fromPort = port) => {
            if (isOpen) onMessage(bytes, fromPort, from);
          }),
      });
    },
  };
}
