// The catalogue as metrics of prom-client, by name and type.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { metricCatalogue, type MetricEntry, type MetricName } from './catalogue.ts';

export interface Metrics {
  counter(name: MetricName): Counter;
  gauge(name: MetricName): Gauge;
  histogram(name: MetricName): Histogram;
}

export function makeMetrics(registry: Registry): Metrics {
  const counters = new Map<MetricName, Counter>();
  const gauges = new Map<MetricName, Gauge>();
  const histograms = new Map<MetricName, Histogram>();
  for (const [key, entry] of Object.entries(metricCatalogue) as [MetricName, MetricEntry][]) {
    const { help, type, buckets } = entry;
    const common = { name: key, help, labelNames: [...entry.labels], registers: [registry] };
    if (type === 'counter') {
      const counter = new Counter(common);
      for (const labels of closedSets(entry)) counter.inc(labels, 0);
      counters.set(key, counter);
    } else if (type === 'gauge') {
      const gauge = new Gauge(common);
      for (const labels of closedSets(entry)) gauge.set(labels, 0);
      gauges.set(key, gauge);
    } else histograms.set(key, new Histogram({ ...common, buckets: [...(buckets ?? [])] }));
  }
  return {
    counter: (name) => found(counters, name),
    gauge: (name) => found(gauges, name),
    histogram: (name) => found(histograms, name),
  };
}

function found<T>(metrics: ReadonlyMap<MetricName, T>, name: MetricName): T {
  const metric = metrics.get(name);
  if (metric === undefined) throw new Error(`${name} has another type in the catalogue`);
  return metric;
}

/** Every combination of the closed label sets; none for a metric with an open label. */
function closedSets({ labels, values }: MetricEntry): Record<string, string>[] {
  if (labels.length === 0 || values === undefined) return [];
  return labels.reduce<Record<string, string>[]>(
    (sets, label) =>
      sets.flatMap((set) => (values[label] ?? []).map((value) => ({ ...set, [label]: value }))),
    [{}],
  );
}
