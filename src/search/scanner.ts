import { Refusal } from './query-problem.ts';

/** Goes through the text of a query from left to right, and knows where it is. */
export class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get at(): number {
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** The character that comes next; empty at the end. */
  get next(): string {
    return this.#text.charAt(this.#at);
  }

  skipSpace(): void {
    this.takeWhile(/\s/);
  }

  /** Whether this text came next, which is behind us now. */
  take(expected: string): boolean {
    if (!this.#text.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }

  takeWhile(character: RegExp): string {
    const from = this.#at;
    while (!this.isAtEnd && character.test(this.next)) this.#at += 1;
    return this.#text.slice(from, this.#at);
  }

  /** An operator is a word in capitals with nothing but space and parentheses around it. */
  isAtWord(word: string): boolean {
    return (
      this.#text.startsWith(word, this.#at) && /^$|[\s()"]/.test(this.#text.charAt(this.#at + word.length))
    );
  }

  /** Whether this operator came next, after space if there is any. */
  takeWord(word: string): boolean {
    const from = this.#at;
    this.skipSpace();
    if (this.isAtWord(word)) return this.take(word);
    this.#at = from;
    return false;
  }

  /** What stands between two quotes. A backslash takes the special meaning of a quote or of another backslash. */
  takeQuoted(): string {
    const opened = this.#at;
    this.take('"');
    let text = '';
    while (!this.isAtEnd && this.next !== '"') {
      if (this.next === '\\' && /["\\]/.test(this.#text.charAt(this.#at + 1))) this.#at += 1;
      text += this.next;
      this.#at += 1;
    }
    if (!this.take('"')) throw this.refusal('This quote is never closed.', { at: opened, length: 1 });
    return text;
  }

  /** A problem at a place in the text, the present one if none is given. */
  refusal(
    message: string,
    { at = this.#at, length = 0, suggestion }: { at?: number; length?: number; suggestion?: string } = {},
  ): Refusal {
    return new Refusal({ message, at, length, ...(suggestion ? { suggestion } : {}) });
  }
}
