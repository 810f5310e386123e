import type { ProcessName } from './worker.ts';

/** Values by process. */
export class ProcessMap<Value> {
  readonly #entries = new Map<string, readonly [ProcessName, Value]>();

  get(process: ProcessName): Value | undefined {
    return this.#entries.get(keyOf(process))?.[1];
  }

  set(process: ProcessName, value: Value): void {
    this.#entries.set(keyOf(process), [process, value]);
  }

  delete(process: ProcessName): void {
    this.#entries.delete(keyOf(process));
  }

  get size(): number {
    return this.#entries.size;
  }

  /** A copy: what is deleted meanwhile does not disturb. */
  entries(): (readonly [ProcessName, Value])[] {
    return [...this.#entries.values()];
  }

  values(): Value[] {
    return this.entries().map(([, value]) => value);
  }
}

function keyOf({ generation, worker }: ProcessName): string {
  return `${generation} ${worker}`;
}
