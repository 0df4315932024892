// The public face of the firmware: a controller, what it is built from, and what the twin states about itself.
export { twinCapabilities, twinLimits } from './capabilities.ts';
export type {
  Attachment,
  BoardClock,
  ByteSink,
  Controller,
  ControllerOptions,
  DeviceIdentity,
  SensorFaults,
} from './contract.ts';
export { createController } from './controller.ts';
export { SENSOR_UNITS } from './board/sensors.ts';
