// Problems of what serves it: devices, permissions, the service itself.
import { entry, type ProblemEntry } from './entry.ts';

export const machineryProblems = {
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
  'device-stopped': entry(
    503,
    'The device was stopped for safety',
    'final',
    'Somebody pressed the safe stop: what ran was ended, and nothing runs on the device until a person resumes it.',
    'Find out why (GET /v1/devices/{id}: safeStop), then POST /v1/devices/{id}/resume with a reason, or submit with "onUnmet": "wait".',
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
