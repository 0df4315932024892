// The public face of jobs: admission, the queue's runner, progress, and the samples of a finished job.
export * from './errors.ts';
export * from './request.ts';
export type * from './device-port.ts';
export type * from './calibration-port.ts';
export { budgetSpent, effectiveSamples, totalEnergy_J, utcDay_ms } from './heat-ledger/index.ts';
export { LONGEST_HOLD_MS } from './queue/expiry.ts';
export type { DryRun, ScheduleForecast } from './dry-run/answer.ts';
export type { QueueForecast } from './dry-run/queue-forecast.ts';
export { createJobRunner } from './runner.ts';
export { deadlineOf_ms, normalise } from './admission.ts';
export type {
  Alongside,
  BatchItem,
  BatchOptions,
  CalibrationRequest,
  CalibrationView,
  CancelAnswer,
  EditAnswer,
  EditOptions,
  JobEvent,
  JobRunner,
  JobRunnerOptions,
  JobView,
  RunnerCounters,
  SubmitOptions,
} from './runner-port.ts';
export type { SampleSource, SampleWatcher } from './sample-tap.ts';
export { jobTiming } from './timing.ts';
export type { AttemptTiming, JobTiming } from './timing.ts';
export { readJobSamples } from './samples.ts';
export type { JobSamples } from './samples.ts';
export { DeviceControls } from './control/controls.ts';
export type { ControlledDevice, ControlRequest, DeviceControlsOptions } from './control/controls.ts';
export type { DeviceUse } from './control/holds.ts';
export { expireLeases } from './control/leases.ts';
export { allowedStates, desiredStates } from './control/state.ts';
export type { ControlState, DesiredState, StopConfirmation } from './control/state.ts';
export { Driving } from './lease/driving.ts';
export type { DrivableDevice } from './lease/driving.ts';
export { LeaseKeeper } from './lease/keeper.ts';
export type { DeviceLease } from './lease/keeper.ts';
export type { DriftOfQuantity, DriftState, SentinelSettings } from './sentinels/index.ts';
