// One upload, from bytes to what the store keeps; runs in the request or in the worker.
import { digestOf, encodeModelContent, type Digest, type JsonObject } from '../../store/index.ts';
import { parseModel, type ModelFormat } from './parse.ts';

export interface PreparedModel {
  digest: Digest;
  units: number;
  name: string | null;
  metadata: JsonObject;
  /** Canonical bytes; `digest` is theirs. */
  content: Uint8Array;
}

export function prepareModel(bytes: Uint8Array, format: ModelFormat): PreparedModel {
  const { model, name, metadata } = parseModel(bytes, format);
  const content = encodeModelContent(model);
  return { digest: digestOf(content), units: model.units, name, metadata: metadata as JsonObject, content };
}
