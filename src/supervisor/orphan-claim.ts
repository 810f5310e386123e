import type { OrphanClaim } from '#generation';

export type { OrphanClaim };

const textLengthMax = 200;

/** Checks what came over the control socket; a text says what is wrong with it. */
export function parseOrphanClaim(value: unknown): OrphanClaim | string {
  const claim = (value ?? {}) as Record<string, unknown>;
  const { service, generation, worker, version, pid, startToken, isReady, isDraining, openExchanges } = claim;
  if (!isServiceName(service)) return 'service must be core, recorder or data';
  if (!isCount(generation) || !isCount(worker) || !isCount(pid))
    return 'generation, worker and pid must be whole numbers';
  if (!isText(version) || !isText(startToken)) return 'version and startToken must be texts';
  if (typeof isReady !== 'boolean' || typeof isDraining !== 'boolean')
    return 'isReady and isDraining must be true or false';
  if (openExchanges !== undefined && !isCount(openExchanges)) return 'openExchanges must be a whole number';
  const process = { service, generation, worker, version, pid, startToken };
  const facts = { command: 'adopt', ...process, isReady, isDraining } as const;
  return openExchanges === undefined ? facts : { ...facts, openExchanges };
}

function isServiceName(value: unknown): value is OrphanClaim['service'] {
  return value === 'core' || value === 'recorder' || value === 'data';
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= textLengthMax;
}
