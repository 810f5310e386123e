import { isSameProcess, type ProcessName } from './worker.ts';

export type Doubt = 'tainted' | 'hanging';

interface DoubtedWorker {
  readonly process: ProcessName;
  readonly doubt: Doubt;
  timer: NodeJS.Timeout | undefined;
}

/** Processes that live and cannot be relied on: each is to be replaced, and again as long as none took its place. */
export class DoubtedWorkers {
  readonly #replace: (process: ProcessName) => void;
  readonly #tryAgainMs: number;
  #all: DoubtedWorker[] = [];

  constructor(replace: (process: ProcessName) => void, tryAgainMs: number) {
    this.#replace = replace;
    this.#tryAgainMs = tryAgainMs;
  }

  /** @returns false when it is doubted already */
  add(process: ProcessName, doubt: Doubt, { waitMs }: { readonly waitMs: number }): boolean {
    if (this.#find(process) !== undefined) return false;
    const doubted: DoubtedWorker = { process, doubt, timer: undefined };
    this.#all.push(doubted);
    this.#askIn(doubted, waitMs);
    return true;
  }

  /** That failed: another one may do better. */
  tryAgain(process: ProcessName): void {
    const doubted = this.#find(process);
    if (doubted !== undefined) this.#askIn(doubted, this.#tryAgainMs);
  }

  forget(process: ProcessName): void {
    const doubted = this.#find(process);
    clearTimeout(doubted?.timer);
    this.#all = this.#all.filter((one) => one !== doubted);
  }

  isDoubted(process: ProcessName, doubt: Doubt): boolean {
    return this.#find(process)?.doubt === doubt;
  }

  #askIn(doubted: DoubtedWorker, ms: number): void {
    clearTimeout(doubted.timer);
    doubted.timer = setTimeout(() => this.#replace(doubted.process), ms);
  }

  #find(process: ProcessName): DoubtedWorker | undefined {
    return this.#all.find((one) => isSameProcess(one.process, process));
  }
}
