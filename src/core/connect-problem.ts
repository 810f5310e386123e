/** A connection that did not come about for a reason that is not the provider's. */
export class ConnectProblem extends Error {
  readonly reason: 'connect-timeout' | 'loop' | 'proxy';
  constructor(reason: ConnectProblem['reason'], message: string) {
    super(message);
    this.name = 'ConnectProblem';
    this.reason = reason;
  }
}
