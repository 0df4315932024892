// The chapter of docs/api.md about the clients that come with the service.
export const CLIENTS_CHAPTER = `## Clients

**TypeScript**, in Node and in pages: \`thermoloop/client\`, whose types are generated from [openapi.json](openapi.json). Every route is typed
(\`client.get('/v1/jobs/{id}', ...)\`); refusals are thrown as \`ClientError\` with \`code\`, \`remedy\` and \`retryable\`. A retryable answer is asked for again after the
pause that the service wishes, a POST under the same Idempotency-Key, and waiting goes on over a restart of the service.

\`\`\`ts
import { ClientError, ThermoloopClient } from 'thermoloop/client';

const client = new ThermoloopClient({ baseUrl: 'http://127.0.0.1:8080', key: process.env.THERMOLOOP_KEY });
const model = await client.uploadModel({ couplings: [[0, 0.1], [0.1, 0]], metadata: { name: 'pair' } });
const job = await client.runJob(
  { model, device: { id: 'chip-0' }, relax: { duration_s: 2.5e-6 }, samples: { count: 100 } },
  { onProgress: ({ done, total, eta_s }) => console.log(done, total, eta_s) },
);
const { shape, x } = await client.samples(job.id); // [100, 2, 2], Float32Array
const refused = await client.job('nothing').catch((error) => error);
if (refused instanceof ClientError) console.log(shape, x.length, refused.code, refused.remedy);
\`\`\`

\`client.events()\` iterates over what happens (\`GET /v1/events\`), comes back after a broken line, and goes on where it was:

\`\`\`ts
import { ThermoloopClient } from 'thermoloop/client';

const client = new ThermoloopClient({ baseUrl: 'http://127.0.0.1:8080', key: process.env.THERMOLOOP_KEY });
for await (const message of client.events({ topics: ['device.state'] })) {
  if (message.type !== 'snapshot' || message.topic !== 'device.state') continue;
  console.log(message.state.map(({ id, state }) => [id, state]));
  break; // without it, it never ends
}
\`\`\`

**Python**: [examples/python](../examples/python), one file over the standard library and NumPy. **Command line**: [operating.md](operating.md#from-the-command-line).
`;
