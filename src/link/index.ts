// The public surface of the link: connect() turns a byte stream into a Link, on which images are loaded and runs are
// run. Above this file nobody sees frames, sessions or protobuf types.
export { createCaptureDecoder } from './capture/decoder.ts';
export { summariseCapture } from './capture/summary.ts';
export type { CaptureSummary, DirectionSummary } from './capture/summary.ts';
export { connect } from './link.ts';
export type { ConnectOptions, Link, LinkIdentity } from './link.ts';
export { LinkError, linkErrorCodes } from './session/link-error.ts';
export type { LinkErrorCode, LinkErrorOptions, LinkOutcome } from './session/link-error.ts';
export type { LoadForecast } from './transfers/load-choice.ts';
export { ImageCache } from './transfers/image-cache.ts';
export { sumLinkCounters } from './session/counters.ts';
export type { LinkCounters } from './session/counters.ts';
export { REFERENCE_LEVELS_MAX } from './transfers/types.ts';
export type {
  HeadedRecords,
  LoadOptions,
  LoadOutcome,
  PhaseRequest,
  RecordHeader,
  ReferenceRunRequest,
  RunOptions,
  RunRequest,
  RunResult,
  SampleGap,
} from './transfers/types.ts';
export { DeviceState, FaultCode, LoadState, RunPhase, Severity, TelemetryChannel } from './messages/index.ts';
export type {
  BlockRange,
  Capabilities,
  DeviceStatus,
  Event,
  Fault,
  Heartbeat,
  Limits,
  RunState,
  Telemetry,
} from './messages/index.ts';
