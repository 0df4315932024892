// Capabilities and a small program, as the reference twin has them, for tests of the floors above the link.
import type { DeviceCapabilities } from '../../src/device/index.ts';
import { emptyModel, quantise, type QuantisedProgram } from '../../src/physics/index.ts';

const STATE_SCALE = 2 ** -10;

/** Those of the reference twin, with what a test changes. */
export function twinCapabilities(changes: Partial<DeviceCapabilities> = {}): DeviceCapabilities {
  return {
    unitsMax: 1296,
    imageVersion: 1,
    topologies: [1],
    ranges: { stateScale: STATE_SCALE },
    stateRail: 2,
    adcBits: 12,
    timeUnit_s: 1e-6,
    stepDefault_s: 1e-9,
    stepMin_s: 1e-9,
    stepMax_s: 1e-8,
    phaseMax_s: 1,
    phasesMax: 4,
    readsPerPhaseMax: 2,
    samplesMax: 100_000,
    recordBytesMax: 65_536,
    seed: true,
    fieldSlots: 8,
    reference: { level_max_x: 1.5, uncertainty_ratio: 1e-3 },
    telemetry: null,
    dieLimits: null,
    ...changes,
  };
}

/** Uncoupled units at the reference working point. */
export function plainProgram(units: number): QuantisedProgram {
  return quantise(emptyModel(units), { stateScale: STATE_SCALE });
}
