/** One family: its head lines and the lines of all workers, which Prometheus wants to stand together. */
interface Family {
  readonly head: string[];
  readonly samples: string[];
}

/**
 * Makes one text of the metrics of several workers: each line gets a label that says whose it is. A counter then begins
 * anew with its own worker and not with any other.
 */
export function joinMetrics(texts: readonly { readonly worker: number; readonly metrics: string }[]): string {
  const families = new Map<string, Family>();
  for (const { worker, metrics } of texts) {
    let family: Family | undefined;
    for (const line of metrics.split('\n')) {
      const head = /^# (HELP|TYPE) (\w+) /.exec(line);
      if (head !== null) {
        family = families.get(head[2]!) ?? { head: [], samples: [] };
        families.set(head[2]!, family);
        if (!family.head.some((one) => one.startsWith(head[0]))) family.head.push(line);
      } else family?.samples.push(...labelled(line, worker));
    }
  }
  return [...families.values()].flatMap(({ head, samples }) => [...head, ...samples, '']).join('\n');
}

/** None when this is no line of a metric. */
function labelled(line: string, worker: number): string[] {
  const sample = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (sample === null) return [];
  const [, name, labels, value] = sample;
  return [`${name}{worker="${worker}"${labels === undefined ? '' : `,${labels}`}} ${value}`];
}
