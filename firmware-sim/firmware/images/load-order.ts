// Checks a BeginLoad before any byte of it is taken: what cannot become a valid image is refused here.
import { Code, Detail, ImageKind } from '../../../src/link/messages/index.ts';
import type { BeginLoad, Capabilities, Layout, Limits } from '../../../src/link/messages/index.ts';
import type { ImageOrder } from './bank-machine.ts';
import {
  fieldImageBytes,
  IMAGE_VERSION,
  PACKING_PAIRS_12,
  programImageBytes,
  TOPOLOGY_DENSE,
} from './image.ts';
import { accept, refuse } from '../status.ts';
import type { Outcome, Refusal } from '../status.ts';

export const ID_BYTES = 32;
/** Whole 12-bit pairs and whole 32-bit words. */
const CHUNK_MULTIPLE_BYTES = 12;

export interface CheckedOrder {
  kind: 'program' | 'field';
  order: ImageOrder;
}

/** The order of a BeginLoad, or why it is refused. */
export function checkOrder(
  request: BeginLoad,
  capabilities: Capabilities,
  limits: Limits,
): Outcome<CheckedOrder> {
  if (request.programId.length !== ID_BYTES) {
    return wrong(`program_id has ${request.programId.length} bytes, a SHA-256 has ${ID_BYTES}`);
  }
  if (request.baseProgramId.length !== 0 && request.baseProgramId.length !== ID_BYTES) {
    return wrong(`base_program_id has ${request.baseProgramId.length} bytes, a SHA-256 has ${ID_BYTES}`);
  }
  if (request.kind !== ImageKind.PROGRAM && request.kind !== ImageKind.FIELD) {
    return unable(`image kind ${request.kind}: this device takes programs and fields`);
  }
  const kind = request.kind === ImageKind.PROGRAM ? 'program' : 'field';
  const banks = kind === 'program' ? limits.banks : limits.fieldSlots;
  if (request.bank >= banks) return wrong(`${kind} bank ${request.bank}, there are 0..${banks - 1}`);
  const { chunkBytes, totalBytes } = request;
  if (chunkBytes === 0 || chunkBytes > limits.chunkBytes || chunkBytes % CHUNK_MULTIPLE_BYTES !== 0) {
    return wrong(
      `chunk_bytes ${chunkBytes}: a multiple of ${CHUNK_MULTIPLE_BYTES} up to ${limits.chunkBytes}`,
    );
  }
  if (totalBytes > limits.maxProgramBytes) {
    const message = `${totalBytes} bytes, a bank holds ${limits.maxProgramBytes}`;
    return refuse(Code.OUT_OF_RANGE, Detail.TOO_LARGE, message);
  }
  const layout = checkLayout(request.layout, kind, capabilities);
  if (!layout.ok) return layout;
  const imageBytes = layout.value;
  const baseId = hex(request.baseProgramId);
  if (baseId === '' && totalBytes !== imageBytes) {
    return badLayout(`${totalBytes} bytes, a ${kind} of ${request.layout?.units} units has ${imageBytes}`);
  }
  if (baseId !== '' && (totalBytes < 1 || totalBytes > imageBytes)) {
    return refuse(
      Code.OUT_OF_RANGE,
      Detail.TOO_LARGE,
      `a patch of ${totalBytes} bytes, 1..${imageBytes} allowed`,
    );
  }
  return accept({ kind, order: { id: hex(request.programId), baseId, totalBytes, imageBytes, chunkBytes } });
}

/** The bytes of an image of that layout. */
function checkLayout(
  layout: Layout | undefined,
  kind: 'program' | 'field',
  capabilities: Capabilities,
): Outcome<number> {
  if (layout === undefined) return badLayout('the layout is missing');
  const { units } = layout;
  if (units < 1 || units > capabilities.unitsMax) {
    return badLayout(`${units} units, allowed 1..${capabilities.unitsMax}`);
  }
  const expected: Omit<Layout, 'units'> = {
    version: IMAGE_VERSION,
    topologyId: TOPOLOGY_DENSE,
    packing: PACKING_PAIRS_12,
  };
  for (const [name, value] of Object.entries(expected)) {
    const stated = layout[name as keyof Layout];
    if (stated !== value) return badLayout(`layout ${name} ${stated}, expected ${value}`);
  }
  return accept(kind === 'program' ? programImageBytes(units) : fieldImageBytes(units));
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const wrong = (message: string): Refusal => refuse(Code.INVALID_ARGUMENT, Detail.UNSPECIFIED, message);
const unable = (message: string): Refusal => refuse(Code.UNIMPLEMENTED, Detail.UNSPECIFIED, message);
const badLayout = (message: string): Refusal => refuse(Code.INVALID_ARGUMENT, Detail.BAD_LAYOUT, message);
