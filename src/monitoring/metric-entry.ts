// How a metric is described in the catalogue.
export interface MetricEntry {
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels: readonly string[];
  /** Closed sets: every value is exported as 0 from the start, so that rate() sees the first event. */
  values?: Readonly<Record<string, readonly string[]>>;
  buckets?: readonly number[];
}
