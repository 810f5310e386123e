import { type JournalFs, systemFs } from './journal-fs.ts';

/** A disk that does what a test tells it to: fail one call, fail from one call on, fail some operations. */
export class FaultyFs {
  calls = 0;
  /** Names of the operations that were asked for, in order. */
  readonly log: string[] = [];
  /** Error code for this call, or undefined to let it pass. */
  decide: (operation: keyof JournalFs, call: number) => string | undefined = () => undefined;
  /** Lets writes take only a part before they fail. */
  writesHalf = false;

  readonly fs: JournalFs = this.#wrap();

  #wrap(): JournalFs {
    const wrapped = Object.entries(systemFs).map(([name, operation]) => {
      return [name, this.#faulty(name as keyof JournalFs, operation as Operation)];
    });
    // Every operation keeps its own signature: only the failures are added.
    return Object.fromEntries(wrapped) as JournalFs;
  }

  #faulty(name: keyof JournalFs, operation: Operation): Operation {
    return async (...given) => {
      const call = this.calls++;
      this.log.push(name);
      const code = this.decide(name, call);
      if (code === undefined) return operation(...given);
      if (name === 'writev' && this.writesHalf) await operation(given[0], halfOf(given[1] as Uint8Array[]));
      // A failed close has closed the descriptor all the same.
      if (name === 'close') await operation(...given);
      throw Object.assign(new Error(`${code}: injected into ${name}`), { code });
    };
  }
}

type Operation = (...given: unknown[]) => Promise<unknown>;

function halfOf(pieces: readonly Uint8Array[]): Uint8Array[] {
  const all = Buffer.concat(pieces);
  return [all.subarray(0, Math.ceil(all.length / 2))];
}
