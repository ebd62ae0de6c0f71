/** Gives the archive to a containerd, in the namespace where its CRI plug-in looks. */
import { output } from '../command.ts';

export function loadImages(archive: string, address: string): void {
  output('ctr', ['--address', address, '-n', 'k8s.io', 'images', 'import', '--no-unpack', archive]);
}
