/** Where containers see volumes. Upstream: pkg/apis/core/validation/validation.go. */
import type { Container, Volume, VolumeMount } from '#api/gen/core-v1.ts';
import {
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  notFoundValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { optionalOneOf } from './common.ts';
import { descendingPath } from './paths.ts';

type Mounting = Pick<Container, 'volumeMounts' | 'volumeDevices' | 'securityContext'>;
export type Volumes = ReadonlyMap<string, Volume>;

function validateOptions(mount: VolumeMount, container: Mounting, at: FieldPath): FieldError[] {
  const { mountPropagation: propagation, recursiveReadOnly: recursive } = mount;
  const errors = optionalOneOf(
    propagation,
    ['Bidirectional', 'HostToContainer', 'None'],
    at.child('mountPropagation'),
  );
  if (propagation === 'Bidirectional' && container.securityContext?.privileged !== true) {
    const detail = 'Bidirectional mount propagation is available only to privileged containers';
    errors.push(forbiddenField(at.child('mountPropagation'), detail));
  }
  if (recursive === undefined || recursive === 'Disabled') return errors;
  const where = at.child('recursiveReadOnly');
  if (recursive !== 'Enabled' && recursive !== 'IfPossible') {
    return [...errors, notSupported(where, recursive, ['Disabled', 'Enabled', 'IfPossible'])];
  }
  if (mount.readOnly !== true)
    errors.push(forbiddenField(where, 'may only be specified when readOnly is true'));
  if (propagation !== undefined && propagation !== 'None') {
    errors.push(
      forbiddenField(where, 'may only be specified when mountPropagation is None or not specified'),
    );
  }
  return errors;
}

export function validateMounts(container: Mounting, volumes: Volumes, at: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const paths = new Set<string>();
  const devices = container.volumeDevices ?? [];
  for (const [i, mount] of (container.volumeMounts ?? []).entries()) {
    const here = at.index(i);
    const { subPath = '', subPathExpr = '' } = mount;
    const [name, mountPath] = [mount.name ?? '', mount.mountPath ?? ''];
    if (name === '') errors.push(required(here.child('name')));
    if (!volumes.has(name)) errors.push(notFoundValue(here.child('name'), name));
    if (mountPath === '') errors.push(required(here.child('mountPath')));
    if (paths.has(mountPath))
      errors.push(invalidValue(here.child('mountPath'), mountPath, 'must be unique'));
    paths.add(mountPath);
    if (devices.some((device) => device.name === name)) {
      errors.push(
        invalidValue(here.child('name'), name, 'must not already exist in volumeDevices'),
      );
    }
    if (devices.some((device) => device.devicePath === mountPath)) {
      errors.push(
        invalidValue(
          here.child('mountPath'),
          mountPath,
          'must not already exist as a path in volumeDevices',
        ),
      );
    }
    // Upstream names these fields without the position of the mount.
    if (subPath !== '') errors.push(...descendingPath(subPath, at.child('subPath')));
    if (subPathExpr !== '') {
      if (subPath !== '') {
        errors.push(
          invalidValue(
            here.child('subPathExpr'),
            subPathExpr,
            'subPathExpr and subPath are mutually exclusive',
          ),
        );
      }
      errors.push(...descendingPath(subPathExpr, at.child('subPathExpr')));
    }
    errors.push(...validateOptions(mount, container, at));
  }
  return errors;
}

export function validateDevices(
  container: Mounting,
  volumes: Volumes,
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const paths = new Set<string>();
  const mounts = container.volumeMounts ?? [];
  for (const [i, { name = '', devicePath = '' }] of (container.volumeDevices ?? []).entries()) {
    const here = at.index(i);
    const volume = volumes.get(name);
    if (name === '') errors.push(required(here.child('name')));
    if (names.has(name)) errors.push(invalidValue(here.child('name'), name, 'must be unique'));
    if (volume === undefined) errors.push(notFoundValue(here.child('name'), name));
    else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined) {
      const detail =
        'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode';
      errors.push(invalidValue(here.child('name'), name, detail));
    }
    if (devicePath === '') errors.push(required(here.child('devicePath')));
    if (paths.has(devicePath))
      errors.push(invalidValue(here.child('devicePath'), devicePath, 'must be unique'));
    if (devicePath.split('/').includes('..')) {
      errors.push(
        invalidValue(here.child('devicePath'), devicePath, "can not contain backsteps ('..')"),
      );
    } else paths.add(devicePath);
    if (mounts.some((mount) => mount.name === name)) {
      errors.push(invalidValue(here.child('name'), name, 'must not already exist in volumeMounts'));
    }
    if (mounts.some((mount) => mount.mountPath === devicePath)) {
      errors.push(
        invalidValue(
          here.child('devicePath'),
          devicePath,
          'must not already exist as a path in volumeMounts',
        ),
      );
    }
    if (name !== '') names.add(name);
  }
  return errors;
}
