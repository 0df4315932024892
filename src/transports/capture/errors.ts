// What goes wrong with capture files, each with what to do about it.
import { TransportError, type TransportErrorCode } from '../port.ts';

type CaptureErrorCode = Extract<TransportErrorCode, `capture-${string}`>;

const REMEDIES: Record<CaptureErrorCode, string> = {
  'capture-unwritable':
    'The link goes on without being recorded. Free space on the disk or choose another place, then connect again.',
  'capture-unreadable': 'Check the path and the permissions of the file.',
  'capture-damaged':
    'The file was cut or changed after it was begun; a recorder that ended in order leaves none like it. Take another copy.',
  'capture-foreign': 'Name a file that record+ or --capture-dir of thermoloop has written.',
  'capture-version': 'Play it with the version of thermoloop that wrote it, or a newer one.',
  'capture-incomplete':
    'Record the whole connection with record+...?capture=FILE, or look at this one in a viewer of MCAP files.',
};

/** A TransportError about the capture at `path`. */
export function captureError(
  code: CaptureErrorCode,
  path: string,
  why: string,
  cause?: unknown,
): TransportError {
  return new TransportError(code, `${path}: ${why}`, { remedy: REMEDIES[code], retryable: false, cause });
}
