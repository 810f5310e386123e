import { describe, expect, it } from 'vitest';
import { explainFailure } from './attempt.ts';
import { ConnectProblem } from './connect-problem.ts';

const failing = (code: string, more: object = {}): Error =>
  Object.assign(new Error(`it failed: ${code}`), { code, ...more });

describe('explainFailure', () => {
  it('names the address of a refused connection', () => {
    const failure = explainFailure(failing('ECONNREFUSED', { address: '127.0.0.1', port: 9 }));
    expect(failure).toEqual({
      result: 'refused',
      problem: 'upstream-unreachable',
      cause: 'ECONNREFUSED 127.0.0.1:9',
    });
  });

  it('tells a broken connection from an invalid answer, a certificate and a name that does not exist', () => {
    expect(explainFailure(failing('ECONNRESET')).problem).toBe('upstream-closed');
    expect(explainFailure(failing('HPE_INVALID_CONSTANT')).problem).toBe('upstream-invalid');
    expect(explainFailure(failing('CERT_HAS_EXPIRED')).problem).toBe('upstream-tls');
    expect(explainFailure(failing('DEPTH_ZERO_SELF_SIGNED_CERT')).problem).toBe('upstream-tls');
    expect(explainFailure(failing('ERR_TLS_CERT_ALTNAME_INVALID')).problem).toBe('upstream-tls');
    expect(explainFailure(failing('ENOTFOUND'))).toMatchObject({
      result: 'unreachable',
      problem: 'upstream-unreachable',
    });
    expect(explainFailure(new ConnectProblem('connect-timeout', 'slow')).result).toBe('timed-out');
  });

  it('tells every address when several were tried', () => {
    const both = new AggregateError([
      failing('ECONNREFUSED', { address: '::1', port: 9 }),
      failing('ECONNREFUSED', { address: '127.0.0.1', port: 9 }),
    ]);
    const failure = explainFailure(Object.assign(both, { code: 'ECONNREFUSED' }));
    expect(failure.cause).toBe('ECONNREFUSED ::1:9, ECONNREFUSED 127.0.0.1:9');
  });
});
