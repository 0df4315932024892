// Raw codes, .npy and .npz as segments: the formats of which parts can be asked for.
import { encodeNpy, npyHeader, zipLayout } from '../../physics/index.ts';
import type { Provenance } from './provenance.ts';
import { bytesSegment, lengthOf, type Segment } from './segments.ts';
import type { SampleLayout } from './source.ts';

export interface Member {
  name: string;
  segments: Segment[];
}

const count = ({ shape }: Provenance): number => shape.reduce((a, b) => a * b, 1);

/** The codes as they are stored. */
export function rawSegments({ provenance }: SampleLayout): Segment[] {
  return [{ kind: 'blob', of: 'codes', length: 2 * count(provenance) }];
}

/** x as float32, [samples][reads][units]. */
export function npySegments({ provenance }: SampleLayout): Segment[] {
  return [
    bytesSegment(npyHeader('<f4', provenance.shape)),
    { kind: 'states', scale: provenance.stateScale, length: 4 * count(provenance) },
  ];
}

/** The members of the .npz, in their order. */
export function npzMembers(layout: SampleLayout): Member[] {
  const { provenance, withProvenance } = layout;
  const [samples] = provenance.shape;
  const time_s = Float64Array.from(provenance.reads, (read) => read.time_s);
  const members: Member[] = [
    { name: 'x.npy', segments: npySegments(layout) },
    { name: 'time_s.npy', segments: [bytesSegment(encodeNpy({ shape: [time_s.length], data: time_s }))] },
  ];
  if (provenance.heatDigest !== null)
    members.push({
      name: 'heat_kT.npy',
      segments: [
        bytesSegment(npyHeader('<f8', [samples])),
        { kind: 'blob', of: 'heat', length: 8 * samples },
      ],
    });
  if (withProvenance) {
    const text = new TextEncoder().encode(JSON.stringify(provenance));
    members.push({
      name: 'provenance.npy',
      segments: [bytesSegment(encodeNpy({ shape: [text.length], data: text }))],
    });
  }
  return members;
}

/** @param crc32 of the members, in their order */
export function npzSegments(layout: SampleLayout, crc32: readonly number[]): Segment[] {
  const members = npzMembers(layout);
  const { heads, directory } = zipLayout(
    members.map(({ name, segments }, k) => ({ name, bytes: lengthOf(segments), crc32: crc32[k] })),
  );
  const pieces = members.flatMap(({ segments }, k) => [bytesSegment(heads[k]), ...segments]);
  return [...pieces, bytesSegment(directory)];
}
