// The shapes of the API by short names, and typed routes, from the generated types.
import type { Client, ClientPathsWithMethod, MaybeOptionalInit, MethodResponse } from 'openapi-fetch';
import type { components, paths } from './generated/api.ts';

export type { components, paths };

type Schemas = components['schemas'];
export type Job = Schemas['Job'];
/** What a job asks for. */
export type JobSubmission = Schemas['JobSubmissionInput'];
export type JobBatchAnswer = Schemas['JobBatchAnswer'];
/** Of a dry run. */
export type JobValidation = Schemas['JobValidation'];
export type Calibration = Schemas['Calibration'];
export type CalibrationRequest = Schemas['CalibrationRequestInput'];
export type Device = Schemas['Device'];
export type Capabilities = Schemas['Capabilities'];
export type Model = Schemas['Model'];
export type Key = Schemas['Key'];
export type KeyRequest = Schemas['KeyRequestInput'];
export type NewKey = Schemas['NewKey'];
export type Certificate = Schemas['Certificate'];

export type Method = 'get' | 'put' | 'post' | 'patch' | 'delete';
type Api = Client<paths>;
/** What a route answers when it succeeds; never, where it has no such method. */
export type Answer<Path extends keyof paths, M extends Method> =
  Path extends PathOf<M> ? MethodResponse<Api, M, Path> : never;
type PathOf<M extends Method> = ClientPathsWithMethod<Api, M> & keyof paths;
type InitOf<Path extends keyof paths, M extends Method> = MaybeOptionalInit<
  paths[Path],
  M & keyof paths[Path]
>;
/** Left out where a route needs neither parameters nor a body. */
type Rest<Init> = undefined extends Init ? [init?: Init] : [init: Init];

/** Path and parameters in, the body of the answer out. @throws {ClientError} */
export type Route<M extends Method> = <Path extends PathOf<M>>(
  path: Path,
  ...init: Rest<InitOf<Path, M>>
) => Promise<MethodResponse<Api, M, Path>>;
