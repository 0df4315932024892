// Samples as tables for data frames: an Arrow IPC stream and Parquet. One row for every read of every sample: sample, read,
// time_s, label, heat_kT (of the sample, null when none was recorded), x (the units, float32). Runs in the thread only: the
// libraries are large.
import {
  Field,
  FixedSizeList,
  Float32,
  Float64,
  Int32,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  Utf8,
  makeData,
  vectorFromArray,
  type Data,
} from 'apache-arrow';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { float64, int16, statesOf } from './segments.ts';
import type { SampleSource } from './source.ts';

/** Where the metadata of the schema (Arrow) or of the file (Parquet) has the provenance as JSON. */
export const PROVENANCE_KEY = 'thermoloop.provenance';

interface Rows {
  length: number;
  sample: Int32Array;
  read: Int32Array;
  time_s: Float64Array;
  label: string[];
  heat_kT: Float64Array | null;
  /** [rows][units] */
  x: Float32Array;
  units: number;
}

function rowsOf({ provenance, codes, heat }: SampleSource): Rows {
  const [samples, , units] = provenance.shape;
  const { reads, stateScale } = provenance;
  const length = samples * reads.length;
  const perSample = heat === null ? null : float64(heat);
  const sampleOf = (row: number): number => Math.floor(row / reads.length);
  return {
    length,
    units,
    sample: Int32Array.from({ length }, (_, row) => sampleOf(row)),
    read: Int32Array.from({ length }, (_, row) => row % reads.length),
    time_s: Float64Array.from({ length }, (_, row) => reads[row % reads.length].time_s),
    label: Array.from({ length }, (_, row) => reads[row % reads.length].label),
    heat_kT: perSample && Float64Array.from({ length }, (_, row) => perSample[sampleOf(row)]),
    x: statesOf(int16(codes), stateScale),
  };
}

export function asArrow(source: SampleSource): Uint8Array {
  const rows = rowsOf(source);
  const { length, units } = rows;
  const list = new FixedSizeList(units, new Field('item', new Float32(), false));
  const schema = new Schema(
    [
      new Field('sample', new Int32(), false),
      new Field('read', new Int32(), false),
      new Field('time_s', new Float64(), false),
      new Field('label', new Utf8(), false),
      new Field('heat_kT', new Float64(), true),
      new Field('x', list, false),
    ],
    new Map([[PROVENANCE_KEY, JSON.stringify(source.provenance)]]),
  );
  const child = makeData({ type: new Float32(), length: rows.x.length, data: rows.x });
  const children: Data[] = [
    makeData({ type: new Int32(), length, data: rows.sample }),
    makeData({ type: new Int32(), length, data: rows.read }),
    makeData({ type: new Float64(), length, data: rows.time_s }),
    vectorFromArray(rows.label, new Utf8()).data[0],
    rows.heat_kT === null
      ? makeData({
          type: new Float64(),
          length,
          nullCount: length,
          nullBitmap: new Uint8Array(Math.ceil(length / 8)),
          data: new Float64Array(length),
        })
      : makeData({ type: new Float64(), length, data: rows.heat_kT }),
    makeData({ type: list, length, child }),
  ];
  const data = makeData({ type: new Struct(schema.fields), length, children });
  const writer = new RecordBatchStreamWriter();
  writer.write(new RecordBatch(schema, data));
  writer.finish();
  return writer.toUint8Array(true);
}

/** x as a Parquet LIST of required floats. */
export function asParquet(source: SampleSource): Uint8Array {
  const rows = rowsOf(source);
  const { length, units } = rows;
  const x = Array.from({ length }, (_, row) => Array.from(rows.x.subarray(row * units, (row + 1) * units)));
  const heat_kT = rows.heat_kT ?? Array<null>(length).fill(null);
  const required = 'REQUIRED' as const;
  const file = parquetWriteBuffer({
    columnData: [
      { name: 'sample', data: rows.sample },
      { name: 'read', data: rows.read },
      { name: 'time_s', data: rows.time_s },
      { name: 'label', data: rows.label },
      { name: 'heat_kT', data: heat_kT },
      { name: 'x', data: x },
    ],
    schema: [
      { name: 'root', num_children: 6 },
      { name: 'sample', type: 'INT32', repetition_type: required },
      { name: 'read', type: 'INT32', repetition_type: required },
      { name: 'time_s', type: 'DOUBLE', repetition_type: required },
      { name: 'label', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: required },
      { name: 'heat_kT', type: 'DOUBLE', repetition_type: 'OPTIONAL' },
      { name: 'x', repetition_type: required, num_children: 1, converted_type: 'LIST' },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', type: 'FLOAT', repetition_type: required },
    ],
    kvMetadata: [{ key: PROVENANCE_KEY, value: JSON.stringify(source.provenance) }],
    createdBy: 'thermoloop',
  });
  return new Uint8Array(file);
}
