// Generates docs/openapi.json, docs/api.md, docs/problems.md and the types of the client from the routes, the matrix and
// the problem table.
import { createService, problemsMarkdown, type Captures } from '../../src/service/index.ts';
import { apiMarkdown, type OpenApiDocument } from '../../src/service/reference.ts';
import type { DeviceControls, JobRunner } from '../../src/jobs/index.ts';
import type { Store } from '../../src/store/index.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { clientTypes } from '../client-types.ts';

export async function outputs(): Promise<Map<string, string>> {
  // Only registered, never asked: the document needs neither a store nor a device.
  const app = await createService({
    store: { onChange: () => () => undefined } as unknown as Store,
    runner: {
      onEvent: () => () => undefined,
      watchSamples: () => () => undefined,
    } as unknown as JobRunner,
    devices: new Map(),
    captures: {} as Captures,
    twins: new Map(),
    controls: { onChange: () => () => undefined } as unknown as DeviceControls,
    clock: systemClock,
    randomBytes: (count) => new Uint8Array(count),
    certificateKeys: { current: '', published: [], sign: () => new Uint8Array() },
    version: '0.0.0',
  });
  await app.ready();
  const document = app.swagger() as OpenApiDocument;
  await app.close();
  return new Map([
    ['docs/openapi.json', `${JSON.stringify(document, null, 2)}\n`],
    ['docs/api.md', apiMarkdown(document)],
    ['docs/problems.md', problemsMarkdown()],
    ['src/client/generated/api.ts', await clientTypes(document)],
  ]);
}
