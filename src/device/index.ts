// The public face of a device: the Device itself, what it takes and gives, and the planner that admission may ask.
export { Device } from './device.ts';
export { SharedDevice, type DeviceFacts } from './shared-device.ts';
export { DeviceError, deviceErrorCodes } from './errors.ts';
export type { DeviceErrorCode, DeviceErrorDetails, DeviceOutcome, DeviceReason } from './errors.ts';
export { lineRate_Bps } from './line-rate.ts';
export { openDevice } from './open-device.ts';
export type { OpenDeviceOptions } from './open-device.ts';
export { STOP_LIMIT_MS } from './safe-stop.ts';
export type { StopReport } from './safe-stop.ts';
export { appliedForce_E0 } from './field-images.ts';
export { planMeasure } from './measure-schedule.ts';
export { planReference } from './reference.ts';
export { planHold, planRelax } from './schedule.ts';
export type { RunPlan } from './schedule.ts';
export type * from './types.ts';
export { deviceFaultNames } from './faults.ts';
export type { DeviceFault, DeviceFaultName } from './faults.ts';
export * from './telemetry/index.ts';
