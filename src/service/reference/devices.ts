// The chapter of docs/api.md about devices that several people use.
export const DEVICES_CHAPTER = `## Devices in use

* **State**: \`PUT /v1/devices/{id}/state\` with \`{"desired": "ready" | "maintenance" | "offline"}\` and the ETag of \`GET .../state\` as \`If-Match\`. In
  maintenance what runs ends and the queue is held; offline also disconnects, so that another program may have the line, and is refused while
  something runs. \`409 state-conflict\` lists the states that are allowed. It holds over a restart.
* **Safe stop**: \`POST /v1/devices/{id}/safe-stop\`, scope \`device:stop\`, with or without \`{"reason"}\`. It goes ahead of everything, is not counted against the
  rate of the key, and may be repeated. The answer comes when the device has said that nothing runs any more (\`safeStop.confirmed\`, \`duration_s\`), or
  after 5 s (7 s when another host drives it) without that: then \`notConfirmed\` says why and what to do. What ran ends with cause \`safe-stop\`; with
  \`"retry": "auto"\` it goes back into the queue, which is held (\`device-stopped\`). New jobs get \`503 device-stopped\` unless they say \`"onUnmet": "wait"\`.
  Only \`POST .../resume\` with a \`reason\` (scope \`device:control\`) lets it go on; a restart of the service does not.
* **Leases**: \`POST /v1/devices/{id}/leases\` with \`{"ttl_s": 60, "purpose"?}\` takes a device for one key (scope \`lease:write\`; at most a day). Jobs of other keys
  are held (\`lease\`, with \`until\`); one that runs already is not cut short. \`PUT .../leases/{lease}\` with \`ttl_s\` renews from now, \`DELETE\` gives back; without
  either it ends by itself. \`409 lease-held\` says until when, and whose it is to those with \`device:control\`. The next user's program is sent again unless the
  device says, by digest, that it still has it.
* **Calibrations that count**: one per chip (by uid) and kind. A new one that succeeds takes over by itself, unless it was measured over planted faults or the
  present one is pinned. \`PUT /v1/devices/{id}/calibration\` with \`{"id", "pin"}\` and the ETag of its \`GET\` moves the pointer, pins, lets go (\`"pin": false\`) or goes back to an
  earlier one; every move stays in \`history\`. Jobs name the one that counted in \`provenance.calibration\`. \`GET /v1/calibrations/{a}/diff/{b}\` ranks what changed by
  change over the combined standard error.
* **Captures**: \`POST /v1/captures\` with \`{"device"}\` (scope \`device:control\`) keeps what the line has carried in the last 60 s, 16 MB at most, as an MCAP file;
  \`GET /v1/captures/{id}\` downloads it (scope \`capture:read\`: it holds models and samples). With
  \`THERMOLOOP_CAPTURES=failed\` a job that fails keeps one too, named in \`failure.capture\`; 16 of those per device. \`replay:FILE\` plays one that is \`replayable\`,
  that is begins with the connection.
* **Twins**: \`GET /v1/twins\` lists the devices that are twins and whose control channel the service knows (\`THERMOLOOP_TWIN_CONTROL\`). \`PUT /v1/twins/{id}/faults\` with
  \`{"faults": [{"component": "readout", "type": "stuck", "target": {"unit": 3}}]}\` (scope \`twin:fault\`) plants these and no others, \`DELETE\` clears them; [twin.md](twin.md) has every
  fault. A chip is refused with \`403 fault-not-allowed\`. The clock of a twin is set when it starts, not here.
`;
