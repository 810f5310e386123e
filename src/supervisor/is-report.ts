import type { FromService } from '#generation';

/** Whether a message is one that a service sends, as far as it is looked at here. */
export function isReport(message: unknown): message is FromService {
  if (typeof message !== 'object' || message === null) return false;
  const { type, addresses, sentence, openExchanges, cause } = message as Record<string, unknown>;
  if (type === 'ready') return Array.isArray(addresses);
  if (type === 'tainted') return typeof cause === 'string';
  if (type === 'pong') return true;
  if (type === 'failed') return typeof sentence === 'string';
  return type === 'draining' && typeof openExchanges === 'number';
}
