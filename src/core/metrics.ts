import { type ExchangeEnd, type Metric, metricLines, type ProblemCode } from '#exchange';

/** Upper edges in seconds. */
const edges = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900,
] as const;

class Histogram {
  readonly counts = new Float64Array(edges.length + 1);
  sum = 0;
  count = 0;

  observe(seconds: number): void {
    let i = 0;
    while (i < edges.length && seconds > edges[i]!) i += 1;
    this.counts[i]! += 1;
    this.sum += seconds;
    this.count += 1;
  }

  lines(name: string, help: string): string[] {
    const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
    let cumulative = 0;
    for (const [i, edge] of edges.entries()) {
      cumulative += this.counts[i]!;
      lines.push(`${name}_bucket{le="${edge}"} ${cumulative}`);
    }
    lines.push(
      `${name}_bucket{le="+Inf"} ${this.count}`,
      `${name}_sum ${this.sum}`,
      `${name}_count ${this.count}`,
    );
    return lines;
  }
}

/** Counters of this process in the text format of Prometheus. */
export class Metrics {
  readonly #statuses = new Map<string, number>();
  readonly #ends = new Map<ExchangeEnd, number>();
  readonly #refused = new Map<ProblemCode, number>();
  readonly #duration = new Histogram();
  readonly #firstByte = new Histogram();
  readonly #added = new Histogram();
  /** Exchanges that began. */
  seen = 0;
  /** Bodies that were held back to be looked at or rewritten. */
  bodiesHeld = 0;
  requestBytes = 0;
  responseBytes = 0;
  /** What proxy-data is answering through the front at this moment; event streams are counted apart. */
  piped = 0;
  eventStreams = 0;
  uncaught = 0;

  /** Tries after the first one, by provider. */
  readonly retries = new Map<string, number>();
  /** Requests that another provider took over, by the one that had failed. */
  readonly fallbacks = new Map<string, number>();

  retry(provider: string): void {
    count(this.retries, provider);
  }

  fallback(from: string): void {
    count(this.fallbacks, from);
  }

  /** Answered without touching a provider and without a record. */
  refused(code: ProblemCode): void {
    count(this.#refused, code);
  }

  /** @param status 0 when the client was told none */
  exchangeEnded(end: ExchangeEnd, status: number, seconds: ExchangeSeconds): void {
    count(this.#ends, end);
    count(this.#statuses, status === 0 ? 'none' : `${Math.floor(status / 100)}xx`);
    this.#duration.observe(seconds.total);
    if (seconds.firstByte !== undefined) this.#firstByte.observe(seconds.firstByte);
    if (seconds.added !== undefined) this.#added.observe(seconds.added);
  }

  /** @param further what is counted elsewhere */
  text(further: readonly Metric[]): string {
    const metrics = [...this.#counters(), ...further];
    const lines = [
      ...metrics.flatMap(metricLines),
      ...this.#duration.lines('throughline_exchange_seconds', 'Acceptance to the end of the answer.'),
      ...this.#firstByte.lines(
        'throughline_first_byte_seconds',
        'Acceptance to the first byte of the answer body.',
      ),
      ...this.#added.lines('throughline_added_seconds', 'Acceptance to the head being sent to the provider.'),
    ];
    return `${lines.join('\n')}\n`;
  }

  #counters(): Metric[] {
    const by = (label: string, counts: ReadonlyMap<string, number>) => ({ label, counts });
    return [
      {
        name: 'throughline_requests_total',
        help: 'Exchanges that ended, by class of status.',
        values: by('status', this.#statuses),
      },
      {
        name: 'throughline_exchange_ends_total',
        help: 'Exchanges that ended, by how.',
        values: by('end', this.#ends),
      },
      {
        name: 'throughline_refused_total',
        help: 'Requests refused without a record, by problem.',
        values: by('problem', this.#refused),
      },
      {
        name: 'throughline_request_bytes_total',
        help: 'Bytes of request bodies that were forwarded.',
        values: this.requestBytes,
      },
      {
        name: 'throughline_response_bytes_total',
        help: 'Bytes of answer bodies that were relayed.',
        values: this.responseBytes,
      },
      {
        name: 'throughline_uncaught_errors_total',
        help: 'Errors that nobody caught: bugs.',
        values: this.uncaught,
      },
    ];
  }
}

export interface ExchangeSeconds {
  readonly total: number;
  readonly firstByte: number | undefined;
  readonly added: number | undefined;
}

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
