// The part of docs/api.md about the formats of samples.

export const samplesReference = `## Samples

\`GET /v1/jobs/{id}/samples\` of a job that succeeded, in the format that \`Accept\` likes best, or that \`?format=\` names. The same job gives the
same bytes for ever: after a restart, an upgrade, a backup and a restore.

| \`?format=\` | \`Accept\` | What it holds | Range | Provenance |
|---|---|---|---|---|
| \`json\` | \`application/json\` | \`x\` [samples][reads][units], \`time_s\`, \`labels\`, \`heat_kT\`; up to 2,000,000 numbers | no | member \`provenance\` |
| \`npy\` | \`application/x-npy\` | x as float32, samples x reads x units | yes | header only |
| \`npz\` | \`application/x-npz\` | \`x\`, \`time_s\`, \`heat_kT\` where it was recorded, stored without compression | yes | member \`provenance\`: JSON text as uint8 |
| \`csv\` | \`text/csv\` | a line for every read of every sample: sample, read, time_s, label, heat_kT, x0, x1, ...; up to 2,000,000 numbers | no | first line, \`# \` and JSON |
| \`arrow\` | \`application/vnd.apache.arrow.stream\` | an IPC stream, a row for every read of every sample; x is a FixedSizeList of float32; up to 67 million numbers | no | \`thermoloop.provenance\` of the schema |
| \`parquet\` | \`application/vnd.apache.parquet\` | the same rows; x is a LIST of float; up to 16 million numbers | no | \`thermoloop.provenance\` of the file |
| \`raw\` | \`application/octet-stream\` | the readout codes as they are stored, int16 little-endian; x = code * \`Thermoloop-State-Scale\` | yes | header only |

* **Provenance** is the same JSON in each place and in the header \`Thermoloop-Provenance\`: job, device with uid, backend, firmware and schema, planted
  faults, model, program, seed, step, calibration, shape, reads, scale, digests of codes and heat, and where the certificate is. \`null\` is what was not
  recorded. It names the job, so equal runs give equal numbers in unequal files; \`?provenance=none\` leaves it out of a .npz, and then the files are equal.
* **Digests**: \`Repr-Digest\` is the SHA-256 of the whole file, \`ETag\` the same in quotes, so \`If-None-Match\` works over restarts.
  \`Content-Digest\` is of what this answer carries; parts above 1 MB come without it. The \`raw\` file has the digest that the certificate names.
* **Range**: one range of bytes, \`206\` and \`Content-Range\`; \`If-Range\` with the tag. Several ranges, other units, or a Range that cannot be read are
  ignored and the whole file is sent. A range after the end is \`416\` with the length. \`HEAD\` answers as \`GET\` without the file.
* Stored bytes are held to their digest before the first answer of each format; what is damaged is \`corrupt-blob\`, never sent.

\`\`\`sh
curl -H "Authorization: Bearer $KEY" -o samples.npz "http://127.0.0.1:8080/v1/jobs/$JOB/samples?format=npz"
curl -H "Authorization: Bearer $KEY" -H "Accept: application/vnd.apache.parquet" -o samples.parquet "http://127.0.0.1:8080/v1/jobs/$JOB/samples"
curl -H "Authorization: Bearer $KEY" -C - -o samples.npy "http://127.0.0.1:8080/v1/jobs/$JOB/samples?format=npy"   # goes on where it broke off
curl -H "Authorization: Bearer $KEY" -o samples.csv "http://127.0.0.1:8080/v1/jobs/$JOB/samples?format=csv"
curl -H "Authorization: Bearer $KEY" -o samples.i16 "http://127.0.0.1:8080/v1/jobs/$JOB/samples?format=raw"
\`\`\`

\`\`\`python
import json, numpy as np
z = np.load("samples.npz")
provenance = json.loads(z["provenance"].tobytes())
mean = z["x"][:, -1].mean(axis=0)                                  # of the last read
table = np.genfromtxt("samples.csv", delimiter=",", skip_header=2)  # two lines: provenance, names
codes = np.fromfile("samples.i16", "<i2").reshape(provenance["shape"])
\`\`\`
`;
