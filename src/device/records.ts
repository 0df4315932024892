// Records of a run on their way from the link to the caller: progress, provisional samples, and the codes at the end.
import type { RunOptions, RunResult } from '../link/index.ts';
import { decodeSamples } from '../physics/index.ts';
import { DeviceError } from './errors.ts';
import type { OperationOptions } from './types.ts';

export interface RecordShape {
  samples: number;
  /** Of one sample. */
  reads: number;
  units: number;
  recordBytes: number;
}

/** What the link is to do with the records of a run as they arrive. */
export function receiving(shape: RecordShape, options: OperationOptions): RunOptions {
  const { samples: total, recordBytes } = shape;
  return {
    signal: options.signal,
    onRecords: (bytes, received) => {
      const done = Math.floor(received / recordBytes);
      options.onProgress?.({ phase: 'reading', done, total });
      if (options.onSamples === undefined || options.wantsSamples?.() === false) return;
      const samples = bytes.length / recordBytes;
      const codes = provisional(bytes, { ...shape, samples });
      if (codes !== null) options.onSamples(codes, done - samples);
    },
  };
}

/** Records on their way; null where they cannot be read, which the end of the run says with its reason. */
function provisional(bytes: Uint8Array, shape: RecordShape): Int16Array | null {
  try {
    return decodeSamples(bytes, shape);
  } catch {
    return null;
  }
}

/**
 * The codes of a run that is over, [samples][reads][units].
 * @throws {DeviceError} data-loss for records of another size; PhysicsError for what is no record
 */
export function codesOf(run: RunResult, shape: RecordShape): Int16Array {
  if (run.recordBytes !== shape.recordBytes)
    throw new DeviceError(
      'data-loss',
      `the device makes records of ${run.recordBytes} bytes, ${shape.recordBytes} were expected`,
      { retryable: false },
    );
  return decodeSamples(run.bytes, shape);
}
