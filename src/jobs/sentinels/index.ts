// Probes between jobs, and what is known of drift by them.
export { sentinelsFor } from './for-runner.ts';
export { Sentinels, type BetweenJobs } from './sentinels.ts';
export { SENTINEL_DEFAULTS, type DriftOfQuantity, type DriftState, type SentinelSettings } from './types.ts';
