// The chip profile: schema, shipped profiles, loader.
export { ProfileError } from './errors.ts';
export type { ProfileErrorCode } from './errors.ts';
export { loadProfile, parseProfile, profileDigest, SHIPPED_PROFILES } from './load.ts';
export { chipProfileSchema, IDEAL_PROFILE, isIdeal, PROFILE_VERSION } from './schema.ts';
export type { ChipProfile, ChipProfileInput } from './schema.ts';
