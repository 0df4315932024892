// The one error class of the store: an enumerated code, whether trying again can help, and what a person can do.

/** What can go wrong in the store. The texts may change, the codes never do. */
export const StoreErrorCode = {
  storageFull: 'storage-full',
  schemaTooNew: 'schema-too-new',
  locked: 'locked',
  corruptBlob: 'corrupt-blob',
  notFound: 'not-found',
  conflict: 'conflict',
  /** The lease of the device has moved on: another host drives it, and this write came too late. */
  staleFence: 'stale-fence',
  /** The database cannot be reached; whether the last write was kept is not known. */
  unavailable: 'storage-unavailable',
  /** Another transaction was in the way; nothing was written. */
  busy: 'storage-busy',
  /** A backup that is damaged, or none at all. */
  badBackup: 'bad-backup',
  /** A backup, or a restored store, would go over what is there. */
  notEmpty: 'not-empty',
  failed: 'storage-failed',
} as const;
export type StoreErrorCode = (typeof StoreErrorCode)[keyof typeof StoreErrorCode];

const REMEDY: Record<StoreErrorCode, string> = {
  'storage-full': 'Free space on the disk that holds the data directory, then send the request again.',
  'schema-too-new': 'Start the version of thermoloop that wrote this data directory, or a newer one.',
  locked: 'Stop the process that holds the data directory, or choose another one with --data-dir.',
  'corrupt-blob': 'Restore the file from a backup, or run the job or upload the model again.',
  'not-found': 'Check the id: the row may never have existed, or belong to another data directory.',
  conflict: 'Read the present state and decide again.',
  'stale-fence': 'Drop what was to be written: the host that holds the device now does the work again.',
  'storage-unavailable':
    'Send the request again, with the same Idempotency-Key; if it lasts, see that the database runs and can be reached.',
  'storage-busy': 'Send the request again: another one was changing the same rows.',
  'bad-backup': 'Take another backup: this one cannot be believed, and nothing of it was used.',
  'not-empty': 'Name a place where nothing is yet, or move away what is there.',
  'storage-failed': 'Look at the cause in the log: permissions, disk errors or a damaged database file.',
};
const RETRYABLE: ReadonlySet<StoreErrorCode> = new Set([
  'storage-full',
  'locked',
  'storage-unavailable',
  'storage-busy',
]);

/** Every failure of the store that a caller can act on. `cause` keeps the original error. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  readonly retryable: boolean;
  readonly remedy: string;

  constructor(code: StoreErrorCode, message: string, options: { cause?: unknown; remedy?: string } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'StoreError';
    this.code = code;
    this.retryable = RETRYABLE.has(code);
    this.remedy = options.remedy ?? REMEDY[code];
  }
}

/** True for a StoreError, of the given code if one is named. */
export function isStoreError(error: unknown, code?: StoreErrorCode): error is StoreError {
  return error instanceof StoreError && (code === undefined || error.code === code);
}

/**
 * Turns an error of the operating system or of the database into a StoreError. A StoreError passes unchanged.
 * @param classify what the database's dialect makes of an error; null when it is none of its own
 */
export function toStoreError(
  error: unknown,
  doing: string,
  classify: (error: unknown) => StoreErrorCode | null = () => null,
): StoreError {
  if (error instanceof StoreError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new StoreError(classify(error) ?? classifySystemError(error), `${doing}: ${text}`, { cause: error });
}

function classifySystemError(error: unknown): StoreErrorCode {
  const errno = (error as { code?: unknown } | null)?.code;
  return errno === 'ENOSPC' || errno === 'EDQUOT' ? 'storage-full' : 'storage-failed';
}
