// Message types as seen above the link, until src/link/messages supplies them.
export interface Range {
  from: bigint;
  to: bigint;
}
export interface Status {
  code: number;
  detail: number;
  message: string;
  retryAfterMs: number;
}
export interface Limits {
  maxPayload: number;
  chunkBytes: number;
  loadWindowBytes: number;
  maxOutstandingRpc: number;
  replyCache: number;
  sampleRingBytes: number;
  units: number;
  codeBits: number;
  banks: number;
  maxProgramBytes: number;
  hostSilenceMs: number;
  uartHintBaud: number;
  fieldSlots: number;
}
export interface BlockRange {
  fullScaleMin: number;
  fullScaleMax: number;
  signedCodes: boolean;
  codeBits: number;
}
export interface Capabilities {
  unitsMax: number;
  topologyMask: number;
  imageVersion: number;
  coupling?: BlockRange;
  bias?: BlockRange;
  field?: BlockRange;
  j2?: BlockRange;
  j4?: BlockRange;
  noiseTemperature?: BlockRange;
  stateRail: number;
  adcBits: number;
  stateScale: number;
  timeUnitS: number;
  stepNsDefault: number;
  stepNsMin: number;
  stepNsMax: number;
  phaseNsMax: bigint;
  phasesMax: number;
  readsPerPhaseMax: number;
  samplesMax: number;
  seed: boolean;
  clamp: boolean;
  initialMask: number;
  recordBytesMax: number;
}
export interface RunState {
  run: number;
  phase: number;
  totalBytes: bigint;
  digest: Uint8Array;
  gaps: number;
  status?: Status;
}
export interface Fault {
  code: number;
  severity: number;
  unit: number;
  value: number;
  atUs: bigint;
  latched: boolean;
}
export interface Bank {
  index: number;
  state: number;
  programId: Uint8Array;
  receivedBytes: number;
  kind: number;
}
export interface DeviceLinkCounters {
  rxFrames: number;
  rxCorrupt: number;
  rxOversize: number;
  rxStaleSession: number;
  rxRejected: number;
  rxSeqGaps: number;
  txFrames: number;
  txReplayBytes: number;
}
export interface DeviceStatus {
  state: number;
  bootId: bigint;
  uptimeUs: bigint;
  bank: Bank[];
  run?: RunState;
  fault: Fault[];
  link?: DeviceLinkCounters;
}
export interface Heartbeat {
  state: number;
  activeProgramPrefix: Uint8Array;
  run: number;
  runBytes: bigint;
  link?: DeviceLinkCounters;
  faults: number;
  unacked?: RunState;
}
export interface Event {
  bootId: bigint;
  uptimeUs: bigint;
  eventSeq: number;
  body?:
    | { type: 'heartbeat'; value: Heartbeat }
    | { type: 'runState'; value: RunState }
    | { type: 'fault'; value: Fault }
    | { type: 'sessionLost'; value: { byClientId: number } }
    | { type: 'opDone'; value: { requestId: number; status?: Status } };
}
