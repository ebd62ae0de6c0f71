/** The registration of plug-ins, v1: what the kubelet asks at each socket that it finds. */
import { TypedCodec } from '#base/typed-codec.ts';

/** Source: field numbers of k8s.io/kubelet/pkg/apis/pluginregistration/v1. */
export const REGISTRATION = new TypedCodec({
  InfoRequest: [],
  PluginInfo: [
    ['type', 1, 'string', 0],
    ['name', 2, 'string', 0],
    ['endpoint', 3, 'string', 0],
    ['supportedVersions', 4, 'string', 1],
  ],
  RegistrationStatus: [
    ['pluginRegistered', 1, 'bool', 0],
    ['error', 2, 'string', 0],
  ],
  RegistrationStatusResponse: [],
} as const);

/** The package has no version in its name. */
export const GET_INFO_PATH = '/pluginregistration.Registration/GetInfo';
export const NOTIFY_PATH = '/pluginregistration.Registration/NotifyRegistrationStatus';
