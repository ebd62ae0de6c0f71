/** The virtual environment as tests use it: it starts at a fixed time, from seed 1 unless told. */
import { VirtualEnvironment as Virtual, type VirtualOptions } from '#base/virtual/environment.ts';
import { turnOfLoop } from '#edge/environment.ts';

/** 2026-01-01T00:00:00Z: where virtual time starts unless a test says otherwise. */
export const VIRTUAL_START_MS = 1_767_225_600_000;

export class VirtualEnvironment extends Virtual {
  constructor(options: Partial<Pick<VirtualOptions, 'seed' | 'startMs'>> = {}) {
    super({ seed: 1, startMs: VIRTUAL_START_MS, ...options, drain: turnOfLoop });
  }
}
