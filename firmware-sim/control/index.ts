// The public face of the control channel: methods are registered by whoever builds the twin, and served together.
export { ambientMethods } from './ambient-methods.ts';
export type { AmbientSource } from './ambient-methods.ts';
export { describeMethods } from './describe.ts';
export type { TwinFacts } from './describe.ts';
export { faultMethods } from './fault-methods.ts';
export { ControlError, controlMethod, RpcErrorCode } from './methods.ts';
export type { ControlConnection, ControlMethod, ControlMethods } from './methods.ts';
export { serveControl } from './server.ts';
export type { ControlService } from './server.ts';
