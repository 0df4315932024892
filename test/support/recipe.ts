// What a recipe of a route is (route-recipes.ts), and who cooks by it.
import type { Role } from '../../src/service/auth/matrix.ts';
import type { TestService } from './test-service.ts';

/** Who sends the request. */
export interface Caller {
  keyId: string;
  role: Role;
  headers: { authorization: string };
}

/** Where the recipes make what a request needs. */
export interface Kitchen {
  service: TestService;
  /** As the caller where it may submit jobs, else as another key: a job that has ended, with samples. */
  endedJob(caller: Caller): Promise<string>;
  /** Likewise a job that waits; it ends with `cleanUp`. */
  waitingJob(caller: Caller): Promise<string>;
  /** Likewise the digest of a model that nobody has uploaded before. */
  model(caller: Caller): Promise<string>;
  /** A model in the form of an upload, another one at every call. */
  newModel(): object;
  /** The id of a key that can be edited and revoked. */
  spareKey(): Promise<string>;
  cleanUp(): Promise<void>;
}

export interface Asked {
  path: string;
  headers?: Record<string, string>;
  body?: object | string;
}

export interface Recipe {
  ask(kitchen: Kitchen, caller: Caller): Promise<Asked> | Asked;
  /** Status of the answer when the guard lets the caller through. */
  status: number;
  /** The status that another key without a scope for all gets for what the caller owns. */
  foreign?: 403 | 404;
  /** It uses a device, so that the limits of the key hold. */
  usesDevice?: true;
}
