// A device's own words, in this floor's terms: identity from its hello, capabilities from GetCapabilities.
import type { BlockRange, Capabilities, LinkIdentity, Limits } from '../link/index.ts';
import type { BlockRange as FullScales, ProgramRanges } from '../physics/index.ts';
import { metricsOf } from './telemetry/index.ts';
import type { DeviceCapabilities, DeviceIdentity } from './types.ts';

/** Who answers: `backend` comes from the hello's `simulated`, unless nobody answers because a recording is played. */
export function identityOf(identity: LinkIdentity): DeviceIdentity {
  return {
    uid: identity.uid,
    backend: identity.replayed ? 'replay' : identity.simulated ? 'twin' : 'chip',
    bootId: identity.bootId.toString(16).padStart(16, '0'),
    firmware: identity.firmware,
    firmwareGit: identity.firmwareGit,
    schemaHash: identity.schemaHash.toString(16).padStart(8, '0'),
  };
}

/** Capabilities in seconds and E0, with what the hello says of room for fields. */
export function capabilitiesOf(stated: Capabilities, { fieldSlots }: Limits): DeviceCapabilities {
  return {
    unitsMax: stated.unitsMax,
    imageVersion: stated.imageVersion,
    topologies: bitsOf(stated.topologyMask),
    ranges: rangesOf(stated),
    stateRail: stated.stateRail,
    adcBits: stated.adcBits,
    timeUnit_s: stated.timeUnitS,
    stepDefault_s: stated.stepNsDefault / 1e9,
    stepMin_s: stated.stepNsMin / 1e9,
    stepMax_s: stated.stepNsMax / 1e9,
    phaseMax_s: Number(stated.phaseNsMax) / 1e9,
    phasesMax: stated.phasesMax,
    readsPerPhaseMax: stated.readsPerPhaseMax,
    samplesMax: stated.samplesMax,
    recordBytesMax: stated.recordBytesMax,
    seed: stated.seed,
    fieldSlots,
    reference: referenceOf(stated),
    telemetry: telemetryOf(stated),
    dieLimits: dieLimitsOf(stated),
  };
}

function referenceOf(stated: Capabilities): DeviceCapabilities['reference'] {
  const { referenceLevelMaxX: level_max_x, referenceUncertaintyRatio: uncertainty_ratio } = stated;
  return level_max_x === 0 ? null : { level_max_x, uncertainty_ratio };
}

function telemetryOf(stated: Capabilities): DeviceCapabilities['telemetry'] {
  const { telemetryMask: mask, telemetryMsMin, telemetryMsMax } = stated;
  if (mask === 0) return null;
  const metrics = metricsOf(mask);
  return { mask, metrics, periodMin_s: telemetryMsMin / 1000, periodMax_s: telemetryMsMax / 1000 };
}

function dieLimitsOf({ dieDerateC, dieTripC, dieClearC }: Capabilities): DeviceCapabilities['dieLimits'] {
  return dieTripC === 0 ? null : { derate_C: dieDerateC, trip_C: dieTripC, clear_C: dieClearC };
}

function rangesOf(stated: Capabilities): ProgramRanges {
  return {
    coupling: fullScales(stated.coupling),
    bias: fullScales(stated.bias),
    field: fullScales(stated.field),
    j2: fullScales(stated.j2),
    j4: fullScales(stated.j4),
    noiseTemperature: fullScales(stated.noiseTemperature),
    stateScale: stated.stateScale,
  };
}

function fullScales(range: BlockRange | undefined): FullScales | undefined {
  return range && { fullScaleMin_E0: range.fullScaleMin, fullScaleMax_E0: range.fullScaleMax };
}

function bitsOf(mask: number): number[] {
  return Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => ((mask >>> bit) & 1) === 1);
}
