import { askOnce, seededRandom } from '#test-support';
import { talkOf } from './history-prose.ts';

/** Requests at a steady pace, each of which says something new. */
export class GentleTraffic {
  readonly #timer: NodeJS.Timeout;
  readonly #open = new Set<Promise<unknown>>();
  readonly #random = seededRandom(11);

  constructor(url: string, perSecond: number) {
    this.#timer = setInterval(() => this.#ask(url), 1000 / perSecond);
  }

  #ask(url: string): void {
    // A load that the machine cannot keep up sends less instead of piling up.
    if (this.#open.size >= 50) return;
    const messages = [{ role: 'user', content: talkOf(this.#random, 40) }];
    const body = JSON.stringify({ model: 'claude-opus-4-1', messages });
    const asking = askOnce(url, { method: 'POST', target: '/v1/messages', body }).catch(() => undefined);
    this.#open.add(asking);
    void asking.then(() => this.#open.delete(asking));
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
  }
}
