/** Which certificates lie in a data directory: of a cluster that `cox up` made, or of a node that joined one. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { currentPath } from '#kubelet/bootstrap/certificate-store.ts';
import { isPair, splitPair } from '#kubelet/bootstrap/key-pair.ts';
import { certificatesIn, clusterAuthorities, phaseOf } from '../authority-files.ts';
import { type DataDirectory, otherNodeDirectories } from '../data-directory.ts';
import { readTextIfThere } from '../files.ts';
import { readAccess } from '../kube-client.ts';
import { certificateFolder, NODE_FILES, readNode } from '../node-config.ts';
import type { NodeDirectory } from '../node-directory.ts';
import { messageOf, UserError } from '../user-error.ts';
import type { FoundCertificate, FoundCertificates } from './check.ts';

/** Throws UserError where there is neither a cluster nor a node. */
export function findCertificates(data: DataDirectory): FoundCertificates {
  const isCluster = existsSync(join(data.pki, 'ca.crt'));
  const nodes = [data, ...otherNodeDirectories(data)].flatMap(nodeCertificatesIn);
  if (!isCluster && nodes.length === 0)
    throw new UserError(
      `Cannot look at the certificates of ${data.path}: neither a cluster nor a node is there. Name its directory with --data-dir.`,
    );
  if (!isCluster) return { authorities: nodeAuthority(data), certificates: nodes };
  return {
    authorities: authoritiesIn(data.pki),
    certificates: [...kubeconfigOf(data), ...leavesIn(data.pki), ...nodes],
  };
}

/** Each certificate that is trusted; one has the key. */
function authoritiesIn(folder: string): FoundCertificate[] {
  const { authority, frontProxy } = clusterAuthorities(folder);
  return [authority, frontProxy].flatMap((place) => {
    const trusted = readTextIfThere(join(folder, `${place.file}.crt`));
    const key = readTextIfThere(join(folder, `${place.file}.key`));
    const other = phaseOf(place) === 'both-trusted' ? 'next' : 'before';
    const all = certificatesIn(trusted ?? '');
    // A kill may have come before they were put in order.
    const first = all.find((certificate) => isPair({ certificate, key: key ?? '' })) ?? all[0];
    const others = all.filter((each) => each !== first);
    const named = (certificate: string | undefined, name: string, its: typeof key | null) => ({
      name,
      certificate,
      key: its,
      authority: { name: place.file, trusted: certificate ?? '' },
    });
    return [
      named(first, place.file, key),
      ...others.map((each) => named(each, `${place.file} (${other})`, null)),
    ];
  });
}

function nodeAuthority({ node }: DataDirectory): FoundCertificate[] {
  return certificatesIn(readTextIfThere(join(node, 'ca.crt')) ?? '').map((certificate, at) => ({
    name: at === 0 ? 'ca' : 'ca (other)',
    certificate,
    key: null,
    authority: { name: 'ca', trusted: certificate },
  }));
}

function leavesIn(folder: string): FoundCertificate[] {
  const { authority, frontProxy } = clusterAuthorities(folder);
  const own = [authority, frontProxy].flatMap(({ file }) => [
    file,
    `${file}-next`,
    `${file}-cross`,
  ]);
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.crt'))
    .map((name) => name.slice(0, -'.crt'.length))
    .filter((name) => !own.includes(name));
  return names.toSorted().map((name) => ({
    name,
    certificate: readTextIfThere(join(folder, `${name}.crt`)),
    key: readTextIfThere(join(folder, `${name}.key`)),
    authority: trustedOf(folder, name === 'front-proxy-client' ? frontProxy.file : authority.file),
  }));
}

function trustedOf(folder: string, name: string): FoundCertificate['authority'] {
  return { name, trusted: readTextIfThere(join(folder, `${name}.crt`)) ?? '' };
}

function kubeconfigOf(data: DataDirectory): FoundCertificate[] {
  const name = 'admin.kubeconfig';
  const authority = trustedOf(data.pki, 'ca');
  if (!existsSync(data.kubeconfig))
    return [{ name, certificate: undefined, key: undefined, authority }];
  try {
    const { cert, key } = readAccess(data.kubeconfig).tls;
    return [{ name, certificate: cert, key, authority }];
  } catch (error) {
    return [{ name, certificate: messageOf(error), key: undefined, authority }];
  }
}

/** What the node itself has, which is what it shows. */
function nodeCertificatesIn(directory: NodeDirectory): FoundCertificate[] {
  const known = readNode(directory);
  if (known === undefined) return [];
  const { config, identity } = known;
  const authority = { name: 'ca', trusted: identity.authority };
  const named = (file: string) => ({ name: `${config.name}/${file}`, authority });
  if (config.rotatesCertificates !== true)
    return NODE_FILES.map(([key, file]) => ({ ...named(file), ...identity[key] }));
  const folder = certificateFolder(directory);
  return (['kubelet-client', 'kubelet-server'] as const).flatMap((file) => {
    const pair = splitPair(readTextIfThere(currentPath(folder, file)) ?? '');
    // That of its server comes once somebody has approved it.
    return pair === undefined && file === 'kubelet-server'
      ? []
      : [{ ...named(file), certificate: pair?.certificate, key: pair?.key }];
  });
}
