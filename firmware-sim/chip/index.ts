// The analog core of the twin as its firmware sees it: one function that builds an `AnalogCore`.
export * from './analog-core.ts';
export { CoreError, createTwinCore } from './twin-core.ts';
export type { CoreErrorCode, TwinCoreOptions } from './twin-core.ts';
export {
  IDEAL_PROFILE,
  loadProfile,
  profileDigest,
  ProfileError,
  SHIPPED_PROFILES,
} from './profile/index.ts';
export type { ChipProfile } from './profile/index.ts';
export { dynamicsName } from './dynamics.ts';
export type { CoreDynamics } from './dynamics.ts';
