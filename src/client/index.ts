// The client as other programs import it: `import { ThermoloopClient } from 'thermoloop/client'`.
export { modelNpz, type ModelArrays, type SampleSet, type Samples } from './arrays.ts';
export { succeeded, ThermoloopClient, type ClientOptions, type RawRequest, type Resource } from './client.ts';
export { ClientError, type Problem } from './errors.ts';
export type { EventOptions, LiveMessage } from './events.ts';
export type { RetryPolicy } from './sending.ts';
export type * from './types.ts';
export type { Ending, Progress, WaitOptions } from './waiting.ts';
