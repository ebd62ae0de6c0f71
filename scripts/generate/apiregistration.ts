/**
 * The facts of apiregistration.k8s.io/v1, written by hand: the library that holds them is not
 * packaged by Debian. Source: API reference v1.36, APIService.
 */
import type { MemberFacts, PackageFacts, StructFacts } from './facts.ts';
import { META_PATH } from './sources.ts';

interface Row {
  readonly json?: string;
  readonly type: string;
  readonly number?: number;
  readonly omitempty?: boolean;
  readonly markers?: Readonly<Record<string, string>>;
  readonly patchMergeKey?: string;
}

const TYPE_META: Row = { type: 'metav1.TypeMeta' };
const OPTIONAL = { optional: '' };

const STRUCTS: Readonly<Record<string, readonly Row[]>> = {
  APIService: [
    TYPE_META,
    { json: 'metadata', type: 'metav1.ObjectMeta', number: 1, omitempty: true, markers: OPTIONAL },
    { json: 'spec', type: 'APIServiceSpec', number: 2, omitempty: true },
    { json: 'status', type: 'APIServiceStatus', number: 3, omitempty: true },
  ],
  APIServiceCondition: [
    { json: 'type', type: 'string', number: 1 },
    { json: 'status', type: 'string', number: 2 },
    {
      json: 'lastTransitionTime',
      type: 'metav1.Time',
      number: 3,
      omitempty: true,
      markers: OPTIONAL,
    },
    { json: 'reason', type: 'string', number: 4, omitempty: true, markers: OPTIONAL },
    { json: 'message', type: 'string', number: 5, omitempty: true, markers: OPTIONAL },
  ],
  APIServiceList: [
    TYPE_META,
    { json: 'metadata', type: 'metav1.ListMeta', number: 1, omitempty: true, markers: OPTIONAL },
    { json: 'items', type: '[]APIService', number: 2 },
  ],
  APIServiceSpec: [
    { json: 'service', type: '*ServiceReference', number: 1, omitempty: true, markers: OPTIONAL },
    { json: 'group', type: 'string', number: 2, omitempty: true },
    { json: 'version', type: 'string', number: 3, omitempty: true },
    { json: 'insecureSkipTLSVerify', type: 'bool', number: 4, omitempty: true },
    {
      json: 'caBundle',
      type: '[]byte',
      number: 5,
      omitempty: true,
      markers: { optional: '', listType: 'atomic' },
    },
    { json: 'groupPriorityMinimum', type: 'int32', number: 7 },
    { json: 'versionPriority', type: 'int32', number: 8 },
  ],
  APIServiceStatus: [
    {
      json: 'conditions',
      type: '[]APIServiceCondition',
      number: 1,
      omitempty: true,
      markers: { optional: '', listType: 'map', listMapKey: 'type' },
      patchMergeKey: 'type',
    },
  ],
  ServiceReference: [
    { json: 'namespace', type: 'string', number: 1, omitempty: true },
    { json: 'name', type: 'string', number: 2, omitempty: true },
    { json: 'port', type: '*int32', number: 3, omitempty: true, markers: OPTIONAL },
  ],
};

export function apiregistration(): PackageFacts {
  const structs = Object.entries(STRUCTS).map(([name, rows]): [string, StructFacts] => [
    name,
    {
      name,
      members: rows.map(memberFacts),
      markers: new Map(name === 'APIService' ? [['genclient:nonNamespaced', ['']]] : []),
    },
  ]);
  return {
    source: {
      path: 'k8s.io/kube-aggregator/pkg/apis/apiregistration/v1',
      file: 'apiregistration-v1',
      interfaces: true,
    },
    imports: new Map([['metav1', META_PATH]]),
    structs: new Map(structs),
    named: new Map(),
    constants: new Map(),
    group: 'apiregistration.k8s.io',
    version: 'v1',
    kinds: new Set(['APIService', 'APIServiceList']),
    model: 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1',
  };
}

function memberFacts(row: Row): MemberFacts {
  const { json, type, patchMergeKey } = row;
  return {
    json,
    goName: json === undefined ? 'TypeMeta' : `${json.charAt(0).toUpperCase()}${json.slice(1)}`,
    goType: type,
    number: row.number ?? 0,
    omitempty: row.omitempty ?? false,
    omitzero: false,
    markers: new Map(Object.entries(row.markers ?? {}).map(([key, value]) => [key, [value]])),
    patchStrategy: patchMergeKey === undefined ? undefined : 'merge',
    patchMergeKey,
  };
}
