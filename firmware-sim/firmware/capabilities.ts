// What the twin states about itself: ranges of a program, timing of a schedule, and every buffer that limits a message.
import { USB_MAX_PAYLOAD } from '../../src/link/frame/index.ts';
import { BULK_HEADER_BYTES } from '../../src/link/messages/index.ts';
import type { BlockRange, Capabilities, Limits } from '../../src/link/messages/index.ts';
import type { ThermalParameters } from '../chip/thermal/index.ts';
import { programImageBytes } from './images/image.ts';
import { TELEMETRY_MASK, TELEMETRY_MS_MAX, TELEMETRY_MS_MIN } from './board/telemetry.ts';

const KIB = 1024;
/** Rails at |x| = 2 read by a 12-bit converter. */
const STATE_RAIL = 2;
const STATE_SCALE = STATE_RAIL / 2048;
/** Largest level of the converter reference, and what its data sheet says of it; a profile may make it lie (docs/twin.md). */
const REFERENCE_MAX_X = 1.5;
const REFERENCE_UNCERTAINTY_RATIO = 1e-3;
/** A run keeps at most this much of its tail for repeats; a record must fit four times. */
const SAMPLE_RING_BYTES = 4 * KIB * KIB;
const RECORD_BYTES_MAX = SAMPLE_RING_BYTES / 4;

const range = (fullScaleMin: number, fullScaleMax: number, signedCodes = true): BlockRange => ({
  fullScaleMin,
  fullScaleMax,
  signedCodes,
  codeBits: 12,
});

/** Capabilities of a twin with `units` units: E0 = 1, time unit 1 us, steps of 1 to 10 ns (decisions.md 2, 31). */
export function twinCapabilities(units: number, thermal?: ThermalParameters): Capabilities {
  return {
    unitsMax: units,
    topologyMask: 1 << 1,
    imageVersion: 1,
    coupling: range(1e-6, 16),
    bias: range(1e-6, 16),
    field: range(1e-6, 16),
    j2: range(1e-6, 16),
    j4: range(1e-6, 16),
    noiseTemperature: range(1e-6, 4, false),
    stateRail: STATE_RAIL,
    adcBits: 12,
    stateScale: STATE_SCALE,
    timeUnitS: 1e-6,
    stepNsDefault: 1,
    stepNsMin: 1,
    stepNsMax: 10,
    phaseNsMax: 1_000_000_000n,
    phasesMax: 4,
    readsPerPhaseMax: 2,
    samplesMax: 1_000_000,
    seed: true,
    clamp: false,
    initialMask: 1 << 1,
    recordBytesMax: RECORD_BYTES_MAX,
    referenceLevelMaxX: REFERENCE_MAX_X,
    referenceUncertaintyRatio: REFERENCE_UNCERTAINTY_RATIO,
    ...heatCapabilities(thermal),
  };
}

type HeatCapabilities = Pick<
  Capabilities,
  'telemetryMask' | 'telemetryMsMin' | 'telemetryMsMax' | 'dieDerateC' | 'dieTripC' | 'dieClearC'
>;

/** All zero on a board without sensors: no telemetry, no limits. */
function heatCapabilities(thermal: ThermalParameters | undefined): HeatCapabilities {
  const has = thermal !== undefined;
  const { derate_C = 0, trip_C = 0, hysteresis_C = 0 } = thermal?.limits ?? {};
  return {
    telemetryMask: has ? TELEMETRY_MASK : 0,
    telemetryMsMin: has ? TELEMETRY_MS_MIN : 0,
    telemetryMsMax: has ? TELEMETRY_MS_MAX : 0,
    dieDerateC: derate_C,
    dieTripC: trip_C,
    dieClearC: trip_C - hysteresis_C,
  };
}

/** Limits of a twin: the USB profile of link-protocol section 3.4, the high-speed window of section 11. */
export function twinLimits(units: number): Limits {
  return {
    maxPayload: USB_MAX_PAYLOAD,
    chunkBytes: USB_MAX_PAYLOAD - BULK_HEADER_BYTES,
    loadWindowBytes: 512 * KIB,
    maxOutstandingRpc: 8,
    replyCache: 8,
    sampleRingBytes: SAMPLE_RING_BYTES,
    units,
    codeBits: 12,
    banks: 2,
    maxProgramBytes: programImageBytes(units),
    hostSilenceMs: 5000,
    uartHintBaud: 0,
    fieldSlots: 8,
  };
}
