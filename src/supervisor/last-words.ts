const charactersMax = 300;
/** How Node begins the line that names what ended it: an error, a full heap, an option that it does not know. */
const errorLine = /^(?:Uncaught )?(?:[\w$.]*(?:Error|Exception)(?: \[\w+\])?|FATAL ERROR): .|: bad option: /;

/** Listens to what a program writes, for the line in which it names the error that ends it. */
export class LastWords {
  #said: string | undefined;

  hear(line: string): void {
    if (errorLine.test(line)) this.#said = line.slice(0, charactersMax);
  }

  /** What became of it, with the error it named, if it did: `exit code 1: SyntaxError: Unexpected end of input`. */
  with(cause: string): string {
    return this.#said === undefined ? cause : `${cause}: ${this.#said}`;
  }
}
