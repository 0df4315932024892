// The one table of everything the service can refuse or fail at: code -> HTTP status, title, retry, when, remedy.
// docs/problems.md and the pages under /problems/{code} are made from it; codes never change, texts may.

export interface ProblemEntry {
  status: number;
  title: string;
  /** True when the same request may succeed later without a change. */
  retryable: boolean;
  /** When a client sees it. */
  when: string;
  /** What to do next. */
  remedy: string;
}

const entry = (
  status: number,
  title: string,
  retry: 'retry' | 'final',
  when: string,
  remedy: string,
): ProblemEntry => ({ status, title, retryable: retry === 'retry', when, remedy });

export const problemTable = {
  // The request itself
  'validation-failed': entry(
    422,
    'The request does not match its schema',
    'final',
    'A body, query, header or path parameter has a wrong type, a wrong value or an unknown name.',
    'Correct the places named in errors[].pointer; /openapi.json has the schema.',
  ),
  'malformed-json': entry(
    400,
    'The body is not JSON',
    'final',
    'The body is empty, cut off or not JSON although its content type says so.',
    'Send a complete JSON document in UTF-8, or the content type the body really has.',
  ),
  'bad-request': entry(
    400,
    'The request is not well-formed HTTP',
    'final',
    'The URL, a header or the framing of the body cannot be read.',
    'Check the URL encoding and that Content-Length is the length of the body.',
  ),
  'not-found': entry(
    404,
    'There is no such address',
    'final',
    'No route has this path.',
    'Look the address up in /docs or /openapi.json; all resources lie below /v1.',
  ),
  'method-not-allowed': entry(
    405,
    'The address does not know this method',
    'final',
    'The path exists, but not with this method.',
    'Use one of the methods in the Allow header.',
  ),
  'not-acceptable': entry(
    406,
    'None of the accepted formats is offered',
    'final',
    'The Accept header names only formats that this resource does not have.',
    'Ask for one of the formats in offered.',
  ),
  'payload-too-large': entry(
    413,
    'The body is too large',
    'final',
    'The body is larger than limit_bytes.',
    'Send models as application/x-npz (8 bytes per coupling), and stay below limit_bytes.',
  ),
  'unsupported-format': entry(
    415,
    'The content type is not understood',
    'final',
    'The content type of the body is missing or not one the route reads.',
    'Send one of the content types in accepted.',
  ),
  'headers-too-large': entry(
    431,
    'The request headers are too large',
    'final',
    'The request line and headers are larger than 16 kB.',
    'Send fewer or shorter headers.',
  ),
  'request-timeout': entry(
    408,
    'The request came too slowly',
    'retry',
    'The headers or the body did not arrive in time.',
    'Send the request again over a faster connection.',
  ),
  'upgrade-required': entry(
    426,
    'This address speaks WebSocket only',
    'final',
    '/v1/ws is asked for without an upgrade to WebSocket.',
    'Connect with a WebSocket client and the Authorization header, or poll with Prefer: wait.',
  ),
  // Models
  'not-symmetric': entry(
    422,
    'The couplings are not symmetric',
    'final',
    'J[i][j] differs from J[j][i]: a bond has one strength.',
    'Send a symmetric matrix, for example (J + J^T) / 2, or each pair once.',
  ),
  'nonzero-diagonal': entry(
    422,
    'A unit is coupled to itself',
    'final',
    'J[i][i] is not zero.',
    'Set the diagonal to zero; what acts on a single unit belongs into j2, j4 or biases.',
  ),
  'not-positive-definite': entry(
    422,
    'The matrix is not positive definite',
    'final',
    'A linear system was uploaded whose matrix has an eigenvalue at or below zero: the chip would have no equilibrium.',
    'Send a matrix with eigenvalues above zero; for a general system, A^T A and A^T b have the same solution.',
  ),
  'not-finite': entry(
    422,
    'A number is not finite',
    'final',
    'A value is NaN or infinite.',
    'Replace the value at errors[].pointer; JSON itself has no NaN.',
  ),
  'wrong-shape': entry(
    422,
    'An array has the wrong shape',
    'final',
    'The arrays of a model do not fit each other.',
    'Send N x N couplings and N values in each of biases, j2 and j4.',
  ),
  'duplicate-pair': entry(
    422,
    'A coupling is given twice',
    'final',
    'A list of pairs names the same two units more than once.',
    'Send every pair once; i and j may stand in either order.',
  ),
  'coupling-out-of-range': entry(
    422,
    'A coupling is beyond what the device can do',
    'final',
    'A coupling does not fit the full scale of the device with its headroom.',
    'Scale the model down to the range in errors[].allowed (GET /v1/devices/{id}/capabilities).',
  ),
  'bias-out-of-range': entry(
    422,
    'A bias is beyond what the device can do',
    'final',
    'A bias does not fit the full scale of the device with its headroom.',
    'Scale the model down to the range in errors[].allowed (GET /v1/devices/{id}/capabilities).',
  ),
  'field-out-of-range': entry(
    422,
    'A field is beyond what the device can do',
    'final',
    'A field does not fit the full scale of the device.',
    'Lower the field to the range in errors[].allowed.',
  ),
  'potential-out-of-range': entry(
    422,
    'A potential is beyond what the device can do',
    'final',
    'A j2 or j4 does not fit the device, or a j4 is not above zero.',
    'Keep j4 above zero and both inside the range in errors[].allowed.',
  ),
  'noise-temperature-out-of-range': entry(
    422,
    'The noise temperature is out of range',
    'final',
    'kT, or the ratio a job asks for, is not above zero or does not fit the device.',
    'Choose a noise temperature inside errors[].allowed.',
  ),
  'too-many-units': entry(
    422,
    'The model has more units than the device',
    'final',
    'A job asks a device for a model that it cannot hold.',
    'Use a smaller model or a device whose capabilities.unitsMax is large enough.',
  ),
  'bad-npz': entry(
    422,
    'The .npz or .npy file cannot be read',
    'final',
    'The file is truncated, damaged, of an unknown number type, or lacks a member.',
    'Save it again with numpy.savez: J (N x N), and optionally b, j2, j4 (N) and kT, as float64.',
  ),
  'bad-safetensors': entry(
    422,
    'The .safetensors file cannot be read',
    'final',
    'The file is truncated, its header is too long or does not fit its data, or it holds other tensors than those of a model.',
    'Save only J (N x N), and optionally b, j2, j4 (N) and kT, as F32 or F64, with a writer that leaves no holes.',
  ),
  'bad-bqm': entry(
    422,
    'The binary quadratic model cannot be read',
    'final',
    'A member is missing, unknown or of a wrong type, a variable is unknown, or a pair stands twice.',
    'Send vartype, linear, quadratic and offset, or what to_serializable() of dimod gives; every variable stands in linear.',
  ),
  'out-of-range': entry(
    422,
    'A value is beyond what the device can do',
    'final',
    'A duration, count, step or read time does not fit the capabilities of the device.',
    'Compare the request with GET /v1/devices/{id}/capabilities.',
  ),
  'unknown-calibration-kind': entry(
    422,
    'There is no such kind of calibration',
    'final',
    'The service has no procedure for this kind.',
    'Use one of the kinds in GET /v1/about, calibrationKinds.',
  ),
  // Things that are not there
  'unknown-model': entry(
    404,
    'There is no such model',
    'final',
    'No model with this digest was uploaded, or the key may not see it.',
    'Upload the model with POST /v1/models and use the digest in the answer.',
  ),
  'unknown-job': entry(
    404,
    'There is no such job',
    'final',
    'No job has this id, or it belongs to another key.',
    'List your jobs with GET /v1/jobs.',
  ),
  'unknown-device': entry(
    404,
    'There is no such device',
    'final',
    'The service has no device with this id.',
    'List the devices with GET /v1/devices.',
  ),
  'unknown-calibration': entry(
    404,
    'There is no such calibration',
    'final',
    'No calibration has this id.',
    'List them with GET /v1/calibrations.',
  ),
  'unknown-key': entry(
    404,
    'There is no such key',
    'final',
    'No key has this id.',
    'List the keys with GET /v1/keys; the id is the part between tlk_ and the second underscore.',
  ),
  'unknown-problem': entry(
    404,
    'There is no such problem code',
    'final',
    'A page below /problems is asked for that does not exist.',
    'The list of codes is at /problems and in docs/problems.md.',
  ),
  // State
  'already-finished': entry(
    409,
    'The job has already finished',
    'final',
    'A job that has ended is to be cancelled.',
    'Nothing needs to be done: read its state with GET /v1/jobs/{id}.',
  ),
  'job-not-finished': entry(
    409,
    'The job has not finished yet',
    'retry',
    'The samples or the certificate of a job that is still queued or running are asked for.',
    'Wait with GET /v1/jobs/{id} and Prefer: wait=30 until state is succeeded.',
  ),
  'no-samples': entry(
    409,
    'The job has no samples',
    'final',
    'The samples of a job that failed or was cancelled are asked for.',
    'Read cause and failure of the job, then submit it again.',
  ),
  'no-certificate': entry(
    409,
    'The job has no certificate',
    'final',
    'The certificate of a job that failed or was cancelled is asked for: there is no result to certify.',
    'Read cause and failure of the job, then submit it again; only jobs that succeeded are certified.',
  ),
  'state-conflict': entry(
    409,
    'The state does not allow this',
    'final',
    'Somebody else changed the resource in between, or a given id exists already.',
    'Read the present state and decide again.',
  ),
  'wrong-backend': entry(
    409,
    'The device is not the demanded kind',
    'final',
    'A job or THERMOLOOP_EXPECT_BACKEND demands chip or twin and the handshake says otherwise.',
    'Name another device, or drop the demand if that kind is what you want.',
  ),
  'faults-active': entry(
    409,
    'Faults are planted in the device or its line',
    'final',
    'A calibration was asked for while injected faults are active: it would measure them.',
    'Clear the faults, or send "force": true; the result then says faultsActive.',
  ),
  'device-busy': entry(
    409,
    'The device is busy',
    'retry',
    'The device does one thing at a time and another operation holds it.',
    'Wait until the running job has ended.',
  ),
  'idempotency-mismatch': entry(
    422,
    'The Idempotency-Key was used for another request',
    'final',
    'The same key came with another body within 24 hours.',
    'Use a fresh Idempotency-Key for each new request.',
  ),
  'idempotency-in-progress': entry(
    409,
    'The first request with this Idempotency-Key is still running',
    'retry',
    'The answer to the first request is not known yet.',
    'Send the request again after Retry-After seconds.',
  ),
  // Limits
  'rate-limited': entry(
    429,
    'Too many requests',
    'retry',
    'The key has used up its requests of the present window.',
    'Wait for Retry-After seconds; use Prefer: wait or /v1/ws instead of polling.',
  ),
  'queue-full': entry(
    429,
    'The queue is full',
    'retry',
    'As many jobs are queued as the service takes.',
    'Wait until jobs have finished, then submit again.',
  ),
  'storage-full': entry(
    507,
    'The disk is full',
    'retry',
    'The store could not keep the data; nothing was acknowledged.',
    'Free space on the disk that holds the data directory, then send the request again.',
  ),
  'storage-locked': entry(
    503,
    'The store is locked',
    'retry',
    'Another process holds the database.',
    'Stop the other process that uses the data directory, then try again.',
  ),
  'storage-failed': entry(
    500,
    'The store failed',
    'final',
    'The database or a file of the data directory cannot be read or written.',
    'Look up the correlation id in the log of the service; check permissions and the disk.',
  ),
  'corrupt-blob': entry(
    500,
    'Stored data is damaged',
    'final',
    'A file of the data directory does not have its digest any more.',
    'Restore it from a backup, or upload the model or run the job again.',
  ),
  // Devices
  'device-offline': entry(
    503,
    'The device is offline',
    'retry',
    'The service has no link to the device; it keeps trying and never substitutes another one.',
    'Check power and cable, or start the twin; GET /v1/devices/{id} shows the reason.',
  ),
  'device-fault': entry(
    503,
    'The device reports a fault',
    'final',
    'The device has latched a fault and refuses to run.',
    'Look at the fault in GET /v1/devices/{id}, remove its cause, then POST /v1/devices/{id}/clear-fault.',
  ),
  'device-too-hot': entry(
    503,
    'The device has stopped because of heat',
    'retry',
    'The die reached its trip limit: the run failed, or is refused until the fault is cleared. A job ends with cause thermal-stop.',
    'Find out why it got so hot (GET /v1/devices/{id}/telemetry), let it cool below dieLimits.clear_C, then POST /v1/devices/{id}/clear-fault.',
  ),
  'device-refused': entry(
    502,
    'The device refused the command',
    'final',
    'The device understood the command and will not do it.',
    'Read detail for the reason; compare the request with the capabilities.',
  ),
  'link-lost': entry(
    503,
    'The link to the device was lost',
    'retry',
    'The connection broke while a command was under way; outcome says whether it reached the device.',
    'Wait until the device is ready again, then submit the job again.',
  ),
  'link-timeout': entry(
    504,
    'The device did not answer in time',
    'retry',
    'A command got no answer; outcome says whether it reached the device.',
    'Check the line speed and the cable, then try again.',
  ),
  'device-protocol-error': entry(
    502,
    'The device does not keep to the protocol',
    'final',
    'An answer of the device makes no sense.',
    'Check that firmware and service belong together (GET /v1/about, GET /v1/devices/{id}).',
  ),
  'not-a-device': entry(
    502,
    'What answers is not a thermoloop device',
    'final',
    'The port opens, but nothing on it speaks the link protocol.',
    'Check the device URL and the baud rate.',
  ),
  'wrong-device': entry(
    502,
    'Another device answers',
    'final',
    'The identity in the handshake is not the expected one.',
    'Check which device is plugged in at this address.',
  ),
  'schema-mismatch': entry(
    502,
    'Service and device speak different schemas',
    'final',
    'The schema hashes or versions in the handshake differ.',
    'Bring firmware and service to the same release.',
  ),
  'fence-stale': entry(
    409,
    'Another host drives the device',
    'final',
    'The device has seen a newer lease than this service holds.',
    'Stop one of the two services that use this device.',
  ),
  'data-loss': entry(
    502,
    'Data from the device was damaged',
    'retry',
    'The digest over an image or a run does not match; the data was thrown away.',
    'Submit the job again; if it happens often look at the link counters.',
  ),
  cancelled: entry(
    409,
    'The operation was cancelled',
    'final',
    'The operation ended because somebody asked for it.',
    'Submit it again if the result is still wanted.',
  ),
  // Who may
  unauthenticated: entry(
    401,
    'A key is needed',
    'final',
    'The Authorization header is missing, malformed, or the key is unknown, expired or revoked.',
    'Send Authorization: Bearer tlk_...; an administrator makes keys with POST /v1/keys.',
  ),
  forbidden: entry(
    403,
    'The key may not do this',
    'final',
    'The key lacks the scope in requiredScope, or may not use this device.',
    'Ask an administrator for a key whose role has the scope.',
  ),
  // The service
  'service-stopping': entry(
    503,
    'The service is shutting down',
    'retry',
    'The service has been asked to stop and takes no new work.',
    'Send the request again when the service is back.',
  ),
  'internal-error': entry(
    500,
    'Something went wrong inside the service',
    'final',
    'A defect of the service.',
    'Report it with the correlation id; the log of the service has the details.',
  ),
} as const satisfies Record<string, ProblemEntry>;

export type ProblemCode = keyof typeof problemTable;
export const problemCodes = Object.keys(problemTable) as ProblemCode[];

export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(problemTable, code);
}
