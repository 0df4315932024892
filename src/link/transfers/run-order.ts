// What a run is started with, whatever kind it is: its request to the device, and what the announced sizes are held to.
import type { Envelope } from '../messages/index.ts';
import { readReferenceMessage, startRunMessage } from './run-request.ts';
import type { ReferenceRunRequest, RunRequest } from './types.ts';

export interface RunOrder {
  name: 'StartRun' | 'ReadReference';
  /** Throws LinkError `refused` for what cannot be put into a message. */
  body(runToken: bigint): NonNullable<Envelope['body']>;
  samples: number;
  /** Of one sample, at most: a read that two lists name is counted twice. */
  readsMax: number;
  recordHeader: boolean;
  onFull: 'pause' | 'drop-with-gap';
}

/** The order of a schedule. */
export function scheduleOrder(request: RunRequest): RunOrder {
  const { samples, recordHeader = false, onFull = 'pause' } = request;
  let readsMax = 0;
  for (const { duration_ns, readEvery_ns = 0, readAt_ns = [] } of request.phases) {
    readsMax += readAt_ns.length + (readEvery_ns > 0 ? Math.floor(duration_ns / readEvery_ns) : 0);
  }
  return {
    name: 'StartRun',
    body: (runToken) => ({ type: 'startRun', value: startRunMessage(request, runToken) }),
    samples,
    readsMax,
    recordHeader,
    onFull,
  };
}

/** The order of reads of the converter reference. */
export function referenceOrder(request: ReferenceRunRequest): RunOrder {
  return {
    name: 'ReadReference',
    body: (runToken) => ({ type: 'readReference', value: readReferenceMessage(request, runToken) }),
    samples: request.samples,
    readsMax: request.levels_ratio.length,
    recordHeader: false,
    onFull: 'pause',
  };
}
